"""What has to be done for links that this machine's kernel may not have: bonds, VLANs and
VLANs of bridges. The running links are played, as the program `running` prints them."""

import subprocess

import pytest

import tools
from conftest import LIBRARY

NETWORK = LIBRARY / "network"


@pytest.fixture(params=["mawk", "busybox"])
def compare(request, tmp_path):
    """The texts and the commands of difference.awk for files of before, files of now
    ({name: text}) and running links ([(link, key, value)])."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").symlink_to(tools.find(request.param))
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}

    def awk(script, *files):
        return subprocess.run(["awk", "-F", "\t", "-f", NETWORK / script, *files], capture_output=True, text=True, check=True,
                              env=environment).stdout

    def facts(name, files):
        directory = tmp_path / name
        directory.mkdir()
        for file, text in files.items():
            (directory / f"{file}.conf").write_text(text)
        done = subprocess.run(["sh", NETWORK / "parse", directory], capture_output=True, text=True, env=environment, check=True)
        parsed = tmp_path / f"{name}.facts"
        parsed.write_text(done.stdout)
        resolved = tmp_path / f"{name}.resolved"
        resolved.write_text(awk("resolve.awk", "/dev/null", parsed, tmp_path / "running"))
        return resolved

    def call(before, now, running):
        (tmp_path / "running").write_text("".join("\t".join(line) + "\n" for line in running))
        lines = awk("difference.awk", facts("before", before), facts("now", now), tmp_path / "running").splitlines()
        return [line.split("\t")[0] for line in lines], [line.split("\t")[1].strip() for line in lines]

    return call


def card(name, path, mac="52:54:00:00:00:01", **more):
    lines = [(name, "kind", "card"), (name, "driver", "igb"), (name, "pci", path), (name, "order", path), (name, "mac", mac),
             (name, "mtu", "1500"), (name, "up", "1"), (name, "carrier", "1"), (name, "accept_ra", "0"), (name, "disable_ipv6", "0")]
    return lines + [(name, key, value) for key, value in more.items()]


def link(name, kind, **more):
    """A running link; in the names of keys, __ is a dot."""
    lines = [(name, "kind", kind), (name, "mac", "02:00:00:00:00:01"), (name, "mtu", "1500"), (name, "up", "1"), (name, "carrier", "1"),
             (name, "accept_ra", "0"), (name, "disable_ipv6", "0")]
    return lines + [(name, key.replace("__", "."), value) for key, value in more.items()]


CARDS = [*card("eth0", "0000:03:00.0"), *card("eth1", "0000:03:00.1")]
BRIDGE = {"Bridge__STP": "0", "Bridge__ForwardDelaySec": "0", "Bridge__MulticastSnooping": "0", "Bridge__VLANFiltering": "0",
          "Bridge__DefaultPVID": "1"}
BOND = {"Bond__Mode": "active-backup", "Bond__MIIMonitorSec": "100", "Bond__UpDelaySec": "0", "primary": "-"}
RACK = {
    "a": "[Match]\nPath=0000:03:00.0\n[Network]\nBond=bond0\nPrimarySlave=yes\n",
    "b": "[Match]\nPath=0000:03:00.1\n[Network]\nBond=bond0\n",
    "bond0": "[NetDev]\nKind=bond\n[Link]\nMTUBytes=9000\n[Network]\nVLAN=vlan10 vlan20\n",
    "br20": "[NetDev]\nKind=bridge\n",
    "vlan10": "[NetDev]\nKind=vlan\n[VLAN]\nId=10\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\n",
    "vlan20": "[NetDev]\nKind=vlan\n[VLAN]\nId=20\n[Network]\nBridge=br20\n",
}
RUNNING = [*card("eth0", "0000:03:00.0", master="bond0"), *card("eth1", "0000:03:00.1", master="bond0"),
           *link("bond0", "bond", **{**BOND, "primary": "eth0"}), *link("br20", "bridge", **BRIDGE),
           *link("vlan10", "vlan", VLAN__Id="10", parent="bond0", address="192.0.2.10/24 global fixed -", route="4 default 192.0.2.1 0 -"),
           *link("vlan20", "vlan", VLAN__Id="20", parent="bond0", master="br20"), ("bond0", "mtu", "9000")]


def test_bond_and_vlans(compare):
    """Each link is there before it is needed, and up before the links above it."""
    _, commands = compare({}, RACK, CARDS)
    steps = ["make_bond bond0 active-backup", "make_bridge br20", "make_vlan vlan10 bond0 10", "make_vlan vlan20 bond0 20",
             "mtu bond0 9000", "join_bond eth0 bond0", "join_bond eth1 bond0", "join_bridge vlan20 br20 first", "write bond0 bonding/primary eth0",
             "up bond0", "up vlan10", "address_add vlan10 192.0.2.10/24 detect", "route_add vlan10 4 default 192.0.2.1 0 - -"]
    assert [commands.index(step) for step in steps] == sorted(commands.index(step) for step in steps)


def test_nothing_differs(compare):
    assert compare(RACK, RACK, RUNNING) == ([], [])


def test_another_id(compare):
    """The VLAN is made anew, and gets back the links above it."""
    texts, commands = compare(RACK, {**RACK, "vlan20": RACK["vlan20"].replace("20\n", "30\n", 1)}, RUNNING)
    assert texts[0] == "vlan20 has the Id 20, not 30"
    assert commands == ["remove vlan20", "make_vlan vlan20 bond0 30", "join_bridge vlan20 br20 first", "up vlan20"]


def test_another_mode(compare):
    """The VLANs go with the bond, and come back."""
    texts, commands = compare(RACK, {**RACK, "a": RACK["a"].replace("PrimarySlave=yes\n", ""),
                                     "bond0": RACK["bond0"] + "[Bond]\nMode=802.3ad\nLACPTransmitRate=fast\n"}, RUNNING)
    assert texts[0] == "bond0 has the Mode active-backup, not 802.3ad"
    for step in ("remove bond0", "make_bond bond0 802.3ad", "write_down bond0 bonding/lacp_rate fast", "make_vlan vlan10 bond0 10",
                 "join_bond eth1 bond0", "address_add vlan10 192.0.2.10/24 detect"):
        assert step in commands
    assert "remove vlan10" not in commands


def test_back_from_a_bond(compare):
    """VLANs go first, and a card that no file has any more is down."""
    plain = {"lan": "[Match]\nPath=0000:03:00.0\n[Network]\nAddress=192.0.2.10/24\n"}
    _, commands = compare(RACK, plain, RUNNING)
    steps = ["remove vlan10", "remove vlan20", "remove bond0", "remove br20", "address_add eth0 192.0.2.10/24 detect"]
    assert [commands.index(step) for step in steps] == sorted(commands.index(step) for step in steps)
    assert "down eth1" in commands and "down eth0" not in commands


def test_card_of_a_bond_that_is_missing(compare):
    texts, commands = compare({}, RACK, card("eth1", "0000:03:00.1"))
    assert "a: no card matches Path=0000:03:00.0; it joins when it appears" in texts
    assert "join_bond eth1 bond0" in commands


FILTERED = {
    "br0": "[NetDev]\nKind=bridge\n[Bridge]\nVLANFiltering=yes\nDefaultPVID=none\n[Network]\nVLAN=vlan10\n[BridgeVLAN]\nVLAN=10\n",
    "uplink": "[Match]\nPath=0000:03:00.0\n[Network]\nBridge=br0\n[BridgeVLAN]\nVLAN=10-19\n[BridgeVLAN]\nPVID=5\nEgressUntagged=5\n",
    "vlan10": "[NetDev]\nKind=vlan\n[VLAN]\nId=10\n[Network]\nAddress=192.0.2.10/24\n",
}
FILTERING = {**BRIDGE, "Bridge__VLANFiltering": "1", "Bridge__DefaultPVID": "0"}


def test_vlans_of_a_bridge(compare):
    running = [*card("eth0", "0000:03:00.0", master="br0", vlan="1 pvid untagged"), *link("br0", "bridge", **FILTERING),
               ("eth0", "vlan", "10 - -"), ("eth0", "vlan", "30 - -"), ("eth0", "vlan", "31 - -"),
               *link("vlan10", "vlan", VLAN__Id="10", parent="br0", address="192.0.2.10/24 global fixed -")]
    _, commands = compare(FILTERED, FILTERED, running)
    assert [" ".join(command.split()) for command in commands] == [
        "vlan_add br0 10 self", "vlan_remove eth0 1", "vlan_remove eth0 30-31", "vlan_add eth0 5 pvid untagged", "vlan_add eth0 11-19"]


def test_filter_is_turned_on(compare):
    texts, commands = compare(FILTERED, FILTERED, [*card("eth0", "0000:03:00.0", master="br0"), *link("br0", "bridge", **BRIDGE)])
    assert "write br0 bridge/vlan_filtering 1" in commands and "write br0 bridge/default_pvid 0" in commands
    assert "br0: Bridge.VLANFiltering is no, not yes" in texts


@pytest.mark.parametrize("match, expected", [
    ("Path=0000:03:00.1", "eth1"), ("MACAddress=52:54:00:00:00:0c", "eth2"), ("Driver=igb", "eth0"), ("Name=eth2", "eth2"),
    ("Name=e?h2 eth7", "eth2"), ("Name=e*2", "eth2"), ("Driver=igb\nMACAddress=52:54:00:00:00:0c", None), ("Driver=e1000e igb", "eth0"), ("Name=eth", None)])
def test_card_is_found(compare, match, expected):
    """All keys must hold; of several cards the first in PCI order."""
    running = [*card("eth2", "0000:01:00.0", "52:54:00:00:00:0c"), *card("eth1", "0000:03:00.1"), *card("eth0", "0000:03:00.0")]
    running = [("eth2", "driver", "e1000") if line == ("eth2", "driver", "igb") else line for line in running]
    files = {"lan": f"[Match]\n{match}\n[Network]\nAddress=192.0.2.10/24\n"}
    _, commands = compare({}, files, running)
    assert [command for command in commands if command.startswith("address_add")] == \
        ([f"address_add {expected} 192.0.2.10/24 detect"] if expected else [])


def test_all_cards_join_a_bridge(compare):
    _, commands = compare({}, {"br0": "[NetDev]\nKind=bridge\n[Network]\nDHCP=ipv4\n", "cards": "[Match]\nDriver=igb\n[Network]\nBridge=br0\n"}, CARDS)
    assert [command for command in commands if command.startswith("join")] == ["join_bridge eth0 br0 first", "join_bridge eth1 br0"]
    assert "dhcp_start br0 ipv4" in commands
