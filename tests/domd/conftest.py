"""domd and xenith with a fake hypervisor in a directory (domd/tests/hv/hv_fake.c)."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from built import DOMD, OUT, TOP, make  # noqa: F401
from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401


@pytest.fixture(scope="session")
def programs():
    make("check-fake")
    return OUT / "fake"


class Host:
    """A separate domd with its own directories."""

    def __init__(self, directory, programs):
        self.programs = programs
        self.config = directory / "domains"
        self.run = directory / "run"
        self.fake = directory / "fake"
        self.console = directory / "console"
        for each in (self.config, self.run, self.fake, self.console):
            each.mkdir()
        self.socket = self.run / "domd.sock"
        self.daemon = None
        self.ms = 20

    def domain(self, name, *lines):
        (self.config / (name + ".cfg")).write_text(
            "\n".join(('name = "%s"' % name,) + lines) + "\n")

    def start(self, *options, program="domd"):
        self.daemon = subprocess.Popen(
            [str(self.programs / program), "-q", "-c", str(self.config), "-r", str(self.run),
             "-s", str(self.socket), "-l", str(self.console), *options],
            env={**os.environ, "FAKE_DIR": str(self.fake), "FAKE_MS": str(self.ms),
                 "UBSAN_OPTIONS": "print_stacktrace=1"},
            stderr=subprocess.PIPE)
        self.until(lambda: self.socket.exists() and self.answers())

    def answers(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(self.socket))
        return client

    def kill(self):
        """SIGKILL to domd."""
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.daemon.stderr.close()

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
        if self.daemon and not self.daemon.stderr.closed:
            errors = self.daemon.stderr.read().decode()
            self.daemon.wait(20)
            assert self.daemon.returncode in (0, -signal.SIGKILL), errors
            assert "ERROR" not in errors, errors

    def xenith(self, *arguments):
        return subprocess.run([str(self.programs / "xenith"), "-s", str(self.socket),
                               "-l", str(self.console), *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def ok(self, *arguments):
        done = self.xenith(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self):
        """{name: status}"""
        return {each["name"]: each
                for each in json.loads(self.ok("status", "--json"))["domains"]}

    def states(self):
        return {name: each["state"] for name, each in self.status().items()}

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "not true within %d s" % seconds
            assert self.daemon.poll() is None, self.daemon.stderr.read().decode()
            time.sleep(0.01)

    def until_states(self, **expected):
        last = {}

        def reached():
            last.update(self.states())
            return all(last.get(name) == state for name, state in expected.items())
        try:
            self.until(reached)
        except AssertionError as error:
            raise AssertionError("expected %s, got %s" % (expected, last)) from error

    def poke(self, name, what):
        # domd polls fifty times a second: it must see all of it, or nothing.
        whole = self.fake / "new-poke"
        whole.write_text(what)
        whole.rename(self.fake / ("poke-" + name))

    def history(self, runs=False):
        """The operations of the hypervisor. RUNS: also the completed creations."""
        return [line for line in (self.fake / "history").read_text().splitlines()
                if runs or not line.startswith("runs ")]

    def timeline(self):
        """The marks without their times; empty before the first."""
        log = self.run / "boot.log"
        return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def host(tmp_path, programs):
    host = Host(tmp_path, programs)
    yield host
    host.stop()
