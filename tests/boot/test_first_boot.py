"""The first boot of a disk that was written from xenith.img."""

import shutil

import pytest

from conftest import HERE, LIBRARY, TOP

UUID = "11111111-2222-8333-a444-555555555555"
REST = "xenith-data E6D6D379-F507-44C2-A23C-238F2A3DF928"


@pytest.fixture
def installed(host):
    """A host that was booted from slot a of the disk sda."""
    (host.top / LIBRARY / "slot").symlink_to(HERE / "fake/slot")
    (host.top / "usr/share/xenith").mkdir(parents=True)
    shutil.copy(TOP / "install/layout", host.top / "usr/share/xenith/layout")
    (host.top / "sys/devices/sda").mkdir(parents=True)
    (host.top / "sys/class/block/sda").symlink_to(host.top / "sys/devices/sda")
    host.write("sys/devices/sda/size", "4194304\n")
    for number, label in enumerate(("xenith-bios", "xenith-esp", "xenith-a", "xenith-b"), 1):
        host.disk(f"sda{number}")
        host.write(f"sys/devices/sda/sda{number}/uevent", f"PARTNAME={label}\n")
    host.disk("sda5", "XENITH-CFG", UUID, {"host.conf": "hostname=ours\nmax_cstate=1\n"})
    host.write("sys/devices/sda/sda5/uevent", "PARTNAME=XENITH-CFG\n")
    host.write("proc/cmdline", f"xenith.slot=a xenith.config_drive={UUID}\n")
    host.write("proc/sys/kernel/random/uuid", "77777777-0000-4000-8000-000000000001\n")
    return host


def identity(host, kind):
    host.write("identity", f"guid=OLD\nfrom={kind}\n")


def boot(host):
    """Run the script; returns the calls of slot."""
    host.forget()
    host.run("boot/30-config")
    assert host.conf()["hostname"] == "ours"
    return [line.replace(str(host.top), "") for line in host.text("slot.log").splitlines()]


@pytest.mark.parametrize("kind", ["image", "cut"])
def test_a_first_boot(installed, kind):
    identity(installed, kind)
    assert boot(installed) == ["identity /dev/sda", f"identify /dev/sda {REST}", "identity /dev/sda"]
    assert installed.marks() == ["first boot of this disk: it is NEW from now on"]


def test_the_keys_of_a_first_boot(installed):
    """They are on the drive and in use."""
    identity(installed, "image")
    boot(installed)
    drive = installed.top / "run/xenith/sources/drive"
    assert (drive / "installation").read_text() == "id=77777777-0000-4000-8000-000000000001\n"
    assert (drive / "ssh/dropbear_ed25519_host_key").read_text() == "key\n"
    assert installed.text("config/ssh/dropbear_ed25519_host_key") == "key\n"
    # Written to for no longer than that.
    modes = [line.split()[1].split(",") for line in installed.text("mount.log").splitlines()]
    assert [("rw" in mode, "ro" in mode) for mode in modes] == [(False, True), (True, False), (False, True)]


@pytest.mark.parametrize("missing", ["installation", "ssh"])
def test_a_first_boot_that_was_cut_off(installed, missing):
    """What is there stays."""
    identity(installed, "own")
    content = installed.top / "content/sda5"
    (content / "ssh").mkdir()
    if missing != "ssh":
        (content / "ssh/dropbear_rsa_host_key").write_text("theirs\n")
    if missing != "installation":
        (content / "installation").write_text("id=theirs\n")
    (content / "ssh/.new").write_text("half")
    assert boot(installed) == ["identity /dev/sda"]
    drive = installed.top / "run/xenith/sources/drive"
    made = {path.relative_to(drive).as_posix(): path.read_text() for path in drive.rglob("*")
            if path.name == "installation" or "host_key" in path.name}
    assert made == {
        "installation": {"installation": "id=theirs\nid=77777777-0000-4000-8000-000000000001\n",
                         "ssh": "id=theirs\n"}[missing].splitlines(True)[-1],
        **({"ssh/dropbear_ed25519_host_key": "key\n"} if missing == "ssh" else {"ssh/dropbear_rsa_host_key": "theirs\n"})}
    assert installed.marks() == []


def test_another_boot_writes_nothing(installed):
    identity(installed, "own")
    content = installed.top / "content/sda5"
    (content / "ssh").mkdir()
    (content / "ssh/dropbear_ed25519_host_key").write_text("ours\n")
    (content / "installation").write_text("id=ours\n")
    assert boot(installed) == ["identity /dev/sda"]
    assert len(installed.text("mount.log").splitlines()) == 1
    assert installed.text("config/ssh/dropbear_ed25519_host_key") == "ours\n"
    assert installed.marks() == []


