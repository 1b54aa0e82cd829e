"""The scripts for guests without a bridge: vif-route and vif-nat."""
import json
import subprocess
import time

import network
import pytest

from guard import filters, program

BACKEND = "backend/vif/3/0"


def vif(host, script, action="online", kind="vif", **environment):
    environment.setdefault("vif", "vif3.0")
    return host.run(script, action, f"type_if={kind}", XENBUS_PATH=BACKEND, XENBUS_TYPE="vif", **environment)


def emulated(host, script, action="add"):
    return vif(host, script, action, "tap", INTERFACE="vif3.0-emu")


def status(host):
    return host.read(f"{BACKEND}/hotplug-status"), host.read(f"{BACKEND}/hotplug-error")


def routes(host, device, family="-4"):
    """{network: (source, metric)} of an interface, without the kernel's own."""
    shown = json.loads(host.ip("-j", family, "route", "show", "dev", device, "proto", "boot"))
    return {route["dst"]: (route.get("prefsrc"), route["metric"]) for route in shown}


def addresses(host, device):
    """Those that the kernel has not made itself."""
    shown = json.loads(host.ip("-j", "addr", "show", "dev", device))
    return {f"{address['local']}/{address['prefixlen']}" for link in shown for address in link.get("addr_info", [])
            if not (address["local"].startswith("fe80::") and address["local"] != "fe80::1")}


def proxied(host, device):
    shown = json.loads(host.ip("-j", "-6", "neigh", "show", "proxy", "dev", device) or "[]")
    return [entry["dst"] for entry in shown]


def is_up(host, device):
    return "UP" in host.link(device)["flags"]


@pytest.fixture
def guest(host):
    host.tap("vif3.0")
    host.write(BACKEND, {"frontend-id": 3, "handle": 0, "frontend": "/local/domain/3/device/vif/0",
                         "mac": "00:16:3e:01:02:03"})
    return host


# --- Routed

@pytest.fixture
def routed(guest):
    for name, address in (("eth0", "10.0.2.15/24"), ("eth1", "10.7.0.1/24")):
        guest.tap(name)
        guest.ip("addr", "add", address, "dev", name)
        guest.ip("link", "set", name, "up")
    guest.ip("addr", "add", "10.0.2.16/24", "dev", "eth0")
    # None of these is the default route.
    guest.ip("route", "add", "unreachable", "10.99.0.0/16")
    guest.ip("route", "add", "0.0.0.0/1", "dev", "eth1")
    guest.ip("route", "add", "default", "via", "10.7.0.2", "metric", "5")
    guest.ip("route", "add", "default", "via", "10.0.2.2")
    guest.write(BACKEND, {"ip": "10.0.2.100 10.0.3.0/24"})
    return guest


def test_route(routed):
    done = vif(routed, "vif-route", netdev="")
    assert (done.returncode, done.out, done.err) == (0, "", "")
    assert addresses(routed, "vif3.0") == {"10.0.2.15/32"}
    assert routes(routed, "vif3.0") == {"10.0.2.100": ("10.0.2.15", 2), "10.0.3.0/24": ("10.0.2.15", 2)}
    assert filters(routed) == {"vif3.0": program("vif3.0", "10.0.2.100 10.0.3.0/24", "any")}
    for setting in ("conf/vif3.0/proxy_arp", "conf/eth0/proxy_arp", "ip_forward"):
        assert routed.setting(f"ipv4/{setting}") == "1"
    assert routed.setting("ipv4/conf/eth1/proxy_arp") == "0"
    assert is_up(routed, "vif3.0")
    assert status(routed) == ("connected", None)
    assert routed.read("/local/domain/3/device/vif/0/mtu") is None
    assert routed.text("forks") == "fork\n"


def test_route_to_the_device_of_the_domain_file(routed):
    assert vif(routed, "vif-route", netdev="eth1").returncode == 0
    assert addresses(routed, "vif3.0") == {"10.7.0.1/32"}
    assert routed.setting("ipv4/conf/eth1/proxy_arp") == "1"
    assert routed.setting("ipv4/conf/eth0/proxy_arp") == "0"


def test_route_ipv6(routed):
    """dom0 answers for single addresses, and is the guest's gateway."""
    routed.write(BACKEND, {"ip": "2001:db8::7  2001:db8:1::/64"})
    assert vif(routed, "vif-route", netdev="eth0").returncode == 0
    assert routes(routed, "vif3.0", "-6") == {"2001:db8::7": (None, 2), "2001:db8:1::/64": (None, 2)}
    assert addresses(routed, "vif3.0") == {"10.0.2.15/32", "fe80::1/64"}
    assert proxied(routed, "eth0") == ["2001:db8::7"]
    for setting in ("all/forwarding", "eth0/proxy_ndp"):
        assert routed.setting(f"ipv6/conf/{setting}") == "1"
    assert vif(routed, "vif-route", action="offline", netdev="eth0").returncode == 0
    assert proxied(routed, "eth0") == []


