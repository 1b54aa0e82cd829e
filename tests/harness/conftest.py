"""The tests of qemu-test's own parts: no machine is booted."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "qemu-test"))
