"""Somebody on the bridge, as a guest may be, who would rather be dom0's router.

A second network card is put on the bridge beside the first; what comes in by it are
frames of this test's own.
"""

import re
import socket

import pytest

import ports
import rogue

pytestmark = pytest.mark.slow

WAY, FAR = "10.0.2.66", "198.51.100.1"
ROUTER = "10.0.2.2"
CARD = "52:54:00:77:77:01"


@pytest.fixture(scope="module")
def link(boot, iso):
    """The machine, and a function that sends a frame to the bridge."""
    there, here = ports.free(2)
    machine = boot("rogue", iso, extra=[
        "-netdev", "socket,id=rogue,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (here, there),
        "-device", "virtio-net-pci,netdev=rogue,mac=" + CARD]).wait_ready()
    machine.out("for c in /sys/class/net/*; do [ $(cat $c/address) = %s ] && [ -e $c/device ] && "
                "ip link set dev ${c##*/} up && ip link set dev ${c##*/} master xenbr0; done; "
                "ls /sys/class/net/xenbr0/brif" % CARD)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", here))
        yield machine, lambda frame: end.sendto(frame, ("127.0.0.1", there))


def advertised(link):
    """What dom0's bridge has after an advertisement."""
    machine, send = link
    send(rogue.advertisement())
    return machine.out("sleep 5; ip -6 addr show dev xenbr0; ip -6 route")


def test_advertisement(link):
    """It gives dom0 neither an address nor a default route; where it is allowed to, it does."""
    said = advertised(link)
    assert "fe80::" in said and rogue.PREFIX.rstrip(":") not in said and "default" not in said
    machine, _ = link
    machine.out("cd /proc/sys/net/ipv6/conf/xenbr0 && echo 1 >accept_ra && echo 1 >autoconf")
    said = advertised(link)
    machine.out("cd /proc/sys/net/ipv6/conf/xenbr0 && echo 0 >accept_ra && echo 0 >autoconf")
    assert rogue.PREFIX.rstrip(":") in said and "default" in said


def redirected(link):
    """The way to FAR after a redirect."""
    machine, send = link
    mac = machine.out("cat /sys/class/net/xenbr0/address").strip()
    address = re.search(r"inet (10\.0\.2\.\d+)/", machine.out("ip addr show dev xenbr0"))[1]
    # The kernel follows only to a neighbour that it knows, as from traffic before.
    machine.out("arp -i xenbr0 -s %s %s" % (WAY, rogue.MAC))
    send(rogue.redirect(mac, address, ROUTER, FAR, WAY))
    return machine.out("sleep 2; ip route get " + FAR)


def test_redirect(link):
    """It does not move a route of dom0's; where it is allowed to, it does."""
    assert "via " + ROUTER in redirected(link)
    machine, _ = link
    machine.out("echo 1 >/proc/sys/net/ipv4/conf/xenbr0/accept_redirects")
    assert "via " + WAY in redirected(link)


def test_every_interface_has_the_settings(link):
    """Those of guests and those that were there before the settings, too."""
    machine, _ = link
    said = machine.out("cd /proc/sys/net && grep -H . ipv6/conf/*/accept_ra ipv6/conf/*/accept_redirects")
    values = dict(line.split(":") for line in said.split())
    assert len([name for name in values if "/vif" in name]) >= 2
    assert {name: value for name, value in values.items() if value != "0" and "/all/" not in name} == {}
