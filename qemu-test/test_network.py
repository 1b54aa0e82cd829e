"""A host with networks of its own: a bond of two cards below a bridge and a VLAN, a private
bridge, IPv6 by advertisements and by DHCP, and a guest in the VLAN.

The cards of the bond lead to a switch of this test: it sees how frames are tagged, pulls the
cables, and has a host that leases addresses.
"""

import re
import struct

import pytest

import drives
import host
from switch import ADDRESS, ADDRESS6, DOMAIN, NAME, NAME6, Switch

FIRST = "52:54:00:12:34:56"     # QEMU's first
SECOND, THIRD = "52:54:00:66:66:02", "52:54:00:66:66:03"
GUEST = "00:16:3e:66:66:01"
GUEST_ADDRESS, OTHER_ADDRESS, BROADCAST = "192.168.144.11", "192.168.144.66", "192.168.144.255"

NETWORKS = {
    "br0": "[NetDev]\nKind=bridge\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=yes\nAddress=2001:db8::10/64\n",
    "first": "[Match]\nMACAddress=%s\n[Network]\nBridge=br0\n" % FIRST,
    "second": "[Match]\nMACAddress=%s\n[Network]\nBond=bond0\nPrimarySlave=yes\n" % SECOND,
    "third": "[Match]\nMACAddress=%s\n[Network]\nBond=bond0\n" % THIRD,
    "bond0": "[NetDev]\nKind=bond\n[Link]\nMTUBytes=9000\n[Network]\nBridge=br1\nVLAN=vlan20\n",
    "br1": "[NetDev]\nKind=bridge\n[Network]\nAddress=192.0.2.10/24\nDHCP=ipv6\nIPv6AcceptRA=yes\n",
    "vlan20": "[NetDev]\nKind=vlan\n[VLAN]\nId=20\n[Link]\nMTUBytes=9000\n[Network]\nBridge=br20\n",
    # The guest's own address, if no DHCP server answers, is in this network.
    "br20": "[NetDev]\nKind=bridge\n[Link]\nMTUBytes=9000\n[Network]\nAddress=192.168.144.1/24\n",
    "private": "[NetDev]\nKind=bridge\n[Link]\nMTUBytes=9000\n[Bridge]\nSTP=yes\n",
}
GUEST_FILE = """name = "hello-pv"
type = "pv"
kernel = "/config/images/hello/vmlinux"
ramdisk = "/config/images/hello/initrd.gz"
cmdline = "console=hvc0 quiet hello.name=hello-pv hello.address=%s/24"
memory = 48
vif = [ "bridge=br20,mac=%s,ip=%s", "bridge=private" ]
""" % (GUEST_ADDRESS, GUEST, GUEST_ADDRESS)


@pytest.fixture(scope="module")
def switch():
    """The far end of the bond's cards."""
    made = Switch("second", "third")
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(boot, iso, switch, tmp_path_factory):
    files = {"network/%s.conf" % name: text for name, text in NETWORKS.items()}
    tree = drives.write_tree(tmp_path_factory.mktemp("networks") / "tree", {
        **files, "host.conf": "hostname=rack7\nautostart=hello-pv\n", "domains/20-hello-pv.cfg": GUEST_FILE})
    extra = []
    for name, mac in (("second", SECOND), ("third", THIRD)):
        extra += ["-netdev", switch.wires[name].qemu, "-device", "virtio-net-pci,netdev=%s,mac=%s" % (name, mac)]
    return boot("network", iso, config=tree, extra=extra).wait_ready()


def type_in_guest(machine, line):
    """Type a line at the shell on the guest's console, which waits for Enter first."""
    machine.out("printf '\\n%%s\\n' '%s' >$(xenstore-read /local/domain/$(xl domid hello-pv)/console/tty)" % line)


def needs_the_host(switch):
    if not switch.host:
        pytest.skip("no network namespace can be made here")


