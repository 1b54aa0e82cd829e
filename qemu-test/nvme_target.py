"""An NVMe/TCP target with one namespace for the tests, as a storage server for dom0.

It implements the NVM Express Base, NVM Command Set and TCP Transport specifications
(1.4, 1.0 and 1.0), without digests, authentication and discovery.
"""

import struct

import served

NQN = "nqn.2026-11.org.example:web"
BLOCK = 512
IN_CAPSULE = 8192
MAX_DATA = 1 << 17

# PDU types, and flags of data.
IC_REQ, IC_RESP, CAPSULE_CMD, CAPSULE_RESP = 0x00, 0x01, 0x04, 0x05
H2C_DATA, C2H_DATA, R2T, LAST = 0x06, 0x07, 0x09, 0x04

# Admin, fabrics and I/O commands, named as in the specification.
FABRICS, IDENTIFY, SET_FEATURES, GET_FEATURES, GET_LOG, AER, KEEP_ALIVE = 0x7F, 6, 9, 10, 2, 12, 24
PROPERTY_SET, CONNECT, PROPERTY_GET = 0, 1, 4
FLUSH, WRITE, READ, WRITE_ZEROES, DSM = 0, 1, 2, 8, 9
INVALID_OPCODE, INVALID_FIELD = 0x01, 0x02


