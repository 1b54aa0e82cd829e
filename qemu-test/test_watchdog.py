"""Hosts that hang, and hosts that are only slow. QEMU ends when the host is reset."""

import gzip
import time

import pytest

import drives
from console import FATAL
from host import until

# Each test waits for the watchdog's time, and most boot a machine.
pytestmark = pytest.mark.slow

LIMIT = 30
HARDWARE = ["-device", "i6300esb", "-action", "watchdog=reset"]
# Xen's lines when its timer of dom0 fires.
FIRED = "Watchdog timer fired for domain 0"
ARMED = "watchdog: armed (Xen, i6300ESB timer): the host is reset if domd does not answer for %d s"


def host(boot, iso, directory, name, watchdog):
    drive = drives.partitioned_vfat(directory / (name + ".img"), drives.write_tree(
        directory / name, {"host.conf": "watchdog=%s\nautostart=no\n" % watchdog}))
    return boot(name, iso, drives=[drive], extra=HARDWARE).wait_ready()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("watchdog")


@pytest.fixture(scope="module")
def machine(boot, iso, directory):
    """A host with the watchdog; the last test resets it."""
    return host(boot, iso, directory, "watchdog", LIMIT)


@pytest.fixture(scope="module")
def kernels(netboot, directory):
    """(the image's Xen as QEMU loads it, a dom0 that hangs)"""
    xen = directory / "xen"
    xen.write_bytes(gzip.decompress((netboot / "xen.gz").read_bytes()))
    return xen, drives.hanging_kernel(directory / "hang")


@pytest.mark.parametrize("seconds", [10, 0])
def test_dom0_that_hangs_before_its_init(boot, kernels, seconds):
    xen, kernel = kernels
    machine = boot("watchdog-dom0-%d" % seconds, xen, attach="kernel", modules=str(kernel), nic=False,
                   append="com1=115200 console=com1 loglvl=all dom0_mem=128M dom0-watchdog=%d" % seconds)
    machine.console.wait("Freed .* init memory")
    if seconds:
        machine.console.wait(FIRED)
        assert machine.console.wait_end(60)
    else:
        assert not machine.console.poll(lambda text: FIRED in text, 60)
        assert not machine.console.ended
    machine.close()


def test_it_is_armed(machine):
    until(machine, "xenith status | grep -q 'watchdog: armed'", 30)
    assert ARMED % LIMIT in machine.out("xenith status")


def test_healthy_host(machine):
    """Nothing fires in three times the limit; domd is killed in between."""
    for _ in range(3):
        machine.out("sleep %d" % LIMIT, LIMIT + 60)
        machine.out("pkill -9 -x domd")
        until(machine, "xenith status >/dev/null 2>&1", 30)
    assert FIRED not in machine.console.text
    assert "domd has not answered" not in machine.console.text


def test_service_that_is_killed(machine):
    """The next instance takes over the armed timers."""
    machine.out("pkill -9 -f '^/usr/lib/xenith/watchdog'")
    machine.out("sleep %d" % (2 * LIMIT), 2 * LIMIT + 60)
    assert ARMED % LIMIT in machine.out("xenith status")
    assert FIRED not in machine.console.text


def test_domd_that_somebody_stopped(machine):
    machine.out("sv down domd")
    machine.out("sleep %d" % (2 * LIMIT), 2 * LIMIT + 60)
    machine.out("sv up domd")
    until(machine, "xenith status >/dev/null 2>&1", 30)
    assert FIRED not in machine.console.text


def test_domd_that_hangs(machine):
    """The last test on this machine."""
    since = machine.console.position()
    machine.out("pkill -STOP -x domd")
    machine.console.wait("Xenith: watchdog: domd has not answered for", since, cap=LIMIT + 60, fatal=None)
    machine.console.wait(FIRED, since, cap=LIMIT + 60, fatal=None)
    assert machine.console.wait_end(60)


def test_hardware_that_is_not_fed(boot, iso, directory):
    """As if Xen hung: the hardware's time ends before that of Xen's timer."""
    machine = host(boot, iso, directory, "watchdog-hardware", "yes")
    until(machine, "xenith status | grep -q 'watchdog: armed'", 30)
    assert ARMED % 300 in machine.out("xenith status")
    began = time.monotonic()
    machine.out("pkill -STOP -f '^/usr/lib/xenith/watchdog'")
    assert machine.console.wait_end(240)
    assert time.monotonic() - began > 20
    assert FIRED not in machine.console.text and not FATAL.search(machine.console.text)
    machine.close()


def test_slow_shutdown(boot, iso, directory):
    """It takes longer than domd may be silent."""
    machine = host(boot, iso, directory, "watchdog-shutdown", 10)
    until(machine, "xenith status | grep -q 'watchdog: armed'", 30)
    machine.out("sed -i 's/^event shutdown/event shutdown; sleep 45/' /etc/boot/rcK")
    machine.out("reboot")
    machine.wait_off(last="reboot")
    assert FIRED not in machine.console.text
    machine.close()


def test_off(boot, iso, directory):
    """The default. Xen's timer would have to be armed by hand."""
    machine = host(boot, iso, directory, "watchdog-off", "no")
    until(machine, "sv status /run/service/watchdog | grep -q '^down'", 30)
    assert "watchdog" not in machine.out("xenith status")
    machine.out("pkill -STOP -x domd; sleep 60")
    assert FIRED not in machine.console.text
    machine.close()
