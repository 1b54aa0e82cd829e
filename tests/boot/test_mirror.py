"""The configuration of a host that is mirrored on two disks: the newest complete one is used,
a disk that was replaced is not, and a host with one disk says so."""

import shutil

import pytest

from conftest import HERE, LIBRARY, TOP

UUID = "11111111-2222-4333-a444-555555555555"
GUIDS = {name: f"{digit * 8}-0000-4000-8000-000000000000" for name, digit in (("sda", "A"), ("sdb", "B"), ("sdc", "C"))}


def mirror_line(number, *disks):
    return "mirror=%08d %s\n" % (number, " ".join(GUIDS[disk] for disk in disks))


class Mirror:
    def __init__(self, host):
        self.host = host
        (host.top / LIBRARY / "slot").symlink_to(HERE / "fake/slot")
        (host.top / "usr/share/xenith").mkdir(parents=True)
        shutil.copy(TOP / "install/layout", host.top / "usr/share/xenith/layout")
        host.write("proc/cmdline", f"xenith.slot=a xenith.config_drive={UUID}\n")
        host.write("identity", "guid=x\nfrom=own\n")

    def disk(self, name, hostname, line, guid=None, at=None, label="XENITH-CFG"):
        host = self.host
        host.at(at, f"mkdir -p $FAKE/sys/devices/{name}; ln -s $FAKE/sys/devices/{name} $FAKE/sys/class/block/{name}; "
                f"echo 4194304 >$FAKE/sys/devices/{name}/size")
        for number, part in enumerate(("xenith-bios", "xenith-esp", "xenith-a", "xenith-b"), 1):
            host.disk(f"{name}{number}", at=at)
            host.write(f"uevents/{name}{number}", f"PARTNAME={part}\n")
            host.at(at, f"cp $FAKE/uevents/{name}{number} $FAKE/sys/devices/{name}/{name}{number}/uevent")
        host.disk(f"{name}5", label, UUID, {"host.conf": f"hostname={hostname}\n", "installation": "id=1\n" + line,
                                                "ssh/dropbear_ed25519_host_key": "key\n"}, at=at)
        host.write(f"identity-{name}", f"guid={guid or GUIDS[name]}\nfrom=own\n")

    def generation(self, disk, number, settled=True):
        """One that is taken as it is, for it has an .OK."""
        self.host.write(f"content/{disk}5/saved/{number:08d}", "")
        if settled:
            self.host.write(f"content/{disk}5/saved/{number:08d}.OK", "")

    def boot(self):
        for name in ("mounted", "dev/console", "run/xenith/mirror"):
            (self.host.top / name).unlink(missing_ok=True)
        shutil.rmtree(self.host.top / "run/xenith/sources/drive", ignore_errors=True)
        shutil.rmtree(self.host.top / "run/xenith/sources/drive.mirror", ignore_errors=True)
        self.host.forget()
        self.host.run("boot/30-config")
        return self.host.conf()["hostname"]

    def used(self):
        return self.host.text("run/xenith/mirror").splitlines()


@pytest.fixture
def mirror(host):
    return Mirror(host)


def test_two_disks(mirror, host):
    for name in ("sda", "sdb"):
        mirror.disk(name, "ours", mirror_line(1, "sda", "sdb"))
    assert mirror.boot() == "ours"
    assert len(mirror.used()) == 1 and sorted(mirror.used()[0][6:].split()) == ["sda", "sdb"]
    assert host.marks() == []
    assert (host.top / "run/xenith/sources/drive.mirror/host.conf").exists()
    assert "remount" not in host.text("mount.log")


@pytest.mark.parametrize("newer", ["sda", "sdb"])
def test_the_newest_configuration(mirror, host, newer):
    """And the other one follows it."""
    for name in ("sda", "sdb"):
        mirror.disk(name, "new" if name == newer else "old", mirror_line(1, "sda", "sdb"))
        mirror.generation(name, 9)
    mirror.generation(newer, 10)
    assert mirror.boot() == "new"
    assert mirror.used()[0] == f"disks={newer} " + ("sdb" if newer == "sda" else "sda")
    sources = host.top / "run/xenith/sources"
    assert (sources / "drive.mirror/host.conf").read_text() == "hostname=new\n"
    assert (sources / "drive.mirror/saved/00000010.OK").exists()
    assert host.marks() == []


