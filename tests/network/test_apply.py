"""Networks at boot, and changes of them while the host runs."""

import subprocess
import sys
import time

import pytest

from conftest import BOTH, TOP

BRIDGE = "[NetDev]\nKind=bridge\n[Network]\nAddress=192.0.2.10/24\n"
CARD = "[Match]\nName=eth0\n[Network]\nBridge=br0\n"
PRIVATE = "[NetDev]\nKind=bridge\n"
MAC = "52:54:00:00:00:01"


def start(host, more="", far=None):
    """A host with the bridge br0 on the card eth0."""
    host.card("eth0", MAC, to=far)
    host.networks({"br0": BRIDGE + more, "uplink": CARD})
    host.boot()


def guest(host, name, bridge="br0"):
    """Connect a guest's card to a bridge, as vif-bridge does."""
    host.ip(f"link add {name} address fe:ff:ff:ff:ff:ff type veth peer name {name}-guest")
    host.ip(f"link set {name} master {bridge} up")


def change(host, files):
    """Files to apply, over those that run."""
    for name, text in files.items():
        host.write(f"config/network/{name}.conf", text)


def routes(host, family=4):
    return [" ".join(line.split()) for line in host.ip(f"-{family} route").splitlines()]


# --- The boot

@BOTH
def test_boot(host):
    """A bridge with a card, its address and a route; the console says the address."""
    start(host, "Gateway=192.0.2.1\n")
    assert host.addresses("br0") == ["192.0.2.10/24"]
    assert host.ports("br0") == ["eth0"]
    assert MAC in host.ip("link show br0")
    assert "default via 192.0.2.1 dev br0" in routes(host)
    assert host.until(lambda: "network br0 192.0.2.10" in host.marks())
    assert host.text("run/xenith/network") == "192.0.2.10\n"
    assert host.text("etc/xen/xl.conf") == 'vif.default.bridge="br0"\n'
    assert "br0             bridge up      192.0.2.10/24 ports: eth0\n" in host.good("status")


def test_settings_of_a_bridge(host):
    host.card("eth0")
    host.networks({"br0": "[NetDev]\nKind=bridge\n[Link]\nMACAddress=52:54:00:aa:bb:cc\n[Bridge]\nSTP=yes\n"
                          "ForwardDelaySec=4s\nPriority=4096\nMulticastSnooping=yes\n",
                   "uplink": CARD, "private": PRIVATE})
    host.boot()
    values = host.run(text="cd /sys/class/net/br0/bridge; cat stp_state forward_delay priority multicast_snooping "
                           "../address ../../private/bridge/forward_delay").stdout.split()
    assert values == ["1", "400", "4096", "1", "52:54:00:aa:bb:cc", "0"]
    host.good("status")


def test_private_bridge_keeps_its_address(host):
    """It is the same at each boot, another for each name, and guests do not change it."""
    host.networks({"one": PRIVATE, "two": PRIVATE})
    host.boot()
    macs = [host.run("cat", f"/sys/class/net/{name}/address").stdout for name in ("one", "two")]
    assert macs[0] != macs[1] and all(mac.startswith("02:") for mac in macs)
    guest(host, "vif1.0", "one")
    assert host.run("cat", "/sys/class/net/one/address").stdout == macs[0]
    assert "network none: no file of network/ gives the host an address" in host.marks() or host.until(
        lambda: "network none: no file of network/ gives the host an address" in host.marks())


def test_cards_by_their_address(host):
    """Whatever their names are."""
    host.card("eth0", "52:54:00:00:00:0a")
    host.card("eth1", "52:54:00:00:00:0b")
    host.networks({"br0": BRIDGE, "br1": PRIVATE,
                   "first": "[Match]\nMACAddress=52:54:00:00:00:0B\n[Network]\nBridge=br0\n",
                   "second": "[Match]\nMACAddress=52:54:00:00:00:0a\n[Network]\nBridge=br1\n"})
    host.boot()
    assert host.ports("br0") == ["eth1"] and host.ports("br1") == ["eth0"]


