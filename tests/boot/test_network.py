"""The bridge, its network card, and its address."""
import pytest

MAC = "52:54:00:aB:cD:eF"
NO_ANSWER = "(no DHCP answer; udhcpc keeps asking)"


def boot(host, conf=""):
    host.service("udhcpc")
    host.host_conf(conf)
    host.run("boot/50-network")


def dhcp(host, event, **lease):
    """Call the script as udhcpc does, with the lease as environment."""
    host.run("boot/udhcpc", event, interface="xenbr0", **lease)


def below(host, bridge="xenbr0"):
    """The cards that were added to the bridge."""
    return [line.split()[3] for line in host.text("ip.log").splitlines() if line.endswith(f" master {bridge}")]


def asks(host):
    """Whether the DHCP client is started."""
    return "up udhcpc" in host.text("sv.log").splitlines()


def network(host):
    """The address as recorded in dom0 for its own use and for others."""
    return host.text("run/xenith/network").strip()


# --- The card

def test_one_card(host):
    """There is no wait; the address comes later."""
    host.card("eth0", 2, MAC.lower(), link=False)
    boot(host)
    assert below(host) == ["eth0"]
    assert asks(host) and host.addresses() == [] and host.marks() == [] and network(host) == ""
    assert host.waits() == 0
    assert f"link set dev xenbr0 address {MAC.lower()}\n" in host.text("ip.log")
    assert host.events() == ["bridge xenbr0 eth0"]


def test_first_wired_card(host):
    """In the kernel's order, not by name."""
    host.card("lo", 1, kind="772", device=False)
    host.card("dummy0", 2, device=False)
    host.card("wlan0", 3, wireless=True)
    host.card("ib0", 4, kind="32")
    host.card("vif1.0", 5)
    host.card("eth1", 9)
    host.card("eth0", 10)
    boot(host)
    assert below(host) == ["eth1"]


def test_first_card_with_a_link(host):
    host.card("eth0", 2, link=False)
    host.card("eth1", 3)
    host.card("eth2", 4)
    boot(host)
    assert below(host) == ["eth1"]


def test_link_that_takes_a_while(host):
    host.card("eth0", 2, link=False)
    host.card("eth1", 3, link=False)
    host.at(10, "echo 1 >$FAKE/sys/class/net/eth1/carrier")
    boot(host)
    assert below(host) == ["eth1"]
    # The server needs a moment for its answer.
    assert 10 <= host.waits() < 80


def test_no_link_anywhere(host):
    """After four seconds the first card is used."""
    host.card("eth0", 2, link=False)
    host.card("eth1", 3, link=False)
    boot(host)
    assert below(host) == ["eth0"] and asks(host)
    assert host.waits() == 80


@pytest.mark.parametrize("nic", ["eth2", MAC, MAC.lower(), MAC.upper()])
def test_card_that_is_named(host, nic):
    """It is used without a wait, even without a link."""
    host.card("eth0", 2)
    host.card("eth1", 3)
    host.card("eth2", 4, MAC.lower(), link=False)
    boot(host, f"nic={nic}\n")
    assert below(host) == ["eth2"] and asks(host)
    assert host.waits() == 0


def test_card_that_is_not_there(host):
    host.card("eth0", 2)
    boot(host, "nic=eth7\n")
    assert below(host) == [] and not asks(host)
    assert host.addresses() == ["192.168.144.1/24"]
    assert host.marks() == ["network none: there is no network card eth7; xenbr0 has 192.168.144.1"]


@pytest.mark.parametrize("conf, why", [("", "no wired network card"), ("nic=none\n", "nic=none")])
def test_no_card(host, conf, why):
    """The bridge has no port, and gets the fallback address at once."""
    if conf:
        host.card("eth0", 2)
    boot(host, conf)
    assert below(host) == [] and not asks(host)
    assert host.addresses() == ["192.168.144.1/24"] and network(host) == "192.168.144.1"
    assert host.marks() == [f"network none: {why}; xenbr0 has 192.168.144.1"]
    assert "link set dev xenbr0 up\n" in host.text("ip.log")


@pytest.mark.parametrize("fallback, addresses, has", [
    ("10.9.8.1/16", ["10.9.8.1/16"], "10.9.8.1"), ("none", [], "none")])
def test_no_card_and_another_fallback(host, fallback, addresses, has):
    boot(host, f"fallback_address={fallback}\n")
    assert host.addresses() == addresses and network(host) == has
    assert host.marks() == [f"network none: no wired network card; xenbr0 has {has}"]


