"""The unit tests of domd, and the other targets of domd/Makefile."""

import os
import shutil
import subprocess

import pytest
from conftest import DOMD, OUT, TOP, make

import drives
import tools
from tier import slow


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


@pytest.mark.parametrize("first, then", [("out", "{}/out"), ("{}/out", "out"), ("out", "../domd/out")])
def test_a_changed_header_is_seen_however_out_is_written(tmp_path, first, then):
    """Dependencies are recorded with one spelling of OUT, and read with another."""
    tree = tmp_path / "domd"
    tree.mkdir()
    shutil.copy(DOMD / "Makefile", tree)
    shutil.copytree(DOMD / "base", tree / "base")

    def build(out, *options):
        out = out.format(tree)
        return subprocess.run([tools.find("make"), "-s", "-C", str(tree), *options, "OUT=" + out, out + "/san/base/visible.o"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    done = build(first)
    assert done.returncode == 0, done.stdout
    assert build(then, "-q").returncode == 0
    header = tree / "base/visible.h"
    later = (tree / "out/san/base/visible.o").stat().st_mtime + 10
    os.utime(header, (later, later))
    assert build(then, "-q").returncode == 1


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


def xl_keys(source):
    """What the recipe xen-tools makes of xl's SOURCE."""
    return subprocess.run(["awk", "-f", TOP / "hypervisor/xen-tools/files/xl-keys.awk"], input=source,
                          capture_output=True, text=True, check=False)


def test_keys_of_xl():
    done = xl_keys("""
    if (!xlu_cfg_get_string (config, "seclabel", &buf, 0))
        xlu_cfg_replace_string(config,
                               "seclabel", &label, 0);
    xlu_cfg_get_bounded_long (config, "grants", 0, 9, &l, 1) || !xlu_cfg_get_list(config, "p9", &p9, 0, 0);
    xlu_cfg_get_listitem(p9, 0);
    xlu_cfg_value_get_string(config, value, &buf, 0);
#define parse_extra_args(type)      \\
    e = xlu_cfg_get_list_as_string_list(config, "args"#type, \\
                                        &b_info->extra##type, 0);
    parse_extra_args();
    parse_extra_args(_pv);
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ['"seclabel",', '"grants",', '"p9",', '"args",', '"args_pv",']


def test_keys_of_xl_that_cannot_be_read():
    done = xl_keys("xlu_cfg_get_long(config, name, &l, 0);")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "xl-keys.awk: cannot read the key of xlu_cfg_get_long(config, name, &l, 0);\n\n"


def test_copy_of_the_keys_of_xl():
    root = drives.package("xen-tools")
    if os.environ.get("XENITH_XEN") or not root:
        pytest.skip("the pinned Xen is not built")
    assert (DOMD / "policy/xl-keys.inc").read_text() == (root / "usr/include/xl-keys.inc").read_text(), \
        "the copy is out of date: run make -C domd xl-keys XEN=DIR"


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
