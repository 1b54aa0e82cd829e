"""Installed on two disks: the same on both, and a new disk that takes the place of one."""

import re
import shutil

import pytest

from conftest import LABELS, LIBRARY, MIB
from tier import only_slow, slow


@pytest.fixture
def disks(host):
    host.disk("vda", serial="one")
    host.disk("vdb", serial="two")
    return "vda vdb"


def uuid(host, disk):
    return host.device(disk, "XENITH-CFG").read_bytes()[1024 + 0x68:1024 + 0x78].hex()


def mirror_line(host, disk):
    return re.search(r"(?m)^mirror=(\d{8}) (\S+) (\S+)$", host.config(disk, "installation")).groups()


def test_onto_two_disks(host, disks):
    host.host_conf("hostname=alpha\n")
    host.write("config/domains/web.cfg", "name = 1\n")
    host.write("run/xenith/sources/image/images/kernel", "a kernel")
    out = host.installed(disks)
    assert "Xenith 2 is installed on vda vdb" in out and "partitions of vda vdb" in out
    assert "is complete, and boots without" not in out
    one, two = host.table("vda"), host.table("vdb")
    assert [part["name"] for part in one["partitions"]] == [part["name"] for part in two["partitions"]] == LABELS
    assert [host.boots(disk) for disk in ("vda", "vdb")] == ["2", "2"]
    # What the boot knows them by.
    assert mirror_line(host, "vda") == mirror_line(host, "vdb") == ("00000001", one["id"], two["id"])
    assert one["id"] != two["id"] and uuid(host, "vda") == uuid(host, "vdb")
    assert host.state("vda") == host.state("vdb")
    for path in ("host.conf", "domains/web.cfg", "ssh/dropbear_ed25519_host_key", "images/kernel"):
        assert host.config("vda", path) == host.config("vdb", path) != "", path
    assert host.config("vdb", "images/kernel") == "a kernel"
    # The identifiers that a firmware or a system may compare are not the same.
    assert not {part["uuid"] for part in one["partitions"]} & {part["uuid"] for part in two["partitions"]}
    assert host.text("lvm-calls").splitlines() == [
        "pvcreate -q -y -ff /dev/vda6", "pvcreate -q -y -ff /dev/vdb6",
        "vgcreate -q --addtag xenith-mirror xenith /dev/vda6 /dev/vdb6"]


def test_one_disk_is_no_mirror(host, disks):
    host.installed("vda")
    assert "mirror=" not in host.config("vda", "installation")
    assert "--addtag" not in host.text("lvm-calls")


def test_dry_run(host, disks):
    before = host.snapshot()
    done = host.install("vda", "vdb", "--dry-run")
    assert done.returncode == 0 and host.snapshot() == before and "partitions of vda vdb" in done.stdout


def test_on_a_terminal(host, disks):
    done = host.typed(["vda", "vdb"], "vda", "vdb")
    assert done.returncode == 0, done.stderr
    assert "type vda to erase it:" in done.stderr and "type vdb to erase it:" in done.stderr
    assert host.boots("vdb") == "2"


@pytest.mark.parametrize("words, reason", [
    (["vda", "vdb", "--yes", "vda"], "--yes vda is not the disk vda and vdb; nothing was done"),
    (["vda", "vdb"], "use xenith install vda vdb --yes vda --yes vdb"),
    (["vda", "one", "--yes", "vda"], "vda and one are the same disk: vda; a mirror needs two")])
def test_not_confirmed(host, disks, words, reason):
    assert reason in host.refused(*words)


def test_the_second_is_refused(host, disks):
    host.partition("vdb", 1, "data", MIB)
    host.mounted("vdb1", "/mnt")
    assert "cannot install on vdb: it is mounted on /mnt" in host.refused("vda", "vdb", "--yes", "vda", "--yes", "vdb")


def test_something_has_the_second_open(host, disks):
    """Before the first is written."""
    host.write("bin/one", "")
    blockdev = host.top / "bin/blockdev"
    blockdev.unlink()
    blockdev.write_text('#!/bin/sh\ncase $* in *rereadpt*vdb) echo busy >&2; exit 1 ;; esac\n')
    blockdev.chmod(0o755)
    assert "cannot use vdb: something has it open (busy); nothing was changed" in host.refused("vda", "vdb", "--yes", "vda", "--yes", "vdb")