def test_links(machine):
    assert host.config_marks(machine) == []
    # Spanning tree and cards need a moment.
    host.until(machine, "xenith network status | grep -q '^br0 .* up '")
    status = machine.out("xenith network status")
    assert re.search(r"(?m)^br0 +bridge up +.*ports: eth\d", status), status
    assert re.search(r"(?m)^bond0 +bond +up +active-backup MTU 9000 ports: eth\d eth\d$", status), status
    assert re.search(r"(?m)^br1 +bridge up +192\.0\.2\.10/24 .*ports: bond0", status), status
    assert re.search(r"(?m)^vlan20 +vlan +up +VLAN 20 on bond0 MTU 9000", status), status
    assert machine.out("cat /sys/class/net/private/mtu /sys/class/net/private/bridge/stp_state").split() == ["9000", "1"]
    assert "\nXenith: network br0 " in machine.console.text


def test_addresses(machine):
    """DHCP, a fixed one, and that of QEMU's advertisements."""
    host.until(machine, "ip -6 addr show dev br0 | grep -q 'inet6 fec0:'")
    # udhcpc asks again after fifteen seconds, if nobody has answered at first.
    host.until(machine, "ip addr show dev br0 | grep -q 'inet 10[.]'")
    said = machine.out("ip addr show dev br0")
    assert "inet 10.0.2.15/24" in said and "inet6 2001:db8::10/64" in said
    assert "via fe80::2 dev br0" in machine.out("ip -6 route")
    assert "inet6 fec0:" not in machine.out("ip addr show dev br20")


def test_dhcp_of_ipv6(machine, switch):
    """An address and name servers from dnsmasq, which answers from both."""
    needs_the_host(switch)
    host.until(machine, "ip -6 addr show dev br1 | grep -v tentative | grep -q 'inet6 2001:db8:7::1[0-9a-f][0-9a-f]/128 scope global'", 120)
    resolver = machine.out("cat /etc/resolv.conf").splitlines()
    assert "nameserver " + ADDRESS6 in resolver
    assert [line for line in resolver if line.startswith("search ") and DOMAIN in line.split()], resolver
    # The server's advertisement says that its network is on the link.
    host.until(machine, "ip -6 route | grep -q '^2001:db8:7::/64 dev br1 '")
    assert NAME6 in machine.out("nslookup %s %s" % (NAME, ADDRESS6))


def tagged_frame(switch):
    """The wire and a tagged frame of the guest's that fills the MTU."""
    source = bytes.fromhex(GUEST.replace(":", ""))
    # The header of Ethernet with its tag, and 9000 bytes.
    return switch.wait(lambda _, frame: frame[6:12] == source and len(frame) == 18 + 9000)


def test_guest_in_the_vlan(machine, switch):
    """Its frames of 9000 bytes leave the bond whole, with the tag; dom0 reaches it in the VLAN."""
    host.assert_hello(machine, "hello-pv", network="192[.]168[.]144[.]")
    assert machine.out("cd /sys/class/net/br20/brif && cat /sys/class/net/$(echo vif*)/mtu").strip() == "9000"
    switch.forget()
    # To all, so that nobody has to answer ARP.
    type_in_guest(machine, "ip link set eth0 mtu 9000; ping -c 5 -s 8972 %s" % BROADCAST)
    wire, frame = tagged_frame(switch)
    assert wire == "second" and struct.unpack("!HHH", frame[12:18]) == (0x8100, 20, 0x0800)
    assert frame[20:22] == struct.pack("!H", 9000)
    assert machine.out("ls /sys/class/net/private/brif").startswith("vif")


def active(mac):
    """A command that succeeds if the card with this address carries the bond."""
    return ("[ $(cat /sys/class/net/$(cat /sys/class/net/bond0/bonding/active_slave)/bonding_slave/perm_hwaddr) = %s ]" % mac)


def answers(count):
    """A command that succeeds if so many pings were answered."""
    return "[ $(grep -c seq= /tmp/pings) -ge %d ]" % count