def test_a_live_image_does_nothing(installed):
    identity(installed, "image")
    installed.write("proc/cmdline", f"xenith.medium=XENITH-0123456789AB xenith.config_drive={UUID}\n")
    assert boot(installed) == []
    assert len(installed.text("mount.log").splitlines()) == 1


def test_a_live_image_leaves_the_configuration_of_an_installed_disk(installed):
    """It takes another drive, and is not confused by two."""
    installed.write("proc/cmdline", "xenith.medium=XENITH-0123456789AB\n")
    installed.run("boot/30-config")
    assert installed.conf()["hostname"] == "xenith" and not installed.text("mount.log")
    installed.disk("sdb1", "XENITH-CFG", "1A2B-3C4D", {"host.conf": "hostname=ours\n"})
    assert boot(installed) == []
    assert installed.marks() == []


def test_a_drive_on_another_disk(installed):
    """The user asked for it; that disk is none of ours."""
    identity(installed, "image")
    installed.disk("sdb1", "XENITH-CFG", "1A2B-3C4D", {"host.conf": "hostname=ours\n"})
    installed.write("proc/cmdline", "xenith.slot=a xenith.config_drive=1A2B-3C4D\n")
    assert boot(installed) == []


def test_a_disk_that_fails(installed):
    identity(installed, "image")
    installed.write("broken", "")
    installed.write("read-only", "")
    assert boot(installed) == ["identity /dev/sda"]
    assert installed.marks() == [
        f"config {installed.top}/dev/sda:0: cannot give this disk an identity of its own: {installed.top}/dev/sda: Input/output error",
        f"config {installed.top}/run/xenith/sources/drive:0: cannot make the host's key: the drive is read-only"]


def test_options_of_xen_are_set_on_the_drive(installed):
    """Only here: a live image could not pass them on."""
    identity(installed, "own")
    boot(installed)
    assert installed.conf()["max_cstate"] == "1"
    installed.write("proc/cmdline", f"xenith.config_drive={UUID}\n")
    boot(installed)
    assert installed.conf()["max_cstate"] == ""
    assert "max_cstate holds only in an image" in installed.text("dev/console")


# --- Other drives with the label

def stick(host, uuid="1A2B-3C4D"):
    host.disk("sdb1", "XENITH-CFG", uuid, {"host.conf": "hostname=stick\n"})


def ignored(host, name, uuid, used=UUID):
    return (f"config {host.top}/dev/{name}:0: labelled XENITH-CFG (UUID {uuid}), and ignored, because the boot loader says "
            f"config_drive={used}; the boot menu's entry \"use another configuration drive\" uses it for one boot, "
            "and another label ends this message")


def test_another_drive_is_named(installed):
    identity(installed, "own")
    stick(installed)
    boot(installed)
    assert installed.marks() == [ignored(installed, "sdb1", "1A2B-3C4D")]


@pytest.mark.parametrize("word", ["no", "5555-AAAA"])
def test_another_drive_when_the_own_one_is_lost(installed, word):
    installed.write("proc/cmdline", f"xenith.slot=a xenith.config_drive={word}\n")
    stick(installed)
    installed.run("boot/30-config")
    assert ignored(installed, "sdb1", "1A2B-3C4D", word) in installed.marks()
    assert ignored(installed, "sda5", UUID, word) in installed.marks()
    assert "hostname=stick" not in installed.text("config/host.conf")


ANY = f"xenith.slot=a xenith.config_drive={UUID} xenith.config_drive=any xenith.entry=otherconfig\n"


def test_another_drive_by_the_menu(installed):
    """It is not written to."""
    installed.write("proc/cmdline", ANY)
    stick(installed)
    installed.run("boot/30-config")
    assert installed.conf()["hostname"] == "stick" and installed.marks() == []
    assert "remount" not in installed.text("mount.log")


def test_another_drive_that_appears_later(installed):
    """The host's own one is there at once."""
    installed.write("proc/cmdline", ANY)
    (installed.top / "sys/class/nvme/nvme0").mkdir(parents=True)
    installed.disk("sdb1", "XENITH-CFG", "1A2B-3C4D", {"host.conf": "hostname=stick\n"}, at=4)
    installed.run("boot/30-config")
    assert installed.conf()["hostname"] == "stick"


def test_several_other_drives_by_the_menu(installed):
    installed.write("proc/cmdline", ANY)
    stick(installed)
    installed.disk("sdc1", "XENITH-CFG", "5555-AAAA", {"host.conf": "hostname=other\n"})
    installed.run("boot/30-config")
    assert "several drives are labelled XENITH-CFG, and none is used" in installed.marks()[0]


def test_no_other_drive_for_the_menu(installed):
    """The host's own configuration, as always."""
    identity(installed, "own")
    installed.write("proc/cmdline", ANY)
    boot(installed)
