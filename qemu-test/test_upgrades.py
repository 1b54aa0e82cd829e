"""Updates of an installed host: seven bad ones, after which it is back by itself with its
domains; fifty in a row; and disks that take nothing."""

import json
import subprocess
import time

import pytest

import host
import tools
from installed import MIB, PARTITIONS
from upgrades import CONF, DRIVE, EXIT, Installed, WholeDisk

pytestmark = pytest.mark.slow

LIMIT = 240     # seconds after its boot that a version has to become healthy
IN_A_ROW = 50
# A version that hangs, or whose domd never answers, is reset by Xen. Xen's and the kernel's
# panics are what these tests are about, and no reason to stop waiting.
RESET = 900

HANG = "#!/bin/busybox sh\nwhile :; do /bin/busybox sleep 1000; done\n"


def program(path, text):
    """Shell text for a hook: replaces a program of the root."""
    return "printf '#!/bin/sh\\n%s\\n' >/root%s\nchmod 755 /root%s" % (text, path, path)


# {kind: (arguments of Updates.make, what a console of the trial shows, the reason that the
# trial's service gives; None: it had no chance to)}
BAD = {
    "xen panics": ({"files": {"vmlinuz": b"no kernel\n" * 1000}}, r"Panic on CPU \d", None),
    "kernel panics": ({"init": EXIT}, "Kernel panic - not syncing", None),
    "init hangs": ({"init": HANG}, "Watchdog timer.* expired|watchdog", None),
    "domd never ready": ({"hook": program("/usr/sbin/domd", "exec sleep 100000")}, "Watchdog timer fired", None),
    "network dead": ({"hook": program("/etc/boot/50-network", "exit 0")}, "on trial", "the network is down"),
    "healthy for a moment": ({"hook": program("/etc/boot/81-late", "(sleep 10; sv down domd) &")}, "on trial",
                             "domd does not answer"),
}


@pytest.fixture(scope="module")
def server(boot, updates, tmp_path_factory):
    """The installed host, with its domains up. It knows who signs updates."""
    disk = WholeDisk(tmp_path_factory.mktemp("disk") / "disk")
    disk.configure(CONF % (30, LIMIT), updates.keys)
    installed = Installed(boot, "upgrades", disk)
    installed.up()
    return installed


@pytest.mark.parametrize("number, kind", enumerate(BAD, 1))
def test_a_bad_update(server, updates, number, kind):
    arguments, sign, reason = BAD[kind]
    slot, old = server.running()
    version = "bad.%d" % number
    path = updates.make(version, number, **arguments)
    said = server.machine.out(updates.command(path))
    assert "is tried at the next boot" in said
    server.machine.sh("reboot")
    server.restart()
    # The trial, in which anything may happen; the host must end it by itself.
    server.machine.console.wait(sign, idle=RESET, cap=RESET, fatal=None)
    if reason:
        server.machine.console.wait("Xenith: update %s failed: %s.*; the host restarts with %s" % (version, reason, old),
                                    idle=RESET, cap=RESET, fatal=None)
    server.restart().wait_ready()
    if not reason:
        assert "Xenith: update %s failed: it did not become healthy; this is %s again" % (version, old) in server.machine.marks()
    server.domains_up()
    assert server.running() == (slot, old)
    assert server.version()["failed"] == version
    said, status = server.machine.sh(updates.command(path))
    assert status == 1 and "has failed on this host before" in said


def test_a_root_that_is_truncated_after_the_signature(server, updates):
    """The file is as it was signed, and what it holds is not: nothing is tried."""
    slot, old = server.running()
    path = updates.sign(updates.make("bad.20", 20, damage=lambda files: files.update(initrd=files["initrd"][:-MIB])))
    said, status = server.machine.sh(updates.command(path))
    assert status == 1 and "bad.20 is signed with ours.pub" in said and "initrd has" in said and "the host boots slot %s as before" % slot in said
    assert server.running() == (slot, old)


def test_a_foreign_signature(server, updates):
    """Nothing is written, whoever else signs."""
    before = server.version()
    path = updates.sign(updates.make("foreign.1", 22), "foreign")
    said, status = server.machine.sh(updates.command(path))
    assert status == 1 and "which this host does not know (it knows ours.pub in /config/update-keys)" in said
    assert "writing" not in said and server.version() == before


def test_a_root_that_is_damaged_on_the_disk(server, updates):
    """After the update was verified: the boot loader does not start it."""
    slot, old = server.running()
    path = updates.make("bad.21", 21)
    server.machine.out(updates.command(path))
    idle = {"a": "b", "b": "a"}[slot]
    server.machine.out("dd if=/dev/zero of=/dev/vda%d bs=1M seek=12 count=1 conv=fsync" % {"a": 3, "b": 4}[idle])
    server.machine.sh("reboot")
    server.restart().wait_ready()
    assert "Xenith: slot %s is not booted" % idle in " ".join(server.machine.console.text.split())
    assert "Xenith: update unknown failed: it did not become healthy; this is %s again" % old in \
        " ".join(server.machine.marks()).replace("bad.21", "unknown")
    server.domains_up()
    assert server.running() == (slot, old)


