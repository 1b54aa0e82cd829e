"""An installed host that is updated: its whole disk, and updates made of the build's slot
with some of its files changed."""

import functools
import hashlib
import http.server
import pathlib
import re
import shutil
import subprocess
import threading

import drives
import host
import tools
from installed import PARTITIONS, TOP, Disk, manifest
from writelog import sparse_copy

FILES = ["xen.gz", "vmlinuz", "initrd", "grub.cfg"]
# Written into the root before its own init runs.
SWITCH = "exec /bin/busybox switch_root"
# A trial that lasts no longer than a test has to wait; Xen resets a dom0 that hangs.
CONF = "health_time=%d\nhealth_limit=%d\n"
DRIVE = "/run/xenith/sources/drive"
GUARD = "dom0-watchdog=150"
# An init that ends, so that the kernel panics.
EXIT = "#!/bin/busybox sh\nexit 1\n"
READY = 'xenith metrics | grep -c \'^xenith_domain_state{.*state="ready"} 1\' | grep -qx %d'


def cpio(files):
    """An archive of executable files {name: bytes}, as an initrd has it."""
    out = bytearray()
    for name, data in [*files.items(), ("TRAILER!!!", b"")]:
        head = b"070701" + b"".join(b"%08x" % value for value in (
            0, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)) + name.encode() + b"\0"
        out += head.ljust((len(head) + 3) // 4 * 4, b"\0") + data.ljust((len(data) + 3) // 4 * 4, b"\0")
    return bytes(out)


def padded(data):
    return data + bytes(-len(data) % 512)


class Updates:
    """Makes updates, and serves them by HTTP to machines. The files of public keys in `keys`
    go into the configuration of a host that accepts signed ones."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.keys = {"update-keys/ours.pub": self.key("ours").with_suffix(".pub").read_text()}
        self._slot = drives.package("disk") / "slot.img"
        handler = functools.partial(Quiet, directory=str(self.directory))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def file(self, name):
        """A file of the build's slot."""
        path = self.directory / name
        if not path.exists():
            drives.run(drives.tool("mcopy", "mtools"), "-n", "-i", str(self._slot), "::/" + name, str(path), MTOOLS_SKIP_CHECK="1")
        return path.read_bytes()

    def make(self, version, number, files=None, init=None, hook=None, damage=lambda files: None):
        """An update with a VERSION; the greater NUMBER is the newer one. FILES replaces files
        of the slot, INIT dom0's first program; HOOK is shell text that changes the root in
        /root. DAMAGE changes the files after the manifest is made."""
        content = {name: self.file(name) for name in FILES}
        content.update(files or {})
        if hook:
            own = (TOP / "bootscripts/init").read_text()
            assert own.count(SWITCH) == 1
            init = own.replace(SWITCH, "(\n%s\n)\n%s" % (hook, SWITCH))
        if init:
            content["initrd"] = padded(content["initrd"]) + padded(cpio({"init": init.encode()}))
        text = manifest(content, version, "2099%010d" % number)
        damage(content)
        work = self.directory / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        sparse_copy(self._slot, work / "slot.img")
        for name, data in [*content.items(), ("manifest", text)]:
            (work / name).write_bytes(data)
            drives.run(drives.tool("mcopy", "mtools"), "-o", "-i", str(work / "slot.img"), str(work / name), "::/" + name,
                       MTOOLS_SKIP_CHECK="1")
        whole = subprocess.run(["sh", str(TOP / "install/update-manifest.sh"), str(work / "manifest"), str(work / "slot.img")],
                               capture_output=True, check=True).stdout
        (work / "manifest").write_bytes(whole)
        path = self.directory / (version + ".update")
        with open(path, "wb") as out:
            subprocess.run(["sh", str(TOP / "install/pack.sh"), str(work)], stdout=out, check=True)
        return path

    def key(self, owner):
        """The private key of a pair that is made at its first use."""
        path = self.directory.parent / ("%s-%s" % (self.directory.name, owner)) / "update.key"
        if not path.exists():
            build("keys", str(path.parent), "--no-password")
        return path

    def sign(self, path, owner="ours"):
        """Signs the update PATH, and returns that."""
        build("sign", str(path), "--key", str(self.key(owner)))
        return path

    def url(self, path):
        return "http://10.0.2.2:%d/%s" % (self._server.server_address[1], path.name)

    def command(self, path):
        """The words for a host to install this update."""
        signed = "manifest.minisig" in drives.run("tar", "-tf", str(path)).split()
        hashed = "" if signed else " --unsigned " + hashlib.sha256(path.read_bytes()).hexdigest()
        return "xenith update " + self.url(path) + hashed


def build(*words):
    """Runs build.sh."""
    drives.run("sh", str(TOP / "build.sh"), *words)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):      # pylint: disable=arguments-differ
        pass


