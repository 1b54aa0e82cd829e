"""The choice of the configuration drive, and the wait for it."""
import hashlib
import io
import shutil
import tarfile

import pytest

from conftest import UEVENT

LABEL = "XENITH-CFG"
OURS = "1A2B-3C4D"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDgIwXnLCyvmF6b1jGz0n5VHnFuDRcnLy8oP3cZ2rAB guest\n"
THEIRS = "0c7f1e5a-5f0e-4c57-9f0a-3f2f1f8a6a11"


def boot(host, image="", words=""):
    """Run the script in an image with this host.conf; return the final settings."""
    host.write("run/xenith/sources/image/host.conf", "hostname=image\n" + image)
    host.write("proc/cmdline", f"quiet {words}\n")
    host.forget()
    host.run("boot/30-config")
    return host.conf()


def ours(host, name="sdb1", at=None):
    host.disk(name, LABEL, OURS, {"host.conf": "hostname=ours\n"}, at)


def theirs(host, name="sda3"):
    """A configuration that a guest wrote to its partition."""
    host.disk(name, LABEL, THEIRS, {"host.conf": "hostname=theirs\n", "authorized_keys": KEY})


def test_no_drive(host):
    host.disk("sda")
    assert boot(host)["hostname"] == "image"
    assert (host.marks(), host.waits()) == ([], 0)


def test_drive(host):
    ours(host)
    assert boot(host)["hostname"] == "ours"
    assert host.marks() == []
    assert host.text("mount.log").startswith("-o ro,nosuid,nodev,noexec ")


def test_disk_and_its_partition_are_one_drive(host):
    ours(host, "sdb")
    ours(host, "sdb1")
    assert boot(host)["hostname"] == "ours"
    assert host.marks() == []


def refused(host, *drives):
    """What is said of several."""
    named = "".join(f" {host.top}/dev/{name} (UUID {uuid})" for name, uuid in drives)
    return ["config drive:0: several drives are labelled XENITH-CFG, and none is used:" + named,
            "config drive:0: say which one is yours: config_drive=UUID in the image's host.conf, or "
            "xenith.config_drive=UUID on the kernel's command line for one boot; or give the others another "
            "label or UUID"]


def test_of_two_drives_none_is_used(host):
    theirs(host)
    ours(host)
    assert boot(host)["hostname"] == "image"
    assert host.marks() == refused(host, ("sda3", THEIRS), ("sdb1", OURS))
    assert host.text("mount.log") == ""


def test_a_copy_of_the_drive_is_another(host):
    """Of the same UUID, on another disk."""
    for name in ("sda1", "sdb1"):
        ours(host, name)
    assert boot(host)["hostname"] == "image"
    assert host.marks() == refused(host, ("sda1", OURS), ("sdb1", OURS))
    assert boot(host, words=f"xenith.config_drive={OURS}")["hostname"] == "image"


MEDIUM = "XENITH-0123456789AB"


@pytest.mark.parametrize("image_on", ["sdb", "sdb1"])
def test_of_two_drives_the_one_beside_the_image(host, image_on):
    """On the stick that was booted from, be the image's label on the disk or on a partition."""
    theirs(host)
    host.disk(image_on, MEDIUM, "2026-11-22-10-19-05-00")
    ours(host, "sdb3")
    assert boot(host, words=f"xenith.medium={MEDIUM}")["hostname"] == "ours"
    assert host.marks() == []
    assert host.text("run/xenith/medium") == f"id {MEDIUM}\ndevice {host.top}/dev/{image_on}\n"


def test_of_two_drives_beside_the_image_none_is_used(host):
    host.disk("sdb", MEDIUM, "2026-11-22-10-19-05-00")
    ours(host, "sdb3")
    host.disk("sdb4", LABEL, THEIRS, {"host.conf": "hostname=theirs\n"})
    assert boot(host, words=f"xenith.medium={MEDIUM}")["hostname"] == "image"
    assert host.marks() == refused(host, ("sdb3", OURS), ("sdb4", THEIRS))


