"""A switch between network cards of a machine and a host of this one, which lives in a
network namespace: its kernel answers, and so do its programs. By default that is dnsmasq, which
leases addresses of IPv6; bootserver.py has another one.

The wires are QEMU's UDP sockets. A frame without a VLAN's tag passes from each wire to the
host, and one of the host's to all wires. A test sees whatever the machine sends.
"""

import array
import collections
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import ports
import tools

ADDRESS, ADDRESS6 = "192.0.2.1", "2001:db8:7::1"
LEASES6 = "2001:db8:7::100", "2001:db8:7::1ff"
DOMAIN, NAME, NAME6 = "lab.example", "seven.lab.example", "2001:db8:7::77"
TAGGED = b"\x81\x00"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
ETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17


class Wire:
    def __init__(self, name, there, here):
        self.name = name
        self._there = ("127.0.0.1", there)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", here))
        self.qemu = "socket,id=%s,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (name, here, there)

    def send(self, frame):
        self.socket.sendto(frame, self._there)


class Host(NamedTuple):
    """A host of the namespace: the name of its card, the addresses of that, its programs."""
    card: str
    addresses: list
    programs: list


def dnsmasq(*options):
    """The command that runs it in the foreground, without files of its own."""
    return [tools.find("dnsmasq"), "--keep-in-foreground", "--user=", "--group=", "--pid-file", "--log-facility=-", "--log-dhcp",
            "--leasefile-ro", *options]


def lab():
    return Host("host", [ADDRESS + "/24", ADDRESS6 + "/64"], [dnsmasq(
        "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--interface=host", "--bind-interfaces",
        # Addresses come from DHCP only; the host is no router.
        "--enable-ra", "--ra-param=host,10,0", "--dhcp-range=%s,%s,64,2m" % LEASES6,
        "--dhcp-option=option6:dns-server,[%s]" % ADDRESS6, "--dhcp-option=option6:domain-search,%s" % DOMAIN,
        "--local=/%s/" % DOMAIN, "--host-record=%s,%s" % (NAME, NAME6))])


class Switch:
    """Has a wire of each name. wires[NAME].qemu is the value of QEMU's option -netdev."""

    def __init__(self, *names, server=None):
        numbers = ports.free(2 * len(names))
        self.wires = {name: Wire(name, *numbers[2 * i:2 * i + 2]) for i, name in enumerate(names)}
        self.host = None
        self._process = None
        self._seen = collections.deque(maxlen=10000)    # (name of the wire, frame) from the machine
        self._changed = threading.Condition()
        self._stop, self._stopped = os.pipe()
        if subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0:
            self._start_host(server or lab())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _start_host(self, server):
        ours, theirs = socket.socketpair()
        self.log = tempfile.NamedTemporaryFile(prefix="xenith-switch-")
        with ours, theirs:
            self._process = subprocess.Popen([*NAMESPACE, sys.executable, __file__, str(theirs.fileno()), json.dumps(server)],
                                             pass_fds=[theirs.fileno()], stdout=self.log, stderr=self.log)
            theirs.close()
            _, handles, _, _ = socket.recv_fds(ours, 1, 1)
        assert handles, Path(self.log.name).read_text()
        self.host = socket.socket(fileno=handles[0])

    def _run(self):
        wires = {wire.socket: wire for wire in self.wires.values()}
        sources = [*wires, self._stop] + ([self.host] if self.host else [])
        while True:
            ready = select.select(sources, [], [])[0]
            if self._stop in ready:
                return
            for source in ready:
                if source is self.host:
                    frame, address = source.recvfrom(65536)
                    if address[2] != socket.PACKET_OUTGOING:
                        for wire in wires.values():
                            wire.send(frame)
                    continue
                frame = source.recv(65536)
                with self._changed:
                    self._seen.append((wires[source].name, frame))
                    self._changed.notify_all()
                # The host's card takes no longer frames.
                if self.host and frame[12:14] != TAGGED and len(frame) <= 1514:
                    self.host.send(frame)

    def forget(self):
        """Forgets the frames that have come so far."""
        with self._changed:
            self._seen.clear()

    def wait(self, condition, seconds=60):
        """The first (name of the wire, frame) from the machine for which CONDITION holds."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                for name, frame in self._seen:
                    if condition(name, frame):
                        return name, frame
                left = end - time.monotonic()
                assert left > 0, "no such frame has come in %d s; the host says: %s" % (seconds, self.said())
                self._changed.wait(left)

    def wait_for_word(self, word, seconds):
        """Waits until a program of the host reports this."""
        end = time.monotonic() + seconds
        while word not in self.said():
            assert time.monotonic() < end, "the host has not reported %s in %d s: %s" % (word, seconds, self.said())
            time.sleep(0.5)

    def said(self):
        """What the programs of the host have reported."""
        return Path(self.log.name).read_text() if self.host else "(there is no host)"

    def close(self):
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)
        if self._process:
            self._process.kill()
            self._process.wait()
            self.host.close()
            self.log.close()
        for wire in self.wires.values():
            wire.socket.close()


def run_host(channel, server):
    """In the namespace: makes the host's card, sends the other end of it to the switch, starts
    its programs and becomes the last of them; the others end with it."""
    ip = tools.find("ip")

    def run(words):
        subprocess.run([ip, *words.split()], check=True)

    run("link add wire type veth peer name " + server.card)
    Path("/proc/sys/net/ipv6/conf/wire/disable_ipv6").write_text("1")
    for link in ("lo", "wire", server.card):
        run("link set %s up" % link)
    for address in server.addresses:
        run("addr add %s dev %s%s" % (address, server.card, " nodad" if ":" in address else ""))
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    end.bind(("wire", 0))
    # Between such cards the kernel leaves checksums out, and no other machine would know.
    off = array.array("I", [ETHTOOL_STXCSUM, 0])
    fcntl.ioctl(end, ETHTOOL, struct.pack("16sP", server.card.encode(), off.buffer_info()[0]))
    socket.send_fds(socket.socket(fileno=channel), [b"."], [end.fileno()])
    *others, last = server.programs
    for program in others:
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *program])
    os.execv(last[0], last)


if __name__ == "__main__":
    run_host(int(sys.argv[1]), Host(*json.loads(sys.argv[2])))
