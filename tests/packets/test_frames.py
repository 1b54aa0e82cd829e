"""The filter of a guest's card, in the kernel of this machine: which frames pass from one
side of a bridge to the other."""
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(TOP / "qemu-test"), str(HERE)]

import frames  # noqa: E402
import tools  # noqa: E402

NET = TOP / "rootfs/usr/lib/xenith/network"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
GUEST, OTHER = "00:16:3e:01:02:03", "00:16:3e:0a:0b:0c"
OWN = "10.0.0.5 10.1.0.0/16 2001:db8::5 2001:db8:1:4000::/50"
LOCAL = "fe80::216:3eff:fe01:203"

DISCOVER, OFFER = frames.udp(68, 67), frames.udp(67, 68)
ADVERTISEMENT = frames.icmp6(134)
REPORT = frames.options(58, frames.icmp6(143))

# What a guest may send with the addresses of OWN.
ALLOWED = {
    "IPv4": frames.ipv4(GUEST, "10.0.0.5", frames.udp(1, 2)),
    "IPv4 of its network": frames.ipv4(GUEST, "10.1.77.1", frames.udp(1, 2)),
    "a fragment": frames.ipv4(GUEST, "10.0.0.5", OFFER, fragment=5),
    "ARP": frames.arp(GUEST, GUEST, "10.0.0.5"),
    "an ARP probe": frames.arp(GUEST, GUEST, "0.0.0.0"),
    "DHCP without an address": frames.ipv4(GUEST, "0.0.0.0", DISCOVER, target="255.255.255.255"),
    "IPv6": frames.ipv6(GUEST, "2001:db8::5", frames.udp(1, 2)),
    "IPv6 of its network": frames.ipv6(GUEST, "2001:db8:1:7fff::1", frames.udp(1, 2)),
    "link-local IPv6": frames.ipv6(GUEST, LOCAL, frames.udp(1, 2)),
    "a solicitation": frames.ipv6(GUEST, "2001:db8::5", frames.icmp6(135, "2001:db8::1"), 58),
    "an advertisement": frames.ipv6(GUEST, "2001:db8::5", frames.icmp6(136, "2001:db8::5"), 58),
    "a probe for duplicates": frames.ipv6(GUEST, "::", frames.icmp6(135, LOCAL), 58),
    "a router solicitation": frames.ipv6(GUEST, LOCAL, frames.icmp6(133), 58),
    "DHCPv6": frames.ipv6(GUEST, LOCAL, frames.udp(546, 547)),
    "a multicast report": frames.ipv6(GUEST, LOCAL, REPORT, 0),
    "a multicast report without an address": frames.ipv6(GUEST, "::", REPORT, 0),
    "an IPv6 fragment": frames.ipv6(GUEST, "2001:db8::5", frames.fragment6(17, frames.udp(1, 2)), 44),
    "ARP with a VLAN's tag": frames.arp(GUEST, GUEST, "10.0.0.5", tag=7),
}
# What it may never send, whichever addresses it has.
NEVER = {
    "another MAC": frames.ipv4(OTHER, "10.0.0.5", frames.udp(1, 2)),
    "another MAC in ARP": frames.arp(GUEST, OTHER, "10.0.0.5", operation=2),
    "a DHCP answer": frames.ipv4(GUEST, "10.0.0.5", OFFER),
    "a DHCP answer behind options": frames.ipv4(GUEST, "10.0.0.5", OFFER, options=bytes(8)),
    "a DHCP answer in fragments": frames.ipv4(GUEST, "10.0.0.5", OFFER, fragment=0x2000),
    "a DHCPv6 answer": frames.ipv6(GUEST, LOCAL, frames.udp(547, 546)),
    "a DHCPv6 answer in fragments": frames.ipv6(GUEST, LOCAL, frames.fragment6(17, frames.udp(547, 546)), 44),
    "a router advertisement": frames.ipv6(GUEST, LOCAL, ADVERTISEMENT, 58),
    "one behind hop-by-hop options": frames.ipv6(GUEST, LOCAL, frames.options(58, ADVERTISEMENT), 0),
    "one behind destination options": frames.ipv6(GUEST, LOCAL, frames.options(58, ADVERTISEMENT), 60),
    "one behind a routing header": frames.ipv6(GUEST, LOCAL, frames.options(58, ADVERTISEMENT), 43),
    "one in fragments": frames.ipv6(GUEST, LOCAL, frames.fragment6(58, ADVERTISEMENT), 44),
    "one in fragments behind options":
        frames.ipv6(GUEST, LOCAL, frames.fragment6(60, frames.options(58, ADVERTISEMENT)), 44),
    "a redirect": frames.ipv6(GUEST, LOCAL, frames.icmp6(137), 58),
    "spanning tree": frames.ethernet(GUEST, 38, bytes(38), to="01:80:c2:00:00:00"),
}
# What it may send only if its addresses are not known.
SPOOFED = {
    "another IPv4 address": frames.ipv4(GUEST, "10.0.0.1", frames.udp(1, 2)),
    "one beside its network": frames.ipv4(GUEST, "10.2.0.1", frames.udp(1, 2)),
    "no address": frames.ipv4(GUEST, "0.0.0.0", frames.udp(1, 2)),
    "another address in ARP": frames.arp(GUEST, GUEST, "10.0.0.1", operation=2),
    "another address in a VLAN's ARP": frames.arp(GUEST, GUEST, "10.0.0.1", operation=2, tag=7),
    "another IPv6 address": frames.ipv6(GUEST, "2001:db8::1", frames.udp(1, 2)),
    "one beside its IPv6 network": frames.ipv6(GUEST, "2001:db8:1:8000::1", frames.udp(1, 2)),
    "another link-local address": frames.ipv6(GUEST, "fe80::1", frames.udp(1, 2)),
    "a neighbour's advertisement": frames.ipv6(GUEST, "2001:db8::5", frames.icmp6(136, "2001:db8::1"), 58),
    "a neighbour's probe": frames.ipv6(GUEST, "::", frames.icmp6(135, "2001:db8::1"), 58),
    "RARP": frames.arp(GUEST, GUEST, "10.0.0.5", kind=0x8035),
    "another protocol": frames.ethernet(GUEST, 0x88CC, bytes(46)),
}
ALL = {**ALLOWED, **NEVER, **SPOOFED}


