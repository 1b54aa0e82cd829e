"""The boot state: two blocks, of which one is always complete."""

import random
import resource
import signal
import subprocess

import pytest

from conftest import BLOCK, Fat, block

HALF = 512


def records(path):
    """The recorded writes: (offset, data)."""
    data = path.read_bytes() if path.exists() else b""
    found = []
    while data:
        head, data = data.split(b"\n", 1)
        offset, length = (int(word) for word in head.split(b" ", 2)[:2])
        found.append((offset, data[:length]))
        data = data[length:]
    return found


@pytest.mark.parametrize("bits, kib, cluster", [(16, 4096, 1), (16, 16384, 4), (32, 34000, 1)])
def test_the_newer_file_counts(slot, esp, bits, kib, cluster):
    fat = esp(block(7), block(8, "b", **{"try": "a", "pending": "a", "failed": "0.2", "options": "1",
                                         "tryoptions": "0"}), bits=bits, kib=kib, cluster=cluster)
    assert slot.state(fat) == {"seq": "00000008", "slot": "b", "try": "a", "pending": "a", "failed": "0.2",
                               "options": "1", "tryoptions": "0", "menu": ""}


def test_the_first_file_may_be_newer(slot, esp):
    assert slot.state(esp(block(10), block(9, "b")))["slot"] == "a"


def test_set_overwrites_the_older_file_only(slot, esp):
    fat = esp(block(8, "b"), block(7))
    before = fat.path.read_bytes()
    older = fat.find(block(7))
    slot.ok("set", fat, "try=a", "pending=a")
    after = fat.path.read_bytes()
    assert after[older:older + BLOCK] == block(9, "b", **{"try": "a", "pending": "a"})
    assert after[:older] + after[older + BLOCK:] == before[:older] + before[older + BLOCK:]
    # And then the other.
    slot.ok("set", fat, "slot=a", "try=", "pending=")
    assert fat.find(block(10)) == before.index(block(8, "b"))
    assert slot.state(fat)["seq"] == "00000010"


@pytest.mark.parametrize("bad", [
    block(9, "b", end="0"),
    block(9, "b")[:80],
    block(9, "c"),
    block(9, "b", options="2"),
    block(9, "b", failed="not a version"),
    block(9, "b").replace(b"seq=0", b"seq="),
    block(9, "b").replace(b"try=\n", b""),
    block(9, "b").replace(b"# GRUB", b"# GRAB"),
    b"\0" * BLOCK, b"\xff" * BLOCK, b"#" * BLOCK,
], ids=["end", "torn", "slot", "options", "failed", "seq", "key", "signature", "zero", "ones", "filler"])
@pytest.mark.parametrize("first", [True, False])
def test_a_block_that_is_not_complete(slot, esp, bad, first):
    bad = bad.ljust(BLOCK, b"\0")
    fat = esp(*((bad, block(5, "b")) if first else (block(5, "b"), bad)))
    done = slot.call("state", fat)
    assert (done.returncode, b"slot=b\n" in done.stdout) == (0, True)
    assert b"xenith/state%d is not complete" % (not first) in done.stderr
    # It is the one to be overwritten.
    slot.ok("set", fat, "slot=a")
    assert slot.state(fat)["seq"] == "00000006"
    fat.find(block(5, "b"))
    assert slot.call("state", fat).stderr == b""


def test_every_cut_of_the_first_half(slot, esp):
    """A block of which only the beginning was written is never taken for a complete one."""
    whole = block(9, "b")
    fat = esp(block(5), block(9, "b"))
    at = fat.find(whole)
    end = whole.index(b"end=1\n") + len(b"end=1\n")
    for cut in list(range(0, end, 7)) + [end - 1]:
        fat.poke(at, whole[:cut] + bytes(BLOCK - cut))
        assert slot.state(fat)["seq"] == "00000005"
    fat.poke(at, whole[:end] + bytes(BLOCK - end))
    assert slot.state(fat)["seq"] == "00000009"


def test_both_unreadable(slot, esp):
    fat = esp(b"\0" * BLOCK, block(3, end="0"))
    assert "the boot state is lost" in slot.fails("state", fat)
    assert "set slot= as well" in slot.fails("set", fat, "try=b")
    slot.ok("set", fat, "slot=b")
    assert slot.state(fat) == {"seq": "00000001", "slot": "b", "try": "", "pending": "", "failed": "",
                               "options": "0", "tryoptions": "", "menu": ""}
    slot.ok("set", fat, "failed=0.3")
    assert slot.state(fat)["seq"] == "00000002"
    assert slot.call("state", fat).stderr == b""


