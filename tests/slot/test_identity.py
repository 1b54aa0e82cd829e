"""The identity of a disk: a disk that was written from an image gets its own, once, whatever
cuts it off. The table is read by sfdisk, the file system by e2fsck and blkid."""

import itertools
import os
import random
import re
import struct
import subprocess
import zlib

import pytest

import drives
import tools
from conftest import TOP, Fat, run
from test_state import records

MIB = 1 << 20
UUID = "11111111-2222-8333-a444-555555555555"
TYPE = "E6D6D379-F507-44C2-A23C-238F2A3DF928"
# A small disk: number, name, label and size (MiB) of a partition, its type.
LAYOUT = """1 bios xenith-bios 1 21686148-6449-6E6F-744E-656564454649
2 esp xenith-esp 34 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
3 a xenith-a 1 9B6F1E52-4C0D-4E4B-9C5A-58454E495448
4 b xenith-b 1 9B6F1E52-4C0D-4E4B-9C5A-58454E495448
5 config XENITH-CFG 8 0FC63DAF-8483-4772-8E79-3D69D8477DE4
6 data xenith-data - E6D6D379-F507-44C2-A23C-238F2A3DF928
"""
ESP, CONFIG = 2 * MIB, 38 * MIB
SIZE = 128 * MIB
DEMAND = ("xenith-data", TYPE)


