"""The programs that the tests call are found as in qemu-test."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(TOP / "qemu-test"), str(TOP / "tests/domd")]

from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401
