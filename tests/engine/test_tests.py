"""./build.sh test: what runs, what is needed for it, and how it ends."""

import os
import re
import signal
import subprocess
import time

import pytest


@pytest.fixture
def tree(tree):
    """An image and tests that do nothing."""
    for path in (tree.top / "lib/hostpkgs").iterdir():
        path.write_text("")
    (tree.top / "lib/commands/lint.sh").write_text("")
    for name in "testpkgs", "testpkgs-slow":
        (tree.top / "lib/commands" / name).write_text("")
    tree.recipe("iso", build='install() { echo iso >"$DEST/xenith.iso"; }')
    tree.recipe("netboot", build='install() { mkdir "$DEST/netboot"; }')
    (tree.top / "lib/sbom/main.py").write_text("")
    (tree.top / "lib/engine/outputs.sh").write_text("")
    for name in "tests", "qemu-test":
        (tree.top / name).mkdir()
        script(tree, name, "")
    return tree


def script(tree, name, text):
    (tree.top / name / "run").write_text("#!/bin/sh\n" + text)


def test_both_kinds_of_test_run(tree):
    script(tree, "tests", "echo beside\n")
    done = tree.command("test")
    assert done.returncode == 0, done.stdout
    assert "beside\nall tests passed\n" in done.stdout
    script(tree, "tests", "exit 1\n")
    script(tree, "qemu-test", "exit 1\n")
    done = tree.command("test")
    assert done.returncode != 0
    assert "failed: qemu-test and tests" in done.stdout and "passed" not in done.stdout


def test_what_cannot_be_fetched_for_tests_is_said(tree):
    """At the beginning and at the end: its tests are skipped, and the others are not all."""
    tree.recipe("schema", sources="0" * 64 + " file:///nowhere/schema.json", build="install() { :; }")
    tree.recipe("slow", sources="0" * 64 + " file:///nowhere/slow.deb", build="install() { :; }")
    (tree.top / "lib/commands/testpkgs").write_text("# Used by tests.\nschema\n")
    (tree.top / "lib/commands/testpkgs-slow").write_text("slow\n")
    done = tree.command("fetch", "test")
    assert done.returncode == 0, done.stdout
    assert "cannot fetch schema.json of schema" in done.stdout
    for option, names in ((), "schema"), (("--all",), "schema slow"):
        done = tree.command("test", *option)
        assert done.returncode == 0, done.stdout
        for name in names.split():
            assert "cannot get %s; the tests that need it are skipped\n" % name in done.stdout
        assert "all tests passed; skipped were those that need what could not be fetched: %s\n" % names in done.stdout


def test_what_cannot_be_built_for_tests_is_a_failure(tree):
    """Its source is there: nothing that comes from elsewhere is missing."""
    tree.recipe("shell", build="install() { false; }")
    (tree.top / "lib/commands/testpkgs").write_text("shell\n")
    done = tree.command("test")
    assert done.returncode != 0 and "cannot build shell, which tests need: see above\n" in done.stdout
    assert "passed" not in done.stdout


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_ends_all_tests(tree, name):
    """Also those that run in parallel: the terminal's signal does not reach them."""
    tree.build("iso", "netboot")
    pids = tree.upstream / "pids"
    script(tree, "tests", """python3 -c 'import os, sys, time
print(os.getpid(), file=open(sys.argv[1], "w"), flush=True)
try:
    time.sleep(600)
finally:
    print("tidied up", flush=True)' "%s"
echo "another directory"
""" % pids)
    script(tree, "qemu-test", "exec sleep 600\n")
    run = subprocess.Popen([str(tree.top / "build.sh"), "test"], env=tree.environment(), start_new_session=True,
                           # What a shell starts in the background ignores it, and so would its children.
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (pids.exists() and pids.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    pid = int(pids.read_text())
    os.killpg(run.pid, getattr(signal, name))
    assert run.wait(120) != 0
    deadline = time.monotonic() + 20
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    survived = runs(pid)
    if survived:
        os.kill(pid, signal.SIGKILL)
    assert not survived
    said = (tree.top / "out/test-logs/tests.log").read_text()
    assert re.search("(?m)^tidied up$", said) and "another directory" not in said
