"""The parser of network/*.conf, and the checks across files, with every awk."""

import re
import subprocess

import pytest

import tools
from conftest import LIBRARY

AWKS = ["mawk", "gawk", "busybox"]


@pytest.fixture(params=AWKS)
def parse(request, tmp_path):
    """Parse {name: text}: (status, facts as [(link, key, value)], [messages])."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").symlink_to(tools.find(request.param))

    def call(files):
        directory = tmp_path / "network"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text) if isinstance(text, str) else (directory / name).write_bytes(text)
        done = subprocess.run(["sh", LIBRARY / "network/parse", directory], capture_output=True, text=True, check=False,
                              env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
        facts = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
        assert all(len(fact) == 3 for fact in facts)
        return done.returncode, facts, done.stderr.replace(str(directory) + "/", "").splitlines()

    return call


BRIDGE = "[NetDev]\nKind=bridge\n[Network]\nAddress=192.0.2.10/24\n"
CARD = "[Match]\nName=eth0\n"
PORT = CARD + "[Network]\nBridge=br0\n"
VLAN = "[NetDev]\nKind=vlan\n[VLAN]\nId=7\n"
BOND = "[NetDev]\nKind=bond\n"
MEMBER = CARD + "[Network]\nBond=bond0\n"
NAT = BRIDGE + "IPMasquerade=ipv4\nDHCPServer=yes\n"

RACK = {
    "a.conf": "[Match]\nPath=0000:03:00.0\n[Network]\nBond=bond0\nPrimarySlave=yes\n",
    "b.conf": "[Match]\nPath=03:00.1\n[Network]\nBond=bond0\n",
    "bond0.conf": BOND + "[Bond]\nMode=active-backup\nMIIMonitorSec=0.1s\nUpDelaySec=2s\n[Network]\nBridge=br0\nVLAN=vlan7\n[Link]\nMTUBytes=9000\n",
    "br0.conf": "# guests\n[NetDev]\nKind=bridge\n[Bridge]\nSTP=off\n",
    "mgmt.conf": "; the host's own\r\n[NetDev]\r\nName=vlan7\r\nKind=vlan\r\n[VLAN]\r\nId=7\r\n[Network]\r\n"
                 "Address=2001:DB8:0:0::0010/64\r\nAddress=192.0.2.10/24\r\nGateway=192.0.2.1\r\nDNS=192.0.2.2 2001:db8::2\r\n",
}


def values(facts, link):
    return {key: value for name, key, value in facts if name == link}


def test_rack(parse):
    status, facts, messages = parse(RACK)
    assert (status, messages) == (0, [])
    bond = values(facts, "bond0")
    assert (bond["kind"], bond["Bond.MIIMonitorSec"], bond["Bond.UpDelaySec"], bond["Network.VLAN"]) == ("bond", "100", "2000", "vlan7")
    assert values(facts, "@b")["Match.Path"] == "0000:03:00.1" and values(facts, "@a")["Network.PrimarySlave"] == "yes"
    assert values(facts, "br0")["Bridge.STP"] == "no" and values(facts, "br0")["Network.DHCP"] == "no"
    mgmt = values(facts, "vlan7")
    assert mgmt["file"] == "network/mgmt.conf"
    assert (mgmt["Address.1.Address"], mgmt["Address.2.Address"]) == ("2001:db8::10/64", "192.0.2.10/24")
    assert (mgmt["Route.1.Gateway"], mgmt["Route.1.Destination"]) == ("192.0.2.1", "default")
    assert mgmt["Network.DNS"] == "192.0.2.2 2001:db8::2" and mgmt["Firewall.Allow"] == "ssh"
    # Links are in the order of the files, and each begins with its kind.
    assert [link for link, key, _ in facts if key == "kind"] == ["@a", "@b", "bond0", "br0", "vlan7"]


def test_nat(parse):
    status, facts, messages = parse({"nat0.conf": NAT + "[DHCPServer]\nPoolOffset=100\nPoolSize=50\nDNS=192.0.2.53\n[DHCPServerStaticLease]\n"
                                     "MACAddress=52:54:00:AA:BB:CC\nAddress=192.0.2.20\n[Forward]\nProtocol=tcp\nPort=8080\nTo=192.0.2.20:80\n"
                                     "[Forward]\nProtocol=udp\nPort=8000-8010\nTo=192.0.2.20\nSource=198.51.100.0/24 203.0.113.7\n"
                                     "[Firewall]\nAllow=\n"})
    assert (status, messages) == (0, [])
    nat = values(facts, "nat0")
    assert nat["DHCPServerStaticLease.1.MACAddress"] == "52:54:00:aa:bb:cc"
    assert (nat["Forward.1.To"], nat["Forward.2.Port"], nat["Forward.2.Source"]) == ("192.0.2.20:80", "8000-8010", "198.51.100.0/24 203.0.113.7")
    assert nat["Firewall.Allow"] == "none"


# What a line of the file "x.conf" is, and the message about it (without the file).
LINES = [
    ("Kind", "1: expected [SECTION] or KEY=VALUE"),
    ("Kind=bridge", "1: Kind is in no section"),
    ("[NetDve]\nKind=bridge", '1: unknown section "[NetDve]"'),
    ("[NetDev\nKind=bridge", '1: unknown section "[NetDev"'),
    ("[NetDev]\nKind=tap", '2: Kind: "tap" is not bridge, bond or vlan'),
    ("[NetDev]\nName=br0", "2: [NetDev] has no Kind (bridge, bond or vlan)"),
    ("[Network]\nDHCP=yes", "0: describes no link: it has neither [Match] nor [NetDev]"),
    (BRIDGE + "Adress=192.0.2.1/24", '5: unknown key "Adress" in [Network]'),
    (BRIDGE + "DHCP=", "5: DHCP has no value"),
    (BRIDGE + "DHCP=no\nDHCP=ipv4", "6: DHCP was already set in line 5"),
    (BRIDGE + "DHCP=both", '5: DHCP: "both" is not no, ipv4, ipv6 or yes'),
    (BRIDGE + "Address=192.0.2.1", '5: Address: "192.0.2.1" is not an address with its prefix length'),
    (BRIDGE + "Address=192.0.2.256/24", "is not an address with its prefix length"),
    (BRIDGE + "Address=192.0.2.1/33", "is not an address with its prefix length"),
    (BRIDGE + "Address=192.0.2.01/24", "is not an address with its prefix length"),
    (BRIDGE + "Address=198.51.100.0/24", '"198.51.100.0/24" is not an address that a host can have'),
    (BRIDGE + "Address=198.51.100.255/24", "is not an address that a host can have"),
    (BRIDGE + "Address=127.0.0.1/8", "is not an address that a host can have"),
    (BRIDGE + "Address=224.0.0.5/24", "is not an address that a host can have"),
    (BRIDGE + "Address=ff02::1/64", "is not an address that a host can have"),
    (BRIDGE + "Address=2001:db8::1::2/64", "is not an address with its prefix length"),
    (BRIDGE + "Address=2001:db8::12345/64", "is not an address with its prefix length"),
    (BRIDGE + "Address=1:2:3:4:5:6:7/64", "is not an address with its prefix length"),
    (BRIDGE + "Address=2001:db8::1/129", "is not an address with its prefix length"),
    (BRIDGE + "DNS=192.0.2.1 gw", '5: DNS: "gw" is not an IPv4 or IPv6 address'),
    (BRIDGE + "[Link]\nMTUBytes=9217", '6: MTUBytes: "9217" is not a number from 576 to 9216'),
    (BRIDGE + "[Link]\nMACAddress=53:54:00:00:00:01", "is not a MAC address that a link can have"),
    (BRIDGE + "[Bridge]\nForwardDelaySec=soon", "is not a time (2, 2s, 0.1s or 100ms)"),
    (BRIDGE + "[Bridge]\nForwardDelaySec=2x", "is not a time"),
    (BRIDGE + "[Bridge]\nSTP=yes\nForwardDelaySec=1s", "7: ForwardDelaySec is 30s at most, and with STP 2s at least"),
    (BRIDGE + "[Bridge]\nForwardDelaySec=31s", "6: ForwardDelaySec is 30s at most"),
    (BRIDGE + "[Bridge]\nSTP=maybe", '6: STP: "maybe" is not yes or no'),
    (BRIDGE + "[Route]\nDestination=10.1.2.3/8\nGateway=192.0.2.1", '6: Destination: "10.1.2.3/8" is not a network; that would be 10.0.0.0/8'),
    (BRIDGE + "[Route]\nDestination=2001:db8:0:1::/32", "that would be 2001:db8::/32"),
    (BRIDGE + "[Route]\nMetric=5", "5: a route needs Destination or Gateway"),
    (BRIDGE + "[Route]\nDestination=default", "5: the default route needs Gateway"),
    (BRIDGE + "[Route]\nDestination=2001:db8::/32\nGateway=192.0.2.1", "5: Destination and Gateway are not of the same family"),
    (BRIDGE + "Gateway=198.51.100.1", "5: the router 198.51.100.1 is in none of the link's networks; if it is on this link anyway, GatewayOnLink=yes"),
    (BRIDGE + "Gateway=192.0.2.10", "5: the router 192.0.2.10 is an address of this host"),
    (BRIDGE + "Gateway=2001:db8::1", "the router 2001:db8::1 is in none of the link's networks"),
    (BRIDGE + "Gateway=192.0.2.1\nGateway=192.0.2.2", "6: the same route is in x.conf:5; a Metric tells them apart"),
    (BRIDGE + "[Route]\nGateway=192.0.2.1\nPreferredSource=192.0.2.99", "5: PreferredSource: no link has the address 192.0.2.99"),
    (BRIDGE + "Address=192.0.2.10/32", "5: 192.0.2.10 is an address of x.conf, too"),
    (BRIDGE + "[Address]\nDuplicateAddressDetection=none", "5: [Address] has no Address"),
    (BRIDGE + "IPv6AcceptRA=yes\nLinkLocalAddressing=no", "6: IPv6 needs the link-local address"),
    (BRIDGE + "Address=2001:db8::1/64\n[Link]\nMTUBytes=600", "7: IPv6 needs an MTU of 1280"),
    (BRIDGE + "[DHCPv4]\nFallbackAddress=192.0.2.99/24", "6: FallbackAddress is for a link with DHCP=ipv4"),
    (BRIDGE + "Bridge=br0", "5: a bridge cannot be a port of a bridge"),
    (BRIDGE + "Bond=bond0", "5: only cards can be in a bond"),
    (BRIDGE + "VLAN=v7", "5: no file makes the vlan v7"),
    (BRIDGE + "[Bond]\nMode=802.3ad", "6: [Bond] is for Kind=bond"),
    (BRIDGE + "[VLAN]\nId=7", "6: [VLAN] is for Kind=vlan"),
    (BRIDGE + "[BridgeVLAN]\nVLAN=7", "6: [BridgeVLAN] needs a bridge with VLANFiltering=yes"),
    (BRIDGE + "[Bridge]\nVLANFiltering=yes\n[BridgeVLAN]\nVLAN=20-10", '"20-10" is not VLANs from 1 to 4094'),
    (BRIDGE + "[Bridge]\nDefaultPVID=4095", "is not a VLAN from 1 to 4094, or none"),
    (BRIDGE + "PrimarySlave=yes", "5: PrimarySlave is for a card with Bond="),
    (BRIDGE + "[NetDev]\nName=eth7", "6: eth7 is a name for cards and guests; choose another"),
    (BRIDGE + "[NetDev]\nName=a-name-that-is-too-long", "is not the name of a link (15 characters at most)"),
    (BRIDGE + CARD, "2: a file has [Match] or [NetDev], not both"),
    (CARD + "[Network]\nBridge=br0\n", "4: no file makes the bridge br0"),
    (CARD + "[Network]\nBond=bond0\n", "4: no file makes the bond bond0"),
    (CARD + "[Network]\nDHCPServer=yes\n", "4: DHCPServer is for Kind=bridge"),
    (CARD + "[Network]\nIPMasquerade=ipv4\n", "4: IPMasquerade is for Kind=bridge"),
    (CARD + "[Forward]\nProtocol=tcp\n", "4: guests' networks are bridges: this section is for Kind=bridge"),
    ("[Match]\nPath=03:00", '2: Path: "03:00" is not a PCI address (0000:03:00.0)'),
    ("[Match]\nPath=xx0000:03:00.0", "is not a PCI address"),
    ("[Match]\nMACAddress=52:54:00", "is not a MAC address"),
    ("[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nMACAddress=52:54:00:12:34:57",
     "4: the card could not be found by its own address later: use Path or Name in [Match]"),
    (VLAN, "0: no file has VLAN=x: a VLAN needs a link below it"),
    (VLAN.replace("7", "4095"), '4: Id: "4095" is not a VLAN from 1 to 4094'),
    ("[NetDev]\nKind=vlan\n", "0: a VLAN needs Id= in [VLAN]"),
    (BOND, "0: no file has Bond=x: a bond needs cards"),
    (BOND + "[Bond]\nMode=balance-rr", '4: Mode: "balance-rr" is not active-backup or 802.3ad'),
    (BOND + "[Bond]\nLACPTransmitRate=fast", "4: LACPTransmitRate needs Mode=802.3ad"),
    (BOND + "[Bond]\nTransmitHashPolicy=layer2", "4: TransmitHashPolicy needs Mode=802.3ad"),
    (BOND + "[Bond]\nMinLinks=2", "4: MinLinks needs Mode=802.3ad"),
    ("[NetDev]\nKind=bridge\n[Network]\nIPMasquerade=ipv4", "4: IPMasquerade needs an IPv4 address of the bridge"),
    ("[NetDev]\nKind=bridge\n[Network]\nDHCPServer=yes", "4: DHCPServer needs an IPv4 address of the bridge"),
    (BRIDGE + "[DHCPServer]\nPoolSize=3", "6: needs DHCPServer=yes in [Network]"),
    (NAT + "DHCP=ipv4", "6: a link is a client or a server of DHCP, not both"),
    (NAT + "[DHCPServer]\nPoolOffset=200\nPoolSize=100", "6: the pool is larger than the network 192.0.2.0/24"),
    (NAT + "[DHCPServerStaticLease]\nAddress=192.0.2.20", "7: a static lease needs MACAddress and Address"),
    (NAT + "[DHCPServerStaticLease]\nMACAddress=52:54:00:00:00:01\nAddress=10.0.0.1", "7: 10.0.0.1 is not for a guest of 192.0.2.0/24"),
    (NAT + "[Forward]\nPort=80\nTo=192.0.2.20", "7: a forward needs Protocol, Port and To"),
    (NAT + "[Forward]\nProtocol=tcp\nPort=80\nTo=10.0.0.1", "7: 10.0.0.1 is not in the network of x (192.0.2.0/24)"),
    (NAT + "[Forward]\nProtocol=tcp\nPort=80-90\nTo=192.0.2.20:80", "7: several ports go to the same ports of the guest: To=192.0.2.20"),
    (NAT + "[Forward]\nProtocol=tcp\nPort=80\nTo=192.0.2.20\n[Forward]\nProtocol=tcp\nPort=70-90\nTo=192.0.2.21", "11: the port is forwarded in x.conf:7 already"),
    (NAT + "[Forward]\nProtocol=tcp\nPort=80\nTo=192.0.2.20:0", "is not an IPv4 address, or ADDRESS:PORT"),
    (NAT + "[Firewall]\nAllow=ssh http", '8: Allow: "http" is not ssh, all, tcp/PORT or udp/PORT'),
    (b"\xff\xfe[\0", "0: the file is UTF-16; save it as UTF-8"),
]


@pytest.mark.parametrize("text, message", LINES)
def test_wrong_line(parse, text, message):
    status, _, messages = parse({"x.conf": text + "\n" if isinstance(text, str) else text})
    assert status == 1
    assert [line for line in messages if message in line], messages


# Files that are right alone, and the message about them together.
TOGETHER = [
    ({"br0.conf": BRIDGE, "br1.conf": "[NetDev]\nKind=bridge\n", "a.conf": PORT, "b.conf": PORT.replace("br0", "br1")},
     "b.conf:2: eth0 is the card of a.conf:2, too"),
    ({"br0.conf": BRIDGE, "a.conf": PORT, "b.conf": CARD.replace("eth0", "eth1") + "[Network]\nBond=br0\n"}, "b.conf:4: br0 is a bridge, not a bond (br0.conf)"),
    ({"br0.conf": BRIDGE, "bond0.conf": BOND + "[Network]\nBridge=bond0\n", "a.conf": MEMBER}, "bond0.conf:4: bond0 is a bond, not a bridge (bond0.conf)"),
    ({"br0.conf": BRIDGE, "bond0.conf": BOND, "a.conf": MEMBER + "Bridge=br0\n"}, "a.conf:5: a link is a port of a bridge or of a bond, not of both"),
    ({"br0.conf": BRIDGE, "a.conf": PORT + "Address=198.51.100.1/24\n"}, "a.conf:5: the link is a port of br0: addresses and routes belong in br0.conf"),
    ({"br0.conf": BRIDGE, "a.conf": PORT + "DHCP=ipv4\n"}, "a.conf:5: the link is a port of br0: DHCP belongs in br0.conf"),
    ({"br0.conf": BRIDGE, "a.conf": PORT + "IPv6AcceptRA=yes\n"}, "a.conf:5: the link is a port of br0: IPv6AcceptRA belongs in br0.conf"),
    ({"br0.conf": BRIDGE, "br1.conf": "[NetDev]\nKind=bridge\nName=br0\n"}, "br1.conf:3: br0.conf makes br0, too"),
    ({"br0.conf": BRIDGE, "br1.conf": BRIDGE}, "br1.conf:4: 192.0.2.10 is an address of br0.conf, too"),
    ({"br0.conf": BRIDGE + "Gateway=192.0.2.1\n", "br1.conf": BRIDGE.replace("192.0.2", "10.0.0") + "Gateway=10.0.0.1\n"},
     "br1.conf:5: the same route is in br0.conf:5; a Metric tells them apart"),
    ({"bond0.conf": BOND + "[Network]\nVLAN=v7\n", "a.conf": MEMBER + "VLAN=v8\n", "v7.conf": VLAN, "v8.conf": VLAN},
     "a.conf:5: the card is in the bond bond0: VLAN= belongs in the bond's file"),
    ({"a.conf": CARD + "[Network]\nVLAN=v7\nVLAN=v8\n", "v7.conf": VLAN, "v8.conf": VLAN}, "a.conf:5: v8 has the same Id as v7"),
    ({"a.conf": CARD + "[Network]\nVLAN=v7\n", "b.conf": CARD.replace("eth0", "eth1") + "[Network]\nVLAN=v7\n", "v7.conf": VLAN},
     "b.conf:4: v7 is on the link of a.conf:4 already"),
    ({"a.conf": CARD + "[Network]\nVLAN=v7\n", "v7.conf": VLAN + "[Network]\nVLAN=v8\n", "v8.conf": VLAN}, "v7.conf:6: a VLAN cannot be on a VLAN"),
    ({"br0.conf": BRIDGE + "VLAN=v7\n", "v7.conf": VLAN + "[Network]\nBridge=br0\n"}, "would be"),
    ({"br0.conf": BRIDGE + "VLAN=v7\n", "br1.conf": "[NetDev]\nKind=bridge\n[Network]\nVLAN=v8\n", "v7.conf": VLAN + "[Network]\nBridge=br1\n",
      "v8.conf": VLAN + "[Network]\nBridge=br0\n"}, "would be"),
    ({"br0.conf": BRIDGE + "[Bridge]\nVLANFiltering=yes\n", "a.conf": PORT + "VLAN=v7\n", "v7.conf": VLAN},
     "a.conf:5: br0 filters VLANs, and would miss these: VLAN= belongs in br0.conf"),
    ({"br0.conf": BRIDGE + "[Link]\nMTUBytes=9000\n", "a.conf": PORT}, "a.conf:4: the MTU is 1500, and that of its bridge 9000 (br0.conf)"),
    ({"a.conf": CARD + "[Network]\nVLAN=v7\n", "v7.conf": VLAN + "[Link]\nMTUBytes=9000\n"},
     "v7.conf:6: the MTU is 9000, and that of the link below only 1500 (a.conf)"),
    ({"bond0.conf": BOND, "a.conf": MEMBER + "[Link]\nMTUBytes=9000\n"}, "a.conf:6: the cards of a bond have its MTU: MTUBytes belongs in bond0.conf"),
    ({"bond0.conf": BOND, "a.conf": MEMBER + "PrimarySlave=yes\n", "b.conf": MEMBER.replace("eth0", "eth1") + "PrimarySlave=yes\n"},
     "b.conf:5: bond0 has a primary already: a.conf:5"),
    ({"bond0.conf": BOND + "[Bond]\nMode=802.3ad\n", "a.conf": MEMBER + "PrimarySlave=yes\n"}, "a.conf:5: PrimarySlave needs Mode=active-backup"),
    ({"nat0.conf": NAT + "[Forward]\nProtocol=tcp\nPort=80\nTo=192.0.2.20\n",
      "nat1.conf": NAT.replace("192.0.2", "10.0.0") + "[Forward]\nProtocol=tcp\nPort=80\nTo=10.0.0.20\n"},
     "nat1.conf:7: the port is forwarded in nat0.conf:7 already"),
    ({"a name that is longer than a link's.conf": BRIDGE}, "its name is not made of letters"),
    ({"a-name-longer-than-a-links.conf": BRIDGE}, "0: its name cannot be a link's (15 characters, the first a letter): add Name= to [NetDev]"),
]


@pytest.mark.parametrize("files, message", TOGETHER)
def test_files_that_disagree(parse, files, message):
    status, _, messages = parse(files)
    assert status == 1
    assert [line for line in messages if message in line and "warning" not in line], messages


WARNINGS = [
    ({"br0.conf": "[NetDev]\nKind=bridge\n"}, "no link has an address: the host cannot be reached over the network"),
    ({"br0.conf": BRIDGE, "br1.conf": BRIDGE.replace(".10", ".11")}, "192.0.2.0/24 is the network of br0.conf, too"),
    ({"br0.conf": NAT, "a.conf": PORT}, "br0 has a port that is no guest's"),
    ({"nat0.conf": NAT + "[Forward]\nProtocol=tcp\nPort=20-30\nTo=192.0.2.20\n"}, "port 22 of the host goes to the guest"),
]


@pytest.mark.parametrize("files, message", WARNINGS)
def test_warning(parse, files, message):
    status, _, messages = parse(files)
    assert status == 0
    assert len(messages) == 1 and ": warning: " in messages[0] and message in messages[0], messages


RIGHT = [
    # An untagged bridge and a VLAN on the same card.
    {"br0.conf": BRIDGE, "a.conf": PORT + "VLAN=v7\n", "v7.conf": VLAN + "[Network]\nBridge=br7\n", "br7.conf": "[NetDev]\nKind=bridge\n"},
    # dom0's own address in a VLAN of a bridge that filters.
    {"br0.conf": "[NetDev]\nKind=bridge\n[Bridge]\nVLANFiltering=yes\nDefaultPVID=none\n[Network]\nVLAN=v7\n[BridgeVLAN]\nVLAN=7\n",
     "v7.conf": VLAN + "[Network]\nDHCP=yes\nIPv6AcceptRA=on\n", "a.conf": PORT + "[BridgeVLAN]\nVLAN=2-4094\n[BridgeVLAN]\nPVID=1\nEgressUntagged=1\n"},
    {"a.conf": CARD + "[Network]\nAddress=192.0.2.10/32\n[Route]\nGateway=203.0.113.1\nGatewayOnLink=yes\n"},
    {"a.conf": CARD + "[Network]\nAddress=192.0.2.10/31\nGateway=192.0.2.11\n"},
    {"a.conf": CARD + "[Network]\nAddress=2001:db8::1/64\nGateway=fe80::1\n[Route]\nMetric=9\nGateway=2001:db8::2\n"},
    {"a.conf": "[Match]\nDriver=igb ixgbe\n[Network]\nBond=bond0\n", "bond0.conf": BOND + "[Bond]\nMode=802.3ad\nLACPTransmitRate=fast\n"
     "TransmitHashPolicy=layer3+4\nMinLinks=1\n[Network]\nDHCP=ipv4\n"},
    {"b.conf": "# removed here\n", "a.conf": CARD + "[Network]\nDHCP=ipv4\n"},
]


@pytest.mark.parametrize("files", RIGHT)
def test_right(parse, files):
    assert parse(files)[::2] == (0, [])


def test_wrong_line_leaves_the_rest(parse):
    """A host with a wrong line still has the rest of its network."""
    status, facts, messages = parse({"br0.conf": BRIDGE + "Gateway=203.0.113.1\nDHPC=no\n", "a.conf": PORT,
                                     "b.conf": CARD.replace("eth0", "eth1") + "[Network]\nBridge=br9\n"})
    assert status == 1 and len(messages) == 3
    assert values(facts, "br0")["Address.1.Address"] == "192.0.2.10/24"
    assert not [key for key in values(facts, "br0") if key.startswith("Route")]
    assert values(facts, "@a")["Network.Bridge"] == "br0" and "Network.Bridge" not in values(facts, "@b")


@pytest.mark.parametrize("given, shown", [
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:0:0:1:2:0:0:1", "2001::1:2:0:0:1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"), ("2001:db8::192.0.2.1", "2001:db8::c000:201"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::", "2001:db8::"), ("fe80::0:1", "fe80::1")])
def test_addresses_are_spelled_as_ip_does(parse, given, shown):
    _, facts, messages = parse({"a.conf": CARD + f"[Network]\nAddress={given}/64\n"})
    assert values(facts, "@a")["Address.1.Address"] == shown + "/64", messages


def test_values_are_safe(parse):
    """Scripts split them at blanks, and files come from whoever made the drive."""
    _, facts, _ = parse({"x.conf": "[Match]\nName=$(reboot)\nDriver=`id`\n[Network]\nDomains=a;b\nBridge=br0;reboot\nDNS=$x\n",
                         "br0.conf": BRIDGE, "$(id).conf": BRIDGE})
    for _, _, value in facts:
        assert re.fullmatch(r"[A-Za-z0-9 _.:/+*?@-]*", value), value