def test_disk_that_claims_to_be_the_medium(host):
    """A guest can write that label, too."""
    host.disk("sda", MEDIUM, "2026-11-22-10-19-05-00")
    theirs(host)
    host.disk("sdb", MEDIUM, "2026-11-22-10-19-05-00")
    ours(host, "sdb3")
    assert boot(host, words=f"xenith.medium={MEDIUM}")["hostname"] == "image"
    assert host.marks() == refused(host, ("sda3", THEIRS), ("sdb3", OURS))


def test_drive_that_cannot_be_mounted(host):
    host.disk("sdb1", LABEL, OURS)
    assert boot(host)["hostname"] == "image"
    assert host.marks() == [f"config {host.top}/dev/sdb1:0: labelled XENITH-CFG, but it cannot be mounted"]


def test_ignored_by_the_menu(host):
    ours(host)
    assert boot(host, words="xenith.config=ignore")["hostname"] == "image"


@pytest.mark.parametrize("name", ["dm-0", "md0", "loop0", "nbd0", "xvda"])
def test_what_is_no_drive(host, name):
    theirs(host, name)
    assert boot(host)["hostname"] == "image"


# --- config_drive

@pytest.mark.parametrize("image, words", [
    (f"config_drive={OURS}\n", ""),
    (f"config_drive={OURS.lower()}\n", ""),
    ("", f"xenith.config_drive={OURS}"),
    ("config_drive=no\n", f"xenith.config_drive={OURS}"),
])
def test_the_drive_of_that_uuid(host, image, words):
    """No other drive is used, whichever is found first."""
    theirs(host)
    ours(host)
    assert boot(host, image, words)["hostname"] == "ours"
    assert not (host.top / "config/authorized_keys").exists()
    assert host.marks() == []


def test_no_drive_of_that_uuid(host):
    theirs(host)
    assert boot(host, f"config_drive={OURS}\n")["hostname"] == "image"
    assert host.marks() == [f"config drive:0: nothing labelled XENITH-CFG has the UUID {OURS} (config_drive)"]
    assert host.text("mount.log") == ""


def test_uuid_without_the_label(host):
    host.disk("sdb1", "DATA", OURS, {"host.conf": "hostname=data\n"})
    assert boot(host, f"config_drive={OURS}\n")["hostname"] == "image"


@pytest.mark.parametrize("image, words", [
    ("config_drive=no\n", ""), ("", "xenith.config_drive=no"),
    (f"config_drive={OURS}\n", "xenith.config_drive=no"),
])
def test_no_drive_at_all(host, image, words):
    """No drive is searched or awaited."""
    (host.top / "sys/class/nvme/nvme0").mkdir(parents=True)
    theirs(host)
    ours(host)
    settings = boot(host, image, words)
    assert (settings["hostname"], settings["config_drive"]) == ("image", "no")
    assert (host.marks(), host.text("blkid.log"), host.waits()) == ([], "", 0)


def test_a_mistake_lets_no_drive_in(host):
    ours(host)
    settings = boot(host, f"config_drive={OURS}\n", "xenith.config_drive=none")
    assert (settings["hostname"], settings["config_drive"]) == ("image", "no")
    assert len(host.marks()) == 1 and "no drive is used" in host.marks()[0]


def test_a_drive_cannot_let_others_in(host):
    host.disk("sdb1", LABEL, OURS, {"host.conf": "config_drive=any\nhostname=ours\n"})
    settings = boot(host, f"config_drive={OURS}\n")
    assert (settings["hostname"], settings["config_drive"]) == ("ours", OURS)
    assert len(host.marks()) == 1 and "config_drive holds only in" in host.marks()[0]


# --- Waiting

@pytest.fixture
def usb(host):
    """A machine that detects some of its disks late."""
    (host.top / "sys/bus/usb/devices/usb1").mkdir(parents=True)
    return host


def test_late_drive_of_a_machine_without_slow_devices(host):
    ours(host, at=1)
    assert boot(host)["hostname"] == "image"
    assert host.waits() == 0


def test_nothing_appears(usb):
    """The wait is half a second."""
    assert boot(usb)["hostname"] == "image"
    assert usb.waits() == 5


def test_drive_that_appears(usb):
    ours(usb, at=3)
    assert boot(usb)["hostname"] == "ours"
    assert usb.waits() == 4


