"""The scripts for guests without a bridge: route and nat."""
import pytest

from guard import filters, program

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
