"""xenith update --loader: the boot loader of the running version replaces the one on the disk,
and nothing else ever does."""

import random
import subprocess

import pytest

import drives
import loaders
import outside
import test_power
from conftest import run

DIFFERS = "the boot loader on sda differs from that of the running system: xenith update --loader replaces it"

traced = test_power.traced


@pytest.fixture
def newer(host):
    """The running version brings another boot loader than the disk has."""
    host.has_loader("2")
    return host


def checked(host):
    run(drives.tool("fsck.fat", "dosfstools"), "-n", host.top / "dev/sda2")


def test_the_loader_is_replaced(newer):
    assert newer.updated("--loader") == \
        "the boot loader on sda is that of 1 from now on; written: GRUB for BIOS, GRUB for UEFI, the menu\n"
    assert newer.boots_with("2")
    assert newer.state() == {"slot": "a", "try": "", "pending": "", "failed": ""}
    checked(newer)
    assert newer.updated("--loader") == "the boot loader on sda is that of 1 already; nothing to do\n"


def test_only_the_menu(host, tmp_path):
    directory = tmp_path / "other"
    run("cp", "-r", host.maker.loader("1").directory, directory)
    (directory / "grub.cfg").write_text("another menu\n")
    (host.top / "usr/share/xenith/loader").unlink()
    (host.top / "usr/share/xenith/loader").symlink_to(directory)
    assert host.updated("--loader").endswith("; written: the menu\n")
    assert run(host.real_slot, "cat", host.top / "dev/sda2", "grub/grub.cfg") == b"another menu\n"


def test_the_same_is_not_written(host):
    before = host.snapshot()
    assert host.updated("--loader") == "the boot loader on sda is that of 1 already; nothing to do\n"
    assert host.snapshot() == before


def test_an_update_never_changes_it(newer):
    disk = (newer.top / "dev/sda").read_bytes()
    newer.updated(newer.maker.update("2", 20))
    assert newer.boots_with("1") and (newer.top / "dev/sda").read_bytes() == disk


def test_it_is_said_where_it_differs(newer):
    assert DIFFERS in newer.updated("--list").splitlines()
    assert newer.run("boot/65-update").returncode == 0
    assert "loader=differs" in newer.text("run/xenith/slots").splitlines()
    newer.updated("--loader")
    assert "loader=same" in newer.text("run/xenith/slots").splitlines()
    assert "boot loader" not in newer.updated("--list")
    assert newer.run("boot/65-update").returncode == 0
    assert "loader=same" in newer.text("run/xenith/slots").splitlines()


def test_a_boot_that_cannot_read_it(newer):
    (newer.top / "dev/sda").write_bytes(bytes(1 << 20))
    assert newer.run("boot/65-update").returncode == 0
    assert "loader=" in newer.text("run/xenith/slots").splitlines()
    assert "cannot read the boot loader on sda: " in newer.updated("--list")


def test_foreign_boot_code(newer):
    path = newer.top / "dev/sda"
    path.write_bytes(b"other".ljust(440, b"\x90") + path.read_bytes()[440:])
    before = path.read_bytes()
    said = newer.updated("--loader")
    assert "written: GRUB for UEFI, the menu\n" in said
    assert "the boot code in the first sector of sda is not that of Xenith, and was left alone\n" in said
    assert path.read_bytes() == before


# ---- what is refused ----

def test_a_live_image(newer):
    newer.write("proc/cmdline", "xenith.medium=X quiet\n")
    assert newer.refused("--loader").startswith("this host runs from a live image, which has no slots")


def test_a_trial(newer):
    newer.updated(newer.maker.update("2", 20))
    assert newer.refused("--loader") == "cannot replace the boot loader: 2 in slot b is tried at the next boot: " \
        "wait until it is committed, or withdraw it with xenith update --rollback"
    newer.boot("b", "xenith.try=1")
    newer.set("try=")
    assert "cannot replace the boot loader: 2 in slot b is on trial: wait until it is committed" in newer.refused("--loader")
    newer.updated("--commit")
    newer.updated("--loader")
    assert newer.boots_with("2")