def test_route_of_both_cards_of_an_hvm_guest(routed):
    """The emulated card's is the better one; it ends first, and the proxy entry stays."""
    routed.tap("vif3.0-emu")
    routed.write(BACKEND, {"ip": "10.0.2.100 2001:db8::7"})
    assert emulated(routed, "vif-route").returncode == 0
    assert status(routed) == (None, None)
    assert vif(routed, "vif-route").returncode == 0
    assert routes(routed, "vif3.0-emu") == {"10.0.2.100": ("10.0.2.15", 1)}
    assert routes(routed, "vif3.0-emu", "-6") == {"2001:db8::7": (None, 1)}
    assert routes(routed, "vif3.0") == {"10.0.2.100": ("10.0.2.15", 2)}
    assert emulated(routed, "vif-route", "remove").returncode == 0
    assert not is_up(routed, "vif3.0-emu")
    assert proxied(routed, "eth0") == ["2001:db8::7"]


def test_route_gone(routed):
    vif(routed, "vif-route")
    assert vif(routed, "vif-route", action="offline", netdev="").returncode == 0
    assert not is_up(routed, "vif3.0")


@pytest.mark.parametrize("gone", ["the keys", "the interface", "the default route"])
def test_route_gone_with_all_else(routed, gone):
    routed.write(BACKEND, {"ip": "no 10.0.0.0/8 2001:db8::7 2001:db8::/300"})
    if gone == "the keys":
        routed.store.nodes.clear()
    elif gone == "the interface":
        routed.ip("link", "del", "vif3.0")
    else:
        routed.ip("link", "del", "eth0")
        routed.ip("link", "del", "eth1")
    assert vif(routed, "vif-route", action="offline", netdev="").returncode == 0
    assert status(routed) == (None, None)


@pytest.mark.parametrize("missing,words", [
    ("ip", "cannot route vif3.0: its address is missing; add ip= to its vif in the domain file"),
    ("default route", "cannot route vif3.0: there is no default route; name the wired interface with gatewaydev="),
    ("address", "cannot route vif3.0: eth9 has no IPv4 address"),
    ("interface", "cannot route vif3.0: eth7 has no IPv4 address"),
    ("long name", "cannot route vif3.0: eth0567890abcde has no IPv4 address"),
])
def test_route_without(routed, missing, words):
    netdev = {"address": "eth9", "interface": "eth7", "long name": "eth0567890abcdefg"}.get(missing, "")
    # The longest name that an interface can have is no abbreviation.
    for name in ("eth9", "eth0567890abcde"):
        routed.tap(name)
        routed.ip("link", "set", name, "up")
    routed.ip("addr", "add", "10.8.0.1/24", "dev", "eth0567890abcde")
    if missing == "ip":
        routed.forget(f"{BACKEND}/ip")
    elif missing == "default route":
        routed.ip("route", "flush", "exact", "default")
    assert vif(routed, "vif-route", netdev=netdev).returncode == 1
    assert status(routed) == ("error", words)
    assert not is_up(routed, "vif3.0")


def test_route_that_is_there(routed):
    routed.ip("route", "add", "10.0.2.100", "dev", "eth1", "metric", "2")
    assert vif(routed, "vif-route").returncode == 1
    assert status(routed) == ("error", "cannot route 10.0.2.100/32 to vif3.0: File exists")


@pytest.mark.parametrize("ip,words", [("10.0.2", "is not an IPv4 or IPv6 address"), ("10.0.2.5/24", "cannot route 10.0.2.5/24"),
                                      ("10.0.2.5/33", "invalid prefix length"), ("web", "is not an IPv4 or IPv6 address")])
def test_addresses_that_are_none(routed, ip, words):
    routed.write(BACKEND, {"ip": ip})
    assert vif(routed, "vif-route").returncode == 1
    assert status(routed)[0] == "error" and words in status(routed)[1]


# --- Translated

def test_nat(guest):
    guest.write(BACKEND, {"ip": "10.9.0.2/24"})
    done = vif(guest, "vif-nat")
    assert (done.returncode, done.out, done.err) == (0, "", "")
    assert addresses(guest, "vif3.0") == {"10.9.0.129/32"}
    assert routes(guest, "vif3.0") == {"10.9.0.2": ("10.9.0.129", 2)}
    assert guest.setting("ipv4/ip_forward") == "1" and guest.setting("ipv4/conf/vif3.0/proxy_arp") == "1"
    assert status(guest) == ("connected", None)
    assert filters(guest) == {"vif3.0": program("vif3.0", "10.9.0.2", "any")}
    assert guest.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert guest.text("nat/XENITH_NAT") == "-d 10.9.0.2 -j RETURN\n-s 10.9.0.2 -j MASQUERADE\n"