@pytest.mark.parametrize("word", ["seq=9", "seq=", "end=1", "slot=", "slot=c", "try=ab", "options=", "options=3",
                                  "tryoptions=2", "menu=0", "failed=a b", "failed=" + "9" * 65, "other=1", "slot", "=a", ""])
def test_invalid_settings_change_nothing(slot, esp, word):
    fat = esp(block(1), block(2))
    before = fat.path.read_bytes()
    assert 'cannot set "%s"' % word in slot.fails("set", fat, "try=b", word)
    assert fat.path.read_bytes() == before


def test_a_given_number(slot, esp):
    """The disks of a mirror get the same one; it never falls."""
    fat = esp(block(8, "b"), block(7))
    slot.ok("set", fat, "seq=00000020", "slot=a")
    assert (slot.state(fat)["seq"], slot.state(fat)["slot"]) == ("00000020", "a")
    fat.find(block(8, "b"))
    slot.ok("set", fat, "seq=00000020", "slot=b")
    assert (slot.state(fat)["seq"], slot.state(fat)["slot"]) == ("00000021", "b")
    slot.ok("set", fat, "seq=00000003", "try=a")
    assert slot.state(fat)["seq"] == "00000022"


def test_the_longest_values_fit(slot, esp):
    fat = esp(block(1), block(2))
    slot.ok("set", fat, "failed=" + "9" * 64, "try=b", "pending=b", "tryoptions=1", "menu=1")
    assert slot.state(fat)["failed"] == "9" * 64
    assert block(3, failed="9" * 64, pending="b", tryoptions="1", menu="1", **{"try": "b"}) in fat.path.read_bytes()


@pytest.mark.parametrize("menu, is_set", [("1", "1"), ("", ""), (None, ""), ("2", ""), ("1" * 80, "")])
def test_the_request_for_the_menu(slot, esp, menu, is_set):
    """Older versions write none, and ignore what is behind the end."""
    fat = esp(block(8, menu=menu), block(7))
    assert slot.state(fat)["seq"] == "00000008" and slot.state(fat)["menu"] == is_set
    # It stays until it is cleared, and leaves no line then.
    slot.ok("set", fat, "failed=0.2")
    assert block(9, failed="0.2", menu=is_set or None) in fat.path.read_bytes()
    slot.ok("set", fat, "menu=")
    assert slot.state(fat)["menu"] == ""
    assert block(10, failed="0.2") in fat.path.read_bytes()


def test_no_number_is_left(slot, esp):
    fat = esp(block(99999999), block(2))
    assert "no number is left" in slot.fails("set", fat, "try=b")


# ---- a file system that is not as the installer made it ----

@pytest.mark.parametrize("states, message", [
    ((block(1), None), "no file xenith/state1"),
    ((None, block(1)), "no file xenith/state0"),
    ((block(1)[:HALF], block(2)), "xenith/state0 has 512 bytes, not 1024"),
    ((block(1), block(2) + b"#"), "xenith/state1 has 1025 bytes, not 1024"),
    ((block(1), b""), "xenith/state1 has 0 bytes, not 1024"),
])
def test_files_of_another_shape(slot, esp, states, message):
    fat = esp(*states)
    assert message in slot.fails("state", fat)
    assert message in slot.fails("set", fat, "slot=a")


def test_a_file_in_pieces_is_refused(slot, tmp_path):
    fat = Fat(tmp_path / "esp", kib=3000)
    fat.mkdir("xenith")
    fat.put("xenith/state0", block(1))
    for name in ("one", "two", "three"):
        fat.put(name, b"1" * 512)
    free = fat.mtool("mdir", "::/").decode().replace(" ", "").split("bytesfree")[0].split("\n")[-1]
    fat.put("fill", b"2" * int("".join(c for c in free if c.isdigit())))
    fat.delete("one")
    fat.delete("three")
    fat.put("xenith/state1", block(2))
    before = fat.path.read_bytes()
    for command in (("state", fat), ("set", fat, "slot=b")):
        assert "state1 is in 2 pieces" in slot.fails(*command)
    assert fat.path.read_bytes() == before


def test_a_disk_that_ends_early(slot, esp):
    fat = esp(block(1), block(2))
    with open(fat, "r+b") as image:
        image.truncate(100 * 1024)
    assert "damaged FAT file system" in slot.fails("state", fat)
    with open(fat, "r+b") as image:
        image.truncate(100)
    assert "beyond its end" in slot.fails("state", fat)


def test_what_is_no_device(slot, tmp_path):
    assert "No such file" in slot.fails("state", tmp_path / "none")
    assert "not a block device" in slot.fails("state", tmp_path)
    assert "not a block device" in slot.fails("state", "/dev/null")
    (tmp_path / "zero").write_bytes(bytes(1 << 20))
    assert "not a FAT file system" in slot.fails("state", tmp_path / "zero")
    small = Fat(tmp_path / "small", kib=1024, bits=12)
    assert "FAT12" in slot.fails("state", small)


