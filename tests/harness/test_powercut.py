"""Power cuts from a log of writes: what a disk may hold after one, and that the checks find
programs that write in a wrong order."""

import itertools
import os
import pathlib
import random
import subprocess

import pytest

import drives
import installed
import loaders
import outside
import powercut
import tools
import writelog
from powercut import Cut, Image
from writelog import DISCARD, FLUSH, FUA, MARK, SECTOR, Log, Recording, Writer

TOP = outside.TOP


def letters(text):
    """A sector for each letter."""
    return b"".join(letter.encode() * SECTOR for letter in text)


def text(data):
    return "".join(chr(data[at]) for at in range(0, len(data), SECTOR))


# ---- the log ----

def test_qemus_own_log(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(letters("abcdefgh"))
    recording = Recording(disk, tmp_path)
    blockdev = recording.options("disk")[1]
    image = "json:" + blockdev
    subprocess.run([tools.find("qemu-io"), "-c", "write -P 65 512 1024", "-c", "flush", "-c", "write -P 66 3584 512",
                    "-c", "discard 0 512", "-c", "write -z 2048 512", image], check=True, stdout=subprocess.DEVNULL)
    log = recording.log()
    assert recording.before.read_bytes() == letters("abcdefgh")
    writes = [(entry.sector, entry.count, entry.flags & DISCARD) for entry in log.entries if entry.count]
    assert writes == [(1, 2, 0), (7, 1, 0), (0, 1, DISCARD), (4, 1, 0)]
    assert log.entries[1].flush
    recording.mark("done")
    assert recording.marks == [(len(log.entries), "done")]
    with_all = Image(recording.before, log, tmp_path, {})
    with_all.go(Cut(len(log.entries), "everything"))
    assert (tmp_path / "disk").read_bytes() == letters("\0AAd\0fgB")


def test_a_log_that_is_being_written(tmp_path):
    writer = Writer(tmp_path / "log")
    writer.write(3, letters("AB"))
    writer.entry(0, 0, MARK, letters("m"), length=5)
    writer.write(5, letters("C"))
    whole = writer.path.read_bytes()
    assert [entry.sector for entry in Log(writer.path).entries] == [3, 5]
    for less in (1, 600):
        writer.path.write_bytes(whole[:-less])
        assert [entry.sector for entry in Log(writer.path).entries] == [3]
    writer.path.write_bytes(whole + bytes(4096))
    assert len(Log(writer.path).entries) == 2


def test_a_log_that_is_not_begun(tmp_path):
    (tmp_path / "disk").write_bytes(letters("ab"))
    recording = Recording(tmp_path / "disk", tmp_path)
    recording.mark("boot")
    assert recording.marks == [(0, "boot")]


def test_what_is_no_log(tmp_path):
    (tmp_path / "log").write_bytes(bytes(4096))
    with pytest.raises(AssertionError, match="no log of writes"):
        Log(tmp_path / "log")


# ---- what a cut leaves ----

@pytest.fixture
def disk(tmp_path):
    """A disk of eight sectors, and a log."""
    (tmp_path / "old").write_bytes(letters("abcdefgh"))
    return Writer(tmp_path / "log")


def images(tmp_path, position, number=400):
    """What the cuts at a position leave on the disk."""
    image = Image(tmp_path / "old", Log(tmp_path / "log"), tmp_path, {"tail": (4 * SECTOR, 4 * SECTOR)})
    found = {}
    for way, seed in itertools.product(powercut.WAYS, range(number // len(powercut.WAYS))):
        image.go(Cut(position, way, str(seed)))
        data = (tmp_path / "disk").read_bytes()
        assert (tmp_path / "tail").read_bytes() == data[4 * SECTOR:]
        assert found.setdefault(image.key, data) == data
    assert len(set(found.values())) == len(found)
    image.close()
    return {text(data) for data in found.values()}


def test_any_of_the_last_writes_in_any_order(tmp_path, disk):
    disk.write(0, letters("AB"))
    disk.flush()
    for sector, letter in ((1, "X"), (4, "Y"), (7, "Z")):
        disk.write(sector, letters(letter))
    assert images(tmp_path, 5) == {"A" + x + "cd" + y + "fg" + z for x in "BX" for y in "eY" for z in "hZ"}
    # Before the flush nothing is certain, and after it all of that is.
    assert images(tmp_path, 1) == {"abcdefgh", "Abcdefgh", "aBcdefgh", "ABcdefgh"}
    assert images(tmp_path, 2) == {"ABcdefgh"}


def test_any_sectors_of_a_write(tmp_path, disk):
    disk.write(2, letters("WXYZ"))
    assert images(tmp_path, 1, 2000) == {
        "ab" + "".join(letters_) + "gh" for letters_ in itertools.product("cW", "dX", "eY", "fZ")}


def test_a_sector_that_is_written_twice(tmp_path, disk):
    disk.write(3, letters("X"))
    disk.write(3, letters("Y"))
    assert images(tmp_path, 2) == {"abcdefgh", "abcXefgh", "abcYefgh"}
    disk.flush()
    assert images(tmp_path, 3) == {"abcYefgh"}


def test_a_write_that_returns_when_it_is_on_the_medium(tmp_path, disk):
    disk.write(0, letters("A"))
    disk.write(4, letters("XY"), FUA)
    assert images(tmp_path, 2) == {a + "bcd" + x + y + "gh" for a in "aA" for x in "eX" for y in "fY"}
    disk.write(6, letters("G"))
    assert images(tmp_path, 3) == {a + "bcdXY" + g + "h" for a in "aA" for g in "gG"}


def test_a_write_that_flushes_what_was_before(tmp_path, disk):
    disk.write(0, letters("A"))
    disk.write(4, letters("X"), FLUSH)
    assert images(tmp_path, 2) == {"AbcdXfgh", "Abcdefgh"}


def test_what_was_discarded(tmp_path, disk):
    disk.entry(1, 2, DISCARD)
    disk.flush()
    assert images(tmp_path, 1) == {"a" + b + c + "defgh" for b in "b\0" for c in "c\0"}
    assert images(tmp_path, 2) == {"a\0\0defgh"}


def test_from_cut_to_cut_is_as_from_the_start(tmp_path):
    random_ = random.Random(1)
    old = bytes(random_.randrange(256) for _ in range(64)) * SECTOR
    (tmp_path / "old").write_bytes(old)
    writer = Writer(tmp_path / "log")
    for _ in range(60):
        count = random_.randrange(1, 9)
        writer.write(random_.randrange(64 - count), random_.randbytes(count * SECTOR))
        if random_.random() < 0.3:
            writer.flush()
    log = Log(writer.path)
    made = powercut.cuts(log, 0, len(log.entries), 300, "seed", lambda entry: False)
    assert made == powercut.cuts(log, 0, len(log.entries), 300, "seed", lambda entry: False)
    assert made != powercut.cuts(log, 0, len(log.entries), 300, "other", lambda entry: False)
    assert len(made) >= 300
    image = Image(tmp_path / "old", log, tmp_path, {"tail": (32 * SECTOR, 32 * SECTOR)}, apart=["tail"])
    for cut in [*made, *made[::50]]:
        image.go(cut)
        expected, pending = bytearray(old), []
        for entry in log.entries[:cut.position]:
            pending.append(entry)
            if entry.flush:
                for each in pending:
                    expected[each.sector * SECTOR:(each.sector + each.count) * SECTOR] = log.read(each.place, each.count)
                pending = []
        for entry, sectors in powercut.on_medium(pending, cut):
            for number in range(entry.count) if sectors is None else sectors:
                at = (entry.sector + number) * SECTOR
                expected[at:at + SECTOR] = log.read(entry.place + number * SECTOR)
        assert (tmp_path / "disk").read_bytes()[:32 * SECTOR] == expected[:32 * SECTOR]
        assert (tmp_path / "disk").read_bytes()[32 * SECTOR:] == old[32 * SECTOR:]
        assert (tmp_path / "tail").read_bytes() == expected[32 * SECTOR:]


# ---- an installed host ----

LAYOUT = "1 bios b 1 21686148-6449-6E6F-744E-656564454649\n" + "".join(
    "%d %s %s %d 0FC63DAF-8483-4772-8E79-3D69D8477DE4\n" % row
    for row in ((2, "esp", "e", 4), (3, "a", "a", 4), (4, "b", "b", 4), (5, "config", "c", 8)))
NUMBERS = {"esp": 2, "a": 3, "b": 4, "config": 5}
MIB = 1 << 20
PARTS = {"esp": (2 * MIB, 4 * MIB), "a": (6 * MIB, 4 * MIB), "b": (10 * MIB, 4 * MIB), "config": (14 * MIB, 8 * MIB)}
OLD = {"host.conf": "hostname=old\n", "domains/web.cfg": 'name = "old"\n'}
NEW = {"host.conf": "hostname=new\n", "domains/web.cfg": 'name = "new"\n'}


def fat(path, files):
    with open(path, "wb") as out:
        out.truncate(4 * MIB)
    drives.run(drives.tool("mkfs.fat", "dosfstools"), "--invariant", "-F", "16", "-s", "1", str(path))
    for name in sorted({str(above) for name in files for above in pathlib.Path(name).parents} - {"."}):
        drives.run(drives.tool("mmd", "mtools"), "-i", str(path), "::/" + name, MTOOLS_SKIP_CHECK="1")
    for name, data in files.items():
        source = path.with_suffix(".file")
        source.write_bytes(data)
        drives.run(drives.tool("mcopy", "mtools"), "-i", str(path), str(source), "::/" + name, MTOOLS_SKIP_CHECK="1")


def slot(path, version, order):
    files = {name: ("%s of %s\n" % (name, version)).encode() * 2000 for name in ("xen.gz", "initrd")}
    fat(path, {**files, "manifest": installed.manifest(files, version, order)})
    return path


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return outside.slot_program(tmp_path_factory.mktemp("slot"))


def make_disk(top, version, seq, configuration):
    """A disk with VERSION in slot A. All identifiers on it depend on its content."""
    parts = top / "parts"
    parts.mkdir()
    (top / "layout").write_text(LAYOUT)
    loader = loaders.Loader(top / "loader", version)
    (parts / "boot.img").write_bytes(loader.boot)
    (parts / "bios.img").write_bytes(loader.core)
    fat(parts / "esp.img", {"xenith/state0": installed.block(seq + 1), "xenith/state1": installed.block(seq), "xenith/medium": b"x" * SECTOR,
                            "grub/grub.cfg": loader.menu, "EFI/BOOT/BOOTX64.EFI": loader.efi})
    for name, number in (("a", version), ("b", "0")):
        slot(parts / (name + ".img"), number, "2026110%s000000" % number)
    drives.ext4(parts / "config.img", drives.write_tree(top / "tree", configuration), mib=8)
    drives.run("sh", str(TOP / "install/disk.sh"), str(top / "layout"), str(parts), str(top / "disk"),
               SFDISK=tools.find("sfdisk"))
    return top / "disk"


@pytest.fixture(scope="module")
def installed_disk(tmp_path_factory):
    return make_disk(tmp_path_factory.mktemp("installed"), "1", 1, OLD)


class Host:
    """A disk with small partitions, and a log of what programs do on it."""

    def __init__(self, top, program, disk):
        self.top = top
        self.program = program
        writelog.sparse_copy(disk, top / "installed")
        self.recording = Recording(top / "installed", top)
        self.writer = Writer(self.recording.path)
        self.now = {name: self._part(name) for name in PARTS}

    def _part(self, name):
        path = self.top / ("part-" + name)
        with open(self.top / "installed", "rb") as disk:
            disk.seek(PARTS[name][0])
            path.write_bytes(disk.read(PARTS[name][1]))
        return path

    def writes(self, name, old, new):
        """The sectors that differ, as (sector of the disk, data), several in one write."""
        found = []
        for at in range(0, len(old), SECTOR):
            if old[at:at + SECTOR] != new[at:at + SECTOR]:
                sector = (PARTS[name][0] + at) // SECTOR
                if found and found[-1][0] + len(found[-1][1]) // SECTOR == sector and len(found[-1][1]) < 4096:
                    found[-1][1] += new[at:at + SECTOR]
                else:
                    found.append([sector, bytearray(new[at:at + SECTOR])])
        return [(sector, bytes(data)) for sector, data in found]

    def record(self, writes, flush=True):
        for sector, data in writes:
            self.writer.write(sector, data)
        if flush:
            self.writer.flush()

    def set(self, *words, flush=True):
        """`slot set`; it writes one sector that matters."""
        path = self.now["esp"]
        old = path.read_bytes()
        drives.run(str(self.program), "set", str(path), *words)
        self.record(self.writes("esp", old, path.read_bytes()), flush)

    def write_slot(self, name, version, wanted=None, flush=True):
        path = self.now[name]
        old = path.read_bytes()
        slot(path, version, "2026110%s000000" % version)
        writes = self.writes(name, old, path.read_bytes())
        self.record(writes if wanted is None else writes[:wanted], flush)

    def save(self, flush):
        """Another configuration, in the place of the old one; a FLUSH after each file."""
        for name, old in OLD.items():
            data = self.now["config"].read_bytes()
            assert data.count(old.encode()) == 1
            new = data.replace(old.encode(), NEW[name].encode())
            self.record(self.writes("config", data, new), flush)
            self.now["config"].write_bytes(new)

    def mark(self, name):
        self.recording.mark(name)

    def replay(self, count=300, **options):
        work = self.top / "work"
        work.mkdir()
        return outside.replay(self.recording, work, self.program, count, "seed", PARTS, NUMBERS, **options)


@pytest.fixture
def host(tmp_path, program, installed_disk):
    return Host(tmp_path, program, installed_disk)


def update(host):
    host.set("try=", "pending=")
    host.write_slot("b", "2")
    host.set("try=b", "pending=b")
    host.mark("update")


def test_the_right_order(host):
    update(host)
    host.set("slot=b", "try=", "pending=")
    host.mark("commit")
    host.set("slot=a")
    host.mark("rollback")
    result = host.replay()
    assert result.bad == []
    assert result.points >= 300 and len(result.images) > 12
    assert result.checked["state"] >= 4 and result.checked["slot"] >= 2 and result.checked["configuration"] == 1


def test_the_mark_before_the_slot(host):
    host.set("try=b", "pending=b")
    host.write_slot("b", "2")
    host.mark("update")
    assert "slot b: " in host.replay().bad[0]


def test_the_mark_and_the_slot_without_a_flush(host):
    host.write_slot("b", "2", flush=False)
    host.set("try=b", "pending=b")
    host.mark("update")
    assert "slot b: " in host.replay().bad[0]


def test_a_slot_that_was_not_written_to_its_end(host):
    host.write_slot("b", "2", wanted=4)
    host.set("try=b", "pending=b")
    host.mark("update")
    assert "slot b: " in host.replay().bad[0]


def test_the_newer_state_overwritten(host):
    """In place, with the mark of its end in another sector than the rest."""
    path = host.now["esp"]
    old = path.read_bytes()
    at = old.index(installed.block(2))
    new = old[:at] + b"\0" * SECTOR + old[at + SECTOR:]
    host.record(host.writes("esp", old, new))
    host.record(host.writes("esp", new, old[:at] + installed.block(3, "b") + old[at + 1024:]))
    host.mark("commit")
    assert "the boot state is " in host.replay().bad[0]


def test_both_states_at_once(host):
    path = host.now["esp"]
    old = path.read_bytes()
    new = old
    for number in (2, 1):
        at = new.index(installed.block(number))
        new = new[:at] + b"# torn\n".ljust(SECTOR, b"#") + new[at + SECTOR:]
    host.record(host.writes("esp", old, new))
    host.record(host.writes("esp", new, old))
    host.mark("commit")
    assert "GRUB finds no complete boot state" in " ".join(host.replay(worst=100).bad)


def test_a_state_that_is_lost_after_the_operation(host):
    """It was not flushed, and the next operation begins."""
    host.set("slot=b", flush=False)
    host.mark("rollback")
    host.set("slot=a")
    host.mark("again")
    assert "the boot state is " in host.replay().bad[0]


@pytest.mark.parametrize("flush", [False, True])
def test_files_that_change_one_after_the_other(host, flush):
    host.save(flush)
    host.mark("save")
    assert "the configuration is neither that before save nor that after it" in host.replay().bad[0]


def test_a_save_that_returns_too_early(host):
    host.save(flush=False)
    host.mark("save")
    host.set("slot=a")
    host.mark("rollback")
    bad = " ".join(host.replay().bad)
    assert "before rollback nor that after it" in bad or "before save" in bad


def test_a_configuration_that_is_lost(host):
    empty = bytes(64 << 10)
    host.record([(PARTS["config"][0] // SECTOR, empty)])
    host.record(host.writes("config", empty, host.now["config"].read_bytes()[:len(empty)]))
    host.mark("save")
    assert "e2fsck -p ends with 8" in host.replay().bad[0]


def test_a_drive_without_slots(host, tmp_path, program):
    """A configuration drive alone."""
    drive = tmp_path / "drive"
    drive.write_bytes(host.now["config"].read_bytes())
    (tmp_path / "alone").mkdir()
    recording = Recording(drive, tmp_path / "alone")
    host.save(flush=True)
    writer = Writer(recording.path)
    log = host.recording.log()
    for entry in log.entries:
        if entry.count:
            writer.write(entry.sector - PARTS["config"][0] // SECTOR, log.read(entry.place, entry.count))
            writer.flush()
            recording.mark("write")
    (tmp_path / "replay").mkdir()
    result = outside.replay(recording, tmp_path / "replay", program, 20, "seed", {"config": (0, 8 * MIB)}, {})
    assert result.bad == [] and len(result.images) > 2      # each write is an operation of its own
    recording.marks = recording.marks[-1:]
    result = outside.replay(recording, tmp_path / "replay", program, 20, "seed", {"config": (0, 8 * MIB)}, {})
    assert "the configuration is neither that before write" in result.bad[0]


def test_a_bad_disk_is_kept(host):
    host.write_slot("b", "2", flush=False)
    host.set("slot=b")
    host.mark("commit")
    result = host.replay()
    kept = host.top / "work/bad-1"
    assert kept.stat().st_size == (host.top / "installed").stat().st_size
    start, size = PARTS["b"]
    (host.top / "kept-b").write_bytes(kept.read_bytes()[start:start + size])
    done = subprocess.run([str(host.program), "check", str(host.top / "kept-b")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.splitlines()[0].split(": ", 2)[2] in result.bad[0]


def test_no_partition_table(host):
    host.record([(1, bytes(SECTOR))], flush=False)
    host.record([((os.path.getsize(host.top / "installed") // SECTOR) - 1, bytes(SECTOR))])
    host.mark("first boot")
    assert "GRUB cannot read" in " ".join(host.replay().bad)


# ---- a disk that is installed anew ----

@pytest.fixture(scope="module")
def other_disk(tmp_path_factory):
    return make_disk(tmp_path_factory.mktemp("other"), "2", 0, NEW)


class Installer:
    """Makes the disk of a Host one that is like another, step by step."""

    def __init__(self, host, other):
        self.host = host
        self.now = bytearray((host.top / "installed").read_bytes())
        self.other = other.read_bytes()
        self.end = len(self.now)

    def put(self, *pieces):
        """Writes (start, data) of each piece where it differs, and flushes."""
        writes = []
        for start, data in pieces:
            for at in range(0, len(data), SECTOR):
                if self.now[start + at:start + at + SECTOR] == data[at:at + SECTOR]:
                    continue
                sector = (start + at) // SECTOR
                if writes and writes[-1][0] + len(writes[-1][1]) // SECTOR == sector and len(writes[-1][1]) < 1 << 17:
                    writes[-1][1] += data[at:at + SECTOR]
                else:
                    writes.append([sector, bytearray(data[at:at + SECTOR])])
            self.now[start:start + len(data)] = data
        self.host.record(writes)

    def copy(self, name, begin=0):
        start, size = PARTS.get(name, (MIB, MIB))
        self.put((start + begin, self.other[start + begin:start + size]))

    def clear_code(self):
        self.put((0, bytes(440) + self.now[440:SECTOR]))

    def clear_esp(self):
        self.put((PARTS["esp"][0], bytes(4096)))

    def table(self):
        self.put((0, self.now[:440] + self.other[440:34 * SECTOR]), (self.end - 33 * SECTOR, self.other[-33 * SECTOR:]))

    def slot(self):
        self.copy("a")

    def configuration(self):
        self.copy("config")

    def bios(self):
        self.copy("bios")

    def esp(self):
        """Its head last."""
        start = PARTS["esp"][0]
        self.put((start, bytes(4096)))
        self.copy("esp", 4096)
        self.put((start, self.other[start:start + 4096]))

    def delete_loader(self):
        path = self.host.top / "esp"
        start, size = PARTS["esp"]
        path.write_bytes(self.now[start:start + size])
        drives.run(drives.tool("mdel", "mtools"), "-i", str(path), "::/EFI/BOOT/BOOTX64.EFI", MTOOLS_SKIP_CHECK="1")
        self.put((start, path.read_bytes()))

    def code(self):
        self.put((0, self.other[:SECTOR]))


ANEW = ["clear_code", "clear_esp", "table", "slot", "configuration", "bios", "esp", "code"]


def install_anew(host, other, steps):
    host.set("failed=x")
    host.mark("something before")
    installer = Installer(host, other)
    installer.now[:] = installer.now[:PARTS["esp"][0]] + host.now["esp"].read_bytes() + installer.now[PARTS["a"][0]:]
    for step in steps:
        getattr(installer, step)()
    host.recording.mark("erase", erases=True)


def test_an_installation_in_the_right_order(host, other_disk):
    install_anew(host, other_disk, ANEW)
    result = host.replay()
    assert result.bad == []
    assert len(result.images) > 30 and result.checked["finish"] > 1 and result.checked["table"] > 3
    # Only during that operation may a disk boot nothing.
    host.recording.erasing.clear()
    (host.top / "work").rename(host.top / "work1")
    assert host.replay().bad


@pytest.mark.parametrize("steps, reason", [
    ("table clear_code clear_esp slot configuration bios esp code", "it boots, and Linux finds no partitions on it"),
    ("clear_code table clear_esp slot configuration bios esp code", "it boots, and Linux finds no partitions on it"),
    ("clear_code clear_esp table slot bios esp code configuration", "it boots a mixture"),
    ("clear_code clear_esp table configuration bios esp code slot", "it boots a mixture: not as before are loader, state, configuration, not as after it are slots"),
    ("clear_code clear_esp table slot configuration esp code bios", "it boots a mixture"),
    ("esp clear_code table slot configuration bios code", "it boots a mixture"),
    # Boot code does not count without an EFI partition.
    ("clear_code clear_esp table slot configuration bios code esp", None),
])
def test_an_installation_in_another_order(host, other_disk, steps, reason):
    install_anew(host, other_disk, steps.split())
    bad = " ".join(host.replay(worst=100).bad)
    assert reason in bad if reason else not bad


def test_an_unfinished_installation_that_looks_complete(host, other_disk):
    """The boot loaders are gone first, and the rest of the EFI partition is not."""
    install_anew(host, other_disk, ["clear_code", "delete_loader", *ANEW])
    assert "it boots nothing, and the installer takes it for an installed disk" in host.replay().bad[0]


def test_an_installation_that_does_not_boot(host, other_disk):
    install_anew(host, other_disk, ANEW[:-1])
    with pytest.raises(outside.Bad, match="after erase the disk does not boot by BIOS and by UEFI"):
        host.replay()
