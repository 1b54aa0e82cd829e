"""A xenstored for one test: the wire protocol on a socket, the nodes in a dictionary."""
import errno
import os
import shutil
import socket
import struct
import tempfile
import threading

DIRECTORY, READ, TRANSACTION_START, TRANSACTION_END, WRITE, ERROR = 1, 2, 6, 7, 11, 16
NAMES = {DIRECTORY: "directory", READ: "read", TRANSACTION_START: "start", TRANSACTION_END: "end", WRITE: "write"}
HEADER = struct.Struct("<IIII")     # type, request, transaction, bytes that follow


class Refused(Exception):
    """A request that fails, with the name of an errno."""


def full(path):
    """A relative path is one of dom0's."""
    return path if path.startswith("/") else "/local/domain/0/" + path


class Xenstored:
    def __init__(self):
        self.nodes = {}             # path: value
        self.requests = []          # (name, path) of each, in order
        self.refused = {}           # (name, end of the path): name of an errno
        self.raw = {}               # (name, end of the path): the bytes of the answer
        self.held = set()           # ends of paths whose requests get no answer
        self.asked = threading.Event()      # set by a request that is held
        self.lock = threading.Lock()
        # A socket's path has 107 characters at most, which a test's own directory may exceed.
        self.directory = tempfile.mkdtemp(prefix="xs")
        self.path = os.path.join(self.directory, "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(64)
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    # --- What a test writes and reads

    def write(self, path, values):
        with self.lock:
            for key, value in values.items():
                self.nodes[full(path) + "/" + key] = str(value)

    def read(self, path):
        return self.nodes.get(full(path))

    def forget(self, path):
        del self.nodes[full(path)]

    def close(self):
        # Closing alone would not end the thread, which then might take a later test's clients.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.socket.close()
        shutil.rmtree(self.directory)

    # --- What a client asks

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        stream = client.makefile("rb")
        try:
            while len(header := stream.read(HEADER.size)) == HEADER.size:
                kind, request, transaction, size = HEADER.unpack(header)
                kind, answer = self.answer(kind, stream.read(size))
                if answer is not None:
                    client.sendall(HEADER.pack(kind, request, transaction, len(answer)) + answer)
        except OSError:
            pass                    # the client was killed
        finally:
            client.close()

    def answer(self, kind, data):
        path, _, value = data.partition(b"\0")
        path, name = path.decode(), NAMES.get(kind, str(kind))
        with self.lock:
            self.requests.append((name, path))
            if any(path.endswith(end) for end in self.held):
                self.asked.set()
                return kind, None
            try:
                for (refused, end), reason in self.refused.items():
                    if refused == name and path.endswith(end):
                        raise Refused(reason)
                for (wanted, end), answer in self.raw.items():
                    if wanted == name and path.endswith(end):
                        return kind, answer
                return kind, self.act(kind, full(path), value)
            except Refused as reason:
                assert hasattr(errno, str(reason))
                return ERROR, str(reason).encode() + b"\0"

    def act(self, kind, path, value):
        if kind == DIRECTORY:
            below = {node[len(path) + 1:].split("/")[0] for node in self.nodes if node.startswith(path + "/")}
            if not below and path not in self.nodes:
                raise Refused("ENOENT")
            return b"".join(name.encode() + b"\0" for name in sorted(below))
        if kind == READ:
            if path not in self.nodes:
                raise Refused("ENOENT")
            return self.nodes[path].encode()
        if kind == WRITE:
            self.nodes[path] = value.decode()
            return b"OK\0"
        if kind == TRANSACTION_START:
            return b"1\0"
        if kind == TRANSACTION_END:
            return b"OK\0"
        raise Refused("ENOSYS")
