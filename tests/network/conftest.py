"""Hosts of a test: a network namespace of this machine's kernel, in a root directory with
the image's shell and programs. What they do to their links, the kernel does."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path += [str(TOP / "qemu-test"), str(TOP / "tests/domd")]

import tools  # noqa: E402
from busybox import APPLETS, BUSYBOX  # noqa: E402

LIBRARY = TOP / "rootfs/usr/lib/xenith"
# A program of dom0 that this machine's BusyBox may lack; util-linux has it. runsv and sv,
# which it lacks, too, are in fake/.
FLOCK = tools.path_of("flock")
# `ip` is BusyBox's, or iproute2's where that is installed: for tests of what both print.
BOTH = pytest.mark.parametrize("host", ["busybox", "iproute2"], indirect=True)


def has_namespaces():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-n", "-m", "-p", "-f", "true"], check=False,
                                                capture_output=True).returncode == 0


def install(root, path, name=None):
    """Copy a program with its libraries into a root directory."""
    target = root / "bin" / (name or pathlib.Path(path).name)
    target.unlink(missing_ok=True)
    shutil.copy(path, target)
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+)", listed):
        place = root / library.lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), place)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A root directory with all programs, from which those of the tests are copied."""
    root = tmp_path_factory.mktemp("base")
    for directory in ("bin", "config", "dev", "etc/boot", "etc/xen", "proc", "run/xenith", "sys", "tmp", "usr/lib", "var"):
        (root / directory).mkdir(parents=True)
    install(root, BUSYBOX, "busybox")
    for name in APPLETS:
        if name not in ("busybox", "ip"):
            (root / "bin" / name).symlink_to("busybox")
    install(root, FLOCK)
    for name in ("ip", "bridge"):
        install(root, tools.find(name), name + ".iproute2")
    for fake in (HERE / "fake").iterdir():
        (root / "bin" / fake.name).unlink(missing_ok=True)
        shutil.copy(fake, root / "bin" / fake.name)
    shutil.copytree(LIBRARY, root / "usr/lib/xenith")
    # They have tests of their own (tests/packets), and what they call is not here.
    for name in ("firewall", "nat"):
        (root / "usr/lib/xenith/network" / name).unlink()
    shutil.copytree(TOP / "bootscripts/sv", root / "etc/boot/sv")
    for script in ("udhcpc", "50-network"):
        shutil.copy(TOP / "bootscripts" / script, root / "etc/boot" / script)
    (root / "etc/xen/xl.conf").write_text('vif.default.bridge="xenbr0"\n')
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    return root


class Namespace:
    """A network of its own. Ends with all its processes."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "-m", "-p", "-f", "--kill-child", "sleep", "600"])
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        while not children.read_text().split():
            time.sleep(0.01)
        self.pid = children.read_text().split()[0]
        while pathlib.Path(f"/proc/{self.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)

    def close(self):
        self.holder.kill()
        self.holder.wait()

    def enter(self, *words, **options):
        options = {"capture_output": True, "text": True, "check": False, "timeout": 120, **options}
        return subprocess.run(["nsenter", "-t", self.pid, "-n", "-m", "-p", "--", *words], **options)

    def ip(self, *words):
        """Run this machine's ip, of iproute2, which must succeed."""
        done = self.enter("ip", *" ".join(words).split())
        assert done.returncode == 0, done.stderr
        return done.stdout


class Host(Namespace):
    def __init__(self, root, ip):
        super().__init__()
        self.root = root
        (root / "bin/ip").symlink_to("busybox" if ip == "busybox" else "ip.iproute2")
        if ip != "busybox":
            (root / "bin/bridge").symlink_to("bridge.iproute2")
        for kind, place in (("sysfs", "sys"), ("proc", "proc")):
            done = self.enter("mount", "-t", kind, kind, root / place)
            assert done.returncode == 0, done.stderr
        for device in ("null", "urandom"):
            (root / "dev" / device).touch()
            self.enter("mount", "--bind", f"/dev/{device}", root / "dev" / device)
        self.cards = []
        self.ip("link set lo up")
        # As 20-devices sets them, of /etc/sysctl.conf.
        self.enter("sh", "-c", "cd /proc/sys/net/ipv6/conf/default && echo 0 >accept_ra && echo 0 >autoconf")
        self.write("etc/boot/sv/udhcpc/down", "")
        self.host_conf()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def text(self, path):
        file = self.root / path
        return file.read_text() if file.exists() else ""

    def host_conf(self, text=""):
        self.write("tmp/host.conf", text)
        done = subprocess.run(["awk", "-f", LIBRARY / "host-conf.awk", self.root / "tmp/host.conf"],
                              capture_output=True, text=True, check=True)
        self.write("config/host.conf", done.stdout)

    def networks(self, files):
        """Make {name: text} the files of /config/network."""
        shutil.rmtree(self.root / "config/network", ignore_errors=True)
        for name, text in files.items():
            self.write(f"config/network/{name}.conf", text)

    def card(self, name, mac=None, to=None):
        """Add a card; its other end is NAME-far, here or in the namespace TO."""
        self.ip(f"link add {name} {'address ' + mac if mac else ''} type veth peer name {name}-far")
        if to:
            # Outside of the host's processes, which do not see the other's.
            subprocess.run(["nsenter", "-t", self.pid, "-n", "--", "ip", "link", "set", f"{name}-far", "netns", to.pid], check=True)
        far = to or self
        far.ip(f"link set {name}-far up")
        self.cards.append(name)

    def run(self, *words, text=None):
        """Run a command as the host's root."""
        done = self.enter("chroot", self.root, "/bin/env", "-i", "PATH=/bin", f"XENITH_NET_CARDS={' '.join(self.cards)}",
                          "sh", "-c", text or 'exec "$@"', "sh", *words)
        return done

    def boot(self):
        """Run the boot script; its reports follow in the background."""
        done = self.run("/etc/boot/50-network")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done

    def network(self, *words):
        """xenith network WORDS: (status, output, errors)."""
        done = self.run("/usr/lib/xenith/network/main", *words)
        return done.returncode, done.stdout, done.stderr

    def good(self, *words):
        """The output of xenith network WORDS, which must succeed."""
        status, out, err = self.network(*words)
        assert status == 0, out + err
        return out

    # --- What runs

    def addresses(self, link):
        """The addresses that are not link-local."""
        return re.findall(r"inet6? (\S+) .*scope global", self.ip(f"-o addr show dev {link}"))

    def ports(self, bridge):
        return sorted(path for path in self.run("ls", f"/sys/class/net/{bridge}/brif").stdout.split())

    def mtu(self, link):
        return int(self.run("cat", f"/sys/class/net/{link}/mtu").stdout)

    def links(self):
        return sorted(self.run("ls", "/sys/class/net").stdout.split())

    def marks(self):
        return [line.split(" ", 1)[1] for line in self.text("run/xenith/boot.log").splitlines()]

    def until(self, condition, seconds=15):
        """Wait until CONDITION() holds, and return whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.1)
        return condition()


@pytest.fixture
def host(request, base, tmp_path):
    """A host whose `ip` is BusyBox's, or what the test is parametrised with."""
    if not has_namespaces():
        pytest.skip("needs root, to make network namespaces")
    root = tmp_path / "root"
    shutil.copytree(base, root, symlinks=True)
    made = Host(root, getattr(request, "param", "busybox"))
    yield made
    made.close()


@pytest.fixture
def far():
    """A network beyond the host's cards."""
    made = Namespace()
    made.ip("link set lo up")
    yield made
    made.close()