@BOTH
def test_card_without_a_bridge(host):
    host.card("eth0")
    host.networks({"lan": "[Match]\nName=eth0\n[Link]\nMTUBytes=9000\n[Network]\nAddress=192.0.2.10/24 192.0.2.11/24\n"
                          "[Route]\nDestination=198.51.100.0/24\nGateway=203.0.113.1\nGatewayOnLink=yes\nMetric=7\n"})
    host.ip("link set eth0-far mtu 9000")
    host.boot()
    assert host.addresses("eth0") == ["192.0.2.10/24", "192.0.2.11/24"]
    assert host.mtu("eth0") == 9000
    assert "198.51.100.0/24 via 203.0.113.1 dev eth0 metric 7 onlink" in routes(host)
    assert host.good("status")


def test_wrong_file_leaves_the_rest(host):
    """The boot goes on with what is right."""
    host.card("eth0")
    host.networks({"br0": BRIDGE + "Gatway=192.0.2.1\n", "uplink": CARD, "other": "[Match]\nName=eth1\n[Network]\nBridge=br9\n"})
    host.boot()
    assert host.addresses("br0") == ["192.0.2.10/24"] and host.ports("br0") == ["eth0"]


def test_no_file_of_use(host):
    """Then there is the bridge of host.conf: a host that cannot be reached helps nobody."""
    host.card("eth0")
    host.host_conf("address=192.0.2.10/24\n")
    host.networks({"br0": "[NetDve]\nKind=bridge\n"})
    host.boot()
    assert host.addresses("xenbr0") == ["192.0.2.10/24"]
    assert "network: no file of network/ can be used; the host has the bridge of host.conf" in host.marks()


# --- Late cards

def test_late_card(host):
    start_without(host)
    status, out, _ = host.network("status")
    assert status == 1 and "uplink: no card matches Name=eth0; it joins when it appears" in out
    host.card("eth0", MAC)
    host.run("/usr/lib/xenith/network/late", "eth0")
    assert host.until(lambda: host.ports("br0") == ["eth0"])
    assert host.until(lambda: any(mark.startswith("network: card eth0") and mark.endswith(" joins") for mark in host.marks()))
    assert MAC in host.ip("link show br0")
    assert host.addresses("br0") == ["192.0.2.10/24"]
    host.good("status")


def start_without(host):
    host.networks({"br0": BRIDGE, "uplink": CARD})
    host.boot()
    assert host.addresses("br0") == ["192.0.2.10/24"]


def test_late_card_of_the_shorthand(host):
    """The first card that appears is the one; the next is not."""
    host.host_conf("address=192.0.2.10/24\n")
    host.boot()
    assert host.ports("xenbr0") == []
    host.card("eth1", MAC)
    host.run("/usr/lib/xenith/network/late", "eth1")
    assert host.until(lambda: host.ports("xenbr0") == ["eth1"])
    host.card("eth0")
    host.run("/usr/lib/xenith/network/late", "eth0")
    time.sleep(2)
    assert host.ports("xenbr0") == ["eth1"]
    host.good("status")


# --- Changes

def test_change_that_is_confirmed(host):
    """The guest's card stays where it is."""
    start(host)
    guest(host, "vif1.0")
    before = host.run("cat", "/sys/class/net/vif1.0/ifindex").stdout
    change(host, {"br0": BRIDGE + "Address=192.0.2.11/24\n[Route]\nDestination=198.51.100.0/24\nGateway=192.0.2.1\n",
                  "private": PRIVATE})
    assert "xenith network confirm" in host.good("apply", "--seconds", "10")
    assert host.addresses("br0") == ["192.0.2.10/24", "192.0.2.11/24"]
    assert "198.51.100.0/24 via 192.0.2.1 dev br0" in routes(host)
    assert "is taken back in" in host.good("status")
    assert host.good("confirm").startswith("confirmed\n")
    time.sleep(11)
    assert host.addresses("br0") == ["192.0.2.10/24", "192.0.2.11/24"] and "private" in host.links()
    assert host.ports("br0") == ["eth0", "vif1.0"]
    assert host.run("cat", "/sys/class/net/vif1.0/ifindex").stdout == before
    status, _, err = host.network("confirm")
    assert status == 1 and "no change waits" in err


