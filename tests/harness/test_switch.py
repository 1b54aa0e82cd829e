"""The switch of qemu-test/test_network.py, with this test in the place of QEMU."""

import socket
import sys
from pathlib import Path

import pytest

import switch as module

sys.path.append(str(Path(__file__).resolve().parents[1] / "packets"))

import frames  # noqa: E402

CARD = "52:54:00:00:00:01"
QUESTION = {"kind": 0x0806, "target": module.ADDRESS}


@pytest.fixture
def switch():
    made = module.Switch("one", "two")
    yield made
    made.close()


@pytest.fixture
def cards(switch):
    """QEMU's ends of the wires: functions that send a frame, and wait for one."""
    found = {}
    for name, wire in switch.wires.items():
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        local, remote = (dict(item.split("=") for item in wire.qemu.split(",")[1:])[key].split(":") for key in ("localaddr", "udp"))
        end.bind((local[0], int(local[1])))
        end.connect((remote[0], int(remote[1])))
        end.settimeout(20)
        found[name] = end
    yield found
    for end in found.values():
        end.close()


def test_frames_are_seen_by_their_wire(switch, cards):
    tagged = frames.arp(CARD, CARD, "192.0.2.10", tag=20)
    cards["two"].send(tagged)
    assert switch.wait(lambda _, frame: frame == tagged) == ("two", tagged)
    switch.forget()
    with pytest.raises(AssertionError, match="no such frame"):
        switch.wait(lambda *_: True, seconds=0.1)


def test_the_host_answers_on_all_wires(switch, cards):
    """And no frame with a tag reaches it."""
    if not switch.host:
        pytest.skip("no network namespace can be made here")
    cards["one"].send(frames.arp(CARD, CARD, "192.0.2.9", tag=20, **QUESTION))
    cards["one"].send(frames.arp(CARD, CARD, "192.0.2.10", **QUESTION))
    for end in cards.values():
        frame = b""
        while frame[:6] != frames.mac(CARD):
            frame = end.recv(2000)
        # The first answer: to the question without a tag.
        assert frame[12:14] == b"\x08\x06" and frame[38:42] == frames.address("192.0.2.10")


def test_the_host_has_dnsmasq(switch):
    if not switch.host:
        pytest.skip("no network namespace can be made here")
    switch.wait_for_word("DHCPv6, IP range %s" % module.LEASES6[0], 20)
