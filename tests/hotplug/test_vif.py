"""The network scripts: bridge, route and nat."""
import subprocess

import conftest
import pytest

BACKEND = "backend/vif/3/0"


def vif(dom0, script="vif-bridge", action="online", kind="vif", **environment):
    environment.setdefault("vif", "vif3.0")
    return dom0.run(
        script, action, f"type_if={kind}", XENBUS_PATH=BACKEND, XENBUS_TYPE="vif", **environment
    )


def status(dom0):
    return dom0.read(f"{BACKEND}/hotplug-status"), dom0.read(f"{BACKEND}/hotplug-error")


@pytest.fixture
def bridged(dom0):
    dom0.interface("xenbr0", bridge=True)
    dom0.interface("vif3.0")
    dom0.write(BACKEND, {
        "bridge": "xenbr0", "frontend-id": 3, "handle": 0, "frontend": "/local/domain/3/device/vif/0",
        "mac": "00:16:3e:01:02:03",
    })
    return dom0


def test_joins_the_bridge(bridged):
    assert vif(bridged).returncode == 0
    assert bridged.text("ip.log") == (
        "link set dev vif3.0 mtu 1500 address fe:ff:ff:ff:ff:ff master xenbr0 up\n"
    )
    assert status(bridged) == ("connected", None)
    assert bridged.read("/local/domain/3/device/vif/0/mtu") == "1500"


def test_leaves_the_bridge(bridged):
    assert vif(bridged, action="offline").returncode == 0
    assert bridged.text("ip.log") == "link set dev vif3.0 nomaster down\n"
    assert status(bridged) == (None, None)


def test_leaving_never_fails(dom0):
    """The interface, the bridge and the keys may be gone already."""
    (dom0.top / "ip.fails").write_text(".\n")
    assert vif(dom0, action="offline").returncode == 0


