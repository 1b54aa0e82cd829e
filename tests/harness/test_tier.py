"""tier.py: what runs without --all."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
CONFTEST = """import sys
sys.path.append(%r)
from tier import first_cases as pytest_collection_modifyitems
""" % str(TOP / "qemu-test")
TESTS = """import pytest
from tier import only_slow, slow

@pytest.mark.parametrize("case", ["one", "two", "three"])
def test_cases(case): pass

@pytest.mark.parametrize("case", [*only_slow("one"), "two", *only_slow("three"), "four"])
def test_some_are_slow(case): pass

@slow
@pytest.mark.parametrize("case", ["one", "two"])
def test_all_are_slow(case): pass

def test_alone(): pass
"""


@pytest.mark.parametrize("slow", ["", "yes"])
def test_first_cases(tmp_path, slow):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", ".", "."],
                          cwd=tmp_path, env={**os.environ, "XENITH_SLOW": slow}, capture_output=True, text=True, check=True)
    ran = re.findall(r"::test_(\S+) PASSED", done.stdout)
    if slow:
        assert len(ran) == 10
    else:
        assert ran == ["cases[one]", "some_are_slow[two]", "alone"]
