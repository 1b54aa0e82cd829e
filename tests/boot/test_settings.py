"""What sysctl.conf says holds on each network interface: asked of a real kernel, in a
network namespace of the test's own."""
import fcntl
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "qemu-test"))

import rogue  # noqa: E402
import tools  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
ROUTER, WAY, HOST, FAR = "192.0.2.1", "192.0.2.66", "192.0.2.10", "198.51.100.1"


class Link:
    """An interface whose other end is here."""

    def __init__(self, name):
        self.name = name
        self.end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.end, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))     # TUNSETIFF, a TAP
        ip("link", "set", "dev", name, "up")
        # Else its own address is looked for on the link first, for a second.
        self.set("ipv6", "accept_dad", 0)

    def set(self, family, key, value):
        Path(f"/proc/sys/net/{family}/conf/{self.name}/{key}").write_text(f"{value}\n", encoding="ascii")

    def advertised(self):
        """What a router advertisement makes of it."""
        os.write(self.end, rogue.advertisement())
        time.sleep(1)
        text = ip("-6", "addr", "show", "dev", self.name) + ip("-6", "route", "show", "dev", self.name)
        return [word for word in (rogue.PREFIX.rstrip(":"), "default") if word in text]

    def redirected(self):
        """Whether a redirect moves the way to FAR."""
        ip("addr", "add", f"{HOST}/24", "dev", self.name)
        ip("route", "add", "default", "via", ROUTER, "dev", self.name)
        host_mac = re.search(r"link/ether (\S+)", ip("link", "show", "dev", self.name))[1]
        # Its neighbours are known, as from traffic before.
        for neighbour in (ROUTER, WAY):
            subprocess.run([tools.find("busybox"), "arp", "-i", self.name, "-s", neighbour, rogue.MAC], check=True)
        os.write(self.end, rogue.redirect(host_mac, HOST, ROUTER, FAR, WAY))
        time.sleep(0.2)
        way = ip("route", "get", FAR)
        ip("addr", "flush", "dev", self.name)
        return WAY in way


def ip(*words):
    return subprocess.run([tools.find("busybox"), "ip", *words], check=True, capture_output=True, text=True).stdout


def inside(top):
    """In the namespace: interfaces that are there before the script runs, and after it."""
    links = [Link("early")]
    subprocess.run(["sh", f"{top}/20-devices"], check=True, env={**os.environ, "PATH": f"{top}/bin:{os.environ['PATH']}"})
    links.append(Link("late"))
    for link in links:
        print(link.name, *link.advertised(), *(["redirect"] if link.redirected() else []))
    # And that these frames are such that a host without settings follows them.
    for key in ("accept_ra", "autoconf"):
        links[1].set("ipv6", key, 1)
    links[1].set("ipv4", "accept_redirects", 1)
    print("control", *links[1].advertised(), *(["redirect"] if links[1].redirected() else []))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("this machine makes no network namespace, or no interface in it")
    top = tmp_path_factory.mktemp("settings")
    (top / "bin").mkdir()
    (top / "bin/sysctl").symlink_to(tools.find("busybox"))
    (top / "bin/modprobe").write_text("#!/bin/sh\n")
    (top / "bin/modprobe").chmod(0o755)
    (top / "run/xenith/log").mkdir(parents=True)
    # The other settings are the machine's, and not the namespace's.
    conf = (TOP / "rootfs/etc/sysctl.conf").read_text()
    (top / "etc").mkdir()
    (top / "etc/sysctl.conf").write_text("".join(line + "\n" for line in conf.splitlines() if line.startswith("net.")))
    for source in (TOP / "bootscripts/20-devices", TOP / "rootfs/usr/lib/xenith/lib.sh"):
        text = re.sub(r"(?<![\w$}])/(?=(?:run|etc)/)", f"{top}/", source.read_text())
        (top / source.name).write_text(text.replace("/usr/lib/xenith/lib.sh", f"{top}/lib.sh"))
    done = subprocess.run([*NAMESPACE, sys.executable, __file__, str(top)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {words.split()[0]: words.split()[1:] for words in done.stdout.splitlines()}


@pytest.mark.parametrize("name", ["early", "late"])
def test_nobody_on_the_network_moves_the_host(answers, name):
    """Neither an address nor a way, be the interface older than the settings or younger."""
    assert answers["control"] == [rogue.PREFIX.rstrip(":"), "default", "redirect"]
    assert answers[name] == []


def test_no_setting_is_unknown():
    """A name that the kernel does not have is a line that does nothing."""
    for line in (TOP / "rootfs/etc/sysctl.conf").read_text().splitlines():
        name = re.match(r"([\w.]+) *=", line)
        if name and name[1].startswith("net."):
            assert Path("/proc/sys", *name[1].split(".")).exists(), line


if __name__ == "__main__":
    inside(sys.argv[1])
