"""The unit tests of domd and what else domd/Makefile offers, each of it run."""

import os
import subprocess

import pytest
from conftest import DOMD, OUT, make

import tools

slow = pytest.mark.skipif(not os.environ.get("XENITH_SLOW"), reason="slow: ./build.sh test --all")


@pytest.mark.parametrize("name", ["machine_order", "machine_start", "machine_end", "machine_stop",
                                  "machine_config", "machine_adopt", "random", "policy", "proto",
                                  "probe", "xlrun", "server", "consoles",
                                  "dmlog", "dmwatch", "qcow2", "kernel", "iostat", "release", "hv_xl_create",
                                  "hv_xl_restore", "hv_xl_death", "hv_xl_dump", "hv_xl_reset",
                                  "hv_xl_dm", "hv_xl_stop", "hv_xl_save", "hv_xl_adopt"])
def test_unit(name):
    program = OUT / "tests" / ("test_" + name)
    make(os.path.relpath(program, DOMD))
    done = subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd=DOMD, check=False)
    assert done.returncode == 0, done.stdout[-8000:]


def test_fuzz():
    tools.find("clang")
    assert "runs of each target" in make("fuzz")


def test_every_unit_test_is_run():
    tests = {path.stem[len("test_"):] for path in (DOMD / "tests").glob("test_*.c")}
    assert tests == set(test_unit.pytestmark[0].args[1])


def test_format():
    sources = [str(path) for path in DOMD.rglob("*.[ch]")]
    done = subprocess.run([tools.find("clang-format"), "--dry-run", "-Werror", *sources],
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@slow
def test_analysis():
    tools.find("clang-tidy")
    tools.find("cppcheck")
    make("analyse")


@slow
def test_mutants():
    make("mutants")
