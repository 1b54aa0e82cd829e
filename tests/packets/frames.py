"""Ethernet frames as a guest could send them, each with a mark by which it is recognised."""

import ipaddress
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def address(text):
    return ipaddress.ip_address(text).packed


def ethernet(source, kind, payload, to=BROADCAST, tag=None):
    vlan = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    return mac(to) + mac(source) + vlan + struct.pack("!H", kind) + payload


def arp(source, sender_mac, sender, target="10.0.0.9", operation=1, kind=0x0806, tag=None):
    return ethernet(source, kind, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
                    + mac(sender_mac) + address(sender) + bytes(6) + address(target), tag=tag)


def udp(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ipv4(source, sender, payload, protocol=17, options=b"", fragment=0, target="10.0.0.9"):
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 1,
                         fragment, 64, protocol, 0) + address(sender) + address(target) + options
    return ethernet(source, 0x0800, header + payload)


def ipv6(source, sender, payload, following=17, target="ff02::1"):
    return ethernet(source, 0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), following, 255)
                    + address(sender) + address(target) + payload, to="33:33:00:00:00:01")


def icmp6(kind, target=None):
    return struct.pack("!BBHI", kind, 0, 0, 0) + (address(target) if target else bytes(16))


def options(following, payload):
    """A header of destination or hop-by-hop options, eight bytes with padding."""
    return struct.pack("!BB", following, 0) + b"\x01\x04" + bytes(4) + payload


def fragment6(following, payload, offset=0):
    return struct.pack("!BBHI", following, 0, offset << 3 | 1, 7) + payload
