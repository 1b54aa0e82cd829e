"""The host's firewall and a NAT network in the kernel of this machine: three namespaces are
dom0, a guest and a host outside; dnsmasq is this machine's."""
import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "qemu-test"))

import tools  # noqa: E402

NET = TOP / "rootfs/usr/lib/xenith/network"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
APPLETS = ["awk", "cat", "cmp", "grep", "head", "ip", "mkdir", "mv", "rm", "sed", "sh"]
DOM0, GUEST, OUTSIDE = "198.51.100.2", "10.77.0.50", "198.51.100.9"
DOM0_6, OUTSIDE_6 = "2001:db8::2", "2001:db8::9"
GUEST_MAC = "00:16:3e:01:02:03"
# A question for the address of xenith.example.
QUERY = b"\0\x07\1\0\0\1\0\0\0\0\0\0\6xenith\7example\0\0\1\0\1"
FACTS = [
    ("@wan", "kind", "card"), ("@wan", "file", "network/wan.conf"), ("@wan", "Firewall.Allow", "ssh udp/5000-5010"),
    ("@wan", "card", "wan0"),
    ("natbr0", "kind", "bridge"), ("natbr0", "file", "network/nat.conf"), ("natbr0", "Address.1.Address", "fd00::1/64"),
    ("natbr0", "Address.2.Address", "10.77.0.1/24"), ("natbr0", "Network.IPMasquerade", "ipv4"),
    ("natbr0", "Network.DHCPServer", "yes"), ("natbr0", "Firewall.Allow", ""),
    ("natbr0", "DHCPServerStaticLease.1.MACAddress", GUEST_MAC), ("natbr0", "DHCPServerStaticLease.1.Address", GUEST),
    ("natbr0", "Forward.1.Protocol", "tcp"), ("natbr0", "Forward.1.Port", "8080"),
    ("natbr0", "Forward.1.To", f"{GUEST}:80"),
    ("natbr0", "Forward.2.Protocol", "tcp"), ("natbr0", "Forward.2.Port", "8081"),
    ("natbr0", "Forward.2.To", f"{GUEST}:80"), ("natbr0", "Forward.2.Source", "203.0.113.0/24"),
]


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


