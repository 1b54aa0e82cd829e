"""Replacing the boot loader: GRUB for BIOS in a disk with a partition table, GRUB for UEFI
and its menu in a file system. A disk that was cut off is read as firmware would read it."""

import os
import subprocess

import pytest

import drives
from conftest import Fat, block, run, write_states
from loaders import BIOS_AT, BIOS_SIZE, SECTOR, Loader, by_bios, core, make_disk

class Installed:
    """A disk with the boot loader of a version, and its EFI system partition."""

    def __init__(self, top, loader, bits=32, sector=SECTOR):
        self.disk = top / "disk"
        make_disk(self.disk, loader, sector)
        self.esp = Fat(top / "esp", kib=34000 if bits == 32 else 4096, bits=bits, cluster=1)
        self.esp.mkdir("EFI")
        self.esp.mkdir("EFI/BOOT")
        self.esp.mkdir("grub")
        write_states(self.esp, block(1), block(2))
        self.esp.put("grub/grub.cfg", loader.menu)
        self.esp.put("EFI/BOOT/BOOTX64.EFI", loader.efi)
        self.checked()

    def poke(self, offset, data):
        with open(self.disk, "r+b") as out:
            out.seek(offset)
            out.write(data)

    def bytes(self):
        return self.disk.read_bytes(), self.esp.path.read_bytes()

    def restore(self, content):
        """Writes only what has changed: the program waits until all is on the disk."""
        step = 1 << 16
        for path, data in zip((self.disk, self.esp.path), content):
            with open(path, "r+b") as file:
                for at in range(0, len(data), step):
                    file.seek(at)
                    if file.read(step) != data[at:at + step]:
                        file.seek(at)
                        file.write(data[at:at + step])

    def by_uefi(self):
        return self.esp.mtool("mtype", "::/EFI/BOOT/BOOTX64.EFI"), self.esp.mtool("mtype", "::/grub/grub.cfg")

    def has(self, loader):
        return by_bios(self.disk) == (loader.boot[:440], loader.core) and self.by_uefi() == (loader.efi, loader.menu)

    def checked(self):
        run(drives.tool("fsck.fat", "dosfstools"), "-n", self.esp.path)


@pytest.fixture
def loaders(tmp_path):
    """The second one is larger."""
    return Loader(tmp_path / "one", "one"), Loader(tmp_path / "two", "second", sectors=75)


@pytest.fixture(params=[16, 32])
def installed(tmp_path, loaders, request):
    return Installed(tmp_path, loaders[0], bits=request.param)


def answer(slot, installed, loader, command="loader", **options):
    text = slot.ok(command, installed.disk, installed.esp, loader.directory, **options)
    return dict(line.split("=") for line in text.splitlines())


ALL = ("bios", "efi", "menu")


def test_what_differs(slot, installed, loaders):
    before = installed.bytes()
    assert answer(slot, installed, loaders[0]) == dict.fromkeys(ALL, "same")
    assert answer(slot, installed, loaders[1]) == dict.fromkeys(ALL, "differs")
    assert installed.bytes() == before


@pytest.mark.parametrize("name, key", [("boot.img", "bios"), ("bios.img", "bios"), ("BOOTX64.EFI", "efi"), ("grub.cfg", "menu")])
def test_only_what_differs_is_written(slot, installed, loaders, name, key):
    old = loaders[0]
    data = bytearray((old.directory / name).read_bytes())
    data[-1 if name != "boot.img" else 439] ^= 1
    old.write(name, data)
    before = installed.bytes()
    said = answer(slot, installed, old, "loader-write")
    assert said == {**dict.fromkeys(ALL, "same"), key: "written"}
    after = installed.bytes()
    assert (after[0] == before[0], after[1] == before[1]) == (key != "bios", key == "bios")
    assert answer(slot, installed, old) == dict.fromkeys(ALL, "same")
    installed.checked()


def test_write(slot, installed, loaders):
    """To and fro: the halves of xenith-bios take turns, and no cluster is lost."""
    old, new = loaders
    table = installed.disk.read_bytes()[440:BIOS_AT], installed.disk.read_bytes()[BIOS_AT + BIOS_SIZE:]
    for turn in range(6):
        loader = loaders[(turn + 1) % 2]
        assert answer(slot, installed, loader, "loader-write") == dict.fromkeys(ALL, "written")
        assert installed.has(loader)
        installed.checked()
        assert (installed.disk.read_bytes()[440:BIOS_AT], installed.disk.read_bytes()[BIOS_AT + BIOS_SIZE:]) == table
        assert answer(slot, installed, loader) == dict.fromkeys(ALL, "same")
        content = installed.bytes()
        assert answer(slot, installed, loader, "loader-write") == dict.fromkeys(ALL, "same")
        assert installed.bytes() == content
    assert slot.state(installed.esp)["seq"] == "00000002"
    assert installed.has(old) and new