@BOTH
def test_change_that_takes_itself_back(host):
    start(host, "Gateway=192.0.2.1\n")
    guest(host, "vif1.0")
    change(host, {"br0": BRIDGE.replace("192.0.2.10", "203.0.113.10"), "private": PRIVATE})
    host.good("apply", "--seconds", "10")
    assert host.addresses("br0") == ["203.0.113.10/24"]
    assert "default via 192.0.2.1 dev br0" not in routes(host)
    assert host.until(lambda: host.addresses("br0") == ["192.0.2.10/24"], 40)
    assert host.until(lambda: "network: the change was not confirmed, and is taken back" in host.marks())
    assert "default via 192.0.2.1 dev br0" in routes(host)
    assert "private" not in host.links() and host.ports("br0") == ["eth0", "vif1.0"]
    # The files are those of before, and those of the change are kept aside.
    assert host.text("config/network/br0.conf") == BRIDGE + "Gateway=192.0.2.1\n"
    assert host.text("config/network/private.conf") == ""
    assert "203.0.113.10" in host.text("run/xenith/networks/rejected/br0.conf")
    host.good("status")


def ip_that(host, address, command):
    """The host's `ip` runs the shell's COMMAND before it adds ADDRESS."""
    program = host.root / "bin/ip"
    real = program.readlink()
    program.unlink()
    program.write_text(f'#!/bin/sh\ncase $* in *"add {address}"*) {command} ;; esac\nexec -a ip /bin/{real} "$@"\n')
    program.chmod(0o755)


def test_change_that_takes_longer_than_it_waits(host):
    """It can be confirmed: its time begins when it is made."""
    start(host)
    ip_that(host, "192.0.2.76/24", "sleep 12")
    change(host, {"br0": BRIDGE + "Address=192.0.2.76/24\n"})
    host.good("apply", "--seconds", "10")
    time.sleep(2)
    assert host.good("confirm").startswith("confirmed\n")
    assert "192.0.2.76/24" in host.addresses("br0")
    assert not [line for line in host.marks() if "not confirmed" in line]


def test_change_of_a_program_that_dies(host):
    """What it has done is taken back, too."""
    start(host)
    ip_that(host, "192.0.2.77/24", "kill -9 $PPID")
    change(host, {"br0": BRIDGE + "Address=192.0.2.76/24 192.0.2.77/24\n"})
    assert host.network("apply", "--seconds", "10")[0] != 0
    assert "192.0.2.76/24" in host.addresses("br0")
    assert host.until(lambda: host.addresses("br0") == ["192.0.2.10/24"], 40), host.marks()


def test_revert(host):
    start(host)
    change(host, {"br0": BRIDGE + "Address=192.0.2.11/24\n"})
    host.good("apply")
    host.good("revert")
    assert host.addresses("br0") == ["192.0.2.10/24"]
    assert host.network("revert")[0] == 1


def test_wrong_change_changes_nothing(host):
    start(host)
    change(host, {"br0": BRIDGE + "Gateway=198.51.100.1\n", "private": PRIVATE})
    status, _, err = host.network("apply")
    assert status == 1
    assert "/config/network/br0.conf:5: the router 198.51.100.1 is in none of the link's networks" in err
    assert err.endswith("xenith: network: the files have errors; nothing was changed\n")
    assert "private" not in host.links()


def test_one_change_at_a_time(host):
    start(host)
    change(host, {"private": PRIVATE})
    host.good("apply")
    status, _, err = host.network("apply")
    assert status == 1 and "a change waits for its confirmation already" in err


def test_nothing_to_change(host):
    start(host)
    assert host.good("apply") == "nothing to change\n"
    assert "no change waits" in host.network("confirm")[2]


def test_bridge_of_a_guest_is_not_removed(host):
    """The change is refused as a whole."""
    host.card("eth0")
    host.networks({"br0": BRIDGE, "uplink": CARD, "private": PRIVATE})
    host.boot()
    guest(host, "vif7.0", "private")
    (host.root / "config/network/private.conf").unlink()
    change(host, {"br0": BRIDGE + "Address=192.0.2.11/24\n"})
    status, _, err = host.network("apply")
    assert status == 1
    assert "private is there, and no file declares it, but the guest's card vif7.0 is connected to it" in err
    assert host.ports("private") == ["vif7.0"] and host.addresses("br0") == ["192.0.2.10/24"]
    assert host.text("config/network/private.conf") == PRIVATE