def test_a_full_configuration_drive(server, updates):
    """Neither a save nor an update is possible, nothing changes; and both are once there is
    room again."""
    machine = server.machine
    path = updates.make("room.1", 30)
    before = server.version()
    fill = "mount -o remount,rw %(at)s; dd if=/dev/zero of=%(at)s/fill bs=64k; dd if=/dev/zero of=%(at)s/rest bs=1k; sync; mount -o remount,ro %(at)s"
    machine.sh(fill % {"at": DRIVE})
    machine.out("sed -i 's/^hostname=.*/hostname=full/' /config/host.conf")
    said, status = machine.sh("xenith save")
    assert status == 1 and "the drive XENITH-CFG is full" in said
    said, status = machine.sh(updates.command(path))
    assert status == 1 and "cannot record what runs now" in said, said
    assert server.version() == before
    assert "hostname=full" not in machine.out("cat %s/host.conf" % DRIVE)
    machine.out("mount -o remount,rw %(at)s; rm %(at)s/fill %(at)s/rest; mount -o remount,ro %(at)s" % {"at": DRIVE})
    machine.out("xenith save")
    assert "is tried at the next boot" in machine.out(updates.command(path))
    machine.out("xenith update --rollback")
    assert server.version()["a"][1] == before["a"][1]


@pytest.fixture(scope="module")
def soon(server):
    """Short health is enough, which would take most of the time of fifty updates."""
    server.machine.out("sed -i 's/^health_time=.*/health_time=5/' /config/host.conf && xenith save")
    return server


@pytest.mark.parametrize("number", range(1, IN_A_ROW + 1))
def test_updates_in_a_row(soon, updates, number):
    """They are signed, alternate between the slots, and each is committed by itself."""
    server = soon
    slot, old = server.running()
    version = "row.%d" % number
    path = updates.sign(updates.make(version, 100 + number))
    assert "%s is signed with ours.pub" % version in server.machine.out(updates.command(path))
    server.machine.sh("reboot")
    server.restart().wait_ready()
    server.machine.console.wait("Xenith: update %s committed" % version, cap=LIMIT + 120)
    server.domains_up()
    path.unlink()
    other = {"a": "b", "b": "a"}[slot]
    assert server.running() == (other, version)
    assert server.version()[slot] == (old, "")
    assert "failed" not in server.version()


# ---- disks; each has a machine of its own ----

def disk_options(**blockdev):
    """QEMU's words for a disk whose errors the host sees."""
    return ["-blockdev", json.dumps({**blockdev, "node-name": "disk"}),
            "-device", "virtio-blk-pci,drive=disk,bootindex=0,werror=report,rerror=report"]


@pytest.fixture
def disk(tmp_path):
    made = WholeDisk(tmp_path / "disk")
    made.configure(CONF % (30, LIMIT) + "hostname=disk\n")
    return made


def test_a_disk_with_a_bad_sector(boot, updates, disk):
    """In the idle slot. It is found while the update is written."""
    server = Installed(boot, "badsector", disk, disk_options(
        driver="blkdebug", image={"driver": "raw", "file": {"driver": "file", "filename": str(disk.path)}},
        **{"inject-error": [{"event": "none", "iotype": "write", "errno": 5,
                             "sector": (PARTITIONS["b"][0] + 20 * MIB) // 512}]}))
    server.up()
    said, status = server.machine.sh(updates.command(updates.make("sector.1", 1)), 300)
    assert status == 1 and "cannot write slot b" in said and "the host boots slot a as before" in said
    server.machine.sh("reboot")
    server.restart().wait_ready()
    server.domains_up()
    assert server.running()[0] == "a" and "failed" not in server.version()


def test_a_disk_that_dies_during_the_update(boot, updates, disk, tmp_path):
    """From then on every access fails. The disk comes back with the next power-on."""
    socket = tmp_path / "nbd"

    def serve():
        socket.unlink(missing_ok=True)
        program = subprocess.Popen([tools.find("qemu-nbd"), "-t", "-f", "raw", "--cache=unsafe", "-k", str(socket), str(disk.path)])
        wait_for(socket)
        return program

    with serve() as first:
        server = Installed(boot, "dying", disk, disk_options(driver="nbd", server={"type": "unix", "path": str(socket)}))
        server.up()
        path = updates.make("dying.1", 1)
        server.machine.out("(%s) >/tmp/said 2>&1 </dev/null & sleep 0" % updates.command(path))
        host.until(server.machine, "grep -q 'writing dying.1 to slot b' /tmp/said", 120)
        first.kill()
    host.until(server.machine, "grep -q 'cannot' /tmp/said", 300)
    assert "slot b" in server.machine.out("tail -n 1 /tmp/said")
    server.machine.close()
    with serve() as second:
        server.up()
        assert server.running()[0] == "a" and "failed" not in server.version()
        server.machine.close()
        second.kill()


def wait_for(path):
    for _ in range(100):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError("%s did not appear" % path)


def test_a_disk_that_cannot_be_written(boot, updates, disk):
    """It boots with its configuration, and says why it takes neither a save nor an update."""
    server = Installed(boot, "frozen", disk)
    server.up()             # the first boot gives the disk its own identity
    server.machine.power_off()
    before = disk.path.read_bytes()
    server.extra = ["-drive", "if=none,id=disk,format=raw,readonly=on,file=%s" % disk.path,
                    "-device", "virtio-blk-pci,drive=disk,bootindex=0"]
    server.up()
    assert server.machine.out("hostname").strip() == "disk"
    server.machine.out("sed -i 's/^hostname=.*/hostname=other/' /config/host.conf")
    said, status = server.machine.sh("xenith save")
    assert status == 1 and "cannot write to the drive XENITH-CFG" in said
    said, status = server.machine.sh(updates.command(updates.make("frozen.1", 1)), 300)
    assert status == 1 and "cannot record what runs now" in said
    assert server.running()[0] == "a"
    server.machine.close()
    assert disk.path.read_bytes() == before

