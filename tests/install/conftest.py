"""A live host made of files: its medium, its disks and what the kernel says of them. The
programs of the tree, `slot`, sfdisk, mke2fs, e2fsck and BusyBox are the real ones; a
partition is a file of its own."""

import contextlib
import datetime
import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
sys.path.append(str(TOP / "qemu-test"))

import drives  # noqa: E402
import tools  # noqa: E402
from busybox import BUSYBOX, fill, in_its_shell  # noqa: E402
from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401

LIBRARY = "usr/lib/xenith"
MEDIUM = "XENITH_0123456789ABCDEF"
MIB = 1 << 20
SIZE = 700 * MIB            # of a disk
LABELS = ["xenith-bios", "xenith-esp", "xenith-a", "xenith-b", "XENITH-CFG", "xenith-data"]


def run(*words, **kwargs):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **kwargs).stdout


def tool_path():
    """The directories of the tools that make FAT file systems."""
    return ":".join(str(Path(drives.tool(name, owner)).parent) for name, owner in
                    (("mkfs.fat", "dosfstools"), ("mcopy", "mtools"), ("mmd", "mtools"), ("mshowfat", "mtools")))


class Maker:
    """Makes what a medium carries of a version, by the functions of image/installer."""

    def __init__(self, top):
        self.top = top

    def version(self, name, order):
        made = self.top / f"{name}-{order}"
        if made.exists():
            return made
        tools_dir, cd = made / "tools", made / "cd/boot"
        for directory in (tools_dir / "boot", tools_dir / "loader", cd, made / "dest", made / "root/medium"):
            directory.mkdir(parents=True)
        (made / "medium").symlink_to("root/medium")
        for number, path in enumerate(("boot/xen.gz", "boot/vmlinuz", "root.cpio", "hvm.cpio", "install.cpio", "config.cpio")):
            text = f"{path} of {name} ".encode()
            (tools_dir / path).write_bytes(text * ((15 * MIB if "vmlinuz" in path else 70000 + 100 * number) // len(text)))
        released = datetime.datetime.fromtimestamp(order, datetime.timezone.utc).strftime("%Y%m%d%H%M%S")
        (made / "config").write_text(f"RELEASE={name}\nRELEASED={released}\n")
        (made / "inputs").mkdir()
        for path in ("iso", "install", "rootfs"):
            (made / "inputs" / path).symlink_to(TOP / path)
        (made / "inputs/config").symlink_to(made / "config")
        for path, content in (("boot.img", b"boot code" + os.urandom(431) + bytes(72)), ("bios.img", os.urandom(30000)),
                              ("BOOTX64.EFI", os.urandom(100000)), ("grub.cfg", b"# menu\n" * 1000)):
            (tools_dir / "loader" / path).write_bytes(content)
        script = f"""set -eu
            INPUTS={made}/inputs TOOLS={tools_dir} DEST={made}/dest ROOT={made}/root
            . {TOP}/image/installer/build
            slot_tree
            slot_image
            medium_tree"""
        run("sh", "-c", script, env={"PATH": f"{tool_path()}:/usr/bin:/bin:/usr/sbin:/sbin", "SOURCE_DATE_EPOCH": str(order)})
        for path in ("xen.gz", "vmlinuz"):
            shutil.copy(tools_dir / "boot" / path, cd)
        (cd / "initrd").write_bytes(run("sh", TOP / "iso/initrd.sh", tools_dir, "root", "hvm", "install", "config"))
        return made

    def update(self, name, order, key=None):
        """An update file; signed with a key of that name."""
        made = self.version(name, order)
        path = made / f"{key}.update"
        if not path.exists():
            work = made / "pack"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            shutil.copy(made / "dest/slot.img", work)
            shutil.copy(made / "medium/manifest", work)
            if key:
                if not (self.top / f"{key}.key").exists():
                    run(tools.find("minisign"), "-G", "-W", "-s", self.top / f"{key}.key", "-p", self.top / f"{key}.pub")
                run(tools.find("minisign"), "-S", "-s", self.top / f"{key}.key", "-m", work / "manifest", "-t", f"xenith {name}")
            path.write_bytes(run("sh", TOP / "install/pack.sh", work))
        return path


class Host:
    """Booted from a CD with version 2; disks are added by the test."""

    def __init__(self, top, maker, slot_program):
        self.top, self.maker, self.real_slot = top, maker, slot_program
        for directory in ("bin", "boot", "config/domains", "config/update-keys", "dev", LIBRARY, "usr/share/xenith",
                          "proc/self", "proc/sys/kernel/random", "run/xenith/log", "run/xenith/merged",
                          "run/xenith/sources/image/domains", "run/xenith/sources/drive", "sys/class/block",
                          "sys/class/net/xenbr0", "sys/class/tty/console", "sys/firmware"):
            (top / directory).mkdir(parents=True)
        fill(top / "bin", HERE / "fake")
        (top / "bin/minisign").symlink_to(tools.find("minisign"))
        for path in [*(TOP / "install").glob("*"), *(TOP / "install/installer").glob("*")]:
            if path.is_file():
                self.real(path, f"{LIBRARY}/{path.relative_to(TOP / 'install')}")
        for path in (TOP / "rootfs" / LIBRARY).rglob("*"):
            if path.is_file():
                self.real(path, path.relative_to(TOP / "rootfs"))
        self.real(TOP / "bootscripts/52-install", "boot/52-install")
        (top / LIBRARY / "slot").symlink_to(top / "bin/slot-at")
        shutil.copy(TOP / "install/layout", top / "usr/share/xenith/layout")
        for name in ("zero", "urandom"):
            (top / "dev" / name).symlink_to(f"/dev/{name}")
        (top / "proc/sys/kernel/random/uuid").symlink_to("/proc/sys/kernel/random/uuid")
        for path, text in (("proc/uptime", "100.00 1.00\n"), ("proc/meminfo", "MemAvailable:     900000 kB\n"),
                           ("proc/mounts", ""), ("proc/self/mountinfo", ""), ("proc/swaps", "Filename Type Size Used Priority\n"),
                           ("proc/cmdline", f"console=hvc0 xenith.medium={MEDIUM}\n"), ("blkid", ""), ("run/xenith/network", "192.0.2.10\n"),
                           ("sys/class/tty/console/active", "console\n"), ("sys/class/net/xenbr0/address", "52:54:00:12:34:56\n")):
            self.write(path, text)
        self.medium("2", 2000000000)
        self.cd()
        self.host_conf()

    # ---- what is there ----

    def real(self, source, target):
        """A program of the tree, with the paths of this host."""
        text = re.sub(r"(?<![\w}*.$/-])/(?=(?:sys|proc|run|dev)/(?!null)|usr/(?:lib|share)/xenith\b|config\b)",
                      f"{self.top}/", source.read_text())
        text = text.replace(f'>"{self.top}/dev/$console"', f'>>"{self.top}/dev/$console"')
        (self.top / target).parent.mkdir(parents=True, exist_ok=True)
        (self.top / target).write_text(in_its_shell(text))
        (self.top / target).chmod(0o755)

    def write(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def text(self, path):
        file = self.top / path
        return file.read_text() if file.exists() else ""

    def medium(self, name, order):
        """What the initrd carries, and the files of the CD."""
        self.made = self.maker.version(name, order)
        for path, link in ((self.made / "medium", "run/xenith/install"), (self.made / "cd", "cd"),
                           (self.made / "tools/loader", "usr/share/xenith/loader")):
            (self.top / link).unlink(missing_ok=True)
            (self.top / link).symlink_to(path)

    def cd(self):
        """The CD drive with the medium."""
        self.disk("sr0", 64 * MIB, place="pci/ata2/host1")
        self.blkid("sr0", f'LABEL="{MEDIUM}" TYPE="iso9660"')

    def disk(self, name, size=SIZE, place="pci/virtio1", partitions=(), **attributes):
        """attributes: files below the disk in /sys, / written as __."""
        real = self.top / f"sys/devices/{place}/block/{name}"
        real.mkdir(parents=True)
        (self.top / f"sys/class/block/{name}").symlink_to(real)
        number = len(list((self.top / "sys/class/block").iterdir()))
        for path, text in {"size": size // 512, "ro": 0, "dev": f"250:{16 * number}", "queue__logical_block_size": 512, **attributes}.items():
            file = real / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else f"{text}\n".encode())
        (real / "holders").mkdir()
        with open(self.top / "dev" / name, "wb") as out:
            out.truncate(size)
        for part, label in enumerate(partitions, 1):
            self.partition(name, part, label, MIB)
        return name

    def partition(self, disk, number, label, size):
        run(self.top / "bin/kernel", self.top, disk, number, label, size // 512)

    def blkid(self, name, tags):
        self.write("blkid", self.text("blkid") + f"{self.top}/dev/{name}: {tags}\n")

    def number(self, name):
        return self.text(f"sys/class/block/{name}/dev").strip()

    def mounted(self, name, where):
        self.write("proc/self/mountinfo", f"30 1 {self.number(name)} / {where} rw - ext4 x rw\n")

    def host_conf(self, image="", drive=None, more=""):
        """Writes host.conf of the image and the drive; MORE was set in memory."""
        self.write("run/xenith/sources/image/host.conf", image)
        files = [self.top / "run/xenith/sources/image/host.conf"]
        if drive is not None:
            self.write("run/xenith/sources/drive/host.conf", drive)
            files.append(self.top / "run/xenith/sources/drive/host.conf")
            self.write("proc/mounts", f"x {self.top}/run/xenith/sources/drive ext4 ro 0 0\n")
        merged = run("awk", "-f", TOP / "rootfs" / LIBRARY / "host-conf.awk", *files, text=True)
        self.write("run/xenith/merged/host.conf", merged)
        for line in more.splitlines():
            merged = re.sub("(?m)^%s=.*" % line.split("=")[0], line, merged)
        self.write("config/host.conf", merged)

    # ---- what is done ----

    def environment(self, **more):
        return {"PATH": f"{self.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "FAKE": str(self.top), "SLOT": str(self.real_slot),
                "BUSYBOX": BUSYBOX, "KERNEL": str(self.top / "bin/kernel"),
                "XENITH_DRIVE": f"{self.top}/run/xenith/sources/drive", "XENITH_RUN_DIR": f"{self.top}/run/xenith",
                "XENITH_CONFIG": f"{self.top}/config", "XENITH_MOUNTS": f"{self.top}/proc/mounts",
                "XENITH_HOST_KEY": f"{self.top}/etc/dropbear_ed25519_host_key", **more}

    def start(self, program, *words, stdin=subprocess.DEVNULL, **environment):
        self.write("calls", "")
        self.write("count", "0\n")
        return subprocess.Popen([BUSYBOX, "sh", self.top / program, *map(str, words)], text=True, stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                env=self.environment(**environment))

    def call(self, program, *words, **environment):
        with self.start(program, *words, **environment) as process:
            out, err = process.communicate(timeout=600)
        strip = str(self.top)
        return subprocess.CompletedProcess(process.args, process.returncode, out.replace(strip, ""), err.replace(strip, ""))

    def install(self, *words, **environment):
        return self.call(f"{LIBRARY}/install", *words, **environment)

    def installed(self, disk, *words):
        """DISK, or two of them."""
        named = [word for name in disk.split() for word in (name, "--yes", name)]
        done = self.install(*named, *words)
        assert done.returncode == 0, done.stderr
        assert not list((self.top / "run/xenith").glob("work.*"))
        return done.stdout + done.stderr

    def refused(self, *words, status=1, **environment):
        """The message; no disk has changed."""
        before = self.snapshot()
        done = self.install(*words, **environment)
        assert done.returncode == status, done
        assert self.snapshot() == before
        assert not list((self.top / "run/xenith").glob("work.*"))
        return done.stderr.removeprefix("xenith: ").removeprefix("install: ")

    def typed(self, answers, *words):
        """With a terminal, on which these lines are typed."""
        master, slave = pty.openpty()
        with self.start(f"{LIBRARY}/install", *words, stdin=slave) as process:
            os.close(slave)
            os.write(master, "".join(line + "\n" for line in answers).encode())
            out, err = process.communicate(timeout=600)
        os.close(master)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def unattended(self, **environment):
        return self.call(f"{LIBRARY}/install-unattended", **environment)

    def calls(self):
        return self.text("calls").replace(str(self.top), "").splitlines()

    # ---- what is on the disks ----

    def snapshot(self):
        return {path.name: self._hash(path) for path in (self.top / "dev").iterdir() if path.is_file() and not path.is_symlink()}

    @staticmethod
    def _hash(path):
        """Of what is not a hole."""
        sums = hashlib.sha256()
        at = 0
        with open(path, "rb") as file:
            with contextlib.suppress(OSError):
                while True:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                    end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
                    sums.update(b"%d" % at + os.pread(file.fileno(), end - at, at))
                    at = end
        return sums.hexdigest()

    def device(self, disk, label):
        for path in (self.top / f"sys/class/block/{disk}").glob("*/uevent"):
            if f"PARTNAME={label}\n" in path.read_text():
                return self.top / "dev" / path.parent.name
        return None

    def table(self, disk):
        """As sfdisk reads it, on sectors of 512 bytes."""
        return json.loads(run(tools.find("sfdisk"), "--json", self.top / "dev" / disk))["partitiontable"]

    def slot(self, *words):
        return subprocess.run([self.real_slot, *map(str, words)], capture_output=True, text=True, check=False)

    def state(self, disk):
        done = self.slot("state", self.device(disk, "xenith-esp"))
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    def slot_version(self, disk, name):
        """The version in a slot that is complete, or None."""
        device = self.device(disk, f"xenith-{name}")
        if device is None or self.slot("check", device).returncode:
            return None
        return re.search(r"(?m)^version (.*)", self.slot("cat", device, "manifest").stdout)[1]

    def boots(self, disk):
        """The version that a BIOS or a UEFI would start here; None: none; False: a part of a system."""
        with open(self.top / "dev" / disk, "rb") as file:
            code = any(file.read(440))
        esp = self.device(disk, "xenith-esp")
        loader = esp is not None and self.slot("state", esp).returncode == 0
        if not code and not loader:
            return None
        if not loader:
            return False
        state = self.state(disk)
        version = self.slot_version(disk, state["try"] or state["slot"])
        return version if version and self.config(disk, "installation") else False

    def boot_code_missing(self, disk):
        with open(self.top / "dev" / disk, "rb") as file:
            return not any(file.read(440))

    def config(self, disk, path):
        """A file of the configuration; None if there is none."""
        done = subprocess.run([tools.find("debugfs"), "-R", f"cat /{path}", self.device(disk, "XENITH-CFG")],
                              capture_output=True, check=False)
        return None if b"File not found" in done.stderr or b"Bad magic" in done.stderr else done.stdout.decode()

    def config_mode(self, disk, path):
        text = run(tools.find("debugfs"), "-R", f"stat /{path}", self.device(disk, "XENITH-CFG"), text=True)
        return re.search(r"Mode:\s+(\d+)", text)[1]


@pytest.fixture(scope="session")
def maker(tmp_path_factory):
    return Maker(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def slot_program(tmp_path_factory):
    """The program of the tree, from the host's compiler."""
    out = tmp_path_factory.mktemp("slot") / "slot"
    run("cc", "-O1", "-D_GNU_SOURCE", "-o", out, *sorted((TOP / "install/slot").glob("*.c")), "-lsodium")
    return out


@pytest.fixture(scope="session")
def host_top(tmp_path_factory):
    """The directory of all hosts, one after another: their scripts contain its path."""
    directory = tmp_path_factory.mktemp("host")
    yield directory / "top"
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def prepared():
    """prepared(NAME, HOST, MAKE): the host in the state that MAKE() puts it in. That is done
    once in a run, and copied afterwards."""
    saved = {}

    def restore(name, host, make):
        tree = host.top.with_name(name)
        if name not in saved:
            make()
            run("cp", "-a", "--sparse=always", host.top, tree)
            saved[name] = vars(host).copy()
        else:
            shutil.rmtree(host.top)
            run("cp", "-a", "--sparse=always", tree, host.top)
            vars(host).update(saved[name])
        return host
    return restore


@pytest.fixture
def host(host_top, maker, slot_program):
    shutil.rmtree(host_top, ignore_errors=True)
    return Host(host_top, maker, slot_program)