def test_the_state_may_still_be_written(slot, installed, loaders):
    answer(slot, installed, loaders[1], "loader-write")
    slot.ok("set", installed.esp, "try=b", "pending=b")
    assert slot.state(installed.esp)["try"] == "b"
    installed.checked()


# ---- power cuts ----

def written(path):
    """The recorded writes: (path, offset, data)."""
    data = path.read_bytes()
    found = []
    while data:
        head, data = data.split(b"\n", 1)
        offset, length, name = head.split(b" ", 2)
        found.append((name.decode(), int(offset), data[:int(length)]))
        data = data[int(length):]
    return found


def prefixes(writes):
    """Each list of writes that a cut may leave: whole ones, and the last one torn."""
    for count, (name, offset, data) in enumerate(writes):
        yield writes[:count]
        half = len(data) // 2 // SECTOR * SECTOR
        if half:
            yield writes[:count] + [(name, offset, data[:half])]
            yield writes[:count] + [(name, offset + half, data[half:])]
    yield writes


def test_power_cuts(slot, installed, loaders, tmp_path):
    """After each write, and in the middle of it: BIOS and UEFI find all of one loader, the
    boot state is there, and the command completes what was cut off."""
    old, new = loaders
    before = installed.bytes()
    log = tmp_path / "writes"
    answer(slot, installed, new, "loader-write", env={"SLOT_WRITES": str(log)})
    writes = written(log)
    assert len(writes) >= 8
    files = {str(installed.disk): installed.disk, str(installed.esp): installed.esp.path}
    seen = set()
    for cut in prefixes(writes):
        installed.restore(before)
        for name, offset, data in cut:
            with open(files[name], "r+b") as out:
                out.seek(offset)
                out.write(data)
        bios, uefi, menu = by_bios(installed.disk), *installed.by_uefi()
        assert bios in [(loader.boot[:440], loader.core) for loader in loaders]
        assert uefi in (old.efi, new.efi) and menu in (old.menu, new.menu)
        # The menu may need the new GRUB.
        assert menu == old.menu or (bios, uefi) == ((new.boot[:440], new.core), new.efi)
        seen.add((bios[1] == new.core, uefi == new.efi, menu == new.menu))
        assert slot.state(installed.esp)["seq"] == "00000002"
        answer(slot, installed, new, "loader-write")
        assert installed.has(new)
        installed.checked()
    assert seen == {(False, False, False), (True, False, False), (True, True, False), (True, True, True)}


def test_what_was_cut_off_is_tidied_by_the_old_one(slot, installed, loaders, tmp_path):
    """Also if there is nothing to write."""
    before = installed.bytes()
    log = tmp_path / "writes"
    answer(slot, installed, loaders[1], "loader-write", env={"SLOT_WRITES": str(log)})
    installed.restore(before)
    for name, offset, data in written(log):
        if name == str(installed.disk) and not offset:
            break                   # the first sector that the cut has prevented
        if name == str(installed.esp):
            installed.esp.poke(offset, data)
    assert subprocess.run([drives.tool("fsck.fat", "dosfstools"), "-n", str(installed.esp)], capture_output=True, check=False).returncode
    assert answer(slot, installed, loaders[0], "loader-write") == dict.fromkeys(ALL, "same")
    installed.checked()


# ---- disks that fail ----

def writes_of(slot, installed, loader, tmp_path):
    log = tmp_path / "count"
    answer(slot, installed, loader, "loader-write", env={"SLOT_WRITES": str(log)})
    return written(log)


@pytest.mark.parametrize("kind", ["FAIL", "FLIP"])
def test_a_write_that_fails_changes_nothing(slot, tmp_path, loaders, kind):
    """The disk boots the old loader, or the new one if only the tidying failed."""
    old, new = loaders
    installed = Installed(tmp_path, old)
    before = installed.bytes()
    count = len(writes_of(slot, installed, new, tmp_path))
    kept = 0
    for number in range(count):
        installed.restore(before)
        done = slot.call("loader-write", installed.disk, installed.esp, new.directory, env={"SLOT_" + kind: str(number)})
        if done.returncode:
            kept += 1
            assert installed.has(old), number
            installed.checked()
        else:
            assert installed.has(new), number
        answer(slot, installed, new, "loader-write")
        assert installed.has(new)
        installed.checked()
    assert kept >= 6