def test_change_from_another_directory(host):
    start(host)
    host.write("tmp/new/br0.conf", BRIDGE + "Address=192.0.2.11/24\n")
    host.write("tmp/new/uplink.conf", CARD)
    host.good("apply", "/tmp/new")
    assert "192.0.2.11" in host.text("config/network/br0.conf")
    host.good("confirm")
    assert host.addresses("br0") == ["192.0.2.10/24", "192.0.2.11/24"]
    assert host.network("apply", "/tmp/nowhere")[0] == 1


def test_card_moves_to_another_bridge(host):
    start(host)
    host.networks({"br1": BRIDGE, "uplink": CARD.replace("br0", "br1")})
    host.good("apply")
    assert host.ports("br1") == ["eth0"] and host.addresses("br1") == ["192.0.2.10/24"] and "br0" not in host.links()
    host.good("revert")
    assert host.ports("br0") == ["eth0"] and host.addresses("br0") == ["192.0.2.10/24"] and "br1" not in host.links()
    assert MAC in host.ip("link show br0")


def passes(host, size):
    """Whether a frame with so many bytes behind its header gets from the guest's card vif1.0
    through the bridge to the wire."""
    done = host.enter(sys.executable, "-c", f"""
import socket
ends = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5)) for _ in range(2)]
for end, name in zip(ends, ("vif1.0-guest", "eth0-far")):
    end.bind((name, 0x88B5))
frame = b"\\xff" * 6 + b"\\x02" + bytes(5) + b"\\x88\\xb5" + bytes({size})
ends[0].send(frame)
ends[1].settimeout(2)
try:
    print(ends[1].recv(20000) == frame)
except socket.timeout:
    print("lost")
""")
    assert done.returncode == 0, done.stderr
    return done.stdout == "True\n"


def test_mtu_of_a_bridge_and_its_card(host):
    """Frames of a guest that fill it get to the wire, and longer ones do not."""
    start(host)
    guest(host, "vif1.0")
    for link in ("eth0-far", "vif1.0", "vif1.0-guest"):
        host.ip(f"link set {link} mtu 9100")
    host.ip("link set vif1.0-guest up")
    change(host, {"br0": BRIDGE + "[Link]\nMTUBytes=9000\n", "uplink": CARD + "[Link]\nMTUBytes=9000\n"})
    host.good("apply")
    assert (host.mtu("br0"), host.mtu("eth0")) == (9000, 9000)
    assert host.until(lambda: passes(host, 9000)) and not passes(host, 9100)
    host.good("revert")
    assert (host.mtu("br0"), host.mtu("eth0")) == (1500, 1500)
    assert passes(host, 1500) and not passes(host, 9000)


def test_hundred_guests(host):
    start(host)
    host.enter("sh", "-c", "for n in $(seq 100); do ip link add vif$n.0 address fe:ff:ff:ff:ff:ff type veth peer name g$n && "
                           "ip link set vif$n.0 master br0 up; done")
    assert len(host.ports("br0")) == 101
    change(host, {"br0": BRIDGE + "Address=192.0.2.11/24\n[Bridge]\nMulticastSnooping=yes\n", "private": PRIVATE})
    host.good("apply")
    host.good("confirm")
    assert len(host.ports("br0")) == 101 and MAC in host.ip("link show br0")
    assert "vif100.0" in host.good("status")


# --- From the shorthand to files, and back

def test_from_the_shorthand_to_files_and_back(host):
    host.card("eth0", MAC)
    host.host_conf("address=192.0.2.10/24\ngateway=192.0.2.1\n")
    host.boot()
    guest(host, "vif1.0", "xenbr0")
    host.good("status")
    assert "Address=192.0.2.10/24" in host.good("show")
    host.networks({"xenbr0": BRIDGE + "Address=192.0.2.11/24\nGateway=192.0.2.1\n", "uplink": CARD.replace("br0", "xenbr0"),
                   "private": PRIVATE})
    host.good("apply")
    assert host.addresses("xenbr0") == ["192.0.2.10/24", "192.0.2.11/24"] and "private" in host.links()
    host.good("revert")
    assert host.addresses("xenbr0") == ["192.0.2.10/24"] and "private" not in host.links()
    assert host.ports("xenbr0") == ["eth0", "vif1.0"] and "default via 192.0.2.1 dev xenbr0" in " ".join(routes(host))
    assert not (host.root / "config/network").exists()
    host.good("status")