def test_drive_that_appears_after_others(usb):
    """Each new device restarts the wait."""
    usb.disk("sda", at=4)
    usb.disk("sdc", at=8)
    usb.disk("sdd", at=12)
    ours(usb, at=16)
    assert boot(usb)["hostname"] == "ours"


@pytest.fixture
def stick(usb):
    """A stick that is still being probed; returns its directory."""
    interface = usb.top / "sys/bus/usb/drivers/usb-storage/1-1:1.0"
    interface.mkdir(parents=True)
    return interface


def disk_of(stick):
    """The command that adds the stick's disk to /sys."""
    return f"mkdir -p {stick}/host0/target0/block"


@pytest.mark.parametrize("announced, waits", [(30, 31), (31, 32)])
def test_stick_that_says_what_it_is(usb, stick, announced, waits):
    """The kernel may add the disk to /sys a moment before the event."""
    usb.at(30, disk_of(stick))
    ours(usb, at=announced)
    assert boot(usb)["hostname"] == "ours"
    assert usb.waits() == waits


def test_stick_that_says_so_during_the_look(usb, stick):
    """Its disk appears between the check for events and the check for disks."""
    ours(usb, at="disk")
    find = usb.top / "bin/find"
    find.unlink(missing_ok=True)
    find.write_text(f"""#!/bin/sh
if [ $(wc -c <$FAKE/waits) = 30 ]; then
	{disk_of(stick)}
	sh -eu $FAKE/at/disk
fi
exec {shutil.which("find")} "$@"
""")
    find.chmod(0o755)
    assert boot(usb)["hostname"] == "ours"
    assert usb.waits() == 32


def test_stick_without_a_configuration(usb, stick):
    """After it was probed, the wait is half a second."""
    usb.disk("sdb", at=30)
    usb.at(30, disk_of(stick))
    assert boot(usb)["hostname"] == "image"
    assert usb.waits() == 35


def test_the_end_of_the_wait_is_a_last_look(usb):
    """A last search follows the timeout, even while devices still appear."""
    for number in range(1, 20):
        usb.at(number, UEVENT)
    ours(usb, at=20)
    assert boot(usb, "config_wait=2\n")["hostname"] == "ours"


@pytest.mark.parametrize("seconds", [0, 2])
def test_no_longer_than_config_wait(usb, seconds):
    """The probe of the stick never ends."""
    (usb.top / "sys/bus/usb/drivers/uas/1-1:1.0").mkdir(parents=True)
    assert boot(usb, f"config_wait={seconds}\n")["hostname"] == "image"
    assert usb.waits() == seconds * 10


def test_another_drive_does_not_end_the_wait(usb):
    theirs(usb)
    ours(usb, at=3)
    assert boot(usb, f"config_drive={OURS}\n")["hostname"] == "ours"
    assert usb.marks() == []


# --- eMMC and SD cards: their driver finds them in the background

@pytest.fixture
def card(host):
    """A detected card without a disk yet; returns its directory."""
    host.write("sys/class/mmc_host/mmc0/mmc0:0001/type", "MMC\n")
    return host.top / "sys/class/mmc_host/mmc0/mmc0:0001"


def test_card_reader_that_is_empty(host):
    """The wait is half a second."""
    (host.top / "sys/class/mmc_host/mmc0").mkdir(parents=True)
    assert boot(host)["hostname"] == "image"
    assert host.waits() == 5


def test_card_that_appears(host):
    (host.top / "sys/class/mmc_host/mmc0").mkdir(parents=True)
    ours(host, "mmcblk0p1", at=3)
    assert boot(host)["hostname"] == "ours"
    assert host.waits() == 4


def test_card_whose_disk_is_late(host, card):
    """The module for its disk is loaded late."""
    host.at(30, f"mkdir -p {card}/block")
    ours(host, "mmcblk0p1", at=31)
    assert boot(host)["hostname"] == "ours"
    assert host.waits() == 32


def test_card_that_never_has_a_disk(host, card):
    """For example, a wireless card."""
    (card / "type").write_text("SDIO\n")
    assert boot(host)["hostname"] == "image"
    assert host.waits() == 5


