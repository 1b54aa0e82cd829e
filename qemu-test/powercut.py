"""What a disk may hold after a power cut: images made from a log of its writes.

A write that was followed by a flush is on the medium. Of the writes since the last flush,
each may be there or not, whatever their order; and of each, any of its sectors of 512
bytes. A point is the number of entries that the disk had received, and the way in which
it lost some of the last ones.
"""

import mmap
import os
import random
from typing import NamedTuple

from writelog import BEFORE, FUA, SECTOR, sparse_copy


class Cut(NamedTuple):
    """A power cut after POSITION entries. WAY says what is on the medium, with SEED for
    what is left to chance."""
    position: int
    way: str
    seed: str = ""

    def __str__(self):
        return "after %d writes, %s%s" % (self.position, self.way, self.seed and " (%s)" % self.seed)


def _some(random_, number):
    return [n for n in range(number) if random_.random() < 0.5]


def _whole(random_, pending, kept):
    return [(entry, None) for n, entry in enumerate(pending) if n in kept]


def _torn(random_, pending, kept, torn):
    """The KEPT writes, and of those in TORN only some of their sectors."""
    return [(entry, set(_some(random_, entry.count)) if n in torn else None)
            for n, entry in enumerate(pending) if n in kept]


def _cut(random_, pending):
    """All, and of the last one only its beginning."""
    last = len(pending) - 1
    return [(entry, set(range(random_.randrange(entry.count))) if n == last else None)
            for n, entry in enumerate(pending)]


# {way: what is on the medium of the writes since the last flush}, as (write, its sectors;
# None: all of them).
WAYS = {
    "nothing": lambda random_, pending: [],
    "everything": lambda random_, pending: _whole(random_, pending, range(len(pending))),
    "some": lambda random_, pending: _whole(random_, pending, _some(random_, len(pending))),
    "one": lambda random_, pending: _whole(random_, pending, [random_.randrange(len(pending))]),
    "all but one": lambda random_, pending: _whole(random_, pending, set(range(len(pending))) - {random_.randrange(len(pending))}),
    "the last torn": lambda random_, pending: _torn(random_, pending, range(len(pending)), [len(pending) - 1]),
    "the last cut": _cut,
    "one torn": lambda random_, pending: _torn(random_, pending, range(len(pending)), [random_.randrange(len(pending))]),
    "only one, torn": lambda random_, pending: _torn(random_, pending, *2 * [[random_.randrange(len(pending))]]),
    "some torn": lambda random_, pending: _torn(random_, pending, _some(random_, len(pending)), _some(random_, len(pending))),
}
CERTAIN = ["everything", "nothing"]
# Of the cuts that are made by chance.
BULK_SHARE = 0.05


def on_medium(pending, cut):
    """What is on the medium of the writes PENDING at this cut. One with FUA is, unless it
    is the last: it has not returned."""
    found = WAYS[cut.way](random.Random(str(cut)), pending) if pending else []
    kept = {entry.place: (entry, sectors) for entry, sectors in found}
    for entry in pending[:-1]:
        if entry.flags & FUA:
            kept[entry.place] = (entry, None)
    return [kept[entry.place] for entry in pending if entry.place in kept]