class WholeDisk(Disk):
    """A copy of xenith.img with everything that is in it."""

    def __init__(self, path):       # pylint: disable=super-init-not-called
        self.path = pathlib.Path(path)
        sparse_copy(drives.OUT / "xenith.img", self.path)

    def configure(self, text, files=()):
        """Writes host.conf, and FILES {path: text}. Xen is told to watch dom0 from its start,
        there and in the files of options that the boot loader reads."""
        for path, content in {"host.conf": text + "xen_options=%s\n" % GUARD, **dict(files)}.items():
            self._write(path, content)
        for number in (0, 1):
            name = "xenith/options%d" % number
            old = self.read(name)
            new = re.sub(rb"(?m)^(xen=.*)$", rb"\1 " + GUARD.encode(), old)[:len(old)]
            self.replace(name, new)


    def _debugfs(self, *options):
        """On the file system of the configuration."""
        return drives.run(tools.find("debugfs"), *options, "%s?offset=%d" % (self.path, PARTITIONS["config"][0]))

    def _write(self, path, text):
        """A file of the configuration, which may be there already."""
        source = self.path.with_suffix(".conf")
        source.write_text(text)
        directory, _, name = path.rpartition("/")
        if directory and "Inode:" not in self._debugfs("-R", "stat " + directory):
            self._debugfs("-w", "-R", "mkdir " + directory)
        commands = self.path.with_suffix(".debugfs")
        commands.write_text("cd /%s\nrm %s\nwrite %s %s\n" % (directory, name, source, name))
        self._debugfs("-w", "-f", str(commands))
        assert self._debugfs("-R", "cat " + path) == text


def versions(machine):
    """{slot: (version, what is said about it)} and {"failed": version}."""
    found = {}
    for line in machine.out("xenith version").splitlines():
        slot = re.match(r"Slot ([ab]) (\S+?)(?:, (.*))?$", line)
        if slot:
            found[slot[1]] = (slot[2], slot[3] or "")
        elif line.startswith("Failed "):
            found["failed"] = line.split()[1]
    return found


class Installed:
    """A host that boots from its disk, again and again."""

    def __init__(self, boot, name, disk, extra=None):
        self._boot = boot
        self._name = name
        self._number = 0
        self.disk = disk
        self.extra = extra or ["-drive", "if=none,id=disk,format=raw,cache=unsafe,file=%s" % disk.path,
                               "-device", "virtio-blk-pci,drive=disk,bootindex=0"]
        self.machine = None

    def start(self):
        """Power on."""
        self._number += 1
        self.machine = self._boot("%s-%d" % (self._name, self._number), self.disk.path, attach="disk", extra=self.extra)
        return self.machine

    def up(self):
        """Power on, and wait for the host and the sample domains."""
        self.start().wait_ready()
        self.domains_up()
        return self.machine

    def domains_up(self):
        host.until(self.machine, READY % 2, 240)

    def restart(self):
        """The machine has been told to restart, or is going to: waits for that, and powers on
        again."""
        assert self.machine.console.wait_end(900), self.machine.console.transcript.tail()
        self.machine.close()
        return self.start()

    def version(self):
        return versions(self.machine)

    def running(self):
        """(slot, version) that runs and is committed."""
        return next((slot, version) for slot, (version, said) in self.version().items()
                    if slot != "failed" and said == "running, committed")
