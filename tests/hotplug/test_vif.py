"""A guest's card on a bridge: vif-bridge and vif-antispoof."""
import os
import subprocess

import network
import pytest

from guard import GUARDED, UNGUARDED, cannot_be_guarded, filters, program

BACKEND = "backend/vif/3/0"
HIGHEST = "fe:ff:ff:ff:ff:ff"


def vif(host, script="vif-bridge", action="online", kind="vif", **environment):
    environment.setdefault("vif", "vif3.0")
    return host.run(script, action, f"type_if={kind}", XENBUS_PATH=BACKEND, XENBUS_TYPE="vif", **environment)


def emulated(host, script="vif-bridge", action="add"):
    return vif(host, script, action, "tap", INTERFACE="vif3.0-emu")


def status(host):
    return host.read(f"{BACKEND}/hotplug-status"), host.read(f"{BACKEND}/hotplug-error")


def port(host, name="vif3.0"):
    """(bridge, MTU, whether it is up, MAC address) of an interface."""
    link = host.link(name)
    return link.get("master"), link["mtu"], "UP" in link["flags"], link["address"]


@pytest.fixture
def bridged(host):
    host.bridge("xenbr0")
    host.tap("vif3.0")
    host.write(BACKEND, {
        "bridge": "xenbr0", "frontend-id": 3, "handle": 0, "frontend": "/local/domain/3/device/vif/0",
        "mac": "00:16:3e:01:02:03", "script": "/etc/xen/scripts/vif-bridge", "type": "vif", "online": 1, "state": 1,
    })
    return host


def test_joins_the_bridge(bridged):
    done = vif(bridged)
    assert (done.returncode, done.out, done.err) == (0, "", "")
    assert port(bridged) == ("xenbr0", 1500, True, HIGHEST)
    assert status(bridged) == ("connected", None)
    assert bridged.read("/local/domain/3/device/vif/0/mtu") == "1500"
    assert bridged.text("syslog") == ""


def test_costs_one_process_and_five_requests(bridged):
    vif(bridged)
    assert bridged.text("forks") == ""
    assert bridged.store.requests == [
        ("directory", BACKEND), ("read", f"{BACKEND}/bridge"), ("read", f"{BACKEND}/frontend"),
        ("write", "/local/domain/3/device/vif/0/mtu"), ("write", f"{BACKEND}/hotplug-status")]


def test_leaves_the_bridge(bridged):
    vif(bridged)
    bridged.forget(f"{BACKEND}/hotplug-status")
    assert vif(bridged, action="offline").returncode == 0
    assert port(bridged) == (None, 1500, False, HIGHEST)
    assert status(bridged) == (None, None)


@pytest.mark.parametrize("gone", ["the interface", "the keys", "xenstored"])
def test_leaving_never_fails(host, gone):
    if gone != "the interface":
        host.tap("vif3.0")
        host.ip("link", "set", "vif3.0", "up")
    if gone == "xenstored":
        os.unlink(host.store.path)
    assert vif(host, action="offline").returncode == 0
    assert gone == "the interface" or port(host)[2] is False


def test_leaves_by_its_own_name(bridged):
    bridged.write(BACKEND, {"vifname": "web"})
    vif(bridged)
    assert port(bridged, "web")[0] == "xenbr0"
    assert vif(bridged, action="offline").returncode == 0
    assert port(bridged, "web")[0] is None