# --- The bridge

def test_bridge_of_another_name(host):
    host.card("eth0", 2)
    boot(host, "bridge=br-lan\n")
    assert below(host, "br-lan") == ["eth0"]
    assert host.text("etc/xen/xl.conf") == 'vif.default.bridge="br-lan"\n'
    for setting in ("forward_delay", "multicast_snooping"):
        assert host.text(f"sys/class/net/br-lan/bridge/{setting}") == "0\n"


def test_ip_that_knows_no_bridges(host):
    host.write("ip.fails", "link add .*\n.* master .*\n")
    host.card("eth0", 2)
    boot(host)
    assert host.text("brctl.log") == "addbr xenbr0\naddif xenbr0 eth0\n"


@pytest.mark.parametrize("conf", ["", "address=192.0.2.10/25\n"])
def test_closed_before_it_is_reached(host, conf):
    """Neither a card nor an address, also of IPv6, is there before the firewall is."""
    disabled = "proc/sys/net/ipv6/conf/xenbr0/disable_ipv6"
    host.write("proc/net/if_inet6", "")
    host.write(disabled, "0\n")
    host.write("bin/ip6tables-restore", f'#!/bin/sh\ncat >/dev/null\ncat {host.top}/{disabled} >{host.top}/was\n'
               f'echo "${{0##*/}} $*" >>{host.top}/ip.log\n')
    (host.top / "bin/ip6tables-restore").chmod(0o755)
    host.card("eth0", 2)
    boot(host, conf)
    log = host.text("ip.log").splitlines()
    closed = log.index("ip6tables-restore -w --noflush")
    assert log.index("link set dev xenbr0 up") < log.index("iptables-restore -w --noflush") < closed
    assert closed < log.index("link set dev eth0 up")
    assert not any(line.startswith("addr add") for line in log[:closed])
    assert (host.text("was"), host.text(disabled)) == ("1\n", "0\n")


# --- A static address

STATIC = "address=192.0.2.10/25\ngateway=192.0.2.1\ndns=192.0.2.2, 192.0.2.3\n"


def test_static_address(host):
    host.card("eth0", 2)
    boot(host, STATIC)
    assert below(host) == ["eth0"] and not asks(host)
    assert "addr add 192.0.2.10/25 brd + dev xenbr0\n" in host.text("ip.log")
    assert host.addresses() == ["192.0.2.10/25"] and network(host) == "192.0.2.10"
    assert host.text("default") == "route add default via 192.0.2.1 dev xenbr0\n"
    assert host.marks() == ["network xenbr0 192.0.2.10"]


def test_name_servers(host):
    host.host_conf(STATIC)
    host.run("boot/40-host")
    assert host.text("run/resolv.conf") == "nameserver 192.0.2.2\nnameserver 192.0.2.3\n"


def test_static_address_without_a_gateway(host):
    host.card("eth0", 2)
    boot(host, "address=192.0.2.10/25\n")
    assert host.text("default") == ""
    assert host.marks() == ["network xenbr0 192.0.2.10"]


def test_gateway_outside_of_the_prefix(host):
    host.write("ip.fails", "route add default .* dev xenbr0\n")
    host.card("eth0", 2)
    boot(host, STATIC.replace("gateway=192.0.2.1\n", "gateway=198.51.100.1\n"))
    assert host.text("default") == "route add default via 198.51.100.1 dev xenbr0 onlink\n"


def test_static_address_without_a_card(host):
    boot(host, STATIC)
    assert host.addresses() == ["192.0.2.10/25"]
    assert host.marks() == ["network none: no wired network card; xenbr0 has 192.0.2.10"]


# --- DHCP

LEASE = {"ip": "10.0.2.15", "mask": "24", "router": "10.0.2.2", "dns": "10.0.2.3", "domain": "example.org"}


def test_lease(host):
    host.host_conf()
    dhcp(host, "deconfig")
    dhcp(host, "bound", **LEASE)
    assert host.addresses() == ["10.0.2.15/24"] and network(host) == "10.0.2.15"
    assert host.text("default") == "route add default via 10.0.2.2 dev xenbr0 metric 0\n"
    assert host.text("run/resolv.conf") == "search example.org\nnameserver 10.0.2.3\n"
    assert host.marks() == ["network xenbr0 10.0.2.15"]