def test_bridge_that_does_not_exist_is_named(bridged):
    bridged.write(BACKEND, {"bridge": "xenbr7"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: there is no bridge xenbr7")
    assert "there is no bridge xenbr7" in bridged.text("syslog")


def test_interface_that_is_no_bridge(bridged):
    bridged.interface("eth0")
    bridged.write(BACKEND, {"bridge": "eth0"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: eth0 is not a bridge")


def test_no_bridge_named_is_not_guessed(bridged):
    bridged.write(BACKEND, {"bridge": ""})
    assert vif(bridged).returncode == 1
    assert status(bridged)[0] == "error"


def test_mtu_of_the_bridge_and_of_the_domain_file(bridged):
    bridged.interface("xenbr1", mtu=9000, bridge=True)
    bridged.write(BACKEND, {"bridge": "xenbr1"})
    vif(bridged)
    assert "mtu 9000" in bridged.text("ip.log")
    bridged.write(BACKEND, {"mtu": 1400})
    vif(bridged)
    assert "mtu 1400" in bridged.text("ip.log")
    assert bridged.read("/local/domain/3/device/vif/0/mtu") == "1400"


def test_mtu_that_the_interface_refuses_is_only_a_warning(bridged):
    (bridged.top / "ip.fails").write_text("mtu\n")
    assert vif(bridged).returncode == 0
    assert "cannot set the MTU of" in bridged.text("syslog")
    assert status(bridged) == ("connected", None)


def test_failure_of_ip_is_reported_with_its_words(bridged):
    (bridged.top / "ip.fails").write_text("master\n")
    assert vif(bridged).returncode == 1
    assert status(bridged)[0] == "error"
    assert "RTNETLINK answers: Invalid argument" in status(bridged)[1]


def test_vifname_renames(bridged):
    bridged.write(BACKEND, {"vifname": "web"})
    assert vif(bridged).returncode == 0
    assert bridged.text("ip.log").startswith("link set dev vif3.0 name web\nlink set dev web ")


def test_vifname_of_another_guest_is_refused(bridged):
    bridged.interface("web")
    bridged.write(BACKEND, {"vifname": "web"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot rename vif3.0 to web: there is an interface of that name; change vifname")


def test_tap_of_an_emulated_card(bridged):
    bridged.interface("vif3.0-emu")
    bridged.write(BACKEND, {"vifname": "web"})
    assert vif(bridged, action="add", kind="tap", INTERFACE="vif3.0-emu").returncode == 0
    assert "link set dev web-emu mtu 1500" in bridged.text("ip.log")
    # Only the backend's call writes that it is connected.
    assert status(bridged) == (None, None)


@pytest.mark.parametrize("action,kind", [("add", "vif"), ("remove", "vif"), ("online", "tap")])
def test_calls_for_the_other_face_do_nothing(bridged, action, kind):
    assert vif(bridged, action=action, kind=kind).returncode == 0
    assert bridged.text("ip.log") == ""


def test_unknown_action(bridged):
    assert vif(bridged, action="dance").returncode == 1
    assert status(bridged)[0] == "error"


def test_ip_is_said_not_to_be_enforced(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert "it does not prevent spoofing" in bridged.text("syslog")


def test_store_that_cannot_be_written(bridged):
    (bridged.top / "store-is-broken").touch()
    assert vif(bridged).returncode == 1
    assert "could not write" in bridged.text("syslog")


def test_eight_at_once(bridged):
    processes = []
    for domid in range(10, 18):
        path = f"backend/vif/{domid}/0"
        bridged.interface(f"vif{domid}.0")
        bridged.write(path, {"bridge": "xenbr0", "frontend": f"/local/domain/{domid}/device/vif/0"})
        processes.append(bridged.start(
            "vif-bridge", "online", "type_if=vif", vif=f"vif{domid}.0", XENBUS_PATH=path, XENBUS_TYPE="vif"
        ))
    assert [p.wait(60) for p in processes] == [0] * 8
    for domid in range(10, 18):
        assert bridged.read(f"backend/vif/{domid}/0/hotplug-status") == "connected"
        assert f"link set dev vif{domid}.0 mtu" in bridged.text("ip.log")


# --- Anti-spoofing, VLANs, rate

def filters(dom0):
    """{device: the filter that was set}"""
    found = {}
    for line in dom0.text("tc.batch").splitlines(True):
        found.setdefault(line.split()[3], []).append(line)
    return {device: "".join(lines) for device, lines in found.items()}


def program(device, addresses, link=""):
    return subprocess.run([conftest.BUSYBOX, "awk", "-v", f"device={device}", "-v", "mac=00:16:3e:01:02:03",
                           "-v", f"addresses={addresses}", "-v", f"link={link}", "-f", str(conftest.NET / "guard.awk")],
                          check=True, capture_output=True, text=True).stdout


def test_a_card_is_not_guarded_by_itself(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {}


def test_guarded_by_the_script(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7 2001:db8::7"})
    assert vif(bridged, "vif-antispoof").returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7 2001:db8::7")}
    assert status(bridged) == ("connected", None)
    assert "informational" not in bridged.text("syslog")


def test_guarded_by_the_bridge(bridged):
    (bridged.top / "run/networks/facts").write_text("xenbr0\tkind\tbridge\nxenbr0\tBridge.AntiSpoofing\tyes\n")
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7")}
    bridged.interface("xenbr00", bridge=True)
    bridged.write(BACKEND, {"bridge": "xenbr00"})
    (bridged.top / "tc.batch").unlink()
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {}


GUARDED = "xenbr0\tkind\tbridge\nxenbr0\tBridge.AntiSpoofing\tyes\n"


def test_bridge_that_becomes_guarded_meanwhile(bridged):
    """`xenith network apply` has looked for cards just before this one joins."""
    (bridged.top / "run/networks/facts").touch()
    (bridged.top / "bin/ip").write_text(f"""#!/bin/sh
printf '{GUARDED}' >"$FAKE/run/networks/facts"
exec {conftest.HERE}/fake/ip "$@"
""")
    (bridged.top / "bin/ip").chmod(0o755)
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7")}


def antispoof(dom0, *ports):
    """network/antispoof, with these ports of xenbr0."""
    for port in ports:
        (dom0.top / "sys/class/net/xenbr0/brif" / port).mkdir(parents=True)
    (dom0.top / "run/networks/facts").write_text(GUARDED)
    return dom0.run(conftest.NET / "antispoof", str(dom0.top / "run/networks/facts"),
                    XENITH_NET_SYS=f"{dom0.top}/sys/class/net")


def test_connected_cards_of_any_name(bridged):
    """A vif that vifname has renamed, and its emulated card; no card of the host."""
    for name, device in (("web", "vif-3-0"), ("web-emu", None), ("eth0", "0000:03:00.0")):
        bridged.interface(name)
        if device:
            (bridged.top / "sys/class/net" / name / "device").symlink_to(f"../../../{device}")
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    done = antispoof(bridged, "web", "web-emu", "eth0")
    assert (done.returncode, done.err) == (0, "")
    assert filters(bridged) == {"web": program("web", "10.0.0.7"), "web-emu": program("web-emu", "10.0.0.7")}


# Why a card cannot be guarded, and what its message says.
UNGUARDED = {"tc": "the kernel says no", "ip": "10.0.0.700", "mac": "MAC address is missing"}


def cannot_be_guarded(bridged, failure):
    if failure == "tc":
        (bridged.top / "tc.fails").write_text("batch\n")
    elif failure == "ip":
        bridged.write(BACKEND, {"ip": "10.0.0.700"})
    else:
        bridged.forget(f"{BACKEND}/mac")


@pytest.mark.parametrize("failure", UNGUARDED)
def test_connected_card_that_cannot_be_guarded(bridged, failure):
    """The change fails, and the other cards are guarded."""
    bridged.write("backend/vif/4/0", {"mac": "00:16:3e:01:02:03", "ip": "10.0.0.7"})
    cannot_be_guarded(bridged, failure)
    done = antispoof(bridged, "vif3.0", "vif4.0")
    assert done.returncode == 1 and "cannot guard vif3.0: " in done.err
    assert UNGUARDED[failure] in done.err
    assert set(filters(bridged)) == (set() if failure == "tc" else {"vif4.0"})


def test_the_emulated_card_is_guarded_too(bridged):
    bridged.interface("vif3.0-emu")
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged, "vif-antispoof", action="add", kind="tap", INTERFACE="vif3.0-emu").returncode == 0
    assert filters(bridged) == {"vif3.0-emu": program("vif3.0-emu", "10.0.0.7")}


def test_guarded_without_addresses_is_said(bridged):
    assert vif(bridged, "vif-antispoof").returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "")}
    assert "anti-spoofing of vif3.0 holds only its MAC address; add ip= to its vif" in bridged.text("syslog")


@pytest.mark.parametrize("failure", UNGUARDED)
def test_a_card_that_cannot_be_guarded_is_not_connected(bridged, failure):
    cannot_be_guarded(bridged, failure)
    assert vif(bridged, "vif-antispoof").returncode == 1
    assert status(bridged)[0] == "error"
    assert "cannot guard vif3.0: " in status(bridged)[1]
    assert UNGUARDED[failure] in status(bridged)[1]
    assert "master" not in bridged.text("ip.log")


@pytest.fixture
def vlans(bridged):
    (bridged.top / "sys/class/net/xenbr0/bridge/vlan_filtering").write_text("1\n")
    return bridged


@pytest.mark.parametrize("spec,added", [
    ("10", ["10 pvid untagged"]),
    ("10p", ["10 pvid untagged"]),
    ("10p/20", ["10 pvid untagged", "20"]),
    ("20/10p/30-39", ["20", "10 pvid untagged", "30-39"]),
    ("10p/100+10x2", ["10 pvid untagged", "100", "110", "120"]),
    ("10p/20u", ["10 pvid untagged", "20 untagged"]),
    ("20/30", ["20", "30"]),
    ("4094", ["4094 pvid untagged"]),
])
def test_vlans(vlans, spec, added):
    vlans.write(BACKEND, {"vlan": spec})
    assert vif(vlans).returncode == 0
    assert vlans.text("bridge.log").splitlines() == [
        "vlan del dev vif3.0 vid 1", *(f"vlan add dev vif3.0 vid {vlan}" for vlan in added)]
    assert status(vlans) == ("connected", None)
    # The port is down until its VLANs are set.
    assert [" up" in line for line in vlans.text("ip.log").splitlines()] == [False, True]


@pytest.mark.parametrize("spec", ["0", "4095", "10p/4095", "abc", "10/", "20-10", "10p/20p", "10-20p", "1+0x2", "4090+2x9", "010",
                                  "10,20", "-", "99999999999999999999"])
def test_vlans_that_are_none(vlans, spec):
    vlans.write(BACKEND, {"vlan": spec})
    assert vif(vlans).returncode == 1
    assert status(vlans)[0] == "error"
    assert f"cannot connect vif3.0: vlan={spec} has " in status(vlans)[1]


def test_vlans_of_a_bridge_without(bridged):
    bridged.write(BACKEND, {"vlan": "10"})
    assert vif(bridged).returncode == 1
    assert "set VLANFiltering=yes for xenbr0" in status(bridged)[1]


def test_rate_of_the_emulated_card(bridged):
    """dom0's kernel limits the vif by itself."""
    bridged.interface("vif3.0-emu")
    # As libxl writes 10Mb/s.
    bridged.write(BACKEND, {"rate": "62500,50000"})
    assert vif(bridged).returncode == 0
    assert bridged.text("tc.log") == ""
    assert vif(bridged, action="add", kind="tap", INTERFACE="vif3.0-emu").returncode == 0
    assert bridged.text("tc.log").splitlines() == [
        "qdisc add dev vif3.0-emu clsact",
        "filter replace dev vif3.0-emu ingress pref 5 handle 800::1 protocol all u32 match u32 0 0"
        " police rate 1250000bps burst 65536 mtu 64kb conform-exceed drop/continue"]


# --- Routed

@pytest.fixture
def routed(bridged):
    bridged.interface("eth0")
    (bridged.top / "default-route").write_text("default via 10.0.2.2 dev eth0  src 10.0.2.15\n")
    (bridged.top / "address-eth0").write_text(
        "2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0\\       valid_lft forever\n"
    )
    bridged.write(BACKEND, {"ip": "10.0.2.100 10.0.3.0/24"})
    return bridged


def test_route(routed):
    assert vif(routed, "vif-route", netdev="").returncode == 0
    log = routed.text("ip.log")
    assert "addr add 10.0.2.15/32 dev vif3.0\n" in log
    assert "route add 10.0.2.100 dev vif3.0 src 10.0.2.15 metric 2\n" in log
    assert "route add 10.0.3.0/24 dev vif3.0 src 10.0.2.15 metric 2\n" in log
    assert filters(routed) == {"vif3.0": program("vif3.0", "10.0.2.100 10.0.3.0/24", "any")}
    for setting in ("conf/vif3.0/proxy_arp", "conf/eth0/proxy_arp", "ip_forward"):
        assert routed.text(f"proc/sys/net/ipv4/{setting}") == "1\n"
    assert status(routed) == ("connected", None)


def test_route_ipv6(routed):
    """dom0 answers for single addresses, and is the guest's gateway."""
    routed.write(BACKEND, {"ip": "2001:db8::7 2001:db8:1::/64"})
    assert vif(routed, "vif-route", netdev="eth0").returncode == 0
    log = routed.text("ip.log")
    assert "-6 route add 2001:db8::7 dev vif3.0 metric 2\n" in log
    assert "-6 route add 2001:db8:1::/64 dev vif3.0 metric 2\n" in log
    assert "addr add fe80::1/64 dev vif3.0\n" in log
    assert routed.text("ndproxy.log") == "add 2001:db8::7 eth0\n"
    for setting in ("all/forwarding", "eth0/proxy_ndp"):
        assert routed.text(f"proc/sys/net/ipv6/conf/{setting}") == "1\n"
    assert vif(routed, "vif-route", action="offline", netdev="eth0").returncode == 0
    assert routed.text("ndproxy.log") == "add 2001:db8::7 eth0\ndel 2001:db8::7 eth0\n"


def test_route_gone(routed):
    assert vif(routed, "vif-route", action="offline", netdev="").returncode == 0
    assert routed.text("ip.log").splitlines()[-1] == "link set dev vif3.0 down"


def test_route_gone_with_its_keys(dom0):
    assert vif(dom0, "vif-route", action="offline", netdev="").returncode == 0
    assert dom0.text("ip.log") == "link set dev vif3.0 down\n"


@pytest.mark.parametrize("missing,words", [
    ("ip", "add ip= to its vif"),
    ("default-route", "there is no default route"),
    ("address-eth0", "eth0 has no IPv4 address"),
])
def test_route_without(routed, missing, words):
    if missing == "ip":
        routed.write(BACKEND, {"ip": ""})
        routed._node(f"{BACKEND}/ip").joinpath("=").unlink()
        routed._node(f"{BACKEND}/ip").rmdir()
    else:
        (routed.top / missing).unlink()
    assert vif(routed, "vif-route", netdev="").returncode == 1
    assert status(routed)[0] == "error"
    assert words in status(routed)[1]


# --- Translated

def test_nat(bridged):
    bridged.write(BACKEND, {"ip": "10.9.0.2/24"})
    done = vif(bridged, "vif-nat")
    assert (done.returncode, done.err) == (0, "")
    log = bridged.text("ip.log")
    assert "addr add 10.9.0.129/32 dev vif3.0\n" in log
    assert "route add 10.9.0.2/32 dev vif3.0 src 10.9.0.129\n" in log
    assert bridged.text("proc/sys/net/ipv4/ip_forward") == "1\n"
    assert status(bridged) == ("connected", None)
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.9.0.2", "any")}
    assert bridged.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert bridged.text("nat/XENITH_NAT") == "-d 10.9.0.2 -j RETURN\n-s 10.9.0.2 -j MASQUERADE\n"


def test_nat_default_address(bridged):
    vif(bridged, "vif-nat")
    assert "route add 10.0.3.1/32 dev vif3.0 src 10.0.3.128\n" in bridged.text("ip.log")


def test_nat_once_for_each_guest(bridged):
    """Traffic between guests is not translated; a guest that is added twice has its rules
    once; removing one keeps the rules of the others."""
    for address in ("10.9.0.2", "10.9.0.3", "10.9.0.2"):
        bridged.write(BACKEND, {"ip": address})
        assert vif(bridged, "vif-nat").returncode == 0
    assert bridged.text("nat/POSTROUTING") == "-j XENITH_NAT\n"
    assert bridged.text("nat/XENITH_NAT").splitlines() == [
        "-d 10.9.0.2 -j RETURN", "-d 10.9.0.3 -j RETURN",
        "-s 10.9.0.3 -j MASQUERADE", "-s 10.9.0.2 -j MASQUERADE"]
    assert vif(bridged, "vif-nat", action="offline").returncode == 0
    assert bridged.text("nat/XENITH_NAT").splitlines() == [
        "-d 10.9.0.3 -j RETURN", "-s 10.9.0.3 -j MASQUERADE"]


def test_nat_that_the_kernel_refuses(bridged):
    (bridged.top / "nat").mkdir()
    (bridged.top / "nat/POSTROUTING").mkdir()
    bridged.write(BACKEND, {"ip": "10.9.0.2"})
    assert vif(bridged, "vif-nat").returncode == 1
    assert status(bridged)[0] == "error"


def test_nat_address_without_room_for_the_router(bridged):
    bridged.write(BACKEND, {"ip": "10.9.0.200"})
    assert vif(bridged, "vif-nat").returncode == 1
    assert "below 128" in status(bridged)[1]
