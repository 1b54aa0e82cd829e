"""A disk that is installed anew, after a power cut: it boots the old system or the new one, each
whole, or nothing. If it boots nothing, the installer must not take it for an installed one."""

import struct
import zlib
from typing import NamedTuple, Optional

import loaders
from writelog import SECTOR

HEADER = struct.Struct("<8sIIII4Q16sQIII")


class Loader(NamedTuple):
    """What the firmware and GRUB find on the disk."""
    bios: Optional[tuple]       # boot code and core image
    uefi: Optional[bytes]
    menu: Optional[bytes]

    @property
    def starts(self):
        """GRUB without its menu boots nothing."""
        return bool(self.menu and (self.bios or self.uefi))

    def is_of(self, other):
        """Whether all that is there is what OTHER has."""
        return all(mine in (None, its) for mine, its in zip(self, other))


class System(NamedTuple):
    """What is installed on a disk."""
    loader: Loader
    state: dict
    slots: dict         # {name: manifest} of those that the state names
    configuration: dict

    def differs(self, other):
        """The names of what is not as in OTHER."""
        return [name for name, mine, its in zip(self._fields, self, other) if not (mine.is_of(its) if name == "loader" else mine == its)]


def read_system(reader):
    """Fails if a part of it cannot be used."""
    state = reader.state()
    slots = {name: reader.manifest(name) for name in sorted({state["slot"], state["try"]} - {""})}
    return System(reader.loader(), state, slots, reader.configuration())


def find_bios(disk):
    """What a BIOS loads from the file DISK, or None."""
    with open(disk, "rb") as file:
        first = file.read(SECTOR)
    try:
        return loaders.by_bios(disk) if first.endswith(b"\x55\xaa") else None
    except AssertionError:
        return None


def linux_finds_partitions(disk):
    """Linux takes a disk whose first header or entries do not match their checksums for one
    without partitions, whatever the copy at the end says."""
    with open(disk, "rb") as file:
        mbr, header = file.read(SECTOR), file.read(SECTOR)
        name, _, size, crc, _, here, _, _, _, _, at, count, length, entries_crc = HEADER.unpack_from(header)
        if name != b"EFI PART" or here != 1 or size != HEADER.size or not mbr.endswith(b"\x55\xaa"):
            return False
        file.seek(at * SECTOR)
        entries = file.read(count * length)
    zeroed = header[:16] + bytes(4) + header[20:size]
    return zlib.crc32(zeroed) == crc and zlib.crc32(entries) == entries_crc


def fault(reader, old, new):
    """What is wrong with the disk that READER reads, or None. It had the System OLD before the
    installation, and has NEW after it. The reader fails if a part of what boots is damaged."""
    if not reader.loader().starts:
        if reader.looks_installed():
            return "it boots nothing, and the installer takes it for an installed disk"
        return None
    if not reader.linux_finds_partitions():
        return "it boots, and Linux finds no partitions on it"
    found = read_system(reader)
    differences = [found.differs(system) for system in (old, new)]
    if [] in differences:
        return None
    return "it boots a mixture: not as before are %s, not as after it are %s" % tuple(map(", ".join, differences))
