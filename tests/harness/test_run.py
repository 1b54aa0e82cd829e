"""tests/run: one directory after another beside machines, several at a time without."""

import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
# Each says when it begins and ends, and waits so long for the second one to begin.
TEST = """import os, pathlib, time
def test_{name}():
    with open({log!r}, "a") as log: print("begin", file=log)
    limit = time.monotonic() + float(os.environ["SECONDS"])
    while time.monotonic() < limit and open({log!r}).read().count("begin") < 2: time.sleep(0.1)
    with open({log!r}, "a") as log: print("end", file=log)
    assert {holds}
"""


@pytest.fixture
def run(tmp_path):
    """Runs three directories, of which `b` fails; (status, output, log)."""
    (tmp_path / "tests").mkdir()
    for name in ("run", "hang.py"):
        shutil.copy(TOP / "tests" / name, tmp_path / "tests" / name)
    log = tmp_path / "log"
    for name in "abc":
        (tmp_path / "tests" / name).mkdir()
        (tmp_path / "tests" / name / ("test_%s.py" % name)).write_text(TEST.format(name=name, log=str(log), holds=name != "b"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nproc").write_text("#!/bin/sh\necho 2\n")
    (tmp_path / "bin/nproc").chmod(0o755)

    def start(*words, **environment):
        log.unlink(missing_ok=True)
        done = subprocess.run([str(tmp_path / "tests/run"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, env={**os.environ, "XENITH_BESIDE": "", "SECONDS": "1",
                                                "PATH": "%s/bin:%s" % (tmp_path, os.environ["PATH"]), **environment})
        return done.returncode, done.stdout, log.read_text().split() if log.exists() else []
    return start


def test_a_failure_does_not_stop_the_rest(run):
    # Of two that run in parallel the second may begin much later.
    status, said, log = run(SECONDS="60")
    assert status == 1 and said.endswith("failed: tests/b\n")
    assert sorted(line for line in said.splitlines() if line.startswith("tests/")) == ["tests/a", "tests/b", "tests/c"]
    assert log.count("end") == 3 and log[:2] == ["begin", "begin"]


def test_one_at_a_time_beside_machines(run, tmp_path):
    (tmp_path / "booting").touch()
    status, _, log = run(XENITH_BESIDE=str(tmp_path / "booting"))
    assert status == 1 and log == ["begin", "end"] * 3


def test_directories_without_such_a_test(run):
    status, said, log = run("-k", "test_a")
    assert (status, log) == (0, ["begin", "end"]) and "failed" not in said


HANG = """import pytest, subprocess
@pytest.fixture
def waits():
    with subprocess.Popen(["sh", "-c", "echo $$ >>pids; sleep 1000 & echo $! >>pids; wait"]) as process:
        process.communicate(timeout=1)
"""


@pytest.mark.parametrize("test", ["def test_b(): waits.__wrapped__()\n", "def test_b(waits): pass\n"], ids=["test", "fixture"])
def test_a_hang(run, tmp_path, test):
    """Nor does a test that hangs stop the rest, in the end of a `with` or in a fixture."""
    (tmp_path / "tests/b/test_b.py").write_text(HANG + test)
    status, output, log = run(XENITH_HANG="4")
    assert status == 1 and output.endswith("failed: tests/b\n") and log.count("end") == 2, output
    assert "the test did not end within 4 s" in output
    for process in (tmp_path / "tests/b/pids").read_text().split():
        stat = pathlib.Path("/proc", process, "stat")
        assert not stat.exists() or stat.read_text().split()[2] == "Z"
