"""The network scripts: bridge, route and nat."""
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
    assert status(bridged) == ("error", "there is no bridge xenbr7")
    assert "there is no bridge xenbr7" in bridged.text("syslog")


def test_interface_that_is_no_bridge(bridged):
    bridged.interface("eth0")
    bridged.write(BACKEND, {"bridge": "eth0"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "eth0 is not a bridge")


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
    assert "does not take the MTU" in bridged.text("syslog")
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
    assert status(bridged) == ("error", "cannot rename vif3.0: there is an interface web already")


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
    assert "only tells the address" in bridged.text("syslog")


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
    for setting in ("conf/vif3.0/proxy_arp", "conf/eth0/proxy_arp", "ip_forward"):
        assert routed.text(f"proc/sys/net/ipv4/{setting}") == "1\n"
    assert status(routed) == ("connected", None)


def test_route_ipv6(routed):
    routed.write(BACKEND, {"ip": "2001:db8::7"})
    assert vif(routed, "vif-route", netdev="eth0").returncode == 0
    assert "-6 route add 2001:db8::7 dev vif3.0 metric 2\n" in routed.text("ip.log")


def test_route_gone(routed):
    assert vif(routed, "vif-route", action="offline", netdev="").returncode == 0
    assert routed.text("ip.log") == "link set dev vif3.0 down\n"


@pytest.mark.parametrize("missing,words", [
    ("ip", "vif-route needs ip="),
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
