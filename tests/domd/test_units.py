"""The unit tests of domd, and the other targets of domd/Makefile."""

import os
import subprocess

import pytest
from conftest import DOMD, OUT, make

import tools

slow = pytest.mark.skipif(not os.environ.get("XENITH_SLOW"), reason="slow: ./build.sh test --all")


TESTS = sorted(str(path.relative_to(DOMD).with_suffix("")) for path in DOMD.glob("tests/**/test_*.c"))


@pytest.mark.parametrize("name", TESTS)
def test_unit(name):
    program = OUT / name
    make(os.path.relpath(program, DOMD))
    done = subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd=DOMD, check=False)
    assert done.returncode == 0, done.stdout[-8000:]


def test_unit_tests_are_found():
    assert {"tests/machine/test_random", "tests/hv/xl/test_create", "tests/control/test_proto"} <= set(TESTS)


def test_arrows():
    make("arrows")


@pytest.mark.parametrize("include, complaint", [
    ("machine/machine.h", "base/extra.c:1: base must not include from machine"),
    ("machine/internal.h", "daemon/extra.c:1: machine/internal.h is internal to its room"),
    ("base/util.h", "attic/extra.c:1: the table in tests/arrows does not know the room attic"),
])
def test_arrows_can_fail(tmp_path, include, complaint):
    room = tmp_path / complaint.split("/")[0]
    room.mkdir()
    (room / "extra.c").write_text('#include "%s"\n' % include)
    done = subprocess.run([str(DOMD / "tests/arrows")], stderr=subprocess.PIPE, text=True,
                          cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_fuzz():
    tools.find("clang")
    assert "runs of each target" in make("fuzz")


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