@pytest.mark.parametrize("there", ["sda", "sdb"])
def test_one_disk_is_missing(mirror, host, there):
    mirror.disk(there, "ours", mirror_line(1, "sda", "sdb"))
    assert mirror.boot() == "ours"
    assert mirror.used()[0] == f"disks={there}" and mirror.used()[1].startswith(f"degraded=only {there} is in use")
    assert host.marks() == [f"mirror: degraded: only {there} is in use: the other disk is missing, or its configuration cannot be read; "
                            "xenith install --repair DISK brings a new one in"]
    # Once for the first disk, once for the second one.
    assert len(host.text("blkid.log").splitlines()) == 2


def test_one_disk_is_late(mirror, host):
    """A slow controller."""
    host.write("sys/bus/usb/devices/usb1/x", "")
    mirror.disk("sda", "ours", mirror_line(1, "sda", "sdb"))
    mirror.disk("sdb", "ours", mirror_line(1, "sda", "sdb"), at=2)
    assert mirror.boot() == "ours"
    assert sorted(mirror.used()[0][6:].split()) == ["sda", "sdb"] and len(mirror.used()) == 1


def test_a_disk_that_was_replaced(mirror, host):
    """However new it is."""
    mirror.disk("sda", "ours", mirror_line(2, "sda", "sdc"))
    mirror.disk("sdb", "stale", mirror_line(1, "sda", "sdb"))
    mirror.disk("sdc", "ours", mirror_line(2, "sda", "sdc"))
    mirror.generation("sdb", 99)
    assert mirror.boot() == "ours"
    assert sorted(mirror.used()[0][6:].split()) == ["sda", "sdc"]
    assert host.marks() == ["mirror: sdb is not used: it was replaced by another disk; xenith install --repair sdb erases it and brings it in"]


def test_a_repair_that_was_cut_off(mirror):
    """The new disk was complete, and the old one did not know of it."""
    mirror.disk("sda", "ours", mirror_line(1, "sda", "sdb"))
    mirror.disk("sdc", "ours", mirror_line(2, "sda", "sdc"))
    assert mirror.boot() == "ours" and sorted(mirror.used()[0][6:].split()) == ["sda", "sdc"]


def test_a_copy_of_a_disk(mirror, host):
    """Nobody can say which is which."""
    mirror.disk("sda", "ours", mirror_line(1, "sda", "sdb"))
    mirror.disk("sdc", "copy", mirror_line(1, "sda", "sdb"), guid=GUIDS["sda"])
    assert mirror.boot() == "xenith" and mirror.used() == []
    assert "take the copy out" in host.marks()[0]


def test_two_disks_without_a_mirror(mirror, host):
    """As ever: the same image twice."""
    mirror.disk("sda", "one", "")
    mirror.disk("sdb", "two", "")
    assert mirror.boot() == "xenith" and mirror.used() == []
    assert "several drives are labelled XENITH-CFG, and none is used" in host.marks()[0]


def test_a_configuration_that_cannot_be_read(mirror, host):
    mirror.disk("sda", "ours", mirror_line(1, "sda", "sdb"))
    mirror.disk("sdb", "ours", mirror_line(1, "sda", "sdb"))
    shutil.rmtree(host.top / "content/sdb5")
    assert mirror.boot() == "ours" and mirror.used()[0] == "disks=sda" and len(mirror.used()) == 2


@pytest.fixture
def failing(mirror, host):
    """Two disks; the files of sda, which has the newer configuration, cannot all be read."""
    for name in ("sda", "sdb"):
        mirror.disk(name, "ours" if name == "sdb" else "partly", mirror_line(1, "sda", "sdb"))
        mirror.generation(name, 9 if name == "sdb" else 10)
    program = host.top / LIBRARY / "config-newest"
    real = program.rename(program.with_name("config-newest.real"))
    program.write_text(f'#!/bin/sh\n[ "$1" != --number ] || ! grep -q partly "$XENITH_DRIVE/host.conf" || exit 1\nexec "{real}" "$@"\n')
    program.chmod(0o755)
    return mirror


