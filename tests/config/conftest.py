"""The programs that the tests call are found as in qemu-test."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "qemu-test"))