def test_a_link_of_the_bond_is_pulled(machine, switch):
    """Of one ping in a second, fewer than three are lost in a row, when the link goes and when
    it comes back, and none is answered twice. The guest's frames take the other wire."""
    needs_the_host(switch)
    machine.out(active(SECOND))
    machine.sh("ping %s >/tmp/pings 2>&1 & echo $! >/tmp/ping.pid" % ADDRESS)
    host.until(machine, answers(3))
    machine.qmp.execute("set_link", name="second", up=False)
    host.until(machine, active(THIRD))
    switch.forget()
    type_in_guest(machine, "ping -c 5 -s 8972 %s" % BROADCAST)
    wire, frame = tagged_frame(switch)
    assert wire == "third" and frame[12:16] == b"\x81\x00\x00\x14"
    assert re.search(r"(?m)^bond0 +bond +up ", machine.sh("xenith network status")[0])
    machine.qmp.execute("set_link", name="second", up=True)
    host.until(machine, active(SECOND))
    host.until(machine, answers(int(machine.out("grep -c seq= /tmp/pings")) + 5))
    said = machine.out("kill $(cat /tmp/ping.pid); cat /tmp/pings")
    numbers = [int(number) for number in re.findall(r" seq=(\d+) ", said)]
    assert all(0 < later - earlier <= 3 for earlier, later in zip(numbers, numbers[1:])), said


@pytest.mark.slow
def test_antispoofing_of_a_connected_card(machine):
    """The change holds the guest to the address of its domain file; taken back, it does not."""
    type_in_guest(machine, "ip addr add %s/24 dev eth0" % OTHER_ADDRESS)
    assert host.answer(machine, OTHER_ADDRESS) == "hello from hello-pv"
    machine.write("/config/network/br20.conf", NETWORKS["br20"] + "[Bridge]\nAntiSpoofing=yes\n")
    machine.out("xenith network apply --seconds 600")
    assert host.answer(machine, GUEST_ADDRESS) == "hello from hello-pv"
    assert host.ask(machine, OTHER_ADDRESS, tries=1)[1] != 0
    machine.out("xenith network revert")
    assert host.answer(machine, OTHER_ADDRESS) == "hello from hello-pv"


@pytest.mark.slow
def test_change_that_takes_itself_back(machine):
    """The guest stays connected, in the change and behind it."""
    machine.write("/config/network/br20.conf", NETWORKS["br20"].replace("192.168.144.1/", "192.168.144.2/"))
    machine.write("/config/network/spare.conf", "[NetDev]\nKind=bridge\n")
    machine.out("xenith network apply --seconds 30")
    assert "inet 192.168.144.2/24" in machine.out("ip addr show dev br20")
    assert host.answer(machine, GUEST_ADDRESS) == "hello from hello-pv"
    machine.console.wait("Xenith: network: the change was not confirmed, and is taken back")
    said = machine.out("ip addr show dev br20; xenith network status")
    assert "inet 192.168.144.1/24" in said and "spare" not in said
    assert host.answer(machine, GUEST_ADDRESS) == "hello from hello-pv"


@pytest.mark.slow
def test_change_that_is_confirmed(machine):
    machine.write("/config/network/br20.conf", NETWORKS["br20"] + "Address=198.51.100.1/24\n")
    machine.out("xenith network apply --seconds 40 && xenith network confirm")
    machine.out("sleep 42; xenith network status")
    assert "inet 198.51.100.1/24" in machine.out("ip addr show dev br20")
    assert host.answer(machine, GUEST_ADDRESS) == "hello from hello-pv"


@pytest.mark.slow
def test_lease_of_ipv6_is_renewed(machine, switch):
    """By now, for it is half a lease of two minutes; nothing else has changed."""
    needs_the_host(switch)
    switch.wait_for_word("DHCPRENEW", 120)
    host.until(machine, "xenith network status")