def test_lease_that_is_renewed(host):
    """The address is not removed in between, and nothing is reported."""
    host.host_conf()
    dhcp(host, "bound", **LEASE)
    host.write("ip.log", "")
    dhcp(host, "renew", **LEASE)
    assert "addr flush" not in host.text("ip.log")
    assert host.addresses() == ["10.0.2.15/24"]
    assert host.text("default") == "route add default via 10.0.2.2 dev xenbr0 metric 0\n"
    assert host.marks() == ["network xenbr0 10.0.2.15"]


def test_name_servers_of_ones_own_replace_those_of_the_lease(host):
    host.host_conf("dns=192.0.2.2\n")
    dhcp(host, "bound", **LEASE)
    assert "nameserver 192.0.2.2\n" in host.text("run/resolv.conf")
    assert "10.0.2.3" not in host.text("run/resolv.conf")


@pytest.mark.parametrize("conf, started", [("", True), ("ntp=192.0.2.4\n", False)])
def test_time_servers_of_the_lease(host, conf, started):
    """If time servers are configured, 40-host has started ntpd already."""
    host.service("ntpd")
    host.host_conf(conf)
    dhcp(host, "bound", ntpsrv="10.0.2.4", **LEASE)
    assert ("up ntpd" in host.text("sv.log").splitlines()) == started
    assert host.text("run/xenith/ntp") == ("10.0.2.4\n" if started else "")


@pytest.mark.parametrize("conf, address", [("", "192.168.144.1/24"), ("fallback_address=10.9.8.1/16\n", "10.9.8.1/16")])
def test_nobody_answers(host, conf, address):
    """The fallback address is set and reported once, however many requests time out."""
    host.host_conf(conf)
    plain = address.split("/", maxsplit=1)[0]
    for _ in range(3):
        dhcp(host, "leasefail")
    assert host.addresses() == [address] and network(host) == plain
    assert host.marks() == [f"network xenbr0 {plain} {NO_ANSWER}"]


def test_nobody_answers_and_no_fallback(host):
    host.host_conf("fallback_address=none\n")
    for _ in range(3):
        dhcp(host, "leasefail")
    assert host.addresses() == [] and network(host) == "none"
    assert host.marks() == [f"network xenbr0 none {NO_ANSWER}"]


@pytest.mark.parametrize("conf", ["", "fallback_address=none\n"])
def test_server_that_answers_late(host, conf):
    """Its address replaces the fallback, and stays when the server is silent again."""
    host.host_conf(conf)
    dhcp(host, "leasefail")
    dhcp(host, "bound", **LEASE)
    dhcp(host, "leasefail")
    assert host.addresses() == ["10.0.2.15/24"] and network(host) == "10.0.2.15"
    assert host.marks()[1:] == ["network xenbr0 10.0.2.15"]


# --- Several cards

OTHER = "52:54:00:00:00:0f"


def pci(host, name, address, driver="igb"):
    """Put a card at a PCI address."""
    place = host.top / f"sys/devices/pci0000:00/{address}"
    place.mkdir(parents=True)
    (place / "driver").symlink_to(host.top / f"sys/drivers/{driver}")
    device = host.top / f"sys/class/net/{name}/device"
    device.rmdir()
    device.symlink_to(place)


def usb(host, name, driver, **identity):
    """Make a card one of a USB device."""
    place = host.top / f"sys/devices/usb1/1-1-{name}/1-1:1.0"
    place.mkdir(parents=True)
    for file, text in identity.items():
        (place.parent / file).write_text(text + "\n")
    (place / "driver").symlink_to(host.top / f"sys/drivers/{driver}")
    device = host.top / f"sys/class/net/{name}/device"
    device.rmdir()
    device.symlink_to(place)


def test_card_on_which_dhcp_answers(host):
    """Of several with a link; the console names it and the others."""
    for name, index, address in (("eth0", 2, "0000:03:00.0"), ("eth1", 3, "0000:03:00.1"), ("eth2", 4, "0000:04:00.0")):
        host.card(name, index, link=name != "eth2")
        pci(host, name, address)
    host.write("silent/eth0", "")
    boot(host)
    assert below(host) == ["eth1"] and asks(host)
    assert host.waits() < 80
    assert host.marks() == ["network card eth1 (igb, 0000:03:00.1, DHCP answers); not used: "
                            "eth0 (igb, 0000:03:00.0, link), eth2 (igb, 0000:04:00.0, no link)"]