def test_bridge_that_does_not_exist_is_named(bridged):
    bridged.write(BACKEND, {"bridge": "xenbr7"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: there is no bridge xenbr7")
    assert bridged.text("syslog") == f"3 {BACKEND}: cannot connect vif3.0: there is no bridge xenbr7\n"


@pytest.mark.parametrize("name", ["a-name-longer-than-any", "another"])
def test_name_that_only_leads_to_a_bridge(bridged, name):
    """The files of the networks do not know it, and so not whether the bridge is guarded."""
    bridged.ip("link", "property", "add", "dev", "xenbr0", "altname", "another")
    bridged.write(BACKEND, {"bridge": name})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", f"cannot connect vif3.0: there is no bridge {name}")


def test_interface_that_is_no_bridge(bridged):
    bridged.tap("eth0")
    bridged.write(BACKEND, {"bridge": "eth0"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: eth0 is not a bridge")


@pytest.mark.parametrize("named", ["", None])
def test_no_bridge_named_is_not_guessed(bridged, named):
    if named is None:
        bridged.forget(f"{BACKEND}/bridge")
    else:
        bridged.write(BACKEND, {"bridge": named})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: the domain file names no bridge; add bridge= to its vif")


def test_mtu_of_the_bridge_and_of_the_domain_file(bridged):
    bridged.bridge("xenbr1", 9000)
    bridged.write(BACKEND, {"bridge": "xenbr1"})
    vif(bridged)
    assert port(bridged)[:2] == ("xenbr1", 9000)
    bridged.write(BACKEND, {"mtu": 1400})
    vif(bridged)
    assert port(bridged)[1] == 1400
    assert bridged.read("/local/domain/3/device/vif/0/mtu") == "1400"


@pytest.mark.parametrize("mtu", ["70000", "12", "many", "99999999999999999999"])
def test_mtu_that_the_interface_refuses_is_only_a_warning(bridged, mtu):
    bridged.write(BACKEND, {"mtu": mtu})
    assert vif(bridged).returncode == 0
    assert f"cannot set the MTU of vif3.0 to {mtu}" in bridged.text("syslog")
    assert port(bridged) == ("xenbr0", 1500, True, HIGHEST)
    assert status(bridged) == ("connected", None)


def test_failure_is_reported_with_the_words_of_the_kernel(bridged):
    bridged.ip("link", "del", "vif3.0")
    bridged.bridge("vif3.0")
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0 to xenbr0: Can not enslave a bridge to a bridge")


def test_interface_that_is_gone(bridged):
    bridged.ip("link", "del", "vif3.0")
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot connect vif3.0: there is no such interface")


def test_vifname_renames(bridged):
    bridged.write(BACKEND, {"vifname": "web"})
    assert vif(bridged).returncode == 0
    assert bridged.link("vif3.0") is None
    assert port(bridged, "web") == ("xenbr0", 1500, True, HIGHEST)


def test_vifname_of_another_guest_is_refused(bridged):
    bridged.tap("web")
    bridged.write(BACKEND, {"vifname": "web"})
    assert vif(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot rename vif3.0 to web: there is an interface of that name; change vifname")
    assert port(bridged)[0] is None and port(bridged, "web")[0] is None


@pytest.mark.parametrize("name,words", [("", "has 1 to 15 characters"), ("sixteen-letters!", "has 1 to 15 characters"),
                                        ("a/b", "Invalid argument"), ("..", "Invalid argument")])
def test_vifname_that_is_none(bridged, name, words):
    bridged.write(BACKEND, {"vifname": name})
    assert vif(bridged).returncode == 1
    assert status(bridged)[0] == "error" and words in status(bridged)[1]
    assert port(bridged)[0] is None


def test_tap_of_an_emulated_card(bridged):
    bridged.tap("vif3.0-emu")
    bridged.write(BACKEND, {"vifname": "web"})
    assert emulated(bridged).returncode == 0
    assert port(bridged, "web-emu") == ("xenbr0", 1500, True, HIGHEST)
    # Only the backend's call writes that it is connected.
    assert status(bridged) == (None, None)
    assert emulated(bridged, action="remove").returncode == 0
    assert port(bridged, "web-emu")[0] is None


@pytest.mark.parametrize("action,kind", [("add", "vif"), ("remove", "vif"), ("online", "tap"), ("offline", "tap")])
def test_calls_for_the_other_face_do_nothing(bridged, action, kind):
    assert vif(bridged, action=action, kind=kind).returncode == 0
    assert bridged.text("netlink.log") == ""
    assert bridged.store.requests == []


@pytest.mark.parametrize("arguments", [("dance", "type_if=vif"), ("online", "type_if=wheel"), ()])
def test_unknown_action(bridged, arguments):
    assert bridged.run("vif-bridge", *arguments, XENBUS_PATH=BACKEND, vif="vif3.0").returncode == 1
    assert status(bridged)[0] == "error"
    assert "vif-bridge: unknown action '" in status(bridged)[1]


def test_an_interface_of_no_type_is_a_vif(bridged):
    assert bridged.run("vif-bridge", "online", XENBUS_PATH=BACKEND, vif="vif3.0").returncode == 0
    assert status(bridged) == ("connected", None)


@pytest.mark.parametrize("kind,action,variable", [("vif", "online", "vif"), ("tap", "add", "INTERFACE")])
def test_interface_that_libxl_does_not_name(bridged, kind, action, variable):
    assert bridged.run("vif-bridge", action, f"type_if={kind}", XENBUS_PATH=BACKEND).returncode == 1
    assert status(bridged) == ("error", f"vif-bridge: libxl has not set {variable}")


def test_called_by_a_person(bridged):
    """Without libxl's environment, or by another name."""
    done = bridged.run("vif-bridge", "online")
    assert done.returncode == 2 and done.err.startswith("usage: vif-bridge|")
    (bridged.top / "scripts/other").symlink_to((bridged.top / "scripts/vif-bridge").resolve())
    assert bridged.run("other", "online", XENBUS_PATH=BACKEND).returncode == 2


def test_ip_is_said_not_to_be_enforced(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert bridged.text("syslog") == (
        f"4 {BACKEND}: ip=10.0.0.7 is informational: it does not prevent spoofing; use script=vif-antispoof\n")


# --- What xenstored may do

def test_store_that_cannot_be_written(bridged):
    bridged.store.refused["write", ""] = "EACCES"
    assert vif(bridged).returncode == 1
    assert "cannot write /local/domain/3/device/vif/0/mtu in xenstore: Permission denied" in bridged.text("syslog")


@pytest.mark.parametrize("what,end", [("directory", BACKEND), ("read", "/vlan"), ("read", "/bridge"), ("read", "/ip")])
def test_keys_that_cannot_be_read_are_not_taken_for_missing(bridged, what, end):
    bridged.write(BACKEND, {"vlan": "10", "ip": "10.0.0.7"})
    bridged.store.refused[what, end] = "EIO"
    assert vif(bridged, "vif-antispoof", FAKE_VLANS="1").returncode == 1
    assert status(bridged)[0] == "error" and "Input/output error" in status(bridged)[1]
    assert port(bridged)[0] is None


def test_store_that_is_gone(bridged):
    os.unlink(bridged.store.path)
    assert vif(bridged).returncode == 1
    assert "xenstored cannot be reached" in bridged.text("syslog")
    assert port(bridged)[0] is None


def test_answer_that_is_too_long(bridged):
    bridged.store.raw["read", "/bridge"] = b"xenbr0" + bytes(70000)
    assert vif(bridged).returncode == 1
    assert port(bridged)[0] is None


def test_eight_at_once(bridged):
    processes = []
    for domid in range(10, 18):
        path = f"backend/vif/{domid}/0"
        bridged.tap(f"vif{domid}.0")
        bridged.write(path, {"bridge": "xenbr0", "frontend": f"/local/domain/{domid}/device/vif/0"})
        processes.append(bridged.start("vif-bridge", "online", "type_if=vif", vif=f"vif{domid}.0", XENBUS_PATH=path))
    assert [(process.wait(60), *process.communicate()) for process in processes] == [(0, "", "")] * 8
    for domid in range(10, 18):
        assert bridged.read(f"backend/vif/{domid}/0/hotplug-status") == "connected"
        assert port(bridged, f"vif{domid}.0") == ("xenbr0", 1500, True, HIGHEST)


@pytest.mark.parametrize("at", ["/bridge", "/mtu", "/hotplug-status"])
def test_a_killed_one_is_done_again(bridged, at):
    """Wherever it ends, the next call connects the card, and others are not held up."""
    bridged.store.held.add(at)
    process = bridged.start("vif-bridge", "online", "type_if=vif", vif="vif3.0", XENBUS_PATH=BACKEND)
    assert bridged.store.asked.wait(30)
    process.kill()
    process.communicate()
    bridged.store.held.clear()
    assert status(bridged) == (None, None)
    assert vif(bridged).returncode == 0
    assert status(bridged) == ("connected", None)
    assert port(bridged) == ("xenbr0", 1500, True, HIGHEST)


# --- Anti-spoofing, VLANs, rate

def test_a_card_is_not_guarded_by_itself(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert bridged.text("tc.log") == ""


def test_guarded_by_the_script(bridged):
    bridged.write(BACKEND, {"ip": "10.0.0.7 2001:db8::7"})
    assert vif(bridged, "vif-antispoof").returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7 2001:db8::7")}
    assert port(bridged)[0] == "xenbr0"
    assert status(bridged) == ("connected", None)
    assert bridged.text("syslog") == ""


def test_guarded_by_the_bridge(bridged):
    (bridged.top / "run/networks/facts").write_text(GUARDED)
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7")}
    assert bridged.text("forks") == "fork\n"


@pytest.mark.parametrize("facts", [
    "xenbr1\tBridge.AntiSpoofing\tyes\n", "xenbr00\tBridge.AntiSpoofing\tyes\n", "xenbr\tBridge.AntiSpoofing\tyes\n", "xenbr0\tBridge.AntiSpoofing\tno\n",
    "xenbr0\tBridge.AntiSpoofing\tyes.\n", "xenbr0\tBridge.STP\tyes\n", ""])
def test_not_guarded_by_another_line(bridged, facts):
    (bridged.top / "run/networks/facts").write_text(facts)
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {}


def test_bridge_that_becomes_guarded_meanwhile(bridged):
    """`xenith network apply` has looked for cards just before this one joins."""
    (bridged.top / "run/networks/facts").touch()
    (bridged.top / "facts.later").write_text(GUARDED)
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert vif(bridged).returncode == 0
    assert filters(bridged) == {"vif3.0": program("vif3.0", "10.0.0.7")}
    assert bridged.text("syslog") == ""


def test_the_emulated_card_is_guarded_too(bridged):
    bridged.tap("vif3.0-emu")
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    assert emulated(bridged, "vif-antispoof").returncode == 0
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
    assert port(bridged)[0] is None


def test_a_helper_that_is_missing(bridged):
    assert vif(bridged, "vif-antispoof", HOTPLUG_NET="/nonexistent").returncode == 1
    assert status(bridged) == (
        "error", "cannot guard vif3.0: cannot run /nonexistent/hotplug: No such file or directory")


@pytest.fixture
def vlans(bridged):
    """A bridge with VLANs, for which record.c helps a kernel without."""
    bridged.call = lambda: vif(bridged, FAKE_VLANS="1")
    return bridged


@pytest.mark.parametrize("spec,added", [
    ("10", ["10 pvid untagged"]),
    ("10p", ["10 pvid untagged"]),
    ("10p/20", ["10 pvid untagged", "20"]),
    ("20/10p/30-39", ["20", "10 pvid untagged", "30-39"]),
    ("10p/100+10x2", ["10 pvid untagged", "100", "110", "120"]),
    ("10p/100+1x2", ["10 pvid untagged", "100-102"]),
    ("10p/20u", ["10 pvid untagged", "20 untagged"]),
    ("10u", ["10 untagged"]),
    ("10p/20-21u", ["10 pvid untagged", "20-21 untagged"]),
    ("20/30", ["20", "30"]),
    ("20-20", ["20"]),
    ("4094", ["4094 pvid untagged"]),
])
def test_vlans(vlans, spec, added):
    vlans.write(BACKEND, {"vlan": spec})
    assert vlans.call().returncode == 0
    assert list(vlans.vlans()) == ["del 1", *("add " + vlan for vlan in added)]
    assert status(vlans) == ("connected", None)
    # The port is down until its VLANs are set.
    order = ["vlan" if family == network.AF_BRIDGE else flags & network.IFF_UP for _, family, flags, _ in vlans.messages()]
    assert order == [0, *["vlan"] * (len(added) + 1), 1]


def test_vlans_of_a_bridge_that_has_none_by_default(vlans):
    vlans.write(BACKEND, {"vlan": "10"})
    assert vif(vlans, FAKE_VLANS="0").returncode == 0
    assert list(vlans.vlans()) == ["add 10 pvid untagged"]


@pytest.mark.parametrize("spec", ["0", "4095", "10p/4095", "abc", "10/", "/10", "20-10", "10p/20p", "10-20p", "1+0x2", "4090+2x9",
                                  "010", "10,20", "-", "1-2-3", "1+2", "1+x2", "1+2x", "10pu", "p", "u", "", "10 ", "10p/1+2x3p",
                                  "99999999999999999999"])
def test_vlans_that_are_none(vlans, spec):
    vlans.write(BACKEND, {"vlan": spec})
    assert vlans.call().returncode == 1
    assert status(vlans)[0] == "error"
    assert f"cannot connect vif3.0: vlan={spec} has " in status(vlans)[1]
    # It is refused before anything is changed.
    assert port(vlans)[0] is None and list(vlans.vlans()) == []


def test_the_term_that_is_none_is_named(vlans):
    vlans.write(BACKEND, {"vlan": "10p/20-10/30"})
    vlans.call()
    assert status(vlans)[1] == ("cannot connect vif3.0: vlan=10p/20-10/30 has the invalid term '20-10'; "
                                "write VLANs from 1 to 4094 as in 10p/20/30-39")


def test_vlans_of_a_bridge_without(bridged):
    bridged.write(BACKEND, {"vlan": "10"})
    assert vif(bridged).returncode == 1
    assert status(bridged)[1] == ("cannot connect vif3.0: vlan=10 needs a bridge with VLANs; "
                                  "set VLANFiltering=yes for xenbr0, or name a bridge on the VLAN")
    assert port(bridged)[0] is None


def test_vlans_in_the_kernel(host):
    """With a bridge that has VLANs, if this machine's kernel has such."""
    done = subprocess.run([*host.enter, "ip", "link", "add", "xenbr0", "type", "bridge", "vlan_filtering", "1"],
                          capture_output=True, text=True, check=False)
    if "not supported" in done.stderr:
        pytest.skip("this machine's kernel has no VLANs in bridges")
    host.tap("vif3.0")
    host.write(BACKEND, {"bridge": "xenbr0", "vlan": "10p/20/30-31"})
    assert vif(host).returncode == 0
    shown = subprocess.run([*host.enter, network.tools.find("bridge"), "vlan", "show", "dev", "vif3.0"],
                           capture_output=True, text=True, check=True).stdout
    assert [line.replace("vif3.0", "").split() for line in shown.splitlines()[1:]] == [
        ["10", "PVID", "Egress", "Untagged"], ["20"], ["30"], ["31"]]


def test_rate_of_the_emulated_card(bridged):
    """dom0's kernel limits the vif by itself."""
    bridged.tap("vif3.0-emu")
    # As libxl writes 10Mb/s.
    bridged.write(BACKEND, {"rate": "62500,50000"})
    assert vif(bridged).returncode == 0
    assert bridged.text("tc.log") == ""
    assert emulated(bridged).returncode == 0
    assert bridged.text("tc.log").splitlines() == [
        "qdisc add dev vif3.0-emu clsact",
        "filter replace dev vif3.0-emu ingress pref 5 handle 800::1 protocol all u32 match u32 0 0"
        " police rate 1250000bps burst 65536 mtu 64kb conform-exceed drop/continue"]


def test_rate_that_the_kernel_refuses(bridged):
    bridged.tap("vif3.0-emu")
    bridged.write(BACKEND, {"rate": "62500,50000"})
    (bridged.top / "tc.fails").write_text("police\n")
    assert emulated(bridged).returncode == 1
    assert status(bridged) == ("error", "cannot limit the rate of vif3.0-emu: Error: the kernel says no.")
    assert port(bridged, "vif3.0-emu")[0] is None
