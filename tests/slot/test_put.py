"""Overwriting a small file where it is."""

import pytest

from conftest import block

NOTE = b"medium=XENITH_1\n".ljust(512, b"#")


@pytest.fixture
def fat(esp):
    made = esp(block(1), block(2))
    made.put("xenith/medium", b"#" * 512)
    made.put("xenith/after", b"after")
    return made


def test_only_the_file_changes(slot, fat):
    before = fat.path.read_bytes()
    slot.ok("put", fat, "xenith/medium", data=NOTE)
    assert slot.ok("cat", fat, "xenith/medium").encode() == NOTE
    assert fat.path.read_bytes().replace(NOTE, b"#" * 512) == before
    assert slot.state(fat)["seq"] == "00000002"


@pytest.mark.parametrize("name, data, message", [
    ("xenith/medium", NOTE[:-1], "has 512 bytes, not 511"), ("xenith/medium", NOTE + b"#", "has 512 bytes, not 513"),
    ("xenith/medium", b"", "no bytes"), ("xenith/medium", b"#" * 4097, "too many bytes"), ("xenith/none", NOTE, "no file xenith/none"),
    ("xenith", NOTE, "is a directory")])
def test_what_is_refused(slot, fat, name, data, message):
    before = fat.path.read_bytes()
    assert message in slot.fails("put", fat, name, data=data)
    assert fat.path.read_bytes() == before