class Lab:
    """dom0 is the namespace that this process begins in."""

    def __init__(self, top):
        self.top = top
        self.spaces = {"dom0": os.open("/proc/self/ns/net", os.O_RDONLY)}
        self.children = []
        self.found = {}
        for name in ("guest", "outside"):
            child = subprocess.Popen(["unshare", "--net", "sleep", "100"])
            self.children.append(child)
            # Until the child is in a namespace of its own.
            while os.readlink(f"/proc/{child.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                time.sleep(0.02)
            self.spaces[name] = os.open(f"/proc/{child.pid}/ns/net", os.O_RDONLY)
        self.wire()
        binaries = top / "bin"
        binaries.mkdir()
        for applet in APPLETS:
            (binaries / applet).symlink_to(tools.find("busybox"))
        (top / "real").mkdir()
        for name in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "iptables-save", "ip6tables-save"):
            (top / "real" / name).symlink_to(os.path.realpath(tools.find("iptables-legacy")))
            (binaries / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{top}/calls\nexec {top}/real/{name} "$@"\n')
            (binaries / name).chmod(0o755)
        (binaries / "sv").write_text('#!/bin/sh\necho "$*" >>"${0%/*}/../sv.log"\n')
        (binaries / "sv").chmod(0o755)
        for directory in ("run/networks", "config/network", "services"):
            (top / directory).mkdir(parents=True)
        (top / "config/host.conf").write_text("firewall=yes\n")
        self.environment = {
            "PATH": f"{binaries}:/usr/sbin:/usr/bin:/sbin:/bin", "XENITH_RUN_DIR": str(top / "run"),
            "XENITH_CONFIG": str(top / "config"), "XENITH_SERVICES": str(top / "services"),
            "XTABLES_LOCKFILE": str(top / "xtables.lock")}

    def wire(self):
        # dom0's kernel has no such filter.
        for setting in Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            setting.write_text("0")
        ip = tools.find("ip")
        for near, name, far in (("vif3.0", "guest", "eth0"), ("wan0", "outside", "eth0")):
            run(ip, "link", "add", near, "type", "veth", "peer", "name", far, "netns", str(self.pid(name)))
            run(ip, "link", "set", near, "up")
        run(ip, "link", "set", "lo", "up")
        run(ip, "link", "add", "natbr0", "type", "bridge", "forward_delay", "0")
        run(ip, "link", "set", "vif3.0", "master", "natbr0")
        run(ip, "link", "set", "natbr0", "up")
        run(ip, "addr", "add", "10.77.0.1/24", "dev", "natbr0")
        run(ip, "addr", "add", f"{DOM0}/24", "dev", "wan0")
        run(ip, "addr", "add", f"{DOM0_6}/64", "dev", "wan0", "nodad")
        with self.within("outside"):
            run(ip, "link", "set", "eth0", "up")
            run(ip, "addr", "add", f"{OUTSIDE}/24", "dev", "eth0")
            run(ip, "addr", "add", f"{OUTSIDE_6}/64", "dev", "eth0", "nodad")
            run(ip, "route", "add", "10.77.0.0/24", "via", DOM0)
        with self.within("guest"):
            run(ip, "link", "set", "lo", "up")
            run(ip, "link", "set", "eth0", "address", GUEST_MAC, "up")

    def pid(self, name):
        return self.children[["guest", "outside"].index(name)].pid

    @contextlib.contextmanager
    def within(self, name):
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.setns(self.spaces[name], 0x40000000) == 0
        try:
            yield
        finally:
            assert libc.setns(self.spaces["dom0"], 0x40000000) == 0

    def serve(self, name, port, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """Tells each peer the address that it has."""
        with self.within(name):
            server = socket.socket(family, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        # Before the thread runs: who asks at once is refused otherwise.
        if kind == socket.SOCK_STREAM:
            server.listen(5)

        def stream():
            while True:
                peer, address = server.accept()
                peer.sendall(address[0].encode())
                peer.close()

        def datagrams():
            while True:
                _, address = server.recvfrom(100)
                server.sendto(address[0].encode(), address)

        threading.Thread(target=stream if kind == socket.SOCK_STREAM else datagrams, daemon=True).start()

    def ask(self, name, where, port, kind=socket.SOCK_STREAM, question=b"?"):
        """What the server there answers, or why there is no connection."""
        with self.within(name):
            client = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET, kind)
        client.settimeout(0.7)
        try:
            client.connect((where, port))
            if kind == socket.SOCK_DGRAM:
                client.send(question)
            return client.recv(100).decode(errors="replace")
        except OSError as error:
            return "closed" if isinstance(error, socket.timeout) else str(error)
        finally:
            client.close()

    def ping(self, name, where):
        with self.within(name):
            return subprocess.run([tools.find("busybox"), "ping", "-c", "1", "-W", "2", where], check=False,
                                  capture_output=True).returncode == 0

    def script(self, name, facts, *more):
        (self.top / "facts").write_text("".join("\t".join(fact) + "\n" for fact in facts))
        done = subprocess.run(["sh", str(NET / name), str(self.top / "facts"), *more], env=self.environment, check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def firewall(self, facts=None):
        return self.script("firewall", FACTS if facts is None else facts, str(self.top / "config/network"))

    def rules(self):
        """All rules, without comments and counters."""
        text = ""
        for program in ("iptables-save", "ip6tables-save"):
            text += subprocess.run([self.top / "bin" / program], check=True, capture_output=True, text=True,
                                   env=self.environment).stdout
        return [line.split(" [")[0] for line in text.splitlines() if not line.startswith("#")]

    def text(self, name):
        path = self.top / name
        return path.read_text() if path.exists() else ""

    def lease(self):
        """What a DHCP client in the guest gets from dnsmasq; the guest then uses it."""
        conf = self.top / "run/networks/dnsmasq-natbr0.conf"
        # The user exists in the image only.
        text = conf.read_text().replace("user=dnsmasq", "user=").replace("group=dnsmasq", "group=")
        test = self.top / "dnsmasq.conf"
        test.write_text(text)
        server = subprocess.Popen([tools.find("dnsmasq"), "--keep-in-foreground", "--log-facility=-", f"--conf-file={test}"],
                                  stderr=subprocess.PIPE)
        self.children.append(server)
        script = self.top / "udhcpc"
        script.write_text('#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr add "$ip/$mask" dev eth0\n'
                          f'ip route add default via "$router"\necho "$ip $mask $router $dns" >{self.top}/lease\n')
        script.chmod(0o755)
        with self.within("guest"):
            done = subprocess.run([tools.find("busybox"), "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-t", "10", "-T", "1",
                                   "-s", str(script)], check=False, capture_output=True, text=True)
        if done.returncode:
            server.terminate()
            raise RuntimeError("no lease: %s; dnsmasq: %s" % (done.stderr, server.communicate()[1].decode()))
        return (self.top / "lease").read_text().strip()


def inside(top):
    lab = Lab(top)
    found = lab.found
    try:
        lab.serve("dom0", 22)
        lab.serve("dom0", 9999)
        lab.serve("dom0", 5003, kind=socket.SOCK_DGRAM)
        lab.serve("dom0", 2222, socket.AF_INET6)
        lab.serve("outside", 7000)
        found["open"] = lab.ask("outside", DOM0, 9999)
        found["open6"] = lab.ask("outside", DOM0_6, 2222)

        found["nat"] = lab.script("nat", FACTS)
        service = top / "services/dnsmasq-natbr0/run"
        found["service"] = [service.read_text().splitlines()[-1], os.access(service, os.X_OK), str(top)]
        (top / "calls").unlink()
        found["firewall"] = lab.firewall()
        found["calls"] = lab.text("calls").splitlines()
        found["rules"] = lab.rules()
        lab.script("nat", FACTS)
        lab.firewall()
        found["rules again"] = lab.rules()
        found["restarts"] = lab.text("sv.log")
        lab.script("nat", [*FACTS, ("natbr0", "DHCPServer.PoolOffset", "100"), ("natbr0", "DHCPServer.PoolSize", "10"),
                           ("natbr0", "DHCPServer.Domain", "example.org")])
        found["restarts of a change"] = lab.text("sv.log")
        found["pool"] = lab.text("run/networks/dnsmasq-natbr0.conf")
        found["forwarding"] = Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()

        found["ssh"] = lab.ask("outside", DOM0, 22)
        found["other"] = lab.ask("outside", DOM0, 9999)
        found["other6"] = lab.ask("outside", DOM0_6, 2222)
        found["udp"] = lab.ask("outside", DOM0, 5003, socket.SOCK_DGRAM)
        found["ping"] = lab.ping("outside", DOM0)
        found["ping6"] = lab.ping("outside", DOM0_6)
        found["dom0 out"] = lab.ask("dom0", OUTSIDE, 7000)

        found["lease"] = lab.lease()
        lab.serve("guest", 80)
        found["out"] = lab.ask("guest", OUTSIDE, 7000)
        found["in"] = lab.ask("outside", DOM0, 8080)
        found["in from others only"] = lab.ask("outside", DOM0, 8081)
        found["in directly"] = lab.ask("outside", GUEST, 80)
        found["to itself"] = lab.ask("guest", DOM0, 8080)
        found["guest to dom0"] = lab.ask("guest", "10.77.0.1", 22)
        found["guest's dns"] = lab.ask("guest", "10.77.0.1", 53, socket.SOCK_DGRAM, QUERY)

        user = top / "config/network/firewall.rules"
        user.write_text(f"# the monitoring\nip -p tcp --dport 9999 -s {OUTSIDE} -j ACCEPT\n"
                        "any forward -p tcp --dport 7000 -j DROP\n")
        found["user"] = lab.firewall()
        found["user opens"] = lab.ask("outside", DOM0, 9999)
        found["user closes"] = lab.ask("guest", OUTSIDE, 7000)
        user.write_text("ip -p tcp --dport 9999 -j ACEPT\n")
        before = lab.rules()
        found["bad target"] = lab.firewall()
        user.write_text("ip -p tcp --dport 9999 -j ACCEPT\nip -A INPUT -j ACCEPT\n")
        found["bad rule"] = lab.firewall()
        found["kept"] = lab.rules() == before
        user.unlink()

        # The network is no longer a NAT network.
        found["removed"] = lab.script("nat", FACTS[:4])
        found["rules without"] = [line for line in lab.rules() if "DNAT" in line or "MASQ" in line or "XENITH_FORWARD" in line]
        found["forwarding without"] = Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()
        found["files without"] = sorted(path.name for path in (top / "run/networks").iterdir() if "dns" in path.name)
        found["services without"] = [path.name for path in (top / "services").iterdir()]
        (top / "config/host.conf").write_text("hostname=x\nfirewall=no\n")
        found["off"] = lab.firewall()
        found["rules off"] = [line for line in lab.rules() if "XENITH" in line]
        found["other off"] = lab.ask("outside", DOM0, 9999)
    finally:
        for child in lab.children:
            child.kill()
    print(json.dumps(found))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    for program in ("ip", "iptables-legacy", "dnsmasq"):
        tools.find(program)
    if subprocess.run([*NAMESPACE, tools.find("iptables-legacy"), "-w", "-S"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made here, or this machine's kernel has no iptables")
    top = tmp_path_factory.mktemp("lab")
    done = subprocess.run([*NAMESPACE, sys.executable, __file__, str(top)], capture_output=True, text=True, check=False,
                          timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_ports_are_open_before(found):
    """Else the tests of the firewall would show nothing."""
    assert (found["open"], found["open6"]) == (OUTSIDE, OUTSIDE_6)


def test_the_scripts_succeed(found):
    assert found["firewall"] == found["nat"] == found["user"] == [0, ""]


def test_a_second_run_changes_nothing(found):
    assert found["rules"] == found["rules again"]
    assert "-A INPUT -j XENITH_INPUT" in found["rules"]


def test_the_first_load_is_one_program_for_each_family(found):
    """The boot waits for it."""
    assert found["calls"] == ["iptables-restore -w --noflush", "ip6tables-restore -w --noflush"]


def test_closed_but_ssh_and_what_the_link_allows(found):
    assert (found["ssh"], found["udp"]) == (OUTSIDE, OUTSIDE)
    assert (found["other"], found["other6"]) == ("closed", "closed")


def test_icmp_and_neighbour_discovery(found):
    assert found["ping"] and found["ping6"]


def test_dom0_reaches_others(found):
    assert found["dom0 out"] == DOM0


def test_dnsmasq_is_a_service(found):
    run_line, executable, top = found["service"]
    assert executable
    assert run_line == f"exec dnsmasq --keep-in-foreground --conf-file={top}/run/networks/dnsmasq-natbr0.conf"


def test_dnsmasq_restarts_for_a_change_only(found):
    assert found["restarts"] == ""
    assert found["restarts of a change"].startswith("term ")
    assert "dhcp-range=10.77.0.100,10.77.0.109,3600\n" in found["pool"] and "domain=example.org\n" in found["pool"]


def test_dhcp(found):
    assert found["lease"] == f"{GUEST} 24 10.77.0.1 10.77.0.1"


def test_out_with_the_address_of_dom0(found):
    assert found["forwarding"] == "1"
    assert found["out"] == DOM0


def test_a_forward_in(found):
    assert found["in"] == OUTSIDE
    assert found["in from others only"] == "closed"


def test_nothing_else_gets_in(found):
    assert found["in directly"] == "closed"


def test_a_guest_may_use_a_forward(found):
    assert found["to itself"] == "10.77.0.1"


def test_guests_reach_only_dns_and_dhcp_of_dom0(found):
    # The question comes back with the answer.
    assert "xenith" in found["guest's dns"]
    assert found["guest to dom0"] == "closed"


def test_rules_of_the_user(found):
    assert found["user opens"] == OUTSIDE
    assert found["user closes"] == "closed"


def test_a_bad_rule_changes_nothing(found):
    assert found["kept"]
    assert found["bad target"][0] == 1 and "ACEPT" in found["bad target"][1] and "the former rules stay" in found["bad target"][1]
    assert found["bad rule"][0] == 1 and "firewall.rules:2: " in found["bad rule"][1]


def test_what_is_no_longer_declared_goes(found):
    assert found["removed"] == [0, ""]
    assert found["rules without"] == found["files without"] == found["services without"] == []
    assert found["forwarding without"] == "0"


def test_firewall_no(found):
    assert found["off"] == [0, ""] and found["rules off"] == []
    assert found["other off"] == OUTSIDE


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    inside(Path(sys.argv[1]))