def test_change_of_the_shorthand(host):
    host.card("eth0", MAC)
    host.host_conf("address=192.0.2.10/24\n")
    host.boot()
    host.host_conf("address=192.0.2.20/24\n")
    status, out, _ = host.network("status")
    assert status == 1 and "The configuration was changed, and does not run" in out
    host.good("apply")
    assert host.addresses("xenbr0") == ["192.0.2.20/24"]
    host.good("revert")
    assert host.addresses("xenbr0") == ["192.0.2.10/24"] and "address=192.0.2.10/24\n" in host.text("config/host.conf")
    assert "hostname=xenith\n" in host.text("config/host.conf")


@pytest.mark.parametrize("files", [False, True])
def test_keys_beside_the_files(host, files):
    """dns and firewall count with files, too."""
    host.card("eth0", MAC)
    address = "" if files else "address=192.0.2.10/24\n"
    host.host_conf(address + "dns=192.0.2.53\n")
    if files:
        host.networks({"br0": BRIDGE, "uplink": CARD})
    host.boot()
    assert host.until(lambda: host.network("status")[0] == 0)
    assert host.good("apply") == "nothing to change\n"
    for line in ("dns=192.0.2.54\n", "dns=192.0.2.53\nfirewall=no\n"):
        host.host_conf(address + line)
        assert host.network("status")[0] == 1
        assert "The networks are changed." in host.good("apply")
        host.good("status")
        assert ("nameserver 192.0.2.54" in host.text("run/resolv.conf")) == ("54" in line)
        host.good("revert")
        assert host.text("run/resolv.conf") == "nameserver 192.0.2.53\n" and "firewall=yes\n" in host.text("config/host.conf")
        host.good("status")


# --- Who may confirm

@pytest.mark.parametrize("first, status", [("login", 1), ("change", 0)])
def test_confirmation_over_ssh(host, first, status):
    """Only a session that began after the change shows that the host can be reached."""
    start(host)
    change(host, {"private": PRIVATE})
    (host.root / "bin/dropbear").symlink_to("busybox")
    steps = "sleep 2; /usr/lib/xenith/network/main confirm; echo status $?"
    if first == "login":
        steps = "/usr/lib/xenith/network/main apply >/dev/null; " + steps
    else:
        host.good("apply")
        time.sleep(1)
    host.write("tmp/session", steps)
    done = host.run(text="sleep 1; exec -a sh /bin/dropbear /tmp/session")
    assert f"status {status}" in done.stdout, done.stdout + done.stderr
    assert ("this SSH session is older than the change" in done.stderr) == (status == 1)


# --- Duplicates

def test_duplicate_address(host, far):
    """A change to it fails at once, and says whose it is; a boot uses it, and says so."""
    start(host, far=far)
    far.ip("link set eth0-far address 52:54:00:99:99:99")
    far.ip("addr add 192.0.2.99/24 dev eth0-far")
    change(host, {"br0": BRIDGE + "Address=192.0.2.99/24\n"})
    status, _, err = host.network("apply")
    assert status == 1 and "another machine (52:54:00:99:99:99) has the address 192.0.2.99" in err
    assert "is taken back" in err and host.addresses("br0") == ["192.0.2.10/24"]
    far.ip("addr add 192.0.2.10/24 dev eth0-far")
    host.run("/usr/lib/xenith/network/report")
    assert "network: br0: another machine (52:54:00:99:99:99) has the address 192.0.2.10" in host.marks()


@BOTH
def test_duplicate_address_of_ipv6(host, far):
    start(host, far=far)
    far.ip("addr add 2001:db8::99/64 dev eth0-far nodad")
    change(host, {"br0": BRIDGE + "Address=2001:db8::99/64\n"})
    status, _, err = host.network("apply")
    assert status == 1 and "another machine has the address 2001:db8::99" in err
    assert host.addresses("br0") == ["192.0.2.10/24"]


# --- IPv6 only