def generation(files, before=None):
    """What `xenith save` writes to the drive."""
    manifest = "xenith-config 1\nnumber 00000002\ntime 2026-11-30 09:00\ntext test\n" + "".join(
        f"{word} {hashlib.sha256(text.encode()).hexdigest()} {name}\n"
        for word, tree in (("before", before or {}), ("file", files)) for name, text in sorted(tree.items()))
    manifest += f"end {hashlib.sha256(manifest.encode()).hexdigest()}\n"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in [("generation", manifest), *sorted(files.items())]:
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def saved(host, data, *settled):
    host.disk("sdb1", LABEL, OURS, {"host.conf": "hostname=half\n", "saved/00000001": "", "images/kernel": "kernel"})
    directory = host.top / "content/sdb1/saved"
    (directory / "00000002").write_bytes(data)
    for number in settled:
        (directory / f"{number}.OK").touch()


def test_a_save_that_was_cut_off(host):
    """The newest complete generation, from memory, since this drive cannot be written to."""
    saved(host, generation({"host.conf": "hostname=saved\n"}, {"host.conf": "hostname=half\n"}))
    assert boot(host)["hostname"] == "saved"
    assert [mark.replace(str(host.top), "") for mark in host.marks()] == \
        ["config /run/xenith/sources/drive/saved/00000002:0: warning: a save was cut off; generation 2 is complete, and used"]
    assert (host.top / "config/images/kernel").read_text() == "kernel"


def test_a_save_that_was_cut_off_early(host):
    """Its generation is not complete: the files are as they were."""
    saved(host, generation({"host.conf": "hostname=saved\n"})[:1000])
    assert (boot(host)["hostname"], host.marks()) == ("half", [])


def test_files_that_were_edited_after_a_save(host):
    saved(host, generation({"host.conf": "hostname=saved\n"}), "00000002")
    assert (boot(host)["hostname"], host.marks()) == ("half", [])


def test_what_the_boot_made_is_kept_for_comparison(host):
    host.disk("sdb1", LABEL, OURS, {"authorized_keys": KEY, "domains/web.cfg": "name = \"web\"\n"})
    boot(host)
    for path in ("host.conf", "authorized_keys", "domains/web.cfg"):
        assert host.text(f"run/xenith/merged/{path}") == host.text(f"config/{path}") != ""
    assert (host.top / "run/xenith/merged").stat().st_mode & 0o777 == 0o700


# --- Kernels of the domains

KERNELS = {"a.cfg": 'kernel = "@/a kernel"\n', "b.cfg": " kernel='@/b'\n#kernel = \"@/c\"\n", "d.cfg": 'kernel = "@/a kernel"\n',
           "e.cfg": 'kernel="@/missing"\n'}


@pytest.mark.parametrize("autostart, read", [("", ["a kernel", "b"]), ("autostart=no\n", [])])
def test_kernels_are_read_ahead(host, autostart, read):
    """Each once, at the lowest priority, and none if no domain starts by itself."""
    for name in ("a kernel", "b", "c"):
        host.write(name, "kernel")
    host.write("bin/nice", '#!/bin/sh\necho "$*" >>"$FAKE/nice.log"\n')
    (host.top / "bin/nice").chmod(0o755)
    host.disk("sdb1", LABEL, OURS, {"host.conf": autostart,
                                    **{f"domains/{name}": text.replace("@", str(host.top)) for name, text in KERNELS.items()}})
    boot(host)
    assert host.text("nice.log").splitlines() == [f"-n 19 cat {host.top}/{name}" for name in read]


def test_a_named_drive_that_appears_during_the_first_look(host):
    """It is looked for once more: the devices are asked while the settings are still being read."""
    ours(host)
    systems = host.text("file-systems")
    host.write("file-systems", "")
    blkid = host.text("bin/blkid")
    host.write("bin/blkid", blkid.replace("set -eu\n", 'set -eu\n[ ! -e "$FAKE/blkid.log" ] || cp "$FAKE/then" "$FAKE/file-systems"\n'))
    (host.top / "bin/blkid").chmod(0o755)
    host.write("then", systems)
    assert boot(host, words=f"xenith.config_drive={OURS}")["hostname"] == "ours"
