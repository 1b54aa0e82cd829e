"""The program that feeds the host's watchdogs, with a directory as Xen, files as hardware, and domd."""

import os
import signal
import subprocess
import time

import pytest

LIMIT = 4
# Exit status: nothing is left to feed.
IDLE = 3


class Watchdog:
    def __init__(self, host):
        self.host = host
        self.device = host.run / "watchdog0"
        self.device.touch()
        self.kmsg = host.run / "kmsg"
        self.kmsg.touch()
        self.service = host.run / "service"
        (self.service / "supervise").mkdir(parents=True)
        self.program = None

    def start(self, limit=LIMIT):
        self.program = subprocess.Popen(
            [str(self.host.programs / "watchdog"), "-r", str(self.host.run), "-s", str(self.host.socket),
             "-S", str(self.service), "-k", str(self.kmsg), str(limit), str(self.device)],
            env={**os.environ, "FAKE_DIR": str(self.host.fake)}, stderr=subprocess.PIPE, text=True)

    def stop(self):
        """SIGTERM; it must end well."""
        self.program.terminate()
        self.wait()

    def wait(self, status=0):
        errors = self.program.communicate(timeout=30)[1]
        assert (self.program.returncode, errors) == (status, "")

    def timer(self, number=1):
        """The seconds for which Xen's timer is armed."""
        file = self.host.fake / f"timer-{number}"
        return int(file.read_text()) if file.exists() else None

    def well(self):
        """Fed after an answer of domd that is no older than a round and what a busy machine adds."""
        return self.timer() in (LIMIT - 1, LIMIT)

    def calls(self):
        log = self.host.fake / "timers"
        return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []

    def fed(self):
        """How often Xen's timer and the hardware were fed."""
        return len(self.calls()), self.device.stat().st_size

    def until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.calls()[-5:], self.kmsg.read_text())
            assert self.program.poll() is None, self.program.stderr.read()
            time.sleep(0.02)

    def until_fed(self):
        xen, hardware = self.fed()
        self.until(lambda: self.fed() >= (xen + 2, hardware + 2) and self.fed()[1] >= hardware + 2)

    def until_hungry(self):
        """Until nothing has been fed for several rounds."""
        last, since = self.fed(), time.monotonic()
        end = since + 60
        while time.monotonic() < since + LIMIT:
            assert time.monotonic() < end, self.calls()[-5:]
            time.sleep(0.1)
            if self.fed() != last:
                last, since = self.fed(), time.monotonic()


@pytest.fixture
def watchdog(host):
    watchdog = Watchdog(host)
    yield watchdog
    if watchdog.program and watchdog.program.poll() is None:
        watchdog.program.kill()
        watchdog.program.communicate()
    if host.daemon:
        # A failed test may have left it stopped.
        host.daemon.send_signal(signal.SIGCONT)


@pytest.fixture
def watched(host, watchdog):
    """A healthy host: domd answers, and the timers are fed."""
    host.start()
    watchdog.start()
    watchdog.until(watchdog.well)
    return watchdog


def test_healthy_host(watched):
    watched.until_fed()
    watched.until_fed()
    assert watched.timer(2) is None
    state = (watched.host.run / "watchdog").read_text()
    assert state == f"armed (Xen, {watched.device}): the host is reset if domd does not answer for {LIMIT} s\n"
    assert state in watched.kmsg.read_text()
    assert "has not answered" not in watched.kmsg.read_text()
    # The table of all domains says so; other answers are domd's alone.
    watched.host.domain("web")
    watched.host.ok("reload")
    assert watched.host.ok("status").endswith(f"\n\nwatchdog: {state}")
    for words in (["status", "web"], ["status", "--json"]):
        assert "watchdog" not in watched.host.ok(*words)