@BOTH
def test_ipv6_only(host, far):
    host.card("eth0", MAC, to=far)
    host.networks({"br0": "[NetDev]\nKind=bridge\n[Network]\nAddress=2001:DB8:0:0::10/64\nGateway=fe80::1\n"
                          "[Route]\nDestination=2001:db8:1::/48\nGateway=2001:db8::2\nMetric=5\n", "uplink": CARD})
    host.boot()
    assert host.addresses("br0") == ["2001:db8::10/64"]
    assert host.until(lambda: "network br0 2001:db8::10" in host.marks())
    assert any(line.startswith("default via fe80::1 dev br0") for line in routes(host, 6))
    assert any(line.startswith("2001:db8:1::/48 via 2001:db8::2 dev br0 metric 5") for line in routes(host, 6))
    host.good("status")
    far.ip("addr add 2001:db8::2/64 dev eth0-far nodad")
    assert host.until(lambda: host.run("ping", "-6", "-c", "1", "-W", "1", "2001:db8::2").returncode == 0)
    # It goes as a whole.
    host.networks({"br0": BRIDGE, "uplink": CARD})
    host.good("apply")
    assert host.addresses("br0") == ["192.0.2.10/24"]
    assert not any("default" in line or "2001:" in line for line in routes(host, 6))


def advertise(far):
    """A router beyond the card advertises a prefix."""
    sent = far.enter(sys.executable, "-c", f"""
import socket, sys
sys.path.insert(0, {str(TOP / "qemu-test")!r})
import rogue
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as end:
    end.bind(("eth0-far", 0))
    end.send(rogue.advertisement())
""")
    assert sent.returncode == 0, sent.stderr


def test_advertised_prefix(host, far):
    """It is heeded only where a file says so."""
    host.card("eth0", MAC, to=far)
    host.networks({"br0": "[NetDev]\nKind=bridge\n[Network]\nIPv6AcceptRA=yes\n", "uplink": CARD})
    host.boot()
    advertise(far)
    assert host.until(lambda: len(host.addresses("br0")) == 1)
    found = host.addresses("br0")[0]
    assert any("default" in line for line in routes(host, 6))
    assert host.until(lambda: "network br0 " + found.split("/", maxsplit=1)[0] in host.marks(), 30)
    host.good("status")
    host.networks({"br0": BRIDGE, "uplink": CARD})
    host.good("apply")
    advertise(far)
    time.sleep(1)
    assert host.addresses("br0") == ["192.0.2.10/24"]


# --- DHCP

SERVER = """start 192.0.2.100
end 192.0.2.110
interface eth0-far
lease_file %(top)s/leases
pidfile %(top)s/pid
opt subnet 255.255.255.0
opt router 192.0.2.1
opt dns 192.0.2.53
opt domain example.org
opt staticroutes 198.51.100.0/24 192.0.2.2, 0.0.0.0/0 192.0.2.3
"""