def test_no_answer_on_any_card(host):
    """After four seconds the first with a link in PCI order, whatever the kernel's is."""
    for name, index, address in (("eth0", 2, "0000:05:00.0"), ("eth1", 3, "0000:03:00.1"), ("eth2", 4, "0000:03:00.0")):
        host.card(name, index, link=name != "eth2")
        pci(host, name, address)
        host.write(f"silent/{name}", "")
    boot(host)
    assert below(host) == ["eth1"] and host.waits() == 80


def test_nobody_is_asked_for_a_static_address(host):
    host.card("eth0", 2, link=False)
    host.card("eth1", 3)
    boot(host, STATIC)
    assert below(host) == ["eth1"] and host.waits() == 0 and host.text("udhcpc.log") == ""


@pytest.mark.parametrize("identity", [
    {"idVendor": "046b", "idProduct": "ffb0"}, {"idVendor": "ffff", "idProduct": "0001", "product": "iDRAC Virtual NIC USB Device"}])
def test_card_of_the_management_controller(host, identity):
    """It is never chosen, also if it is the only one with a link; a word in host.conf does."""
    host.card("usb0", 2)
    usb(host, "usb0", "cdc_ether", **identity)
    boot(host)
    assert below(host) == []
    assert host.marks()[0] == "network card none; not used: usb0 (cdc_ether, of the board's management controller)"
    host.card("eth0", 3, link=False)
    (host.top / "ip.log").unlink()
    boot(host)
    assert below(host) == ["eth0"]
    (host.top / "ip.log").unlink()
    boot(host, "nic=usb0\n")
    assert below(host) == ["usb0"]


def test_usb_adapter(host):
    """One with a driver for the class comes last, but is used."""
    host.card("usb0", 2)
    usb(host, "usb0", "cdc_ether", idVendor="0bda", idProduct="8153", product="USB 10/100/1000 LAN")
    boot(host)
    assert below(host) == ["usb0"]
    host.card("eth0", 3)
    (host.top / "ip.log").unlink()
    boot(host)
    assert below(host) == ["eth0"]


def test_shorthand_as_files(host):
    """What `xenith network` compares the host with."""
    host.card("eth0", 2, MAC.lower())
    boot(host)
    declared = host.top / "run/xenith/networks/declared/network"
    assert "DHCP=ipv4" in (declared / "xenbr0.conf").read_text()
    assert f"MACAddress={MAC.lower()}\n" in (declared / "card-of-xenbr0.conf").read_text()
    facts = host.text("run/xenith/networks/facts")
    assert "xenbr0\tDHCPv4.FallbackAddress\t192.168.144.1/24\n" in facts and "@card-of-xenbr0\tcard\teth0\n" in facts


# --- Leases

def test_classless_routes(host):
    """They replace the router, as RFC 3442 says; the next lease takes them away."""
    host.host_conf()
    dhcp(host, "bound", staticroutes="198.51.100.0/24 10.0.2.9 169.254.169.254/32 0.0.0.0 0.0.0.0/0 10.0.2.8", **LEASE)
    assert host.text("default").splitlines() == [
        "route add 198.51.100.0/24 via 10.0.2.9 dev xenbr0 metric 0", "route add 169.254.169.254/32 dev xenbr0 metric 0",
        "route add default via 10.0.2.8 dev xenbr0 metric 0"]
    host.write("ip.log", "")
    dhcp(host, "bound", **LEASE)
    for route in ("198.51.100.0/24 via 10.0.2.9", "169.254.169.254/32", "default via 10.0.2.8"):
        assert f"route del {route} dev xenbr0 metric 0\n" in host.text("ip.log")


def test_router_outside_of_the_prefix(host):
    host.write("ip.fails", "route add default .* metric 0\n")
    host.host_conf()
    dhcp(host, "bound", **LEASE)
    assert host.text("default") == "route add default via 10.0.2.2 dev xenbr0 metric 0 onlink\n"


def test_another_lease(host):
    """Only the address of the last one goes."""
    host.host_conf()
    dhcp(host, "bound", **LEASE)
    host.write("addresses/xenbr0", host.text("addresses/xenbr0") + "192.0.2.77/24\n")
    dhcp(host, "bound", **{**LEASE, "ip": "10.0.2.16"})
    assert host.addresses() == ["192.0.2.77/24", "10.0.2.16/24"]


def test_name_server_of_ipv6(host):
    host.host_conf("dns=2001:db8::53, 192.0.2.53\n")
    dhcp(host, "bound", **LEASE)
    assert host.text("run/resolv.conf") == "search example.org\nnameserver 2001:db8::53\nnameserver 192.0.2.53\n"
