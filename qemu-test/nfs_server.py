"""An NFS server for the tests: exports a directory of this machine as NFSv3 over TCP.

It implements RFC 1813 (NFS and MOUNT, both on one port) and RFC 5531 (RPC). Writes are
synchronous; permissions are not checked.
"""

import os
import stat
import struct

import served

MOUNT, NFS = 100005, 100003
NOENT, IO_ERROR, EXIST = 2, 5, 17
TRANSFER = 65536
VERIFIER = b"xenith-1"


class Server(served.Server):
    """Serves `directory` as /vm on 127.0.0.1:`port`."""

    def __init__(self, directory):
        self.handles = [str(directory)]     # a handle is an index of this list
        super().__init__()

    def serve(self, connection):
        with connection.makefile("rb") as stream:
            while record := self._record(stream):
                answer = self._call(Reader(record))
                connection.sendall(struct.pack(">I", 0x80000000 | len(answer)) + answer)

    @staticmethod
    def _record(stream):
        record = b""
        while mark := stream.read(4):
            length, = struct.unpack(">I", mark)
            record += stream.read(length & 0x7FFFFFFF)
            if length & 0x80000000:
                return record
        return b""

    def _call(self, call):
        xid, _, _, program, version, procedure = (call.word() for _ in range(6))
        for _ in range(2):                  # credentials and verifier
            call.word()
            call.opaque()
        name = (MOUNTING if program == MOUNT else FILES).get(procedure)
        if version != 3 or not name:
            return words(xid, 1, 0, 0, 0, 3)
        try:
            result = getattr(self, "_" + name)(call)
        except FileNotFoundError:
            result = failed(name, NOENT)
        except FileExistsError:
            result = failed(name, EXIST)
        except OSError:
            result = failed(name, IO_ERROR)
        return words(xid, 1, 0, 0, 0, 0) + result

    # --- handles and attributes

    def _path(self, call):
        return self.handles[struct.unpack(">I", call.opaque())[0]]

    def _handle(self, path):
        if path not in self.handles:
            self.handles.append(path)
        return words(4, self.handles.index(path))

    @staticmethod
    def _attributes(path):
        s = os.stat(path)
        kind = 2 if stat.S_ISDIR(s.st_mode) else 1
        times = b"".join(words(t // 10**9, t % 10**9) for t in (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns))
        return words(kind, s.st_mode & 0o7777, s.st_nlink, 0, 0) + struct.pack(
            ">QQIIQQ", s.st_size, s.st_blocks * 512, 0, 0, 1, s.st_ino) + times

    def _after(self, path):
        """post_op_attr: the optional attributes after an operation."""
        return words(1) + self._attributes(path)

    def _changed(self, path):
        return words(0) + self._after(path)

    @staticmethod
    def _set(path, call):
        mode, _, _ = (call.word() if call.word() else None for _ in range(3))
        size = call.long() if call.word() else None
        for _ in range(2):                  # times: the client's are ignored
            if call.word() == 2:
                call.long()
        if mode is not None:
            os.chmod(path, mode & 0o7777)
        if size is not None:
            os.truncate(path, size)

    # --- procedures

    def _null(self, _):
        return b""

    def _mnt(self, call):
        if call.opaque() != b"/vm":
            raise FileNotFoundError
        return words(0) + self._handle(self.handles[0]) + words(1, 1)

    def _export(self, _):
        return words(1) + opaque(b"/vm") + words(0, 0)

    def _getattr(self, call):
        return words(0) + self._attributes(self._path(call))

    def _setattr(self, call):
        path = self._path(call)
        self._set(path, call)
        return words(0) + self._changed(path)

    def _lookup(self, call):
        directory = self._path(call)
        path = os.path.normpath(os.path.join(directory, call.opaque().decode()))
        attributes = self._after(path)
        return words(0) + self._handle(path) + attributes + self._after(directory)

    def _access(self, call):
        path = self._path(call)
        return words(0) + self._after(path) + words(call.word())

    def _read(self, call):
        path = self._path(call)
        offset, count = call.long(), call.word()
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(count)
        return words(0) + self._after(path) + words(len(data), offset + len(data) >= os.path.getsize(path)) + opaque(data)

    def _write(self, call):
        path = self._path(call)
        offset, count, _ = call.long(), call.word(), call.word()
        with open(path, "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(call.opaque()[:count])
        return words(0) + self._changed(path) + words(count, 2) + VERIFIER

    def _create(self, call):
        directory = self._path(call)
        path = os.path.join(directory, call.opaque().decode())
        how = call.word()
        with open(path, "xb" if how else "ab"):
            pass
        if how != 2:
            self._set(path, call)
        return words(0, 1) + self._handle(path) + self._after(path) + self._changed(directory)

    def _remove(self, call):
        directory = self._path(call)
        os.remove(os.path.join(directory, call.opaque().decode()))
        return words(0) + self._changed(directory)

    def _rename(self, call):
        old = self._path(call)
        source = os.path.join(old, call.opaque().decode())
        new = self._path(call)
        target = os.path.join(new, call.opaque().decode())
        os.rename(source, target)
        self.handles = [target if path == source else path for path in self.handles]
        return words(0) + self._changed(old) + self._changed(new)

    def _readdirplus(self, call):
        directory = self._path(call)
        first = call.long()
        names = [".", "..", *sorted(os.listdir(directory))]
        result = words(0) + self._after(directory) + VERIFIER
        for cookie, name in enumerate(names[first:], first + 1):
            path = os.path.join(directory, name) if name not in (".", "..") else directory
            result += words(1) + struct.pack(">Q", os.stat(path).st_ino) + opaque(name.encode())
            result += struct.pack(">Q", cookie) + self._after(path) + words(1) + self._handle(path)
        return result + words(0, 1)

    def _fsstat(self, call):
        path = self._path(call)
        return words(0) + self._after(path) + struct.pack(">QQQQQQI", *[1 << 30] * 3, *[1 << 20] * 3, 0)

    def _fsinfo(self, call):
        path = self._path(call)
        return words(0) + self._after(path) + words(*[TRANSFER, TRANSFER, 4096] * 2, 4096) + struct.pack(
            ">QIII", 1 << 40, 0, 1, 0x18)

    def _pathconf(self, call):
        path = self._path(call)
        return words(0) + self._after(path) + words(32000, 255, 1, 1, 0, 1)

    def _commit(self, call):
        return words(0) + self._changed(self._path(call)) + VERIFIER


MOUNTING = {0: "null", 1: "mnt", 3: "null", 5: "export"}
FILES = {0: "null", 1: "getattr", 2: "setattr", 3: "lookup", 4: "access", 6: "read", 7: "write", 8: "create",
         12: "remove", 14: "rename", 17: "readdirplus", 18: "fsstat", 19: "fsinfo", 20: "pathconf", 21: "commit"}
# The number of absent optional attributes that follow the status of a failed procedure.
ABSENT = {"setattr": 2, "lookup": 1, "access": 1, "read": 1, "write": 2, "create": 2, "remove": 2, "rename": 4,
          "readdirplus": 1, "fsstat": 1, "fsinfo": 1, "pathconf": 1, "commit": 2}


def failed(name, status):
    return words(status, *[0] * ABSENT.get(name, 0))


class Reader:
    """Decodes the arguments of a call in sequence."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def _take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def word(self):
        return struct.unpack(">I", self._take(4))[0]

    def long(self):
        return struct.unpack(">Q", self._take(8))[0]

    def opaque(self):
        size = self.word()
        return self._take((size + 3) // 4 * 4)[:size]


def words(*values):
    return struct.pack(">%dI" % len(values), *values)


def opaque(data):
    return words(len(data)) + data + bytes(-len(data) % 4)
