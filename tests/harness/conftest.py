"""Tests of the modules of qemu-test: no machine is booted."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "qemu-test"))

# The control socket of a fake QEMU: source text that follows its imports of os, socket
# and sys.
CONTROL_SOCKET = """\
path = sys.argv[sys.argv.index("-qmp") + 1].split(",")[0][len("unix:"):]
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(1)
"""
