"""The host's firewall, and guests' cards that are held to their addresses or are on VLANs, in
dom0's own kernel.

Two more network cards are ports of a bridge: one takes the place of a guest's vif, which
the hotplug script connects, the other is the wire. Their frames are this test's own; they are
those of tests/packets.
"""

import re
import socket
import struct
import sys
import time
from pathlib import Path

import pytest

import ports

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/packets"))

import frames  # noqa: E402
import test_frames as kinds  # noqa: E402

GUEST, WIRE = "52:54:00:77:78:01", "52:54:00:77:78:02"
BACKEND = "backend/vif/9/0"


class Bridge:
    """br7 with both cards, and the frames between them."""

    def __init__(self, machine, guest, wire):
        self.machine, self.guest, self.wire = machine, guest, wire
        for name, mac in (("vif9.0", GUEST), ("wire", WIRE)):
            machine.out("for c in /sys/class/net/*; do if [ $(cat $c/address) = %s ] && [ ! -e $c/bridge ]; then "
                        "ip link set dev ${c##*/} down; ip link set dev ${c##*/} nomaster; "
                        "ip link set dev ${c##*/} name %s; fi; done; ip link show %s" % (mac, name, name))
        machine.out("ip link add name br7 type bridge && cd /sys/class/net/br7/bridge && echo 0 >forward_delay && "
                    "echo 0 >multicast_snooping && ip link set dev wire master br7 up && ip link set dev br7 up")

    def online(self, script, **keys):
        """Connects the guest's card as libxl does."""
        keys = {"bridge": "br7", "mac": kinds.GUEST, **keys}
        self.machine.sh("xenstore-rm %s; ip link set dev vif9.0 nomaster down; tc qdisc del dev vif9.0 clsact" % BACKEND)
        self.machine.out("".join("xenstore-write %s/%s '%s' && " % (BACKEND, key, value) for key, value in keys.items())
                         + "XENBUS_PATH=%s XENBUS_TYPE=vif vif=vif9.0 /etc/xen/scripts/%s online type_if=vif; "
                           "xenstore-ls %s; [ $(xenstore-read %s/hotplug-status) = connected ]"
                         % (BACKEND, script, BACKEND, BACKEND))
        # A port needs a moment until it forwards.
        self.machine.out("n=0; until [ $(cat /sys/class/net/vif9.0/brport/state) = 3 ]; do n=$((n+1)); [ $n -lt 50 ] || exit 1; "
                         "usleep 100000; done")

    def passed(self, sent, back=False):
        """The names of the frames in SENT that arrive on the other side, with their VLAN's tag."""
        source, sink = (self.wire, self.guest) if back else (self.guest, self.wire)
        sink[0].settimeout(0.1)
        with pytest.raises(socket.timeout):
            while True:
                sink[0].recv(4000)
        for number, frame in enumerate(sent.values()):
            source[0].sendto(frame + bytes(max(0, 60 - len(frame))) + b"mark%03d" % number, ("127.0.0.1", source[1]))
            time.sleep(0.02)
        sink[0].settimeout(3)
        found = {}
        names = list(sent)
        try:
            while True:
                frame = sink[0].recv(4000)
                if frame[-7:-3] == b"mark":
                    kind, tag = struct.unpack("!HH", frame[12:16])
                    found[names[int(frame[-3:])]] = tag & 0xFFF if kind == 0x8100 else None
        except socket.timeout:
            return found


@pytest.fixture(scope="module")
def machine(boot, iso):
    numbers = ports.free(4)
    extra = []
    for number, mac in enumerate((GUEST, WIRE)):
        there, here = numbers[2 * number:2 * number + 2]
        extra += ["-netdev", "socket,id=more%d,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (number, here, there),
                  "-device", "virtio-net-pci,netdev=more%d,mac=%s" % (number, mac)]
    started = boot("firewall", iso, extra=extra, services=(8080,)).wait_ready()
    started.numbers = numbers
    return started


@pytest.fixture(scope="module")
def bridge(machine):
    there1, here1, there2, here2 = machine.numbers
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        guest.bind(("127.0.0.1", here1))
        wire.bind(("127.0.0.1", here2))
        yield Bridge(machine, (guest, there1), (wire, there2))


def fetches(machine):
    """Whether somebody outside gets dom0's page."""
    address = re.search(r"inet (\S+)/", machine.out("ip -4 addr show dev xenbr0"))[1]
    try:
        with socket.create_connection(("127.0.0.1", machine.forwards[address, 8080]), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(100) != b""
    except OSError:
        return False


def test_dom0_is_closed(machine):
    """Until a rule of the user's opens a port."""
    machine.out("mkdir -p /tmp/www && echo hello >/tmp/www/index.html && httpd -p 8080 -h /tmp/www")
    facts = "/tmp/facts"
    machine.out("printf 'xenbr0\\tkind\\tbridge\\nxenbr0\\tFirewall.Allow\\tssh\\n' >%s; mkdir -p /tmp/rules; "
                "/usr/lib/xenith/network/firewall %s /tmp/rules" % (facts, facts))
    assert not fetches(machine)
    machine.out("echo 'ip -p tcp --dport 8080 -j ACCEPT' >/tmp/rules/firewall.rules; "
                "/usr/lib/xenith/network/firewall %s /tmp/rules" % facts)
    assert fetches(machine)
    rules = machine.out("iptables -S; ip6tables -S")
    assert rules.count("-A INPUT -j XENITH_INPUT") == 2


def test_a_card_that_is_not_guarded(bridge):
    bridge.online("vif-bridge", ip=kinds.OWN)
    assert set(bridge.passed(kinds.ALL)) == set(kinds.ALL)


def test_a_guarded_card_keeps_to_its_addresses(bridge):
    bridge.online("vif-antispoof", ip=kinds.OWN)
    assert set(bridge.passed(kinds.ALL)) == set(kinds.ALLOWED)


def test_a_guarded_card_without_addresses(bridge):
    bridge.online("vif-antispoof")
    assert set(bridge.passed(kinds.ALL)) == {*kinds.ALLOWED, *kinds.SPOOFED}


def test_vlans(bridge):
    """Untagged frames are in VLAN 10; of the tagged ones, 20 passes and 30 does not."""
    bridge.machine.out("echo 1 >/sys/class/net/br7/bridge/vlan_filtering; bridge vlan add dev wire vid 10-30")
    bridge.online("vif-bridge", vlan="10p/20")
    sent = {"untagged": frames.arp(kinds.GUEST, kinds.GUEST, "10.0.0.5"),
            **{str(tag): frames.arp(kinds.GUEST, kinds.GUEST, "10.0.0.5", tag=tag) for tag in (20, 30)}}
    assert bridge.passed(sent) == {"untagged": 10, "20": 20}
    back = {str(tag): frames.arp(kinds.OTHER, kinds.OTHER, "10.0.0.1", tag=tag) for tag in (10, 20, 30)}
    assert bridge.passed(back, back=True) == {"10": None, "20": 20}


@pytest.mark.slow
def test_the_rate_of_an_emulated_card(machine):
    """dom0's kernel takes the rule."""
    machine.out(". /usr/lib/xenith/network/packets.sh; frames_police vif9.0 62500 50000; "
                "tc -s filter show dev vif9.0 ingress | grep police")