def test_nat_of_both_cards_of_an_hvm_guest(guest):
    guest.tap("vif3.0-emu")
    guest.write(BACKEND, {"ip": "10.9.0.2"})
    assert emulated(guest, "vif-nat").returncode == 0
    assert vif(guest, "vif-nat").returncode == 0
    assert routes(guest, "vif3.0-emu") == {"10.9.0.2": ("10.9.0.129", 1)}
    assert emulated(guest, "vif-nat", "remove").returncode == 0
    assert guest.text("nat/XENITH_NAT") == "-d 10.9.0.2 -j RETURN\n-s 10.9.0.2 -j MASQUERADE\n"
    assert vif(guest, "vif-nat", "offline").returncode == 0
    assert guest.text("nat/XENITH_NAT") == ""
    assert not is_up(guest, "vif3.0")


@pytest.mark.parametrize("domid,handle,address", [(3, 0, "10.0.3.1"), (700, 4, "10.2.188.5"), (3, None, "10.0.3.1")])
def test_nat_default_address(guest, domid, handle, address):
    guest.write(BACKEND, {"frontend-id": domid, "handle": handle})
    if handle is None:
        guest.forget(f"{BACKEND}/handle")
    assert vif(guest, "vif-nat").returncode == 0
    assert list(routes(guest, "vif3.0")) == [address]


def test_nat_once_for_each_guest(guest):
    """Traffic between guests is not translated; a guest that is added twice has its rules
    once; removing one keeps the rules of the others."""
    for address in ("10.9.0.2", "10.9.0.3", "10.9.0.2"):
        guest.write(BACKEND, {"ip": address})
        guest.ip("addr", "flush", "dev", "vif3.0")
        assert vif(guest, "vif-nat").returncode == 0
    assert guest.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert guest.text("nat/XENITH_NAT").splitlines() == [
        "-d 10.9.0.2 -j RETURN", "-d 10.9.0.3 -j RETURN",
        "-s 10.9.0.3 -j MASQUERADE", "-s 10.9.0.2 -j MASQUERADE"]
    assert vif(guest, "vif-nat", action="offline").returncode == 0
    assert guest.text("nat/XENITH_NAT").splitlines() == [
        "-d 10.9.0.3 -j RETURN", "-s 10.9.0.3 -j MASQUERADE"]


def test_nat_gone_with_its_keys(guest):
    """Another guest's rules stay."""
    guest.write(BACKEND, {"ip": "10.0.0.1"})
    vif(guest, "vif-nat")
    guest.store.nodes.clear()
    assert vif(guest, "vif-nat", action="offline").returncode == 0
    assert "10.0.0.1" in guest.text("nat/XENITH_NAT")


def test_nat_that_the_kernel_refuses(guest):
    (guest.top / "nat").mkdir()
    (guest.top / "nat/POSTROUTING").mkdir()
    guest.write(BACKEND, {"ip": "10.9.0.2"})
    assert vif(guest, "vif-nat").returncode == 1
    assert status(guest)[0] == "error" and "cannot masquerade 10.9.0.2: " in status(guest)[1]


@pytest.mark.parametrize("ip", ["10.9.0.200", "2001:db8::7", "web", "", "10.9.0"])
def test_nat_address_without_room_for_the_router(guest, ip):
    guest.write(BACKEND, {"ip": ip})
    assert vif(guest, "vif-nat").returncode == 1
    assert status(guest) == ("error", f"cannot connect vif3.0: ip={ip} is invalid for vif-nat; use a last byte below 128")


def start_nat(host, domid):
    path = f"backend/vif/{domid}/0"
    host.tap(f"vif{domid}.0")
    host.write(path, {"frontend-id": domid, "mac": "00:16:3e:01:02:03"})
    return host.start("vif-nat", "online", "type_if=vif", vif=f"vif{domid}.0", XENBUS_PATH=path)


def test_eight_at_once(host):
    """The chain is made once."""
    processes = [start_nat(host, domid) for domid in range(10, 18)]
    assert [(process.wait(60), *process.communicate()) for process in processes] == [(0, "", "")] * 8
    assert host.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert len(host.text("nat/XENITH_NAT").splitlines()) == 16


def test_a_killed_one_gives_its_lock_back(host):
    """Once the iptables that it has started has ended, too."""
    (host.top / "hangs").touch()
    (host.top / "bin/iptables").write_text(f"""#!/bin/sh
while [ -e "$FAKE/hangs" ]; do sleep 0.05; done
exec {network.HERE}/fake/iptables "$@"
""")
    (host.top / "bin/iptables").chmod(0o755)
    killed = start_nat(host, 10)
    try:
        while not (host.top / "run/xen-hotplug/vif-nat").exists():
            assert killed.poll() is None
            time.sleep(0.05)
        time.sleep(0.2)
        killed.kill()
        killed.wait()
        waiting = start_nat(host, 11)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    finally:
        (host.top / "hangs").unlink()
    assert (waiting.wait(30), *waiting.communicate()) == (0, "", "")
    killed.communicate()
    assert host.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert "-s 10.0.11.1 -j MASQUERADE" in host.text("nat/XENITH_NAT")