def test_a_disk_that_cannot_be_read_does_not_count(failing, host):
    assert failing.boot() == "ours"
    assert failing.used()[0] == "disks=sdb" and len(failing.used()) == 2
    assert host.marks()[0] == "mirror: the configuration on sda cannot be read"
    assert (host.top / "content/sda5/host.conf").read_text() == "hostname=partly\n"


def test_the_configuration_is_ignored(mirror, host):
    """The slots are those of both disks all the same."""
    for name in ("sda", "sdb"):
        mirror.disk(name, "ours", mirror_line(1, "sda", "sdb"))
    host.write("proc/cmdline", f"xenith.slot=a xenith.config_drive={UUID} xenith.config=ignore\n")
    assert mirror.boot() == "xenith"
    assert sorted(mirror.used()[0][6:].split()) == ["sda", "sdb"] and len(mirror.used()) == 1
    assert not list(host.top.glob("run/xenith/sources/drive*/host.conf"))


def test_the_boot_loader_finds_no_configuration(mirror, host):
    """That of its own disk is damaged; the other disk's is used."""
    mirror.disk("sda", "lost", mirror_line(1, "sda", "sdb"), label=None)
    mirror.disk("sdb", "ours", mirror_line(1, "sda", "sdb"))
    host.write("proc/cmdline", "xenith.slot=a xenith.config_drive=no\n")
    assert mirror.boot() == "ours"
    assert mirror.used()[0] == "disks=sdb" and host.marks()[0].startswith("mirror: degraded: only sdb is in use")


def test_the_boot_loader_finds_none_and_the_other_disk_is_of_another_host(mirror, host):
    mirror.disk("sda", "lost", mirror_line(1, "sda", "sdb"), label=None)
    mirror.disk("sdc", "foreign", mirror_line(1, "sdb", "sdc"))
    host.write("proc/cmdline", "xenith.slot=a xenith.config_drive=no\n")
    assert mirror.boot() == "xenith" and mirror.used() == []


def test_a_single_disk_without_a_configuration(mirror, host):
    mirror.disk("sda", "lost", "", label=None)
    host.write("proc/cmdline", "xenith.slot=a xenith.config_drive=no\n")
    assert mirror.boot() == "xenith" and mirror.used() == []
    assert host.marks() == ["config drive:0: partition 5 of this host's disk cannot be read: this boot has the configuration "
                            "of the image, and defaults"]


# --- While the host runs

def test_a_disk_is_lost_and_comes_back(host):
    """Each change is reported once, and kept for the metrics."""
    looks = ["", "", "the disk sdb is gone\nthe volume group xenith lacks a disk\n", "the disk sdb is gone\nthe volume group xenith lacks a disk\n",
             "the volume group xenith lacks a disk\n", "", ""]
    for number, text in enumerate(looks):
        host.write(f"looks/{number}", text)
    host.write("usr/lib/xenith/degraded", f'#!/bin/sh\nset -- {host.top}/looks/*\ncat "$1"\nmv "$1" {host.top}/looked\n')
    host.write("bin/sleep", f'#!/bin/sh\ncat {host.top}/run/xenith/degraded >>{host.top}/kept\nset -- {host.top}/looks/*\n[ -e "$1" ]\n')
    for path in ("usr/lib/xenith/degraded", "bin/sleep"):
        (host.top / path).chmod(0o755)
    host.run("boot/sv/mirror/run")
    assert host.marks() == ["mirror: degraded: the disk sdb is gone; the volume group xenith lacks a disk",
                            "mirror: degraded: the volume group xenith lacks a disk", "mirror: both disks are in use"]
    assert host.text("kept").splitlines() == [text.strip().replace("\n", "; ") for text in looks]
    # The service starts again: what was reported is known.
    host.write("looks/0", "")
    host.run("boot/sv/mirror/run")
    assert len(host.marks()) == 3