def test_a_version_that_is_not_committed(newer):
    newer.boot("b")
    assert newer.refused("--loader").startswith("cannot replace the boot loader: 0.9 runs (slot b), and 1 in slot a is committed")


def test_a_version_without_a_loader(newer):
    (newer.top / "usr/share/xenith/loader").unlink()
    assert newer.refused("--loader") == "cannot replace the boot loader: 1 has no files for it in /usr/share/xenith/loader"


@pytest.mark.parametrize("words", [("--commit",), ("x.update",), ("--reboot",)])
def test_the_command_line(newer, words):
    assert newer.refused("--loader", *words, status=2)


def test_no_room(newer, tmp_path):
    directory = tmp_path / "big"
    big = loaders.Loader(directory, "big")
    big.write("bios.img", loaders.core("big", sectors=1025))
    (newer.top / "usr/share/xenith/loader").unlink()
    (newer.top / "usr/share/xenith/loader").symlink_to(directory)
    said = newer.refused("--loader")
    assert said.startswith("cannot replace the boot loader on sda: ")
    assert said.endswith("half of xenith-bios has room for 524288; it is as before")


def test_a_disk_that_fails(newer):
    assert newer.refused("--loader", BREAK="loader-write").endswith("Input/output error; it is as before")


# ---- power cuts ----

def recorded(path):
    """The writes of a trace: (file, offset, data)."""
    data = path.read_bytes()
    found = []
    while data:
        head, data = data.split(b"\n", 1)
        name, *numbers = head.decode().split(" ")
        if numbers == ["flush"]:
            continue
        offset, length = map(int, numbers)
        found.append((name, offset, data[:length]))
        data = data[length:]
    return found


def test_power_cuts(newer, traced):
    """After each write the host boots by the old or the new loader, its state and slots are
    as before, and the same command completes it."""
    newer.real_slot = traced
    before = newer.snapshot()
    trace = newer.top / "trace"
    newer.update("--loader", SLOT_TRACE=str(trace))
    writes = recorded(trace)
    assert newer.boots_with("2") and len(writes) > 8
    for count in range(len(writes)):
        for name in ("sda", "sda2"):
            (newer.top / "dev" / name).write_bytes(before[name])
        for path, offset, data in writes[:count]:
            with open(path, "r+b") as out:
                out.seek(offset)
                out.write(data)
        old, new = newer.maker.loader("1"), newer.maker.loader("2")
        assert loaders.by_bios(newer.top / "dev/sda") in [(each.boot[:440], each.core) for each in (old, new)]
        assert run(traced, "cat", newer.top / "dev/sda2", "EFI/BOOT/BOOTX64.EFI") in (old.efi, new.efi)
        assert newer.state() == {"slot": "a", "try": "", "pending": "", "failed": ""}
        newer.updated("--loader")
        assert newer.boots_with("2"), count
        checked(newer)


@pytest.fixture
def cuts(newer, traced, tmp_path):
    return test_power.Cuts(newer, traced, tmp_path / "cuts")


def test_power_cuts_of_a_machine(cuts, newer, traced):
    """With what the flushes allow, and between other commands, as GRUB's code reads the disk."""
    known = [newer.maker.loader(name) for name in ("1", "2")]

    def whole(image):
        if loaders.by_bios(image.file("disk")) not in [(each.boot[:440], each.core) for each in known]:
            raise outside.Bad("BIOS finds no whole loader")
        for path, wanted in (("EFI/BOOT/BOOTX64.EFI", "efi"), ("grub/grub.cfg", "menu")):
            found = subprocess.run([traced, "cat", image.file("esp"), path], capture_output=True, check=False)
            if found.stdout not in [getattr(each, wanted) for each in known]:
                raise outside.Bad("%s is no whole one: %s" % (path, found.stderr))
    cuts.do("loader", "--loader")
    cuts.do("update", newer.maker.update("2", 20))
    cuts.do("withdrawn", "--rollback")
    newer.has_loader("1")
    cuts.do("back", "--loader")
    seed = str(random.randrange(1000000))
    result = cuts.replay(traced, seed, whole)
    assert result.bad == [], "seed %s" % seed
    assert result.points >= test_power.POINTS