def test_domd_that_hangs(watched):
    """Each time that Xen's timer is fed, it is for less; then nothing is."""
    watched.host.daemon.send_signal(signal.SIGSTOP)
    watched.until_hungry()
    watched.host.daemon.send_signal(signal.SIGCONT)
    times = [seconds for _, seconds in watched.calls()]
    assert times[-1] == 1 and times[-LIMIT // 2:] == sorted(times[-LIMIT // 2:], reverse=True)
    assert "<3>Xenith: watchdog: domd has not answered for " in watched.kmsg.read_text()
    assert watched.kmsg.read_text().count("has not answered") == 1
    # It was only slow.
    watched.until(watched.well)
    watched.until_fed()


def test_domd_that_is_restarted(watched):
    """It ends with a question that it has not answered."""
    watched.host.daemon.send_signal(signal.SIGSTOP)
    time.sleep(LIMIT / 2 + 0.5)
    watched.host.kill()
    assert not watched.well()
    watched.host.start()
    watched.until(watched.well)
    assert 0 not in [seconds for _, seconds in watched.calls()[2:]]


def test_domd_that_never_comes_back(watched):
    watched.host.kill()
    watched.until_hungry()
    assert watched.timer() == 1


def test_domd_that_somebody_stopped(watched):
    """`sv down domd` is not a hang."""
    (watched.service / "supervise/status").write_bytes(b"\0" * 17 + b"d" + b"\0" * 2)
    watched.host.kill()
    time.sleep(1.5 * LIMIT)
    watched.until_fed()
    assert watched.well()
    (watched.service / "supervise/status").write_bytes(b"\0" * 17 + b"u" + b"\0" * 2)
    watched.until_hungry()


def test_boot_that_xen_watches(host, watchdog):
    """The time that Xen was told holds until domd answers."""
    (host.fake / "timer-1").write_text("77\n")
    watchdog.start()
    size = watchdog.device.stat().st_size
    watchdog.until(lambda: watchdog.device.stat().st_size > size + 2)
    assert watchdog.timer() == 77 and watchdog.timer(2) is None
    host.start()
    watchdog.until(watchdog.well)


def test_check_of_a_file_system(watchdog):
    """Xen's own time may be too short for it."""
    (watchdog.host.fake / "timer-1").write_text("77\n")
    with open("/proc/uptime", encoding="ascii") as uptime:
        now = int(float(uptime.read().split()[0]))
    (watchdog.host.run / "checking").write_text(f"{now + 900}\n")
    watchdog.start()
    watchdog.until(lambda: 800 < watchdog.timer() <= 900)


def test_boot_that_xen_does_not_watch(watchdog):
    watchdog.start()
    watchdog.until_fed()
    assert LIMIT < watchdog.timer() <= 600
    assert "has not answered" not in watchdog.kmsg.read_text()


def test_another_instance_takes_over(watched):
    watched.program.kill()
    watched.program.communicate()
    watched.start()
    watched.until_fed()
    watched.until(watched.well)
    assert watched.timer(2) is None


def test_stopped_by_hand(watched):
    watched.stop()
    assert watched.timer() is None and watched.timer(2) is None
    assert watched.device.read_bytes().endswith(b"V")
    assert not (watched.host.run / "watchdog").exists()


def test_shutdown(watched):
    """domd ends, and the shutdown's own deadline counts; the last word leaves all armed."""
    with open("/proc/uptime", encoding="ascii") as uptime:
        now = int(float(uptime.read().split()[0]))
    (watched.host.run / "stopping").write_text(f"{now + 3 * LIMIT}\n")
    watched.host.kill()
    time.sleep(1.5 * LIMIT)
    watched.until_fed()
    watched.stop()
    assert watched.timer() == 120
    assert b"V" not in watched.device.read_bytes()


def test_shutdown_that_hangs(watched):
    with open("/proc/uptime", encoding="ascii") as uptime:
        now = int(float(uptime.read().split()[0]))
    (watched.host.run / "stopping").write_text(f"{now + 2}\n")
    watched.until_hungry()
    assert watched.timer() <= 2


def test_deadline_that_is_being_written(watched):
    """An empty file, or half a number, does not end the host."""
    (watched.host.run / "stopping").write_text("1")
    watched.until_fed()
    watched.until(watched.well)


def test_off_and_xen_told_nothing(watchdog):
    watchdog.start(limit=0)
    watchdog.wait(IDLE)
    assert watchdog.timer() is None
    assert watchdog.device.stat().st_size == 0


def test_off_and_xen_watches_the_boot(host, watchdog):
    (host.fake / "timer-1").write_text("77\n")
    watchdog.start(limit=0)
    time.sleep(1)
    assert watchdog.program.poll() is None and watchdog.timer() == 77
    host.start()
    watchdog.wait(IDLE)
    assert watchdog.timer() is None
    assert watchdog.device.stat().st_size == 0


def test_device_that_is_missing(host, watchdog):
    watchdog.device.unlink()
    watchdog.device = host.run / "gone"
    host.start()
    watchdog.start()
    watchdog.until(watchdog.well)
    assert f"cannot open {watchdog.device}: No such file or directory" in watchdog.kmsg.read_text()


@pytest.mark.parametrize("words", [[], ["soon"], ["-1"], ["10000"], ["4x"], ["-z", "4"]])
def test_usage(programs, words):
    done = subprocess.run([programs / "watchdog", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage: watchdog" in done.stderr