def test_one_has_xenith(host, disks):
    host.installed("vda")
    said = host.refused("vda", "vdb", "--yes", "vda", "--yes", "vdb")
    assert said.startswith("cannot install on vda vdb: only vda has Xenith; --erase erases both, or boot that host")
    host.installed(disks, "--erase")
    assert mirror_line(host, "vda")


def test_upgrade(host, disks):
    """Both, and the numbers of their boot states stay the same."""
    host.medium("1", 1900000000)
    host.installed(disks)
    host.medium("2", 2000000000)
    line = mirror_line(host, "vda")
    out = host.installed(disks)
    assert "Xenith 2 is in slot b of vda" in out and "Xenith 2 is in slot b of vdb" in out
    assert host.state("vda") == host.state("vdb") and host.state("vda")["try"] == "b"
    assert host.slot_version("vdb", "b") == "2" and mirror_line(host, "vdb") == line
    assert "nothing to do" in host.installed(disks)


@slow
def test_the_second_disk_fails(host, disks):
    """The first one is complete, the second one does not boot."""
    host.installed(disks)
    host.installed(disks, "--erase")
    # Without LVM's partition, the last one: the system is complete without it.
    calls = [number for number, call in enumerate(host.calls(), 1) if "vdb" in call and "vdb6" not in call]
    for number in (calls[0], calls[len(calls) // 2], calls[-1]):
        done = host.install("vda", "vdb", "--yes", "vda", "--yes", "vdb", "--erase", FAIL_AT=str(number))
        assert done.returncode == 1, (number, done, host.calls())
        assert "vda is complete, and boots without vdb (degraded)" in done.stderr
        assert host.boots("vda") == "2" and host.boots("vdb") is None


@slow
@pytest.mark.parametrize("cut", ["middle", "before"])
def test_power_cuts(host, disks, cut):
    """A disk that boots is complete."""
    host.installed(disks)
    calls = host.calls()
    numbers = range(1, len(calls) + 1) if cut == "before" else range(3, len(calls) + 1, 7)
    for number in numbers:
        for disk in ("vda", "vdb"):
            with open(host.top / "dev" / disk, "r+b") as out:
                out.write(bytes(440))
            with open(host.device(disk, "xenith-esp"), "r+b") as out:
                out.write(bytes(4096))
        with host.start(f"{LIBRARY}/install", "vda", "vdb", "--yes", "vda", "--yes", "vdb", "--erase", CUT_AT=str(number), CUT=cut) as process:
            process.communicate(timeout=600)
        for disk in ("vda", "vdb"):
            assert host.boots(disk) in (None, "2"), (number, disk)


# ---- sectors of 4096 bytes ----

def large(host, *names):
    """The disks have them, on a machine that was booted by UEFI."""
    (host.top / "sys/firmware/efi").mkdir(exist_ok=True)
    for name in names:
        host.write(f"sys/class/block/{name}/queue/logical_block_size", "4096\n")


@slow
def test_onto_sectors_of_4096_bytes(host, disks):
    large(host, "vda", "vdb")
    out = host.installed(disks)
    assert "\nvda vdb boot by UEFI only: their sectors have 4096 bytes\n" in out
    esps = [host.device(disk, "xenith-esp").read_bytes() for disk in ("vda", "vdb")]
    for disk, esp in zip(("vda", "vdb"), esps, strict=True):
        assert host.boots(disk) == "2" and int.from_bytes(esp[11:13], "little") == 4096
        assert not any(host.device(disk, "xenith-bios").read_bytes())
    # The serial numbers.
    assert esps[0][39:43] != esps[1][39:43]
    assert host.state("vda") == host.state("vdb") and mirror_line(host, "vda") == mirror_line(host, "vdb")


@pytest.mark.parametrize("name, sizes", [("vda", "vda has sectors of 4096 bytes, and vdb of 512"), ("vdb", "vda has sectors of 512 bytes, and vdb of 4096")])
def test_sectors_of_two_sizes(host, disks, name, sizes):
    large(host, name)
    said = host.refused("vda", "vdb", "--yes", "vda", "--yes", "vdb")
    assert said.startswith(f"cannot install on vda vdb: {sizes}: the disks of a mirror must have the same size of sectors\n")


def test_unattended_with_sectors_of_two_sizes(host, disks):
    large(host, "vdb")
    host.host_conf("install_disk=bus:virtio\ninstall_mirror=bus:virtio\n")
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and "must have the same size of sectors" in done.stdout and host.snapshot() == before


# ---- by itself ----

@pytest.mark.parametrize("first, second", [
    ("bus:virtio", "bus:virtio"), *only_slow(("serial:two", "serial:one"), ("smallest", "smallest"))])
def test_unattended(host, disks, first, second):
    host.host_conf(f"hostname=alpha\ninstall_disk={first}\ninstall_mirror={second}\n")
    done = host.unattended()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [host.boots(disk) for disk in ("vda", "vdb")] == ["2", "2"] and mirror_line(host, "vda")
    assert host.config("vdb", "host.conf") == "hostname=alpha\n"
    # The same medium again.
    before = host.snapshot()
    assert "vda vdb were installed from this medium already" in host.unattended().stdout and host.snapshot() == before


@pytest.mark.parametrize("first, second, count", [("serial:one", "serial:three", "1 (vda)"), ("bus:virtio", "bus:virtio", "3 (vda vdb vdc)"),
                                                  ("serial:one", "serial:one", "1 (vda)"), ("bus:nvme", "bus:nvme", "0 ")])
def test_not_two_disks(host, disks, first, second, count):
    host.disk("vdc", serial="other")
    host.host_conf(f"install_disk={first}\ninstall_mirror={second}\n")
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and host.snapshot() == before
    assert done.stdout.startswith(f"install_disk={first} and install_mirror={second} must match two disks: they match {count}\n"), done.stdout


def test_unattended_foreign_data(host, disks):
    host.blkid("vdb", 'LABEL="backup" TYPE="xfs"')
    host.host_conf("install_disk=bus:virtio\ninstall_mirror=bus:virtio\n")
    before = host.snapshot()
    done = host.unattended()
    assert done.stdout.startswith("vdb is not empty; erase it yourself, or set install_foreign=erase") and host.snapshot() == before


# ---- repair ----

def degrade(host, disks):
    """Booted from vda alone; vdc is a new disk."""
    host.host_conf("hostname=alpha\n")
    host.installed(disks)
    for name in host.top.glob("sys/class/block/vdb*"):
        name.unlink()
    host.disk("vdc", serial="three")
    drive = host.top / "run/xenith/sources/drive"
    drive.mkdir(parents=True, exist_ok=True)
    for path in ("installation", "host.conf"):
        (drive / path).write_text(host.config("vda", path))
    host.write("run/xenith/sources/drive/saved/00000001", "a generation")
    host.write("proc/mounts", f"{host.top}/dev/vda5 {drive} ext4 ro 0 0\n")
    host.mounted("vda5", drive)
    host.uuid = "12345678-1234-4234-8234-123456789012"
    host.write("proc/cmdline", f"xenith.slot=a xenith.config_drive={host.uuid}\n")
    host.write("run/xenith/mirror", "disks=vda\ndegraded=only vda is in use\n")
    host.write("pvs", "vda6  xenith\n")
    host.write("lvs", "  web\n  db\n")
    host.write("lvm-calls", "")


@pytest.fixture
def degraded(host, disks, prepared):
    return prepared("degraded", host, lambda: degrade(host, disks))


def repaired(host):
    done = host.install("--repair", "vdc", "--yes", "vdc")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_repair(degraded):
    host = degraded
    old = mirror_line(host, "vda")
    assert "vdc is in the mirror with vda" in repaired(host)
    assert host.boots("vdc") == "2" and host.state("vdc") == host.state("vda")
    assert [part["name"] for part in host.table("vdc")["partitions"]] == LABELS
    assert uuid(host, "vdc") == host.uuid.replace("-", "")
    assert host.config("vdc", "host.conf") == "hostname=alpha\n" and host.config("vdc", "saved/00000001") == "a generation"
    # Both know it, and the lost disk no more.
    line = f"mirror=00000002 {old[1]} {host.table('vdc')['id']}\n"
    for tree in ("drive", "drive.mirror"):
        assert host.text(f"run/xenith/sources/{tree}/installation").endswith(line)
    assert host.text("run/xenith/mirror") == "disks=vda vdc\n"
    assert host.text("lvm-calls").splitlines() == [
        "pvcreate -q -y -ff /dev/vdc6", "vgextend -q xenith /dev/vdc6", "lvconvert -q -y --repair xenith/web",
        "lvconvert -q -y --repair xenith/db", "vgreduce -q --removemissing xenith"]
    with open(host.top / "dev/vdc", "rb") as disk:
        assert disk.read(440) == (host.made / "tools/loader/boot.img").read_bytes()[:440]


@slow
def test_repair_with_sectors_of_4096_bytes(host, disks):
    large(host, "vda", "vdb")
    degrade(host, disks)
    large(host, "vdc")
    assert "vdc is in the mirror with vda" in repaired(host)
    assert host.boots("vdc") == "2"
    # They have no boot loader for BIOS.
    assert not [call for call in host.calls() if call.startswith("slot write /dev/vdc1")]
    with open(host.top / "dev/vdc", "rb") as disk:
        assert not any(disk.read(440))
    assert host.device("vdc", "xenith-esp").read_bytes() == host.device("vda", "xenith-esp").read_bytes()


def test_repair_without_a_volume_group(degraded):
    degraded.write("no-lvm", "")
    assert "warning: the system is mirrored, but the guests' volumes are not (  Cannot use device)" in repaired(degraded)


@pytest.mark.parametrize("number, what", [(2, "the EFI partition"), (3, "slot a")])
def test_a_repair_that_cannot_read(degraded, number, what):
    """The copy ends early, and the disk does not count."""
    done = degraded.install("--repair", "vdc", "--yes", "vdc", READ_BREAK=f"vda{number}")
    assert done.returncode == 1 and f"cannot compare {what} with its copy on /dev/vdc{number}" in done.stderr
    assert degraded.text("run/xenith/mirror") == "disks=vda\ndegraded=only vda is in use\n"
    assert "mirror=00000001 " in degraded.text("run/xenith/sources/drive/installation")
    assert degraded.boots("vdc") is None


def test_repair_of_a_group_that_was_never_made(degraded):
    """By the installation, which went on without."""
    degraded.write("pvs", "")
    repaired(degraded)
    assert degraded.text("lvm-calls").splitlines() == [
        "pvcreate -q -y -ff /dev/vda6", "pvcreate -q -y -ff /dev/vdc6", "vgcreate -q --addtag xenith-mirror xenith /dev/vda6 /dev/vdc6"]


def test_something_else_in_the_place_of_the_group(degraded):
    degraded.write("pvs", "")
    degraded.blkid("vda6", 'TYPE="ext4"')
    repaired(degraded)
    assert degraded.text("lvm-calls") == ""


@pytest.fixture
def without_volumes(degraded, prepared):
    """A repair that was cut off before the guests' volumes."""
    def make():
        repaired(degraded)
        degraded.write("lvm-calls", "")
        degraded.write("missing", "  1\n")
    return prepared("without-volumes", degraded, make)


@pytest.mark.parametrize("begun", [False, True])
def test_repair_of_the_volumes_only(without_volumes, begun):
    host = without_volumes
    if begun:
        host.write("pvs", "vda6  xenith\nvdc6  xenith\n")
    before = host.snapshot()
    assert "volume group xenith: /dev/vdc6 is in" in repaired(host).replace(str(host.top), "")
    assert host.text("lvm-calls").splitlines() == [
        *([] if begun else ["pvcreate -q -y -ff /dev/vdc6", "vgextend -q xenith /dev/vdc6"]),
        "lvconvert -q -y --repair xenith/web", "lvconvert -q -y --repair xenith/db", "vgreduce -q --removemissing xenith"]
    after = host.snapshot()
    assert {name: value for name, value in after.items() if name != "vdc"} == {name: value for name, value in before.items() if name != "vdc"}


def test_repair_of_the_volumes_with_another_disk(without_volumes):
    without_volumes.disk("vdd", serial="four")
    assert "cannot use vdd: the mirror has both of its disks (vda vdc)" in without_volumes.refused("--repair", "vdd", "--yes", "vdd")
    assert "cannot use vda: the volume group is on it, and not on vdc" in without_volumes.refused("--repair", "vda", "--yes", "vda")


def test_repair_dry_run(degraded):
    before = degraded.snapshot()
    done = degraded.install("--repair", "vdc", "--dry-run")
    assert done.returncode == 0 and degraded.snapshot() == before and "vdc is erased, and becomes a copy of vda" in done.stdout


def complete(host):
    host.write("run/xenith/mirror", "disks=vda vdb\n")
    return "both disks of the mirror are in use (vda vdb)"


def elsewhere(host):
    """A write to the first disk has failed, and its configuration is still in use."""
    host.write("run/xenith/mirror", "disks=vdb\ndegraded=vda: x\n")
    for name in ("vdb", *("vdb%d" % number for number in range(1, 7))):
        (host.top / "sys/class/block" / name).symlink_to(next(host.top.glob(f"sys/devices/pci/*/block/vdb/{name}" if name != "vdb" else "sys/devices/pci/*/block/vdb")))
    return "the configuration in use is not on vdb, which is the disk that is left; restart the host first"


def damaged(host):
    path = host.device("vda", "xenith-a")
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    return "slot a of vda, which is committed, is damaged"


def single(host):
    (host.top / "run/xenith/mirror").unlink()
    return "this host is installed on one disk (vda), and not mirrored"


def live(host):
    host.write("proc/cmdline", "xenith.medium=X\n")
    return "this is a live system; boot the mirrored host"


def mounted(host):
    host.write("proc/self/mountinfo", host.text("proc/self/mountinfo"))
    host.partition("vdc", 1, "data", MIB)
    host.mounted("vdc1", "/mnt")
    return "cannot use vdc: it is mounted on /mnt"


def small(host):
    host.write("sys/class/block/vdc/size", "1000000\n")
    return "cannot use vdc: it is too small"


def volumes(host):
    """Larger than what the disk has beside the partitions of the system."""
    host.write("pv-used", "  2000000000\n")
    return "cannot use vdc: it is too small for the guests' volumes on vda: 2.6 GB are needed"


def other_sectors(host):
    large(host, "vdc")
    return "cannot use vdc: vda has sectors of 512 bytes, and vdc of 4096: the disks of a mirror must have the same size of sectors"


def in_use(host):
    major, minor = host.number("vdc").split(":")
    host.write("xenstore", f'/local/domain/0/backend/vbd/3/51712/physical-device = "{int(major):x}:{int(minor):x}"\n')
    return "cannot use vdc: it belongs to the running domain 3"


@pytest.mark.parametrize("reason", [complete, elsewhere, damaged, single, live, mounted, small, volumes, other_sectors, in_use])
def test_repair_is_refused(degraded, reason):
    expected = reason(degraded)
    assert expected in degraded.refused("--repair", "vdc", "--yes", "vdc")


def test_repair_with_the_disk_that_runs(degraded):
    assert "cannot use vda: this host runs from it" in degraded.refused("--repair", "vda", "--yes", "vda")


def test_repair_is_not_confirmed(degraded):
    assert "cannot ask for confirmation" in degraded.refused("--repair", "vdc")


@pytest.mark.parametrize("words", [["--repair", "vdc", "vda"], ["--repair", "vdc", "--erase"], ["--repair"]])
def test_repair_usage(degraded, words):
    degraded.refused(*words, status=2)


@slow
@pytest.mark.parametrize("cut", ["middle", "before"])
def test_power_cuts_of_a_repair(degraded, cut):
    """The disk that is left boots as before; the new one counts once it is complete."""
    host = degraded
    kept = host.text("run/xenith/sources/drive/installation")
    repaired(host)
    calls = host.calls()
    vda = {name: value for name, value in host.snapshot().items() if name.startswith("vda")}
    shutil.rmtree(host.top / "run/xenith/sources/drive.mirror")
    for number in range(1, len(calls) + 1, 1 if cut == "before" else 7):
        host.write("run/xenith/sources/drive/installation", kept)
        host.write("run/xenith/mirror", "disks=vda\ndegraded=x\n")
        with host.start(f"{LIBRARY}/install", "--repair", "vdc", "--yes", "vdc", CUT_AT=str(number), CUT=cut) as process:
            process.communicate(timeout=600)
        assert {name: value for name, value in host.snapshot().items() if name.startswith("vda")} == vda
        line = host.text("run/xenith/sources/drive.mirror/installation")
        if "mirror=00000002" in line or "mirror=00000002" in host.text("run/xenith/sources/drive/installation"):
            assert host.boots("vdc") == "2"
        shutil.rmtree(host.top / "run/xenith/sources/drive.mirror", ignore_errors=True)
