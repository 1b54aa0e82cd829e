"""The program hotplug as a whole: how it is built, written and fuzzed, and what it costs."""
import os
import subprocess
import sys

import network
import pytest

import tools
from tier import slow


def make(*targets):
    done = subprocess.run([tools.find("make"), "-s", "-C", str(network.SOURCE),
                           f"OUT={os.path.relpath(network.OUT, network.SOURCE)}", *targets],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_fuzz():
    tools.find("clang")
    assert "fuzz: 20000 runs" in make("fuzz")


def test_format():
    sources = [*network.SOURCE.rglob("*.[ch]"), *network.HERE.glob("*.[ch]")]
    done = subprocess.run([tools.find("clang-format"), "--dry-run", "-Werror", *map(str, sources)],
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@slow
def test_analysis():
    tools.find("clang-tidy")
    tools.find("cppcheck")
    make("analyse")


def test_count():
    """What docs/network-guests.md says of a card on a bridge, with the program as it is built
    for the image: one process, five requests."""
    if not network.possible():
        pytest.skip("no network namespace can be made here")
    done = subprocess.run([sys.executable, str(network.HERE / "count")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].split() == ["now", "5", "1"], done.stdout


def test_scripts_are_links_to_the_program():
    scripts = {path.name: os.readlink(path) for path in (network.TOP / "rootfs/etc/xen/scripts").iterdir()
               if path.is_symlink()}
    assert sorted(scripts) == ["block", "block-qemu", "block-use", "vif-antispoof", "vif-bridge", "vif-nat", "vif-route"]
    assert set(scripts.values()) == {"/usr/lib/xenith/hotplug"}
