"""Boot loaders of an installed disk, in the place of GRUB: what `slot loader-write` replaces,
and what a BIOS would load of a disk."""

import pathlib
import subprocess

import tools

TOP = pathlib.Path(__file__).resolve().parents[1]
MIB = 1 << 20
SECTOR = 512
BIOS_AT, BIOS_SIZE = MIB, MIB
HALF = BIOS_SIZE // 2
LAYOUT = "1 bios xenith-bios 1 21686148-6449-6E6F-744E-656564454649\n"


def core(text, sectors=60):
    """A core image: the first block ends with where the others are, and how many."""
    data = bytearray((text * SECTOR).encode()[:SECTOR * sectors].ljust(SECTOR * sectors, b"."))
    data[500:508] = bytes(8)
    data[508:510] = (sectors - 1).to_bytes(2, "little")
    data[510:512] = (0x820).to_bytes(2, "little")
    return bytes(data)


class Loader:
    """The files that a version brings, in a directory."""

    def __init__(self, directory, name, sectors=60):
        self.directory = pathlib.Path(directory)
        source = self.directory / "unpatched"
        source.mkdir(parents=True)
        (source / "boot").write_bytes(("boot of " + name).encode().ljust(440, b"b").ljust(SECTOR, b"\xff"))
        (source / "core").write_bytes(core("core of " + name, sectors))
        (source / "layout").write_text(LAYOUT)
        subprocess.run(["sh", str(TOP / "install/loader.sh"), *[str(source / each) for each in ("layout", "boot", "core")],
                        str(self.directory / "boot.img"), str(self.directory / "bios.img")], check=True)
        self.write("BOOTX64.EFI", ("GRUB of %s " % name).encode() * 9000)
        self.write("grub.cfg", ("menu of %s\n" % name).encode() * 700)
        self.boot, self.core, self.efi, self.menu = (
            (self.directory / each).read_bytes() for each in ("boot.img", "bios.img", "BOOTX64.EFI", "grub.cfg"))

    def write(self, name, data):
        (self.directory / name).write_bytes(data)


def make_disk(path, loader, sector=SECTOR):
    """A disk with the partition for BIOS alone. On sectors of 4096 bytes it is empty."""
    with open(path, "wb") as out:
        out.truncate(3 * MIB)
    table = pathlib.Path("%s.table" % path)
    table.write_text("label: gpt\nstart=%d, size=%d, type=21686148-6449-6E6F-744E-656564454649, name=xenith-bios\n"
                     % (BIOS_AT // sector, BIOS_SIZE // sector))
    # sfdisk takes a file for a disk with sectors of 512 bytes.
    subprocess.run([tools.find("fdisk"), "-b", str(sector), "-w", "always", str(path)], check=True, capture_output=True,
                   input=b"I\n%s\nw\n" % str(table).encode())
    table.unlink()
    if sector == SECTOR:
        with open(path, "r+b") as out:
            out.write(loader.boot[:440])
            out.seek(BIOS_AT)
            out.write(loader.core)


def by_bios(path):
    """(boot code, core image) as a BIOS and GRUB's first stages load them, with what depends
    on their place as on a new disk."""
    with open(path, "rb") as disk:
        data = disk.read(BIOS_AT + BIOS_SIZE)
    code = bytearray(data[:440])
    at = int.from_bytes(code[92:100], "little") * SECTOR
    assert at in (BIOS_AT, BIOS_AT + HALF)
    first = bytearray(data[at:at + SECTOR])
    rest = int.from_bytes(first[500:508], "little") * SECTOR
    count = int.from_bytes(first[508:510], "little") * SECTOR
    assert rest == at + SECTOR
    code[92:100] = (BIOS_AT // SECTOR).to_bytes(8, "little")
    first[500:508] = (BIOS_AT // SECTOR + 1).to_bytes(8, "little")
    return bytes(code), bytes(first) + data[rest:rest + count]