class Image:
    """The disk at a cut, in files: `disk`, and one for each part {name: (offset, size)} of
    it, in bytes. Parts in APART are only in their own file. Going from one cut to a later
    one writes only what differs; KEYS tells which parts hold what they held before.
    """

    def __init__(self, before, log, directory, parts, apart=()):
        self.log = log
        self.directory = directory
        self.keys = dict.fromkeys([*parts, "rest"], 0)
        self._parts = {name: (start // SECTOR, (start + size) // SECTOR) for name, (start, size) in parts.items()}
        self._apart = set(apart)
        self._of = {}           # sector: name of its part
        self._now = {}          # sector: place of its content
        self._hashes = {}       # place: hash of its content
        self._old = {}          # sector: hash of the content before
        self.file("disk").unlink(missing_ok=True)
        sparse_copy(before, self.file("disk"))
        self._disk = open(self.file("disk"), "r+b")             # pylint: disable=consider-using-with
        self._before = open(before, "rb")                       # pylint: disable=consider-using-with
        self._base = mmap.mmap(self._before.fileno(), 0, access=mmap.ACCESS_READ)
        self._files = {name: self._part_file(name, start, size) for name, (start, size) in parts.items()}
        self.rewind()

    def _part_file(self, name, start, size):
        path = self.file(name)
        with open(path, "wb") as out:
            out.truncate(size)
            for at in range(start, start + size, 1 << 20):
                data = self._base[at:min(at + (1 << 20), start + size)]
                if data.strip(b"\0"):
                    out.seek(at - start)
                    out.write(data)
        return open(path, "r+b")

    def file(self, name):
        return self.directory / name

    def close(self):
        for file in (self._disk, self._before, *self._files.values()):
            file.close()

    def rewind(self):
        """Before the first write."""
        self.position = 0
        self.pending = []       # writes since the last flush
        self._durable = {}      # sector: place; what was flushed
        self._loose = set()     # sectors that hold what may be lost
        self._fresh = set()     # sectors whose flushed content has changed since

    def _advance(self, position):
        assert position >= self.position, "cuts come in their order"
        for entry in self.log.entries[self.position:position]:
            if entry.count:
                self.pending.append(entry)
            if entry.flush:
                # A flush with data flushes first.
                before, self.pending = self.pending, self.pending[-1:] if entry.count else []
                for each in before[:len(before) - len(self.pending)]:
                    for number in range(each.count):
                        self._durable[each.sector + number] = each.content(number)
                    self._fresh.update(range(each.sector, each.sector + each.count))
        self.position = position

    def go(self, cut):
        """Makes the files what they are after the cut."""
        if cut.position < self.position:
            self.rewind()
            self._fresh = set(self._now)
        self._advance(cut.position)
        loose = {}
        for entry, sectors in on_medium(self.pending, cut):
            for number in range(entry.count) if sectors is None else sectors:
                loose[entry.sector + number] = entry.content(number)
        changed = {}
        for sector in self._fresh | (self._loose - loose.keys()):
            changed[sector] = self._durable.get(sector, BEFORE)
        changed.update(loose)
        self._loose = set(loose)
        self._fresh = set()
        self._write({sector: place for sector, place in changed.items() if self._now.get(sector, BEFORE) != place})

    def _part(self, sector):
        name = self._of.get(sector)
        if name is None:
            name = self._of[sector] = next(
                (name for name, (first, end) in self._parts.items() if first <= sector < end), "rest")
        return name

    def _content(self, sector, place):
        return self._base[sector * SECTOR:(sector + 1) * SECTOR] if place == BEFORE else self.log.read(place)

    def _mark(self, sector, place):
        """A number for this content of this sector; 0 for the content before."""
        if place == BEFORE:
            return 0
        old = self._old.get(sector)
        if old is None:
            old = self._old[sector] = hash(self._content(sector, BEFORE))
        new = self._hashes.get(place)
        if new is None:
            new = self._hashes[place] = hash(self._content(sector, place))
        return hash((sector, new)) if new != old else 0

    def _write(self, changed):
        run, first, name = [], None, None
        for sector in sorted(changed):
            place = changed[sector]
            part = self._part(sector)
            self.keys[part] ^= self._mark(sector, self._now.get(sector, BEFORE)) ^ self._mark(sector, place)
            self._now[sector] = place
            if run and (sector != first + len(run) or part != name):
                self._put(name, first, run)
                run = []
            if not run:
                first, name = sector, part
            run.append(self._content(sector, place))
        if run:
            self._put(name, first, run)

    def _put(self, name, first, run):
        data = b"".join(run)
        if name not in self._apart:
            os.pwrite(self._disk.fileno(), data, first * SECTOR)
        if name in self._files:
            os.pwrite(self._files[name].fileno(), data, (first - self._parts[name][0]) * SECTOR)

    @property
    def key(self):
        return tuple(self.keys.values())


def cuts(log, begin, end, count, seed, bulk):
    """COUNT cuts or more between two positions, in their order: first each position
    with everything and with nothing of the last writes; then others by chance, the more at
    a position, the more can be lost there. BULK(entry) tells writes whose loss is much the
    same wherever it happens; few cuts are there."""
    random_ = random.Random(seed)
    places, bulky = {}, []          # {position: sectors that may be lost}, positions
    pending = []
    for position in range(begin + 1, end + 1):
        entry = log.entries[position - 1]
        if entry.count:
            pending.append(entry)
            if all(map(bulk, pending[-8:])):
                bulky.append(position)
            else:
                places[position] = min(sum(each.count for each in pending), 32)
        if entry.flush:
            pending = []
    made = [Cut(position, way) for position in [*places, *random_.sample(bulky, min(len(bulky), 20))] for way in CERTAIN]
    if len(made) > count:
        made = random_.sample(made, count * 2 // 3)
    ways = [way for way in WAYS if way not in CERTAIN]
    for number in range(count - len(made) if places or bulky else 0):
        if bulky and (not places or random_.random() < BULK_SHARE):
            position = random_.choice(bulky)
        else:
            position = random_.choices(list(places), list(places.values()))[0]
        made.append(Cut(position, random_.choice(ways), "%s.%d" % (seed, number)))
    return sorted(made, key=lambda cut: cut.position)