class Target(served.Server):
    """Serves the bytes of `disk` (a bytearray) on 127.0.0.1:`port`."""

    def __init__(self, disk):
        self.disk = disk
        self._cc = 0
        super().__init__()

    def serve(self, connection):
        Queue(self, connection).run()

    # --- the controller's data structures

    def controller(self):
        data = bytearray(4096)
        data[4:24] = b"XENITH-TEST".ljust(20)
        data[24:64] = b"Xenith test target".ljust(40)
        data[64:72] = b"1".ljust(8)
        data[77] = 5                                        # MDTS: 2^5 pages
        struct.pack_into("<HI", data, 78, 1, 0x00010400)    # CNTLID, VER
        data[111] = 1                                       # an I/O controller
        struct.pack_into("<H", data, 320, 10)               # KAS: 1 s
        data[512:514] = b"\x66\x44"                         # SQES, CQES
        struct.pack_into("<HIH", data, 514, 128, 1, 0)      # MAXCMD, NN, ONCS
        data[525] = 1                                       # VWC
        struct.pack_into("<I", data, 536, 1)                # SGLS
        data[768:1024] = NQN.encode().ljust(256, b"\0")
        struct.pack_into("<IIHBB", data, 1792, (64 + IN_CAPSULE) // 16, 1, 0, 0, 1)
        return bytes(data)

    def namespace(self):
        data = bytearray(4096)
        blocks = len(self.disk) // BLOCK
        struct.pack_into("<QQQ", data, 0, blocks, blocks, blocks)
        data[104:120] = b"xenith-test-disk"                 # NGUID
        data[130] = 9                                       # LBA format 0: 2^9 bytes
        return bytes(data)

    def property(self, offset):
        if offset == 0x00:      # CAP: 128 entries, contiguous queues, 10 s, NVM
            return 127 | 1 << 16 | 20 << 24 | 1 << 37
        if offset == 0x08:      # VS
            return 0x00010400
        if offset == 0x14:      # CC
            return self._cc
        if offset == 0x1C:      # CSTS: ready when enabled, shut down on request
            return (self._cc & 1) | (0x8 if self._cc >> 14 & 3 else 0)
        return 0

    def set_property(self, offset, value):
        if offset == 0x14:
            self._cc = value


class Queue:
    """One connection, which is one queue."""

    def __init__(self, target, connection):
        self.target = target
        self.connection = connection
        self.qid = 0

    def run(self):
        kind, _, _ = self._pdu()
        assert kind == IC_REQ
        self._send(IC_RESP, struct.pack("<HBBI", 0, 0, 0, MAX_DATA).ljust(120, b"\0"))
        while True:
            kind, header, data = self._pdu()
            if kind != CAPSULE_CMD:
                return
            self._command(header[:64], data)

    def _pdu(self):
        kind, _, hlen, pdo, plen = struct.unpack("<BBBBI", served.read(self.connection, 8))
        rest = served.read(self.connection, plen - 8)
        return kind, rest[:hlen - 8], rest[pdo - 8:] if pdo else b""

    def _send(self, kind, header, data=b"", flags=0):
        hlen = 8 + len(header)
        self.connection.sendall(struct.pack("<BBBBI", kind, flags, hlen, hlen if data else 0, hlen + len(data))
                                + header + data)

    def _answer(self, cid, result=0, status=0):
        self._send(CAPSULE_RESP, struct.pack("<QHHHH", result, 0, self.qid, cid, status << 1))

    def _give(self, cid, data):
        self._send(C2H_DATA, struct.pack("<HHIII", cid, 0, 0, len(data), 0), data, LAST)
        self._answer(cid)

    def _take(self, cid, length, data):
        """The data of a command: from its capsule, or requested with R2T."""
        if len(data) >= length:
            return data[:length]
        self._send(R2T, struct.pack("<HHIII", cid, 1, 0, length, 0))
        buffer = bytearray(length)
        have = 0
        while have < length:
            kind, header, part = self._pdu()
            assert kind == H2C_DATA
            offset, size = struct.unpack_from("<II", header, 4)
            buffer[offset:offset + size] = part[:size]
            have += size
        return bytes(buffer)

    def _command(self, sqe, data):
        opcode, _, cid, nsid = struct.unpack_from("<BBHI", sqe)
        length, = struct.unpack_from("<I", sqe, 32)
        if opcode == FABRICS:
            self._fabrics(sqe, cid, length, data)
        elif self.qid == 0:
            self._admin(opcode, sqe, cid, nsid)
        else:
            self._io(opcode, sqe, cid, length, data)

    def _fabrics(self, sqe, cid, length, data):
        kind = sqe[4]
        if kind == CONNECT:
            data = self._take(cid, length, data)
            if data[256:512].rstrip(b"\0").decode() != NQN:
                self._answer(cid, status=0x182 | 1 << 14)       # connect invalid parameters, do not retry
                return
            self.qid, = struct.unpack_from("<H", sqe, 42)
            self._answer(cid, 1)
        elif kind == PROPERTY_SET:
            offset, value = struct.unpack_from("<IQ", sqe, 44)
            self.target.set_property(offset, value)
            self._answer(cid)
        elif kind == PROPERTY_GET:
            self._answer(cid, self.target.property(struct.unpack_from("<I", sqe, 44)[0]))
        else:
            self._answer(cid, status=INVALID_OPCODE)

    def _admin(self, opcode, sqe, cid, nsid):
        dword10, dword11 = struct.unpack_from("<II", sqe, 40)
        if opcode == IDENTIFY:
            answers = {
                0: lambda: self.target.namespace() if nsid == 1 else bytes(4096),
                1: self.target.controller,
                2: lambda: struct.pack("<I", 1 if nsid < 1 else 0).ljust(4096, b"\0"),
                3: lambda: (b"\x02\x10\0\0" + b"xenith-test-disk").ljust(4096, b"\0"),
                6: lambda: bytes(4096)}
            answer = answers.get(dword10 & 0xFF)
            if answer:
                self._give(cid, answer())
            else:
                self._answer(cid, status=INVALID_FIELD)
        elif opcode == GET_LOG:
            self._give(cid, bytes(((dword10 >> 16) + ((dword11 & 0xFFFF) << 16) + 1) * 4))
        elif opcode == SET_FEATURES:
            self._answer(cid, 3 | 3 << 16 if dword10 & 0xFF == 7 else 0)
        elif opcode in (GET_FEATURES, KEEP_ALIVE):
            self._answer(cid)
        elif opcode != AER:     # never answered: there are no events
            self._answer(cid, status=INVALID_OPCODE)

    def _io(self, opcode, sqe, cid, length, data):
        start, count = struct.unpack_from("<QH", sqe, 40)
        first = start * BLOCK
        last = first + (count + 1) * BLOCK
        disk = self.target.disk
        if opcode == READ and last <= len(disk):
            self._give(cid, bytes(disk[first:last]))
        elif opcode == WRITE and last <= len(disk):
            disk[first:last] = self._take(cid, length, data)
            self._answer(cid)
        elif opcode == WRITE_ZEROES and last <= len(disk):
            disk[first:last] = bytes(last - first)
            self._answer(cid)
        elif opcode in (FLUSH, DSM):
            if opcode == DSM:
                self._take(cid, length, data)
            self._answer(cid)
        else:
            self._answer(cid, status=INVALID_FIELD if opcode in (READ, WRITE) else INVALID_OPCODE)
