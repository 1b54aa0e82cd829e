"""Power cuts during an update, a commit and a rollback: the writes of the real programs are
recorded, and each disk that a cut may leave is read by GRUB's code and by slot. The cuts of
a whole machine are in qemu-test/test_powercut.py."""

import random

import pytest

import drives
import outside
import tools
from conftest import HERE, TOP, run
from writelog import SECTOR, Recording, Writer, sparse_copy

MIB = 1 << 20
# The device of each partition of the host.
DEVICES = {"esp": "sda2", "a": "sda3", "b": "sda4"}
LAYOUT = "1 bios b 1 21686148-6449-6E6F-744E-656564454649\n" + "".join(
    "%d %s x %d 0FC63DAF-8483-4772-8E79-3D69D8477DE4\n" % row
    for row in ((2, "esp", 3), (3, "a", 3), (4, "b", 3), (5, "config", 4)))
NUMBERS = {"esp": 2, "a": 3, "b": 4, "config": 5}
PARTS = {"esp": (2 * MIB, 3 * MIB), "a": (5 * MIB, 3 * MIB), "b": (8 * MIB, 3 * MIB), "config": (11 * MIB, 4 * MIB)}
POINTS = 200


@pytest.fixture(scope="session")
def traced(tmp_path_factory):
    """slot, which records its writes."""
    out = tmp_path_factory.mktemp("traced") / "slot"
    run("cc", "-O1", "-Wl,--wrap=pwrite,--wrap=fsync", "-o", out, *sorted((TOP / "install/slot").glob("*.c")), HERE / "trace.c", "-lsodium")
    return out


class Cuts:
    """The host's partitions on one disk, and the log of what it does."""

    def __init__(self, host, traced, top):
        self.host = host
        self.top = top
        host.real_slot = traced
        self.trace = top / "trace"
        parts = top / "parts"
        parts.mkdir(parents=True)
        (top / "layout").write_text(LAYOUT)
        first = (host.top / "dev/sda").read_bytes()
        (parts / "boot.img").write_bytes(first[:440])
        (parts / "bios.img").write_bytes(first[MIB:2 * MIB])
        for name, device in DEVICES.items():
            sparse_copy(host.top / "dev" / device, parts / (name + ".img"))
        drives.ext4(parts / "config.img", drives.write_tree(top / "tree", {"host.conf": "hostname=x\n"}), mib=4)
        drives.run("sh", str(TOP / "install/disk.sh"), str(top / "layout"), str(parts), str(top / "disk"), SFDISK=tools.find("sfdisk"))
        self.recording = Recording(top / "disk", top)
        self.writer = Writer(self.recording.path)

    def do(self, name, *words):
        """xenith update WORDS, recorded."""
        self.trace.write_bytes(b"")
        done = self.host.update(*words, SLOT_TRACE=str(self.trace))
        assert (done.returncode, done.stderr) == (0, "")
        data = self.trace.read_bytes()
        places = {str(self.host.top / "dev" / device): PARTS[name][0] for name, device in DEVICES.items()}
        places[str(self.host.top / "dev/sda")] = 0
        while data:
            head, data = data.split(b"\n", 1)
            path, *numbers = head.decode().split(" ")
            if numbers == ["flush"]:
                self.writer.flush()
                continue
            offset, length = map(int, numbers)
            assert offset % SECTOR == 0 and length % SECTOR == 0
            self.writer.write((places[path] + offset) // SECTOR, data[:length])
            data = data[length:]
        self.recording.mark(name)

    def grub_clears_the_mark(self):
        """In place, and without a flush."""
        path = self.host.top / "dev" / DEVICES["esp"]
        data = path.read_bytes()
        at = data.index(b"\ntry=b\n") // SECTOR * SECTOR
        sector = (data[at:at + SECTOR].replace(b"\ntry=b\n", b"\ntry=\n") + b"#")
        path.write_bytes(data[:at] + sector + data[at + SECTOR:])
        self.writer.write((PARTS["esp"][0] + at) // SECTOR, sector)

    def replay(self, traced, seed, also=None):
        work = self.top / "work"
        work.mkdir()
        return outside.replay(self.recording, work, traced, POINTS, seed, PARTS, NUMBERS, also=also)


@pytest.fixture
def cuts(host, traced, tmp_path):
    return Cuts(host, traced, tmp_path / "cuts")


def test_power_cuts(cuts, host, maker, traced):
    cuts.do("update", maker.update("2", 20))
    cuts.do("withdrawn", "--rollback")
    cuts.do("update again", maker.update("3", 30))
    host.boot("b", "xenith.try=1")
    cuts.grub_clears_the_mark()
    cuts.do("commit", "--commit")
    cuts.do("rollback", "--rollback")
    cuts.do("update of the other slot", maker.update("4", 40))
    seed = str(random.randrange(1000000))
    result = cuts.replay(traced, seed)
    assert result.bad == [], "seed %s" % seed
    assert result.points >= POINTS and len(result.images) > 12
    assert result.checked["state"] > 6 and result.checked["slot"] >= 4


def test_a_slot_that_is_written_after_it_is_marked(cuts, host, maker, traced):
    """The order of the steps is what the cuts depend on."""
    program = host.top / "usr/lib/xenith/update"
    text = program.read_text()
    assert text.count('\tchange_state try= pending=\n\ton_disks write_slot "$idle"') == 1
    program.write_text(text.replace('\tchange_state try= pending=\n\ton_disks write_slot "$idle"',
                                    '\tchange_state try="$idle" pending="$idle"\n\ton_disks write_slot "$idle"'))
    cuts.do("update", maker.update("2", 20))
    assert "slot b: " in cuts.replay(traced, "1").bad[0]