def test_no_room_on_the_efi_partition(slot, installed, loaders):
    space = b"x" * (1 << 20)
    for number in range(40):
        installed.esp.path.with_suffix(".put").write_bytes(space)
        done = subprocess.run([drives.tool("mcopy", "mtools"), "-i", str(installed.esp), str(installed.esp.path.with_suffix(".put")),
                               "::/full%d" % number], capture_output=True, check=False,
                              env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})
        if done.returncode:
            space = space[:len(space) // 2]
            if len(space) < 4096:
                break
    installed.checked()
    before = installed.bytes()
    message = slot.fails("loader-write", installed.disk, installed.esp, loaders[1].directory)
    assert "no room for a file of 135000 bytes beside the present one" in message
    after = installed.bytes()
    assert after[1] == before[1] and installed.has(loaders[0])


# ---- what is refused ----

def unchanged(slot, installed, loader, message):
    before = installed.bytes()
    assert message in slot.fails("loader-write", installed.disk, installed.esp, loader.directory)
    assert installed.bytes() == before


def test_a_core_image_that_is_too_large(slot, tmp_path, loaders):
    installed = Installed(tmp_path, loaders[0])
    big = Loader(tmp_path / "big", "big", sectors=1024)
    answer(slot, installed, big, "loader-write")
    assert installed.has(big)
    big.write("bios.img", core("bigger", sectors=1025))
    unchanged(slot, installed, big, "has 524800 bytes, and half of xenith-bios has room for 524288")


def test_a_core_image_in_use_that_is_too_large(slot, tmp_path, loaders):
    installed = Installed(tmp_path, loaders[0])
    installed.poke(BIOS_AT + 508, (1024).to_bytes(2, "little"))
    unchanged(slot, installed, loaders[1], "leaves no room for a second one")


@pytest.mark.parametrize("boot_code", [bytes(440), b"\xeb\x63\x90" + bytes(89) + (64).to_bytes(8, "little") + b"other" * 68],
                         ids=["none", "other"])
def test_the_boot_code_of_another_system(slot, tmp_path, loaders, boot_code):
    """It stays; UEFI does not use it."""
    installed = Installed(tmp_path, loaders[0])
    installed.poke(0, boot_code)
    before = installed.bytes()
    assert answer(slot, installed, loaders[1], "loader-write") == {"bios": "foreign", "efi": "written", "menu": "written"}
    assert installed.bytes()[0] == before[0] and installed.by_uefi() == (loaders[1].efi, loaders[1].menu)


def test_sectors_of_4096_bytes(slot, tmp_path, loaders):
    installed = Installed(tmp_path, loaders[0], sector=4096)
    before = installed.bytes()
    assert answer(slot, installed, loaders[1]) == {"bios": "none", "efi": "differs", "menu": "differs"}
    assert answer(slot, installed, loaders[1], "loader-write") == {"bios": "none", "efi": "written", "menu": "written"}
    assert installed.bytes()[0] == before[0] and installed.by_uefi() == (loaders[1].efi, loaders[1].menu)
    installed.checked()


@pytest.mark.parametrize("name", ["boot.img", "bios.img", "BOOTX64.EFI", "grub.cfg"])
def test_a_file_is_missing_or_empty(slot, tmp_path, loaders, name):
    installed = Installed(tmp_path, loaders[0])
    loaders[1].write(name, b"")
    unchanged(slot, installed, loaders[1], "%s: it has no bytes" % name)
    (loaders[1].directory / name).unlink()
    unchanged(slot, installed, loaders[1], "cannot open %s/%s: No such file" % (loaders[1].directory, name))


def test_a_disk_without_a_table(slot, tmp_path, loaders):
    installed = Installed(tmp_path, loaders[0])
    installed.poke(SECTOR, bytes(SECTOR))
    unchanged(slot, installed, loaders[1], "no GPT on it")


def test_a_damaged_file_system(slot, installed, loaders):
    """Two files with the same clusters, a chain that ends nowhere: nothing is written."""
    data = installed.esp.path.read_bytes()
    efi, menu = data.find(b"BOOTX64 EFI"), data.find(b"GRUB    CFG")
    saved = installed.bytes()
    for at in (20, 26):
        installed.esp.poke(menu + at, data[efi + at:efi + at + 2])
    unchanged(slot, installed, loaders[1], "two files share a cluster")
    installed.restore(saved)
    installed.esp.poke(menu + 26, b"\xff\xff")
    unchanged(slot, installed, loaders[1], "damaged FAT file system")