def environment():
    """sfdisk and e2fsprogs are in sbin."""
    return {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A disk by the build's script, with the two file systems that have an identity."""
    top = tmp_path_factory.mktemp("image")
    parts = top / "parts"
    parts.mkdir()
    tree = top / "tree"
    tree.mkdir()
    (tree / "host.conf").write_text("hostname=alpha\n")
    Fat(parts / "esp.img", kib=34 << 10, bits=32)
    run(drives.tool("mke2fs", "e2fsprogs"), "-q", "-t", "ext4", "-O", "metadata_csum_seed", "-L", "XENITH-CFG", "-U", UUID,
        "-E", "hash_seed=" + UUID, "-d", tree, parts / "config.img", "8M", env=environment())
    (parts / "boot.img").write_bytes(b"code" * 128)
    disk = top / "disk"
    (top / "layout").write_text(LAYOUT)
    run("sh", TOP / "install/disk.sh", top / "layout", parts, disk,
        env={**environment(), "SFDISK": drives.tool("sfdisk", "util-linux")})
    return disk


@pytest.fixture
def disk(image, tmp_path):
    """A copy of it on a larger disk."""
    path = tmp_path / "disk"
    copy(image, path)
    os.truncate(path, SIZE)
    return path


def copy(source, target):
    run("cp", "--sparse=always", source, target)


def table(disk):
    """What sfdisk reads: {key: value} of the disk and of each partition."""
    text = run(drives.tool("sfdisk", "util-linux"), "--dump", disk, env=environment()).decode()
    head = dict(re.findall(r"^([a-z-]+): (.*)$", text, re.M))
    parts = [dict(start=int(start), size=int(size), type=kind, guid=guid, label=label) for start, size, kind, guid, label in
             re.findall(r"start= *(\d+), size= *(\d+), type=(\S+), uuid=(\S+), name=\"(.*)\"", text)]
    return head, parts


def config_uuid(disk, tmp_path):
    """The UUID that blkid reads, which checks the superblock; e2fsck has nothing to repair."""
    part = tmp_path / "config"
    with open(disk, "rb") as source, open(part, "wb") as target:
        source.seek(CONFIG)
        target.write(source.read(8 * MIB))
    done = subprocess.run([drives.tool("e2fsck", "e2fsprogs"), "-f", "-n", part], capture_output=True, check=False, env=environment())
    assert done.returncode == 0, done.stdout
    return drives.uuid(part)


def identity(slot, disk):
    return dict(line.split("=") for line in slot.ok("identity", disk).splitlines())


def serials(disk):
    """Of both boot sectors of the EFI system partition."""
    with open(disk, "rb") as image:
        image.seek(ESP)
        data = image.read(7 * 512)
    return data[67:71], data[6 * 512 + 67:6 * 512 + 71]


def header(data, sector=512, at=1):
    """The fields of a GPT header, if it and its entries are right."""
    raw = data[at * sector:at * sector + 92]
    if raw[:8] != b"EFI PART":
        return None
    _, _, size, crc, _, own, other, first, last, guid, entries, count, length, entries_crc = struct.unpack("<8sIIIIQQQQ16sQIII", raw)
    assert (size, own, length) == (92, at, 128)
    table_bytes = data[entries * sector:entries * sector + count * length]
    if zlib.crc32(raw[:16] + b"\0" * 4 + raw[20:]) != crc or zlib.crc32(table_bytes) != entries_crc:
        return None
    return {"other": other, "first": first, "last": last, "guid": guid, "entries": entries}


def test_an_image_has_the_identity_of_its_content(slot, image, tmp_path):
    found = identity(slot, image)
    assert found["from"] == "image"
    assert table(image)[0]["label-id"] == found["guid"]
    assert found["guid"][14] == "8"
    assert config_uuid(image, tmp_path) == UUID


def test_an_own_identity(slot, image, disk, tmp_path):
    before = table(disk)
    slot.ok("identify", disk, *DEMAND)
    found = identity(slot, disk)
    assert found["from"] == "own" and found["guid"][14] == "4"
    head, parts = table(disk)
    assert head["label-id"] == found["guid"]
    # All GUIDs are new, nothing else.
    guids = {part.pop("guid") for part in before[1]}
    rest = parts.pop()
    assert guids.isdisjoint({part["guid"] for part in parts}) and len({part.pop("guid") for part in parts} | {rest["guid"]}) == 6
    assert parts == before[1]
    # The rest, in whole mebibytes, in front of the second table.
    assert (rest["label"], rest["type"]) == DEMAND
    assert rest["start"] == parts[-1]["start"] + parts[-1]["size"]
    assert (rest["start"] + rest["size"]) * 512 == SIZE - MIB
    assert int(head["last-lba"]) == SIZE // 512 - 34
    done = run(drives.tool("sfdisk", "util-linux"), "--verify", disk, env=environment()).decode()
    assert "No errors detected" in done
    # The second table is complete, the boot code is there, and the MBR covers the disk.
    data = disk.read_bytes()
    last = len(data) // 512 - 1
    assert header(data)["other"] == last
    assert header(data, at=last)["guid"] == header(data)["guid"]
    assert data[:440] == (b"code" * 128)[:440]
    assert data[446 + 4] == 0xee and struct.unpack("<II", data[446 + 8:446 + 16]) == (1, last)
    # The file systems.
    uuid = config_uuid(disk, tmp_path)
    assert uuid != UUID and uuid[14] == "4" and uuid[19] in "89ab"
    first, second = serials(disk)
    assert first == second != serials(image)[0]


def test_two_disks_differ(slot, image, tmp_path):
    found = []
    for name in ("one", "two"):
        copy(image, tmp_path / name)
        slot.ok("identify", tmp_path / name)
        found.append((identity(slot, tmp_path / name)["guid"], config_uuid(tmp_path / name, tmp_path), serials(tmp_path / name)))
    assert all(one != two for one, two in zip(*found))


def test_it_happens_once(slot, disk):
    slot.ok("identify", disk, *DEMAND)
    before = disk.read_bytes()
    slot.ok("identify", disk, *DEMAND)
    assert disk.read_bytes() == before


@pytest.mark.parametrize("size, words, count", [
    (None, DEMAND, 5),              # the disk is as large as the image
    (100 * MIB, DEMAND, 5),         # too little is left
    (SIZE, (), 5),            # nothing was asked for
    (SIZE + 4096, DEMAND, 6),
], ids=["none", "little", "alone", "odd"])
def test_the_rest_of_the_disk(slot, image, tmp_path, size, words, count):
    disk = tmp_path / "disk"
    copy(image, disk)
    if size:
        os.truncate(disk, size)
    slot.ok("identify", disk, *words)
    head, parts = table(disk)
    assert len(parts) == count
    assert int(head["last-lba"]) == disk.stat().st_size // 512 - 34


def test_partitions_of_others_stay(slot, disk):
    run(drives.tool("sfdisk", "util-linux"), "--quiet", "--append", "--no-reread", disk, env=environment(),
        input=b'start=100000, size=1000, name="mine"\n')
    slot.ok("identify", disk, *DEMAND)
    parts = {part["label"]: part for part in table(disk)[1]}
    assert (parts["mine"]["start"], parts["mine"]["size"]) == (100000, 1000)
    assert parts["xenith-data"]["start"] >= 101000


def test_sectors_of_4096_bytes(slot, tmp_path):
    """The table by the layout; the file systems by where it says that they are."""
    disk = tmp_path / "disk"
    with open(disk, "wb") as out:
        out.truncate(SIZE)
    (tmp_path / "layout").write_text(LAYOUT)
    rows = [line.split() for line in run("sh", TOP / "install/partitions.sh", tmp_path / "layout", "4096").decode().splitlines()]
    data = bytearray(128 * 128)
    for number, (_, _, start, size, label, _) in enumerate(row for row in rows if row[3] != "-"):
        struct.pack_into("<16s16sQQQ72s", data, number * 128, b"type" * 4, b"guidguidguid\0\x80id", int(start),
                         int(start) + int(size) - 1, 0, label.encode("utf-16-le"))
    head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, SIZE // 4096 - 1, 256, SIZE // 4096 - 6,
                                 bytes.fromhex("00112233445566870011223344556677"), 2, 128, 128, zlib.crc32(data)))
    struct.pack_into("<I", head, 16, zlib.crc32(head))
    Fat(tmp_path / "esp", kib=34 << 10, bits=32)
    run(drives.tool("mke2fs", "e2fsprogs"), "-q", "-t", "ext4", "-O", "^metadata_csum", "-U", UUID,
        tmp_path / "cfg", "8M", env=environment())
    with open(disk, "r+b") as out:
        for offset, content in ((0, b"\0" * 510 + b"\x55\xaa"), (4096, head), (8192, data), (ESP, (tmp_path / "esp").read_bytes()),
                                (CONFIG, (tmp_path / "cfg").read_bytes())):
            out.seek(offset)
            out.write(content)
    assert identity(slot, disk)["from"] == "image"
    slot.ok("identify", disk, *DEMAND)
    assert identity(slot, disk)["from"] == "own"
    data = disk.read_bytes()
    assert header(data, 4096)["entries"] == 2
    assert header(data, 4096, len(data) // 4096 - 1)["guid"] == header(data, 4096)["guid"]
    assert config_uuid(disk, tmp_path)[14] == "4"
    rest = data[8192 + 5 * 128:8192 + 6 * 128]
    first, last = struct.unpack("<QQ", rest[32:48])
    assert rest[56:56 + 22] == "xenith-data".encode("utf-16-le")
    assert (first, last + 1) == (int(rows[-1][2]), (SIZE - MIB) // 4096)


# ---- power cuts ----

def pieces(writes):
    """What a disk writes whole or not at all, in order: (offset, 512 bytes), or None for a
    flush."""
    for offset, data in writes:
        if offset < 0:
            yield None
        for at in range(0, len(data), 512):
            yield offset + at, data[at:at + 512]


def recorded(slot, disk, tmp_path):
    path = tmp_path / "writes"
    path.unlink(missing_ok=True)
    slot.ok("identify", disk, *DEMAND, env={"SLOT_WRITES": str(path), "SLOT_FLUSHES": "1"})
    return list(pieces(records(path)))


def states(found, choice):
    """The disks that a power cut can leave, as lists of pieces: all that was flushed, and of
    what was written since then a prefix, or any part of it."""
    flushed = []
    epoch = []
    for piece in found:
        if piece is not None:
            epoch.append(piece)
            yield flushed + epoch
            continue
        if len(epoch) > 1:
            for _ in range(3):
                yield flushed + choice.sample(epoch, choice.randrange(len(epoch)))
        flushed += epoch
        epoch = []


class Pieces:
    """Changes a disk, and back."""

    def __init__(self, disk):
        self.file = open(disk, "r+b", buffering=0)
        self.old = []

    def write(self, done):
        for offset, data in done:
            self.file.seek(offset)
            self.old.append((offset, self.file.read(len(data))))
            self.file.seek(offset)
            self.file.write(data)

    def head(self):
        self.file.seek(0)
        return self.file.read(MIB)

    def undo(self):
        for offset, data in reversed(self.old):
            self.file.seek(offset)
            self.file.write(data)
        self.old = []


def test_every_cut_leaves_a_disk_that_boots(slot, disk, tmp_path):
    """At each point the first table and the file systems are complete; so Linux sees the
    partitions, and the next boot finishes what was cut off."""
    copy(disk, tmp_path / "done")
    found = recorded(slot, tmp_path / "done", tmp_path)
    (tmp_path / "done").unlink()
    work = Pieces(disk)
    old = header(work.head())["guid"]
    new = set()
    kinds = set()
    tried = 0
    for done in states(found, random.Random(1)):
        work.write(done)
        now = header(work.head())
        assert now is not None
        new.add(now["guid"])
        kinds.add("image" if now["guid"][7] >> 4 == 8 else "own" if now["entries"] == 2 else "cut")
        assert superblock_is_right(work)
        tried += 1
        work.undo()
    assert kinds == {"image", "cut", "own"}
    assert old in new and len(new) == 2
    assert tried > 100


def superblock_is_right(work):
    work.file.seek(CONFIG + 1024)
    data = work.file.read(1024)
    crc = 0xffffffff
    for byte in data[:0x3fc]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc) == data[0x3fc:]


def test_the_next_boot_finishes(slot, disk, tmp_path):
    """After a cut at each flush, and in the middle between two."""
    copy(disk, tmp_path / "done")
    found = recorded(slot, tmp_path / "done", tmp_path)
    (tmp_path / "done").unlink()
    flushes = [number for number, piece in enumerate(found) if piece is None]
    for cut in sorted({*flushes, *((one + two) // 2 for one, two in itertools.pairwise(flushes))}):
        done = tmp_path / "cut"
        copy(disk, done)
        work = Pieces(done)
        work.write([piece for piece in found[:cut] if piece])
        guid = identity(slot, done)
        slot.ok("identify", done, *DEMAND)
        after = identity(slot, done)
        assert after["from"] == "own"
        if guid["from"] != "image":
            assert after["guid"] == guid["guid"]
        now = work.head()
        assert header(now)["entries"] == 2
        work.file.close()
    head, parts = table(done)
    assert head["label-id"] == after["guid"] and len(parts) == 6
    assert config_uuid(done, tmp_path)[14] == "4"


# ---- what is refused ----

def test_what_has_no_table(slot, tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"\0" * MIB)
    assert "no GPT on it" in slot.fails("identify", path, *DEMAND)
    path.write_bytes(b"\0" * 100)
    assert "is beyond its end" in slot.fails("identity", path)


@pytest.mark.parametrize("offset, why", [
    (512 + 17, "the header has a wrong checksum"),
    (1024 + 40, "its entries have a wrong checksum"),
], ids=["header", "entries"])
def test_a_damaged_table(slot, disk, offset, why):
    flip(disk, offset)
    assert why in slot.fails("identify", disk, *DEMAND)


def flip(disk, offset):
    with open(disk, "r+b") as image:
        image.seek(offset)
        byte = image.read(1)[0]
        image.seek(offset)
        image.write(bytes([byte ^ 1]))


def test_a_disk_of_somebody_else(slot, tmp_path):
    disk = tmp_path / "disk"
    with open(disk, "wb") as out:
        out.truncate(100 * MIB)
    run(drives.tool("sfdisk", "util-linux"), "--quiet", "--no-reread", disk, env=environment(), input=b"label: gpt\nsize=10M\n")
    before = disk.read_bytes()
    assert "not a disk of an installed host" in slot.fails("identify", disk, *DEMAND)
    assert disk.read_bytes() == before


@pytest.mark.parametrize("offset, why", [
    (CONFIG + 1024 + 4, "its superblock has a wrong checksum"),
    (CONFIG + 1024 + 0x38, "no ext4 file system"),
    (CONFIG + 1024 + 0x61, "no ext4 file system"),
], ids=["checksum", "magic", "features"])
def test_a_damaged_configuration(slot, disk, offset, why):
    if why == "no ext4 file system" and offset != CONFIG + 1024 + 0x38:
        # Without the feature, all checksums depend on the UUID.
        with open(disk, "r+b") as image:
            image.seek(offset)
            features = image.read(1)[0]
            image.seek(offset)
            image.write(bytes([features & ~0x20]))
        why = "has checksums that depend on its UUID"
    else:
        flip(disk, offset)
    before = identity(slot, disk)
    assert why in slot.fails("identify", disk, *DEMAND)
    assert identity(slot, disk) == before and before["from"] == "image"


def test_a_type_that_is_no_guid(slot, disk):
    for bad in ("", TYPE[:-1], TYPE + "0", TYPE.replace("-", "0"), "G" + TYPE[1:]):
        assert "not a GUID" in slot.fails("identify", disk, "xenith-data", bad)