@pytest.fixture
def server(far, tmp_path):
    """Starts a DHCP server beyond the card eth0."""
    running = []

    def begin():
        far.ip("addr add 192.0.2.1/24 dev eth0-far")
        (tmp_path / "leases").touch()
        (tmp_path / "udhcpd.conf").write_text(SERVER % {"top": tmp_path})
        running.append(subprocess.Popen(["nsenter", "-t", far.pid, "-n", "--", "busybox", "udhcpd", "-f", "-I", "192.0.2.1",
                                         str(tmp_path / "udhcpd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    yield begin
    for process in running:
        process.kill()
        process.wait()


def test_dhcp_on_a_card(host, far, server):
    """Classless routes replace the router, as RFC 3442 says; the lease ends with the client."""
    host.card("eth0", MAC, to=far)
    server()
    host.networks({"lan": "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n"})
    host.boot()
    assert host.until(lambda: host.addresses("eth0") != [], 30)
    address = host.addresses("eth0")[0]
    assert address.startswith("192.0.2.1") and address.endswith("/24")
    assert host.until(lambda: "network eth0 " + address[:-3] in host.marks())
    assert "198.51.100.0/24 via 192.0.2.2 dev eth0" in routes(host)
    assert "default via 192.0.2.3 dev eth0" in routes(host)
    assert host.text("run/resolv.conf") == "search example.org\nnameserver 192.0.2.53\n"
    host.good("status")
    host.networks({"lan": "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.10/24\n"})
    host.good("apply")
    assert host.addresses("eth0") == ["192.0.2.10/24"]
    assert not any("192.0.2.2" in line for line in routes(host)) and "nameserver" not in host.text("run/resolv.conf")
    host.good("revert")
    assert host.until(lambda: host.addresses("eth0") == [address], 30)


def test_a_lease_that_comes_while_the_links_are_read(host):
    """It is not taken for an address that no file has."""
    host.card("eth0", MAC)
    for name, text in (("udhcpc", "exec sleep 600"), ("ip", """
if [ "$*" = "-o addr show" ] && [ -d /run/xenith/networks/dhcp/eth0 ] && [ ! -e /tmp/leased ]; then
	: >/tmp/leased
	interface=eth0 ip=192.0.2.100 mask=24 /etc/boot/udhcpc bound
fi
exec busybox ip "$@\"""")):
        # A link to BusyBox.
        (host.root / "bin" / name).unlink()
        host.write("bin/" + name, f"#!/bin/sh\n{text}\n")
        (host.root / "bin" / name).chmod(0o755)
    host.networks({"lan": "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n"})
    host.boot()
    assert (host.root / "tmp/leased").exists()
    assert host.addresses("eth0") == ["192.0.2.100/24"]
    host.good("status")


def test_nobody_answers(host, far):
    """The fallback address, until somebody does."""
    host.card("eth0", MAC, to=far)
    host.networks({"br0": "[NetDev]\nKind=bridge\n[Network]\nDHCP=ipv4\n[DHCPv4]\nFallbackAddress=10.9.8.1/16\n", "uplink": CARD})
    host.boot()
    assert host.until(lambda: host.addresses("br0") == ["10.9.8.1/16"], 30)
    assert host.until(lambda: "network br0 10.9.8.1 (no DHCP answer; udhcpc keeps asking)" in host.marks())
    host.good("status")


def test_lease_of_ipv6(host):
    """What udhcpc6 reports, in its own spelling: an address, and name servers; both go with
    the client. A renewed lease changes nothing."""
    host.card("eth0", MAC)
    # It may be a link to BusyBox.
    (host.root / "bin/udhcpc6").unlink(missing_ok=True)
    host.write("bin/udhcpc6", "#!/bin/sh\nexec sleep 600\n")
    (host.root / "bin/udhcpc6").chmod(0o755)
    host.networks({"lan": "[Match]\nName=eth0\n[Network]\nDHCP=ipv6\n"})
    host.boot()
    for event, number in (("bound", 77), ("renew", 77), ("bound", 78)):
        done = host.run(text=f"ipv6=2001:0db8:0000:0000:0000:0000:0000:00{number} "
                             "dns='2001:0db8:0000:0000:0000:0000:0000:0053 fd00:0000:0000:0000:0000:0000:0000:0001' "
                             f"interface=eth0 /usr/lib/xenith/network/lease6 {event}")
        assert (done.returncode, done.stderr) == (0, "")
        assert host.addresses("eth0") == [f"2001:db8::{number}/128"]
    assert host.text("run/resolv.conf") == "nameserver 2001:db8::53\nnameserver fd00::1\n"
    host.good("status")
    host.networks({"lan": "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.10/24\n"})
    host.good("apply")
    assert host.addresses("eth0") == ["192.0.2.10/24"] and host.text("run/resolv.conf") == ""


# --- The state

@BOTH
def test_status_tells_what_differs(host):
    start(host, "Gateway=192.0.2.1\n")
    host.good("status")
    host.ip("link set br0 mtu 1400")
    host.ip("addr add 10.0.0.9/24 dev br0")
    host.ip("route del default")
    host.ip("link set eth0 nomaster")
    status, out, _ = host.network("status")
    assert status == 1
    for text in ("br0: the MTU is 1400, not 1500", "br0 has the address 10.0.0.9/24, and no file does",
                 "br0 lacks the route default via 192.0.2.1", "eth0 is not a port of br0"):
        assert "  " + text + "\n" in out
    # Applying the same files repairs it.
    host.good("apply")
    host.good("confirm")
    host.good("status")
    assert host.addresses("br0") == ["192.0.2.10/24"] and host.ports("br0") == ["eth0"]


@pytest.mark.parametrize("words, message", [
    ((), "usage: xenith network"), (("sing",), 'unknown command "sing"'), (("status", "x"), 'unexpected argument "x"'),
    (("apply", "--seconds", "5"), "is not a number from 10 to 3600"), (("apply", "--seconds", "x"), "is not a number from 10 to 3600"),
    (("apply", "--fast"), "unknown option --fast"), (("apply", "a", "b"), "one directory is enough")])
def test_command_line(host, words, message):
    status, _, err = host.network(*words)
    assert status == 2 and message in err
