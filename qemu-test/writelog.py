"""The writes of a machine's disk in the order in which it made them, as QEMU's driver
blklogwrites records them: the format of Linux' dm-log-writes."""

import json
import mmap
import os
import pathlib
import struct
from typing import NamedTuple

SECTOR = 512
MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
# Place of a sector's content that is not in the log: as it was before, or zero.
BEFORE, ZERO = -2, -1
SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")


class Entry(NamedTuple):
    """A write, or a flush if COUNT is 0. SECTOR and COUNT are in sectors of 512 bytes."""
    sector: int
    count: int
    flags: int
    place: int          # of the data in the log, in bytes

    @property
    def flush(self):
        return bool(self.flags & FLUSH)

    def content(self, number):
        """The place of the content of one of its sectors."""
        return ZERO if self.flags & DISCARD else self.place + number * SECTOR


class Log:
    """The entries of a log that a machine has written so far."""

    def __init__(self, path):
        self.entries = []
        if not os.path.getsize(path):
            return              # QEMU begins it with the first write
        with open(path, "rb") as log:
            self.data = mmap.mmap(log.fileno(), 0, access=mmap.ACCESS_READ)
        magic, version, _, size = SUPER.unpack_from(self.data)
        assert (magic, version, size) == (MAGIC, 1, SECTOR), "%s: no log of writes" % path
        at = SECTOR
        # The number of entries in the first sector is only written now and then.
        while at + SECTOR <= len(self.data):
            sector, count, flags, length = ENTRY.unpack_from(self.data, at)
            if not count and not flags:
                break
            size = length if flags & MARK else 0 if flags & DISCARD else count * SECTOR
            if at + SECTOR + size > len(self.data):
                break               # it is being written
            if not flags & MARK:
                self.entries.append(Entry(sector, count, flags, at + SECTOR))
            at += SECTOR + (size + SECTOR - 1) // SECTOR * SECTOR

    def read(self, place, count=1):
        """The content of sectors that follow each other in the log."""
        return bytes(count * SECTOR) if place == ZERO else self.data[place:place + count * SECTOR]


class Writer:
    """Writes a log."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.write_bytes(SUPER.pack(MAGIC, 1, 0, SECTOR).ljust(SECTOR, b"\0"))

    def entry(self, sector, count, flags, data=b"", length=0):
        with open(self.path, "ab") as log:
            log.write(ENTRY.pack(sector, count, flags, length).ljust(SECTOR, b"\0") + data)

    def write(self, sector, data, flags=0):
        self.entry(sector, len(data) // SECTOR, flags, data)

    def flush(self):
        self.entry(0, 0, FLUSH)


class Recording:
    """A disk whose writes are recorded, and its copy from before the first of them."""

    def __init__(self, disk, directory):
        self.disk = pathlib.Path(disk)
        self.before = pathlib.Path(directory) / "before"
        self.path = pathlib.Path(directory) / "writes"
        self.marks = []             # (number of entries, name): what was done so far
        self.erasing = set()        # names of operations after which nothing is as it was
        sparse_copy(self.disk, self.before)
        self.path.write_bytes(b"")

    def options(self, name, boots=True, serial=None):
        """QEMU's words for the disk, which the machine BOOTS from or not. Flushes are recorded;
        nothing waits for this machine's own disk."""
        def plain(path):
            return {"driver": "raw", "file": {"driver": "file", "filename": str(path), "cache": {"no-flush": True}}}
        return ["-blockdev", json.dumps({"driver": "blklogwrites", "node-name": name, "file": plain(self.disk),
                                         "log": plain(self.path)}),
                "-device", "virtio-blk-pci,drive=%s%s%s" % (name, ",bootindex=0" if boots else "", serial and ",serial=" + serial or "")]

    def log(self):
        return Log(self.path)

    def mark(self, name, erases=False):
        """Notes that everything so far belongs to the operation NAME or to earlier ones. It
        ERASES the disk: a cut during it may leave one that boots nothing."""
        self.marks.append((len(self.log().entries), name))
        if erases:
            self.erasing.add(name)


def sparse_copy(source, target):
    """A copy of a file with its holes."""
    size = pathlib.Path(source).stat().st_size
    with open(source, "rb") as old, open(target, "wb") as new:
        new.truncate(size)
        for start, end in extents(old, size):
            old.seek(start)
            new.seek(start)
            while start < end:
                data = old.read(min(1 << 20, end - start))
                start += len(data)
                if data.strip(b"\0"):
                    new.write(data)
                else:
                    new.seek(start)


def extents(file, size):
    """(start, end) of the parts of an open file that are no holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError:
            return              # only a hole is left
        end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, end
