"""The switch of qemu-test/test_network.py, with this test in the place of QEMU."""

import socket
import struct
import sys
from pathlib import Path

import pytest

import bootserver
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


def card(wire):
    """QEMU's end of a wire, as a socket."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    local, remote = (dict(item.split("=") for item in wire.qemu.split(",")[1:])[key].split(":") for key in ("localaddr", "udp"))
    end.bind((local[0], int(local[1])))
    end.connect((remote[0], int(remote[1])))
    end.settimeout(20)
    return end


@pytest.fixture
def cards(switch):
    found = {name: card(wire) for name, wire in switch.wires.items()}
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


# ---- the boot server of the documents ----

def datagram(sender, target, sport, dport, payload):
    """With the checksum that a kernel wants."""
    frame = frames.ipv4(CARD, sender, frames.udp(sport, dport, payload), target=target)
    total = sum(struct.unpack("!10H", frame[14:34]))
    return frame[:24] + struct.pack("!H", 0xffff - (total % 0xffff)) + frame[26:]


def discover(architecture):
    """The first frame of a machine that boots from the network (RFC 4578)."""
    request = struct.pack("!BBBB4sHH16x6s202x4s", 1, 1, 6, 0, b"xen1", 0, 0x8000, frames.mac(CARD), b"\x63\x82\x53\x63")
    options = b"\x35\x01\x01" + b"\x3c\x09PXEClient" + b"\x5d\x02" + struct.pack("!H", architecture) + b"\xff"
    return datagram("0.0.0.0", "255.255.255.255", 68, 67, request + options)


def read_file(server, name):
    """The first frame with which a machine reads a file by TFTP."""
    return datagram(server.rpartition(".")[0] + ".100", server, 2000, 69, b"\0\1" + name + b"\0octet\0")


def test_the_boot_server_of_the_documents(tmp_path):
    """It answers each kind of machine with its boot file, and has that file."""
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/pxelinux.0").write_bytes(b"a boot loader")
    switch = bootserver.start(tmp_path / "srv", tmp_path, "one")
    end = card(switch.wires["one"])
    try:
        if not switch.host:
            pytest.skip("no network namespace can be made here")
        switch.wait_for_word("TFTP", 20)

        def ask(frame, sign):
            end.send(frame)
            while sign not in (answer := end.recv(2000)):
                if answer[12:14] == b"\x08\x06":
                    # Who has the address of the machine?
                    end.send(frames.arp(CARD, CARD, socket.inet_ntoa(answer[38:42]), switch.address, operation=2))
            return answer

        for architecture, name in ((0, b"pxelinux.0"), (7, b"grub/bootx64.efi"), (9, b"grub/bootx64.efi")):
            offer = ask(discover(architecture), b"\x63\x82\x53\x63")
            assert name in offer
            assert socket.inet_ntoa(offer[42 + 20:42 + 24]) == switch.address
        assert ask(read_file(switch.address, b"pxelinux.0"), b"\0\3\0\1").endswith(b"a boot loader")
    finally:
        end.close()
        switch.close()
