"""`./build.sh verify`: two builds in different environments, compared."""

import os
import pathlib
import re
import shutil
import tempfile

import pytest

import conftest
from test_build import DPKG_QUERY


@pytest.fixture
def open_tree():
    """A tree that every user can access: run by root, verify builds as nobody."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="xenith verify "))
    directory.chmod(0o755)
    tree = conftest.Tree(directory)
    tree.recipe("gcc", build='install() { echo compiler >"$DEST/gcc"; }')
    tree.recipe("iso", depends="word host:gcc",
                build='install() { cat "$TOOLS/gcc" "$SYSROOT/word" >"$DEST/xenith.iso"; }')
    tree.recipe("netboot", build='install() { mkdir "$DEST/netboot"; }')
    config = tree.top / "config"
    config.write_text(re.sub("(?m)^GOALS=.*", "GOALS=iso netboot", config.read_text()))
    yield tree
    shutil.rmtree(directory)


def word(tree, command):
    tree.recipe("word", sources=tree.tarball("word.tar.gz", text="word"),
                build='install() { %s >"$DEST/word"; }' % command)


def test_the_same_twice(open_tree):
    word(open_tree, "cat text")
    done = open_tree.command("verify")
    assert done.returncode == 0, done.stdout
    assert "all 4 packages are the same in both builds" in done.stdout
    assert re.search(r"(?m)^iso [0-9a-f]{64}$", done.stdout)
    assert not (open_tree.top / "out/verify").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can install packages, and builds as another user")
def test_packages_are_installed_before_another_user_builds(open_tree):
    """Also on a fresh machine, whose cache already has the compiler."""
    word(open_tree, "cat text")
    open_tree.recipe("iso", depends="word host:gcc", hostpkgs="made-up",
                     build='install() { cat "$TOOLS/gcc" "$SYSROOT/word" >"$DEST/xenith.iso"; }')
    programs = open_tree.upstream / "bin"
    programs.mkdir()
    installed = '"%s"' % (open_tree.upstream / "installed")
    for name, text in (("dpkg-query", DPKG_QUERY.format(installed=installed, real=shutil.which("dpkg-query"))),
                       ("apt-get", "#!/bin/sh\ntouch %s\n" % installed)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    done = open_tree.command("verify", PATH="%s:%s" % (programs, os.environ["PATH"]))
    assert done.returncode == 0, done.stdout
    assert done.stdout.index("installing missing packages: made-up") < done.stdout.index("verify: build a")


def test_a_difference_is_named(open_tree):
    """Also with --against-cache."""
    word(open_tree, "date +%s.%N")
    open_tree.build("iso", "netboot")
    done = open_tree.command("verify")
    assert done.returncode != 0
    assert "the packages above differ" in done.stdout
    assert re.search(r"(?m)^< word [0-9a-f]{64}$", done.stdout)


@pytest.mark.skipif(os.getuid() != 0, reason="only root builds as another user")
def test_directory_that_the_user_cannot_reach(open_tree):
    word(open_tree, "cat text")
    closed = open_tree.top / "closed"
    closed.mkdir(mode=0o700)
    done = open_tree.command("verify", XENITH_OUT=str(closed / "out"))
    assert done.returncode != 0
    assert re.search("verify: cannot build as user .*: no access to .*; set XENITH_OUT", done.stdout)


def test_against_the_cache(open_tree):
    word(open_tree, "date +%s.%N")
    open_tree.build("iso")
    done = open_tree.command("verify", "--against-cache")
    assert done.returncode != 0
    assert re.search(r"(?m)^> word [0-9a-f]{64}$", done.stdout)
    word(open_tree, "cat text")
    # It is not part of the image.
    open_tree.recipe("tool", build='install() { mkdir "$DEST/tool"; }')
    open_tree.build("iso", "tool")
    done = open_tree.command("verify", "--against-cache")
    assert done.returncode == 0, done.stdout
