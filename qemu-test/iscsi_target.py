"""An iSCSI target for the tests, as a storage server for dom0.

It implements RFC 7143 (iSCSI) and the part of SPC and SBC that Linux uses for a disk:
one connection per session, error recovery level 0, no digests; one-way or mutual CHAP
if it has credentials.
"""

import hashlib
import os
import struct

import served

NAME = "iqn.2026-11.org.example:web"
BLOCK = 512
SEGMENT = 65536         # the largest data segment that we accept
BURST = 262144          # the largest amount that one R2T requests
NO_TAG = 0xFFFFFFFF

# Opcodes of the initiator; the response to each is 0x20 higher.
NOP, COMMAND, TASK, LOGIN, TEXT, DATA_OUT, LOGOUT = range(7)
RESPONSE, DATA_IN, R2T, REJECT = 0x21, 0x25, 0x31, 0x3F
FINAL = 0x80
GOOD, CHECK_CONDITION = 0, 2
INVALID_COMMAND, INVALID_FIELD, NO_SUCH_LUN, OUT_OF_RANGE = 0x2000, 0x2400, 0x2500, 0x2100
DIGESTS = {"5": hashlib.md5, "7": hashlib.sha256}


class Target(served.Server):
    """Serves `disks` ({LUN: bytearray}) on 127.0.0.1:`port`.

    secret is the initiators' (user, password); own_secret is the target's, for mutual
    CHAP.
    """

    def __init__(self, disks, secret=None, own_secret=None, name=NAME):
        self.disks = disks
        self.name = name
        self.secret = secret
        self.own_secret = own_secret
        self.sessions = set()
        self.logins = 0
        self.algorithms = []        # the CHAP algorithms that were chosen
        super().__init__()

    def serve(self, connection):
        session = Session(self, connection)
        try:
            session.run()
        finally:
            self.sessions.discard(session)


class Refused(Exception):
    """A command that fails with a sense code."""


