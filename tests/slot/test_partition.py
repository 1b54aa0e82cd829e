"""Slots: writing one, reading its files, checking them against the manifest."""

import hashlib
import os
import random
import resource
import signal

import pytest

from conftest import Fat, manifest
from test_state import records

FILES = {"xen.gz": b"xen" * 3000, "vmlinuz": os.urandom(70000), "initrd": bytes(range(256)) * 900, "grub.cfg": b"set x=1\n"}


# ---- cat and check ----

@pytest.mark.parametrize("bits, kib, cluster", [(16, 4096, 1), (16, 16384, 4), (32, 34000, 1)])
def test_a_good_slot(slot, partition, bits, kib, cluster):
    fat = partition(FILES, bits=bits, kib=kib, cluster=cluster)
    assert slot.ok("check", fat) == ""
    for name, data in FILES.items():
        done = slot.call("cat", fat, name)
        assert (done.returncode, done.stdout) == (0, data)
    assert slot.ok("cat", fat, "manifest").startswith("xenith-manifest 1\n")


def test_files_of_every_length(slot, partition):
    """Around a cluster's and a hash's block; in more entries than a cluster holds; with long names."""
    lengths = list(range(0, 130)) + [511, 512, 513, 1023, 1024, 1025, 1535, 1536]
    files = {"file-number-%d.of-that-length" % n: bytes(i % 251 for i in range(n)) for n in lengths}
    fat = partition(files, bits=32, kib=34000)
    assert slot.ok("check", fat) == ""
    assert slot.call("cat", fat, "file-number-1025.of-that-length").stdout == files["file-number-1025.of-that-length"]


def test_a_signature_is_no_foreign_file(slot, partition):
    fat = partition(FILES)
    fat.put("manifest.minisig", b"signature")
    assert slot.ok("check", fat) == ""


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_named(slot, partition, name):
    fat = partition(FILES)
    at = fat.find(FILES[name][-8:]) if name == "grub.cfg" else fat.path.read_bytes().index(FILES[name][:512])
    for offset in (0, 5):
        byte = fat.path.read_bytes()[at + offset]
        fat.poke(at + offset, bytes([byte ^ 1]))
        message = slot.fails("check", fat)
        assert "%s has SHA-256" % name in message and message.count("\n") == 1
        fat.poke(at + offset, bytes([byte]))
    assert slot.ok("check", fat) == ""


def test_every_difference_is_named(slot, partition):
    fat = partition(FILES)
    fat.put("grub.cfg", b"set x=12\n")
    fat.put("other", b"")
    fat.mkdir("more")
    message = slot.fails("check", fat)
    for text in ("grub.cfg has 9 bytes, and 8 by the manifest", "other is not in the manifest",
                 "more is not in the manifest"):
        assert text in message
    assert message.count("\n") == 3


def test_a_missing_file_is_named(slot, partition):
    fat = partition(FILES)
    fat.delete("initrd")
    assert "initrd is missing" in slot.fails("check", fat)
    assert "no file initrd" in slot.fails("cat", fat, "initrd")


def test_a_directory_in_the_place_of_a_file(slot, partition):
    files = {**FILES, "empty": b""}
    fat = partition(files)
    fat.delete("empty")
    fat.mkdir("empty")
    assert "empty is not in the manifest" in slot.fails("check", fat)
    assert "empty is a directory" in slot.fails("cat", fat, "empty")


GOOD = manifest({"x": b""}).decode()


INVALID = [
    "", "\n", GOOD[:-1], GOOD + "\n", GOOD + "\0\n", "\0" + GOOD, GOOD + GOOD.split("\n")[3] + "\n",
    GOOD.replace("xenith-manifest 1", "xenith-manifest 2"), GOOD.replace("version", "release"),
    GOOD.replace("order 2", "order -2"), GOOD.replace("version 1.0", "version 1 0"), GOOD.replace("version 1.0", "version "),
    GOOD.replace("version 1.0", "version " + "1" * 65), GOOD.replace("order ", "order " + "9" * 20), GOOD.replace("file", "dir"),
    GOOD.replace("file x", "file  x"), GOOD.replace("file x", "file a/x"), GOOD.replace("file x", "file manifest"),
    GOOD.replace("file x", "file " + "x" * 256), GOOD.replace(" 0 ", " -0 "), GOOD.replace(" 0 ", " 4294967296 "),
    GOOD.replace(" e3b0", " E3b0"), GOOD.replace(" e3b0", " e3b"), GOOD.replace("b855\n", "b855 \n"), GOOD.replace("b855\n", "b855a\n"),
    GOOD.split("file")[0], "x" * 70000,
]


