"""The build machine is checked first: packages, disk space, memory."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def played(tree):
    """Fake programs of the host: played(NAME, SCRIPT)."""
    binaries = tree.upstream / "bin"
    binaries.mkdir()

    def play(name, script):
        (binaries / name).write_text("#!/bin/sh\n" + script + "\n")
        (binaries / name).chmod(0o755)
        return {"PATH": "%s:%s" % (binaries, os.environ["PATH"])}
    return play


def df(mib):
    return 'echo Filesystem; echo "disk 9999999 1 %d 1%% /"' % (mib * 1024)


def test_too_little_room_is_said_before_anything_is_built(tree, played):
    tree.recipe("gcc", build="install() { :; }")
    done = tree.build("gcc", check=False, **played("df", df(700)))
    assert done.returncode != 0
    assert "not enough disk space: a build needs 6144 MiB in %s, and 700 MiB are free" % tree.cache in done.stdout
    assert "XENITH_CACHE" in done.stdout
    assert "gcc: " not in done.stdout
    tree.build("gcc", **played("df", df(7000)))


def test_a_part_needs_less(tree, played):
    """With the compiler in the cache, a small package needs less space."""
    tree.recipe("small", build="install() { :; }")
    tree.build("small", **played("df", df(700)))


def test_too_little_room_where_a_plain_airlock_unpacks(tree, played):
    """Without namespaces that is /tmp, wherever the cache is."""
    tree.recipe("gcc", build="install() { :; }")
    played("unshare", "exit 1")
    done = tree.build("gcc", check=False, **played("df", "case $2 in /tmp) %s ;; *) %s ;; esac" % (df(700), df(7000))))
    assert done.returncode != 0
    assert "not enough disk space: a build needs 6144 MiB in /tmp, and 700 MiB are free" in done.stdout
    assert "gcc: " not in done.stdout
    tree.build("gcc", **played("df", df(7000)))


@pytest.mark.parametrize("words", [["package", "gcc"], ["fetch"], ["test"]])
def test_room_is_checked_before_packages(tree, played, words):
    """Root would install them on a disk that is too small."""
    tree.recipe("gcc", hostpkgs="xenith-no-such-package", build="install() { :; }")
    calls = tree.upstream / "calls"
    played("apt-get", 'echo "$*" >>"%s"; exit 1' % calls)
    done = tree.command(*words, **played("df", df(700)))
    assert done.returncode != 0
    assert "not enough disk space: a build needs 6144 MiB" in done.stdout, done.stdout
    assert "xenith-no-such-package" not in done.stdout and not calls.exists()


def limit_memory(tree, limit):
    """The memory limit of a container."""
    host = tree.top / "lib/engine/host.sh"
    host.write_text(host.read_text().replace("/sys/fs/cgroup/memory.max", '"%s"' % (tree.upstream / "memory.max")))
    (tree.upstream / "memory.max").write_text("%s\n" % limit)


def test_too_little_memory(tree, played):
    """The memory of the machine, or the limit of the container."""
    tree.recipe("gcc", build="install() { :; }")
    limit_memory(tree, 900 << 20)
    done = tree.build("gcc", check=False, **played("df", df(7000)))
    assert done.returncode != 0
    assert "not enough memory: a build needs 2048 MiB, and this machine has 900 MiB" in done.stdout
    (tree.upstream / "memory.max").write_text("max\n")
    tree.build("gcc", **played("df", df(7000)))


@pytest.mark.parametrize("limit, cores", [("150000 100000", "1"), ("50000 100000", "1"), ("200000 100000", "2"), ("900000 100000", "4"), ("max 100000", "4")])
def test_cores_of_the_container(tree, played, limit, cores):
    quota = tree.upstream / "cpu.max"
    quota.write_text(limit + "\n")
    script = (tree.top / "lib/engine/host.sh").read_text().replace("/sys/fs/cgroup/cpu.max", '"%s"' % quota)
    done = subprocess.run(["sh", "-euc", script + "\ncores"], env=tree.environment(TREE=str(tree.top), **played("nproc", "echo 4\n")), capture_output=True, text=True, check=True)
    assert done.stdout == cores + "\n"


@pytest.mark.parametrize("limit, jobs", [(1500 << 20, 1), (100 << 20, 1), ("max", 2)])
def test_jobs_fit_the_memory_of_the_container(tree, played, limit, jobs):
    """One for each GiB of the limit, even if the machine has more available."""
    tree.recipe("small", build="install() { :; }")
    limit_memory(tree, limit)
    calls = tree.upstream / "calls"
    played("nproc", "echo 2")
    tree.build("small", **played("make", 'echo "$*" >>"%s"; exec %s "$@"' % (calls, shutil.which("make"))))
    assert re.search(r"-j(\d+)", calls.read_text()).group(1) == str(jobs)


def test_missing_packages_are_named_with_one_command(tree, played):
    """All packages of recipes and tests, before anything is built or fetched."""
    tree.recipe("gcc", hostpkgs="xenith-no-such-package", build="install() { :; }")
    (tree.top / "lib/hostpkgs/test").write_text("xenith-none-either\n")
    (tree.top / "lib/hostpkgs/run").write_text("")
    environment = played("id", 'case "$*" in -u) echo 1000 ;; *) echo user ;; esac')
    for command in ["test"], ["fetch", "test"]:
        done = tree.command(*command, **environment)
        assert done.returncode != 0
        line = [line for line in done.stdout.splitlines() if "sudo apt-get install" in line]
        assert len(line) == 1, done.stdout
        assert "xenith-no-such-package" in line[0] and "xenith-none-either" in line[0]
        # apt may have no lists yet, or stale ones.
        assert "\n    sudo apt-get update &&\n" + line[0] in done.stdout
        assert "lint:" not in done.stdout and "fetch: " not in done.stdout


@pytest.mark.parametrize("words, lists", [
    ([], set()), (["smoke"], {"run", "smoke"}), (["slow"], {"run", "slow", "test"}), (["bench"], {"run", "bench", "test"})])
def test_fetch_installs_for_the_commands_that_are_named(tree, played, words, lists):
    for path in (tree.top / "lib/hostpkgs").iterdir():
        path.write_text("xenith-list-%s\n" % path.name)
    done = tree.command("fetch", *words, **played("id", 'case "$*" in -u) echo 1000 ;; *) echo user ;; esac'))
    assert set(re.findall("xenith-list-([a-z]+)", done.stdout)) == lists | {"build"}


def test_fetch_knows_its_words(tree):
    done = tree.command("fetch", "tests")
    assert done.returncode != 0
    assert "fetch: unknown word tests; expected one of: bench build run" in done.stdout


def test_every_list_is_of_packages():
    """One per line, sorted, without duplicates."""
    for path in sorted((TOP / "lib/hostpkgs").iterdir()):
        names = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert names == sorted(set(names)), path
