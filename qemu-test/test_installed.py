"""xenith.img on a disk: its first boot, and another one on other firmware, which tries
options for Xen that were set in between."""

import re
import subprocess

import pytest

import drives
import host
import loaders
import tools
from writelog import Recording

HELLO = ("hello-pv", "hello-pvh")
SIZE = 1 << 30
# health_time: so that the trial is short.
EDITOR = """#!/bin/sh
printf 'max_cstate=1\\nhealth_time=5\\n' >>"$1"
"""
# The running version gets another boot loader: what is behind each program is not used. The
# last block of the core image is not full, and has zeros on the disk.
LOADER = """cp -r /usr/share/xenith/loader /tmp/loader &&
head -c 512 /dev/zero >>/tmp/loader/bios.img &&
head -c 512 /dev/zero | tr '\\0' x >>/tmp/loader/bios.img &&
head -c 512 /dev/zero >>/tmp/loader/BOOTX64.EFI &&
echo 'echo "Xenith: another menu"' >>/tmp/loader/grub.cfg &&
mount -o bind /tmp/loader /usr/share/xenith/loader"""


class Disk:
    """A larger disk that xenith.img was written to."""

    def __init__(self, path):
        self.path = path
        drives.run("cp", "--sparse=always", str(drives.OUT / "xenith.img"), str(path))
        with open(path, "r+b") as out:
            out.truncate(SIZE)

    def options(self):
        return ["-drive", "if=none,id=disk,format=raw,cache=unsafe,file=%s" % self.path,
                "-device", "virtio-blk-pci,drive=disk,bootindex=0"]

    def table(self):
        """{label: (start, size, GUID)} of the partitions, and the GUID of the disk."""
        text = subprocess.run([tools.find("sfdisk"), "--dump", str(self.path)], capture_output=True, text=True, check=True).stdout
        parts = re.findall(r"start= *(\d+), size= *(\d+), .*uuid=(\S+), name=\"(.*)\"", text)
        return {label: (int(start), int(size), guid) for start, size, guid, label in parts}, \
            re.search(r"^label-id: (\S+)$", text, re.M).group(1)

    def config_uuid(self):
        start = self.table()[0]["XENITH-CFG"][0]
        return subprocess.run([drives.tool("blkid", "util-linux"), "-p", "-O", str(start * 512), "-s", "UUID", "-o", "value",
                               str(self.path)], capture_output=True, text=True, check=True).stdout.strip()


def check_host(machine):
    """What an installed host tells of itself."""
    assert host.config_marks(machine) == []
    slots = machine.out("xenith version")
    assert re.search(r"^Slot a \S+, running, committed\r?$", slots, re.M) and re.search(r"^Slot b \(unknown\)\r?$", slots, re.M)
    assert re.search(r"^a +\S+ +\d{14} +running, committed\r?$", machine.out("xenith update --list"), re.M)
    status = machine.out("xenith status")
    for name in (*HELLO, "watchdog: armed"):
        assert name in status
    assert "dom0-watchdog=600" in machine.out("xl info xen_commandline")
    assert " ro," in machine.out("grep sources/drive /proc/mounts")


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    disk = Disk(tmp_path_factory.mktemp("installed") / "disk")
    disk.before = disk.table()
    disk.uuid_before = disk.config_uuid()
    return disk


@pytest.fixture(scope="module")
def recording(disk, recordings, tmp_path_factory):
    """What the first boot writes, for test_powercut.py."""
    recordings["installed"] = Recording(disk.path, tmp_path_factory.mktemp("recording"))
    return recordings["installed"]


@pytest.fixture(scope="module")
def first(boot, recording):
    machine = boot("installed-bios", "", attach="disk", extra=recording.options("disk")).wait_ready()
    host.wait_up(machine, *HELLO)
    return machine


def test_the_first_boot(first, recording):
    check_host(first)
    recording.mark("first boot")
    (mark,) = [mark for mark in first.marks() if "first boot" in mark]
    first.guid = re.search(r"it is (\S{36}) from now on", mark).group(1)
    # The kernel knows the new partition already.
    first.out("test -b /dev/vda6")
    first.key = host.host_key(first)
    assert first.key
    first.id = first.out("cat /run/xenith/sources/drive/installation")
    assert re.match(r"id=[0-9a-f-]{36}", first.id)


