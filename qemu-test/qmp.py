"""A minimal client of QEMU's control protocol, QMP."""

import json
import socket
import time


class QMPError(RuntimeError):
    pass


class QMP:
    def __init__(self, path, timeout=30):
        self._socket = _connect(path, timeout)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._read()                            # the greeting
        self.execute("qmp_capabilities")

    def _read(self):
        line = self._stream.readline()
        if not line:
            raise QMPError("QEMU closed its control socket")
        return json.loads(line)

    def execute(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            # Names of the protocol may contain a dash, Python's cannot.
            request["arguments"] = {k.replace("_", "-"): v
                                    for k, v in arguments.items()}
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        while True:
            answer = self._read()
            if "event" in answer:
                continue
            if "error" in answer:
                raise QMPError("%s: %s" % (command, answer["error"]["desc"]))
            return answer["return"]

    def press(self, *names):
        """Press keys of the machine's keyboard in sequence."""
        for name in names:
            self.execute("send-key", keys=[{"type": "qcode", "data": name}])
            time.sleep(0.2)     # held for 0.1 s; firmware polls slowly

    def close(self):
        self._stream.close()
        self._socket.close()


def _connect(path, timeout):
    """Connect with retries: QEMU creates the socket a moment after its start."""
    deadline = time.monotonic() + timeout
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            sock.settimeout(timeout)
            return sock
        except OSError:
            sock.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
