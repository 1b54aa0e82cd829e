"""The base class of the tests' servers: a port of this machine, and a thread for each
connection."""

import contextlib
import socket
import threading

import ports


class Server:
    """Listens on 127.0.0.1:`port`. A subclass has serve(connection), and sets its fields
    before it calls this constructor."""

    def __init__(self):
        self.connections = set()
        self.port = ports.free(1)[0]
        self.open()

    def open(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """Stop the server and break its connections; open() restarts it."""
        # A thread that waits in accept() would keep the port.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def drop(self):
        """Break all connections."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.add(connection)
                if listener.fileno() == -1:     # close() may not have seen this one
                    connection.shutdown(socket.SHUT_RDWR)
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with contextlib.suppress(OSError, EOFError):
            self.serve(connection)
        self.connections.discard(connection)
        connection.close()


def read(connection, size):
    """Read exactly SIZE bytes."""
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