@pytest.mark.parametrize("name", HELLO)
def test_domain_answers(first, name):
    host.assert_hello(first, name)


def test_domains_write_nothing_to_the_disk(first):
    """Neither to the system nor to the configuration, with domains that run and one that is
    restarted."""
    first.out("sync")
    before = first.written("disk")
    assert before > 0           # the first boot has written
    first.out("xenith restart --wait hello-pv; sync; sleep 20")
    assert first.written("disk") == before


@pytest.mark.slow
def test_an_hour_writes_nothing(first):
    before = first.written("disk")
    first.out("sleep 3600; sync", timeout=4500)
    assert first.written("disk") == before
    host.assert_running(first, *HELLO)


def test_options_for_xen_wait_for_a_restart(first, recording):
    assert "max_cstate" not in first.out("xl info xen_commandline")
    first.write("/tmp/editor", EDITOR)
    said = first.out("chmod 755 /tmp/editor; EDITOR=/tmp/editor xenith edit host.conf 2>&1")
    assert "the next boot tries other options: +max_cstate=1" in said
    recording.mark("edit")
    assert "Reboot pending" in first.out("xenith status")
    first.power_off()


def test_the_disk_has_its_own_identity(disk, first):
    parts, guid = disk.table()
    before, _ = disk.before
    assert guid == first.guid
    assert {label: part[:2] for label, part in parts.items() if label in before} == \
        {label: part[:2] for label, part in before.items()}
    assert {part[2] for part in parts.values()}.isdisjoint({part[2] for part in before.values()})
    assert set(parts) - set(before) == {"xenith-data"}
    assert sum(parts["xenith-data"][:2]) * 512 == SIZE - (1 << 20)
    assert disk.config_uuid() != disk.uuid_before


@pytest.fixture(scope="module")
def second(boot, disk, first):
    machine = boot("installed-uefi", "", attach="disk", firmware="uefi", extra=disk.options()).wait_ready()
    host.wait_up(machine, *HELLO)
    return machine


def test_another_boot_is_no_first_one(first, second):
    check_host(second)
    assert not [mark for mark in second.marks() if "first boot" in mark]
    assert (host.host_key(second), second.out("cat /run/xenith/sources/drive/installation")) == (first.key, first.id)


def test_options_are_tried_and_kept(second):
    assert "max_cstate=1" in second.out("xl info xen_commandline")
    assert any("options on trial: +max_cstate=1" in mark for mark in second.marks())
    second.console.wait(r"Xenith: options committed: \+max_cstate=1")
    assert "options=1\n" in second.out("/usr/lib/xenith/slot state /dev/vda2").replace("\r", "") + "\n"
    said = second.out("xenith status")
    assert "Reboot pending" not in said and "on trial" not in said
    second.power_off()


@pytest.mark.slow
def test_the_boot_loader_is_replaced(boot, disk, second):
    """Under UEFI; then both kinds of firmware start the new one, UEFI by way of the menu."""
    before = loaders.by_bios(disk.path)
    machine = boot("installed-loader", "", attach="disk", firmware="uefi", extra=disk.options()).wait_ready()
    assert "oot loader" not in machine.out("xenith version; xenith update --list")
    assert "already; nothing to do" in machine.out("xenith update --loader")
    machine.out(LOADER.replace("\n", " "))
    assert "the boot loader on vda differs from that of" in machine.out("xenith update --list")
    assert "written: GRUB for BIOS, GRUB for UEFI, the menu" in machine.out("xenith update --loader")
    assert "already; nothing to do" in machine.out("xenith update --loader")
    machine.power_off()
    # The core image that is in use has the same blocks, and is in the other half.
    assert loaders.by_bios(disk.path) == before
    for firmware in ("bios", "uefi"):
        machine = boot("installed-loader-" + firmware, "", attach="disk", firmware=firmware, extra=disk.options())
        # The first one has asked for it.
        if firmware == "uefi":
            machine.console.wait("presets")
            machine.console.send("\r")
        machine.wait_ready()
        assert "Xenith: another menu" in " ".join(machine.console.text.split())
        assert "Boot loader differs from that of" in machine.out("xenith version")
        if firmware == "bios":
            machine.sh("xenith reboot --menu")
            machine.wait_off(last="reboot")
            machine.close()
        else:
            assert "menu=\n" in machine.out("/usr/lib/xenith/slot state /dev/vda2").replace("\r", "") + "\n"
            machine.power_off()