class Session:
    def __init__(self, target, connection):
        self.target = target
        self.connection = connection
        self.stat_sn = 1
        self.exp_cmd_sn = 1
        self.their_segment = 8192
        self.writes = {}            # tag of a command -> Write
        self.chap = None
        self.authenticated = not target.secret

    def run(self):
        while True:
            header, data = self._receive()
            opcode = header[0] & 0x3F
            if opcode != DATA_OUT and opcode != LOGIN and not header[0] & 0x40:
                self.exp_cmd_sn = struct.unpack_from(">I", header, 24)[0] + 1
            if opcode == LOGIN:
                if not self._login(header, data):
                    return
            elif self not in self.target.sessions:
                return              # only a login may come first
            elif opcode == COMMAND:
                self._command(header, data)
            elif opcode == DATA_OUT:
                self.writes[tag(header)].take(header, data)
            elif opcode == NOP:
                if tag(header) != NO_TAG:
                    self.send(0x20, header, data=data)
            elif opcode == TEXT:
                self.send(0x24, header, data=pairs({
                    "TargetName": self.target.name, "TargetAddress": "127.0.0.1:%d,1" % self.target.port}))
            elif opcode == LOGOUT:
                self.send(0x26, header, ttt=0)
                return
            else:
                self.send(0x20 + opcode, header, ttt=0)

    # --- PDUs

    def _receive(self):
        header = served.read(self.connection, 48)
        length = int.from_bytes(header[5:8], "big")
        served.read(self.connection, header[4] * 4)
        return header, served.read(self.connection, (length + 3) // 4 * 4)[:length]

    def send(self, opcode, request, flags=FINAL, third=0, data=b"", ttt=NO_TAG, status=True, rest=b"", lun=b""):
        """rest follows MaxCmdSN. Only a PDU with a status increments StatSN."""
        header = struct.pack(">BBBBI8sIIIII", opcode, flags, 0, third, len(data), lun.ljust(8, b"\0"),
                             tag(request), ttt, self.stat_sn, self.exp_cmd_sn, self.exp_cmd_sn + 63)
        if status:
            self.stat_sn += 1
        self.connection.sendall(header + rest.ljust(12, b"\0") + data + bytes(-len(data) % 4))

    # --- the login

    def _login(self, header, data):
        """Handle a login PDU; False if it was refused."""
        said = dict(pair.split("=", 1) for pair in data.decode().split("\0") if pair)
        self.exp_cmd_sn, = struct.unpack_from(">I", header, 24)
        stage, following = header[1] >> 2 & 3, header[1] & 3
        if said.get("TargetName", self.target.name) != self.target.name:
            return self._login_answer(header, {}, 0, b"\2\3")
        self.their_segment = int(said.get("MaxRecvDataSegmentLength", self.their_segment))
        answer = {}
        if stage == 0:
            proven, answer = self._authenticate(said)
            if proven is False:
                return self._login_answer(header, {}, 0, b"\2\1")
            if not proven:
                return self._login_answer(header, answer, 0)
            self.authenticated = True
        elif not self.authenticated:
            return self._login_answer(header, {}, 0, b"\2\1")
        else:
            ours = {"HeaderDigest": "None", "DataDigest": "None", "InitialR2T": "Yes", "ImmediateData": "Yes",
                    "MaxBurstLength": str(BURST), "FirstBurstLength": str(SEGMENT), "MaxConnections": "1",
                    "MaxOutstandingR2T": "1", "DefaultTime2Wait": "0", "DefaultTime2Retain": "0",
                    "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes", "ErrorRecoveryLevel": "0",
                    "IFMarker": "No", "OFMarker": "No"}
            answer = {key: value for key, value in ours.items() if key in said}
            answer["MaxRecvDataSegmentLength"] = str(SEGMENT)
        if "TargetName" in said:
            answer["TargetPortalGroupTag"] = "1"
        if following == 3:
            self.target.logins += 1
            self.target.sessions.add(self)
        return self._login_answer(header, answer, header[1] & FINAL and FINAL | stage << 2 | following)

    def _login_answer(self, header, answer, flags, status=b"\0\0"):
        tsih = b"\0\1" if flags & 3 == 3 else header[14:16]
        if not flags:
            flags = header[1] & 0x0C
        self.send(0x23, header, flags, data=pairs(answer), ttt=0, rest=status, lun=header[8:14] + tsih)
        return status == b"\0\0"

    def _authenticate(self, said):
        """(True, False, or None if more steps follow; the answer)."""
        if not self.target.secret:
            return True, {"AuthMethod": "None"} if "AuthMethod" in said else {}
        if "AuthMethod" in said:
            if "CHAP" not in said["AuthMethod"].split(","):
                return False, {}
            return None, {"AuthMethod": "CHAP"}
        if "CHAP_A" in said:
            algorithm = next(a for a in said["CHAP_A"].split(",") if a in DIGESTS)
            self.target.algorithms.append(algorithm)
            self.chap = DIGESTS[algorithm], os.urandom(16)
            return None, {"CHAP_A": algorithm, "CHAP_I": "7", "CHAP_C": "0x" + self.chap[1].hex()}
        if "CHAP_R" not in said or not self.chap:
            return False, {}
        digest, challenge = self.chap
        user, password = self.target.secret
        expected = digest(b"\7" + password.encode() + challenge).hexdigest()
        if said["CHAP_N"] != user or said["CHAP_R"].lower() != "0x" + expected:
            return False, {}
        if "CHAP_C" not in said:
            return True, {}
        name, own = self.target.own_secret
        theirs = bytes([int(said["CHAP_I"])]) + own.encode() + bytes.fromhex(said["CHAP_C"][2:])
        return True, {"CHAP_N": name, "CHAP_R": "0x" + digest(theirs).hexdigest()}

    # --- SCSI

    def _command(self, header, data):
        lun = int.from_bytes(header[8:10], "big") & 0x3FFF
        expected, = struct.unpack_from(">I", header, 20)
        cdb = header[32:48]
        try:
            if cdb[0] in (0x2A, 0x8A):
                Write(self, header, self._range(lun, cdb), data).go_on()
                return
            answer = self._answer(lun, cdb)
        except Refused as refused:
            self.answer_status(header, CHECK_CONDITION, refused.args[0])
            return
        if answer is None:
            self.answer_status(header)
        else:
            self._give(header, answer[:expected])

    def _give(self, header, data):
        for number, first in enumerate(range(0, len(data), self.their_segment)):
            part = data[first:first + self.their_segment]
            self.send(DATA_IN, header, data=part, status=False, rest=struct.pack(">II", number, first))
        expected, = struct.unpack_from(">I", header, 20)
        self.answer_status(header, missing=expected - len(data))

    def answer_status(self, header, status=GOOD, sense=0, missing=0):
        text = b""
        if sense:
            text = struct.pack(">HBBBIBIHB3x", 18, 0x70, 0, 5, 0, 10, 0, sense, 0)
        self.send(RESPONSE, header, FINAL | (2 if missing else 0), status, text, 0,
                   rest=struct.pack(">III", 0, 0, missing))

    def _range(self, lun, cdb):
        """(disk, first byte, size) of a read or a write."""
        disk = self.target.disks.get(lun)
        if disk is None:
            raise Refused(NO_SUCH_LUN)
        first, count = struct.unpack_from(">QI" if cdb[0] >= 0x80 else ">IxH", cdb, 2)
        if (first + count) * BLOCK > len(disk):
            raise Refused(OUT_OF_RANGE)
        return disk, first * BLOCK, count * BLOCK

    def _answer(self, lun, cdb):
        """The data of the response, or None if it is only a status."""
        opcode = cdb[0]
        disks = self.target.disks
        if opcode == 0xA0:                                      # REPORT LUNS
            luns = b"".join(struct.pack(">HHI", n, 0, 0) for n in sorted(disks))
            return struct.pack(">II", len(luns), 0) + luns
        if opcode == 0x12:
            return self._inquiry(lun, cdb)
        if lun not in disks:
            raise Refused(NO_SUCH_LUN)
        blocks = len(disks[lun]) // BLOCK
        if opcode in (0x28, 0x88):
            disk, first, count = self._range(lun, cdb)
            return bytes(disk[first:first + count])
        if opcode == 0x25:                                      # READ CAPACITY (10)
            return struct.pack(">II", blocks - 1, BLOCK)
        if opcode == 0x9E and cdb[1] & 31 == 0x10:              # and (16)
            return struct.pack(">QI", blocks - 1, BLOCK).ljust(32, b"\0")
        if opcode == 0x1A:                                      # MODE SENSE (6): a cache page
            page = bytes([0x08, 0x12, 0x04]).ljust(20, b"\0") if cdb[2] & 63 in (8, 63) else b""
            return bytes([3 + len(page), 0, 0, 0]) + page
        if opcode in (0x00, 0x1B, 0x1E, 0x35, 0x91):            # ready, start, lock, synchronise
            return None
        raise Refused(INVALID_COMMAND)

    def _inquiry(self, lun, cdb):
        kind = 0 if lun in self.target.disks else 0x7F
        if not cdb[1] & 1:
            text = b"XENITH  " + b"Test disk".ljust(16) + b"1   "
            return bytes([kind, 0, 5, 2, 31, 0, 0, 2]) + text
        serial = b"lun-%d" % lun
        pages = {0x00: bytes([0x00, 0x80, 0x83]), 0x80: serial,
                 0x83: bytes([2, 1, 0, 8 + len(serial)]) + b"XENITH  " + serial}
        if cdb[2] not in pages:
            raise Refused(INVALID_FIELD)
        page = pages[cdb[2]]
        return struct.pack(">BBH", kind, cdb[2], len(page)) + page


class Write:
    """A write command whose data is not complete yet."""

    def __init__(self, session, header, place, data):
        self.session = session
        self.header = header
        self.disk, self.first, self.size = place
        self.have = self.asked = len(data)
        self.disk[self.first:self.first + len(data)] = data
        session.writes[tag(header)] = self
        self.bursts = 0

    def take(self, header, data):
        offset, = struct.unpack_from(">I", header, 40)
        self.disk[self.first + offset:self.first + offset + len(data)] = data
        self.have += len(data)
        if self.have == self.asked:
            self.go_on()

    def go_on(self):
        if self.have == self.size:
            del self.session.writes[tag(self.header)]
            self.session.answer_status(self.header)
            return
        count = min(BURST, self.size - self.have)
        self.asked += count
        self.session.send(R2T, self.header, ttt=1, status=False, lun=self.header[8:16],
                           rest=struct.pack(">III", self.bursts, self.have, count))
        self.bursts += 1


def tag(header):
    return struct.unpack_from(">I", header, 16)[0]


def pairs(values):
    return b"".join(b"%s=%s\0" % (key.encode(), value.encode()) for key, value in values.items())