@pytest.mark.parametrize("number", range(len(INVALID)))
def test_an_invalid_manifest(slot, partition, number):
    fat = partition({"x": b""}, text=INVALID[number].encode())
    assert "invalid manifest" in slot.fails("check", fat)


def test_damage_ends_in_a_message(slot, partition):
    fat = partition(FILES)
    good = fat.path.read_bytes()
    random_ = random.Random(7)
    tables = range(512, 512 * 20)
    for _ in range(40):
        changed = random_.sample(tables, 2) + random_.sample(range(90), 1)
        for at in changed:
            fat.poke(at, bytes([random_.randrange(256)]))
        done = slot.call("check", fat, timeout=60)
        assert done.returncode in (0, 1), done.stderr.decode()
        assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr.decode()
        for at in changed:
            fat.poke(at, good[at:at + 1])


# ---- write ----

@pytest.fixture
def target(tmp_path):
    """A partition with an old slot in it."""
    fat = Fat(tmp_path / "target", kib=8192)
    fat.put("manifest", b"old")
    return fat.path


@pytest.fixture
def image(partition):
    return partition(FILES).path.read_bytes()


def test_write(slot, target, image):
    rest = target.read_bytes()[len(image):]
    assert slot.ok("write", target, data=image) == hashlib.sha256(image).hexdigest() + "\n"
    assert target.read_bytes() == image + rest
    assert slot.ok("check", target) == ""


@pytest.mark.parametrize("size", [4096, 4097, (1 << 20) + 4096, (1 << 20) + 4095, (2 << 20) + 4097, 8 << 20])
def test_images_of_any_size(slot, target, size):
    data = os.urandom(size)
    assert slot.ok("write", target, data=data) == hashlib.sha256(data).hexdigest() + "\n"
    assert target.read_bytes()[:size] == data
    assert target.stat().st_size == 8 << 20


@pytest.mark.parametrize("size", [0, 1, 4095])
def test_what_is_no_image_changes_nothing(slot, target, size):
    before = target.read_bytes()
    assert "it is no image" in slot.fails("write", target, data=bytes(size))
    assert target.read_bytes() == before


def test_an_image_that_is_too_large(slot, target):
    assert "larger than the partition (8388608 bytes)" in slot.fails("write", target, data=os.urandom((8 << 20) + 1))
    assert target.stat().st_size == 8 << 20
    assert "not a FAT file system" in slot.fails("check", target)


def test_a_write_that_ends_early_leaves_no_slot(slot, target, image, tmp_path):
    """After every prefix of the writes the partition is the old slot, none or the new one."""
    old = target.read_bytes()
    log = tmp_path / "writes"
    slot.ok("write", target, data=image, env={"SLOT_WRITES": str(log)})
    written = records(log)
    assert len(written) > 4
    for count in range(len(written) + 1):
        target.write_bytes(old)
        with open(target, "r+b") as disk:
            for offset, data in written[:count]:
                disk.seek(offset)
                disk.write(data)
        done = slot.call("check", target)
        if count == len(written):
            assert done.returncode == 0
        elif count:
            assert b"not a FAT file system" in done.stderr


def test_a_disk_that_dies(slot, target, image):
    for number in range(3):
        assert "cannot write" in slot.fails("write", target, data=image, env={"SLOT_FAIL": str(number)})


def test_a_disk_that_forgets(slot, target, image):
    """One bit of the second, the last and a middle write."""
    for number in (1, 2, 5):
        assert "reads back different" in slot.fails("write", target, data=image, env={"SLOT_FLIP": str(number)})


def test_a_device_that_takes_no_more(slot, target, image):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    assert "File too large" in slot.fails("write", target, data=image, preexec_fn=limit)
    assert "not a FAT file system" in slot.fails("check", target)


def test_a_target_that_cannot_be_written(slot, target, image):
    os.chmod(target, 0o400)
    if os.access(target, os.W_OK):
        pytest.skip("root may write to every file")
    assert "for writing: Permission denied" in slot.fails("write", target, data=image)