def run(*words, **more):
    subprocess.run(words, check=True, **more)


def without_gact(ip):
    """If this kernel lacks the action `drop`, frames go to a device that leads nowhere."""
    tc = tools.find("tc")
    run(tc, "qdisc", "add", "dev", "vif3.0", "clsact")
    if subprocess.run([tc, "filter", "add", "dev", "vif3.0", "ingress", "pref", "1", "protocol", "all", "u32",
                       "match", "u32", "0", "0", "action", "drop"], check=False, capture_output=True).returncode == 0:
        run(tc, "filter", "del", "dev", "vif3.0", "ingress", "pref", "1")
        return
    run(ip, "link", "add", "nowhere", "type", "veth", "peer", "name", "nobody")
    run(ip, "link", "set", "nowhere", "up")
    directory = Path(os.environ["LAB"])
    (directory / "tc").write_text(f"""#!/bin/sh
[ "$1" = -batch ] || exec {tc} "$@"
sed 's/action drop/action mirred egress redirect dev nowhere/' | {tc} "$@"
""")
    (directory / "tc").chmod(0o755)
    os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"


def connect():
    """In the namespace: a bridge with a guest's card and a wire; their far ends."""
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    # dom0's kernel has no such filter.
    for setting in Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
        setting.write_text("0")
    ip = tools.find("ip")
    run(ip, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
    for port, end in (("vif3.0", "guest"), ("eth0", "wire")):
        run(ip, "link", "add", port, "type", "veth", "peer", "name", end)
        run(ip, "link", "set", port, "master", "br0")
        run(ip, "link", "set", port, "up")
        run(ip, "link", "set", end, "up")
    run(ip, "link", "set", "br0", "up")
    ends = {name: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for name in ("guest", "wire")}
    for name, end in ends.items():
        end.bind((name, 0))
        end.settimeout(1)
    # The ports need a moment to forward.
    time.sleep(0.3)
    return ends


def passing(ends):
    """Sends every frame; the names of those that arrive."""
    for number, frame in enumerate(ALL.values()):
        ends["guest"].send(frame + bytes(max(0, 60 - len(frame))) + b"mark%03d" % number)
    found = set()
    names = list(ALL)
    try:
        while True:
            data, _, _, _ = ends["wire"].recvmsg(2000)
            if data[-7:-3] == b"mark":
                found.add(names[int(data[-3:])])
    except socket.timeout:
        return sorted(found)


def guard_connected_cards():
    """AntiSpoofing of the bridge is off, then on, on again, and off: what passes."""
    lab = Path(os.environ["LAB"])
    (lab / "xenstore-read").write_text(f"""#!/bin/sh
case $1 in
backend/vif/3/0/mac) echo {GUEST} ;;
backend/vif/3/0/ip) echo "{OWN}" ;;
backend/vif/3/0/script) cat "{lab}/script" ;;
*) exit 1 ;;
esac
""")
    (lab / "xenstore-read").chmod(0o755)
    # This machine's /sys has the links of another namespace.
    for directory in ("networks", "sys/br0/brif/eth0", "sys/br0/brif/vif3.0"):
        (lab / directory).mkdir(parents=True)
    (lab / "script").write_text("/etc/xen/scripts/vif-bridge")
    ends = connect()
    without_gact(tools.find("ip"))
    os.environ["PATH"] = f"{lab}:{os.environ['PATH']}"

    def passing_with(setting):
        (lab / "facts").write_text(f"br0\tkind\tbridge\nbr0\tBridge.AntiSpoofing\t{setting}\nbr1\tBridge.AntiSpoofing\tyes\n")
        run("sh", NET / "antispoof", lab / "facts",
            env={**os.environ, "XENITH_RUN_DIR": str(lab), "XENITH_NET_SYS": str(lab / "sys")})
        return passing(ends)

    found = [passing_with(setting) for setting in ("no", "yes", "yes", "no", "yes")]
    # The domain file wants it, whatever the bridge does.
    (lab / "script").write_text("/etc/xen/scripts/vif-antispoof")
    found.append(passing_with("no"))
    print(json.dumps(found))


def inside(addresses):
    """In the namespace: sends every frame, prints the names of those that arrive."""
    ends = connect()
    if addresses != "unguarded":
        without_gact(tools.find("ip"))
        run(tools.find("busybox"), "sh", "-euc", f'net={NET}; . "$net/packets.sh"; frames_filter vif3.0 {GUEST} "{addresses}"')
    print(json.dumps(passing(ends)))


def in_namespace(what, directory):
    """What this program, called with the word, prints."""
    for program in ("ip", "tc"):
        tools.find(program)
    if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run([*NAMESPACE, sys.executable, __file__, what], capture_output=True, text=True,
                          check=False, timeout=60, env={**os.environ, "LAB": str(directory)})
    if "Unknown qdisc" in done.stderr or "Specified qdisc kind is unknown" in done.stderr:
        pytest.skip("this machine's kernel has no clsact")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arrived(addresses, directory):
    return set(in_namespace(addresses, directory))


def test_without_a_filter_every_frame_passes(tmp_path):
    assert arrived("unguarded", tmp_path) == set(ALL)


def test_with_addresses_the_guest_keeps_to_them(tmp_path):
    assert arrived(OWN, tmp_path) == set(ALLOWED)


def test_without_addresses_only_the_mac_is_held(tmp_path):
    assert arrived("", tmp_path) == {*ALLOWED, *SPOOFED}


def test_ipv4_only(tmp_path):
    """A guest without an IPv6 address has a link-local one."""
    assert arrived("10.0.0.5", tmp_path) == {
        name for name in ALLOWED if "network" not in name and (
            "IPv6" not in name or name == "link-local IPv6") and name not in ("a solicitation", "an advertisement")}


def test_cards_that_are_connected_already(tmp_path):
    """`xenith network apply` turns the filter of a bridge on and off."""
    found = [set(names) for names in in_namespace("connected", tmp_path)]
    assert found == [set(ALL), set(ALLOWED), set(ALLOWED), set(ALL), set(ALLOWED), set(ALLOWED)]


@pytest.mark.parametrize("awk", ["busybox", "gawk", "mawk"])
@pytest.mark.parametrize("addresses,word", [
    ("10.0.0.256", "10.0.0.256"), ("10.0.0.1/33", "prefix"), ("2001::db8::1", "2001::db8::1"), ("1:2:3", "1:2:3"),
    ("10.0.0.1/", "prefix"), ("2001:db8::/129", "prefix"), ("web", "web"), ("10.0.0.1 " * 70, "64 addresses")])
def test_addresses_that_are_none(awk, addresses, word):
    program = [tools.find(awk)] + (["awk"] if awk == "busybox" else [])
    done = subprocess.run([*program, "-v", f"mac={GUEST}", "-v", f"addresses={addresses}", "-f", str(NET / "guard.awk")],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert word in done.stderr


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if sys.argv[1] == "connected":
        guard_connected_cards()
    else:
        inside(sys.argv[1])
