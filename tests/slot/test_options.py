"""The options for Xen and Linux: two files of which the boot state names one."""

import pytest

from conftest import block
from test_state import records

SIZE = 4096
EMPTY = b"\0" * SIZE


def text(xen, linux):
    return ("# GRUB Environment Block\nxen=%s\nlinux=%s\nend=1\n" % (xen, linux)).encode().ljust(SIZE, b"#")


@pytest.fixture
def fat(esp):
    made = esp(block(1), block(2))
    made.put("xenith/options0", text("dom0_mem=1G,max:1G", ""))
    made.put("xenith/options1", EMPTY)
    return made


def test_reading(slot, fat):
    assert slot.ok("options", fat, "0") == "xen=dom0_mem=1G,max:1G\nlinux=\n"


def test_writing(slot, fat):
    before = fat.path.read_bytes()
    at = before.index(text("dom0_mem=1G,max:1G", ""))
    slot.ok("options", fat, "1", "dom0_mem=2G console=\"com1\" a$b", "quiet loglevel=3")
    assert slot.ok("options", fat, "1") == "xen=dom0_mem=2G console=\"com1\" a$b\nlinux=quiet loglevel=3\n"
    after = fat.path.read_bytes()
    assert after.count(text("dom0_mem=2G console=\"com1\" a$b", "quiet loglevel=3")) == 1
    assert after[:at + SIZE] == before[:at + SIZE]


@pytest.mark.parametrize("bad", [EMPTY, text("a", "b").replace(b"end=1", b"end=0"), text("a", "b").replace(b"linux", b"lunix"),
                                 text("a", "b")[:38].ljust(SIZE, b"#"), text("a", "b").replace(b"# GRUB", b"# GRAB")],
                         ids=["zero", "end", "key", "cut", "signature"])
def test_a_torn_file(slot, fat, bad):
    fat.put("xenith/options1", bad)
    assert "xenith/options1 is not complete" in slot.fails("options", fat, "1")
    slot.ok("options", fat, "1", "x", "y")
    assert slot.ok("options", fat, "1") == "xen=x\nlinux=y\n"


@pytest.mark.parametrize("xen, linux, message", [
    ("a\nb", "", "invalid character at byte 2"), ("", "a\\b", "invalid character at byte 2"), ("\x7f", "", "for Xen"),
    ("", "\t", "for Linux"), ("a" * 4096, "", "more than"), ("a" * 2048, "b" * 2007, "more than"),
])
def test_what_grub_would_read_otherwise(slot, fat, xen, linux, message):
    before = fat.path.read_bytes()
    assert message in slot.fails("options", fat, "1", xen, linux)
    assert fat.path.read_bytes() == before


def test_the_longest_options(slot, fat):
    linux = "b" * (SIZE - len("# GRUB Environment Block\nxen=\nlinux=\nend=1\n") - 2000)
    slot.ok("options", fat, "1", "a" * 2000, linux)
    assert slot.ok("options", fat, "1") == "xen=%s\nlinux=%s\n" % ("a" * 2000, linux)
    assert "more than" in slot.fails("options", fat, "1", "a" * 2000, linux + "b")


@pytest.mark.parametrize("words", [("2",), ("",), ("00",), ("2", "x", "y")])
def test_another_number(slot, fat, words):
    assert "expected 0 or 1" in slot.fails("options", fat, *words)


@pytest.mark.parametrize("words", [(), ("0", "x"), ("0", "x", "y", "z")])
def test_usage(slot, fat, words):
    assert slot.call("options", fat, *words).returncode == 2


def test_a_file_of_another_size(slot, fat):
    fat.put("xenith/options1", EMPTY + b"#")
    assert "xenith/options1 has 4097 bytes, not 4096" in slot.fails("options", fat, "1", "x", "y")


def test_every_prefix_of_the_writes(slot, fat, tmp_path):
    """Torn at each 512 bytes, the file is the old one, not complete, or the new one."""
    old = ("old " * 300).strip()
    new = ("new " * 320).strip()
    slot.ok("options", fat, "1", old, old)
    image = fat.path.read_bytes()
    log = tmp_path / "writes"
    slot.ok("options", fat, "1", new, new, env={"SLOT_WRITES": str(log)})
    pieces = [(offset + at, data[at:at + 512]) for offset, data in records(log) for at in range(0, len(data), 512)]
    assert len(pieces) == 9
    fat.path.write_bytes(image)
    for number, (offset, data) in enumerate(pieces, 1):
        fat.poke(offset, data)
        done = slot.call("options", fat, "1")
        if number < len(pieces):
            assert (done.returncode, done.stdout) == (1, b"")
    assert done.stdout.decode() == "xen=%s\nlinux=%s\n" % (new, new)


def test_a_disk_that_fails(slot, fat):
    for number in range(3):
        assert "cannot write" in slot.fails("options", fat, "1", "x", "y", env={"SLOT_FAIL": str(number)})
    for number in range(1, 3):
        assert "read back different" in slot.fails("options", fat, "1", "x", "y", env={"SLOT_FLIP": str(number)})