@pytest.mark.parametrize("bits, kib", [(16, 4096), (32, 34000)])
def test_damage_ends_in_a_message(slot, esp, bits, kib):
    """Never in a crash, which the sanitizers would tell, and never in an endless loop."""
    fat = esp(block(1), block(2, "b"), bits=bits, kib=kib)
    good = fat.path.read_bytes()
    random_ = random.Random(bits)
    # The boot sector, the tables, and the directories, which hold whatever is not zero.
    places = [at for at in range(0, 90)] + [at for at in range(512, len(good) - BLOCK) if good[at]][:400]
    for _ in range(60):
        changed = random_.sample(places, 3)
        for at in changed:
            fat.poke(at, bytes([random_.choice((0, 1, 0x0f, 0x10, 0x7f, 0xff, random_.randrange(256)))]))
        done = slot.call("state", fat, timeout=60)
        assert done.returncode in (0, 1), done.stderr.decode()
        assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr.decode()
        for at in changed:
            fat.poke(at, good[at:at + 1])


def test_a_directory_in_a_circle(slot, esp):
    fat = esp(block(1), block(2), bits=32, kib=34000)
    image = fat.path.read_bytes()
    reserved = int.from_bytes(image[14:16], "little")
    # The root's cluster, 2, follows itself, and no entry ends the directory.
    at = fat.find(b"XENITH     ")
    root = at // 512 * 512
    filler = (b"FILLER     \x20" + bytes(20)) * 16
    fat.poke(root, filler)
    fat.poke(reserved * 512 + 8, (2).to_bytes(4, "little"))
    assert "without an end" in slot.fails("state", fat, timeout=60)


# ---- power cuts and bad disks ----

def test_every_prefix_of_the_writes_is_a_state(slot, esp, tmp_path):
    """A long series of changes, cut after each write, and within each one at a boundary of
    512 bytes: what is read is what stood before the change or after it."""
    fat = esp(block(1), block(2))
    random_ = random.Random(1)
    points = 0
    for step in range(15):
        before = slot.state(fat)
        image = fat.path.read_bytes()
        change = random_.choice((("try=b", "pending=b"), ("slot=b", "try=", "pending="), ("slot=a", "failed=0.%d" % step),
                                 ("tryoptions=1",), ("options=1", "tryoptions=")))
        log = tmp_path / ("writes%d" % step)
        slot.ok("set", fat, *change, env={"SLOT_WRITES": str(log)})
        after = slot.state(fat)
        complete = fat.path.read_bytes()
        written = records(log)
        assert [len(data) for _, data in written] == [HALF, HALF]
        assert written[0][0] == written[1][0] + HALF
        pieces = [(offset + at, data[at:at + HALF]) for offset, data in written for at in range(0, len(data), HALF)]
        # In any order, as a disk's cache may have it.
        for kept in ([], pieces[:1], pieces[1:], pieces):
            fat.path.write_bytes(image)
            for offset, data in kept:
                fat.poke(offset, data)
            assert slot.state(fat) == (after if pieces[1] in kept else before)
            points += 1
        assert fat.path.read_bytes() == complete
    assert points == 60


@pytest.mark.parametrize("number", [0, 1])
def test_a_write_that_fails(slot, esp, number):
    fat = esp(block(1), block(2))
    assert "cannot write" in slot.fails("set", fat, "slot=b", env={"SLOT_FAIL": str(number)})
    assert (slot.state(fat)["seq"], slot.state(fat)["slot"]) == ("00000002", "a")


@pytest.mark.parametrize("number", [0, 1])
def test_a_write_that_is_not_kept(slot, esp, number):
    fat = esp(block(1), block(2))
    assert "reads back different" in slot.fails("set", fat, "slot=b", env={"SLOT_FLIP": str(number)})
    assert slot.state(fat)["seq"] in ("00000002", "00000003")


def test_a_device_that_takes_no_more(slot, esp):
    fat = esp(block(1), block(2))

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    assert "File too large" in slot.fails("set", fat, "slot=b", preexec_fn=limit)
    assert slot.state(fat)["slot"] == "a"


def test_output_that_cannot_be_written(slot, esp):
    fat = esp(block(1), block(2))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(slot.program), "state", str(fat)], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"standard output" in done.stderr


@pytest.mark.parametrize("words", [(), ("state",), ("state", "x", "y"), ("set", "x"), ("other", "x"), ("cat", "x"),
                                   ("check", "x", "y"), ("write", "x", "y")])
def test_usage(slot, words):
    done = slot.call(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: slot state ESP")
