"""A plugin for pytest: a test that hangs fails, says where it waited, and does not keep the
others from running. Its limit tells a hang from a slow machine; it measures nothing."""

import contextlib
import os
import signal

import pytest

# In seconds. The longest test takes two minutes on a slow machine.
LIMIT = float(os.environ.get("XENITH_HANG", 7200 if os.environ.get("XENITH_SLOW") else 900))
# Again and again: what waits may be the end of a `with`.
AGAIN = 10


def descendants(top):
    """The process identifiers of the children of TOP, of their children, and so on."""
    parents = {}
    for directory in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):      # it has ended
            with open("/proc/%s/stat" % directory, encoding="ascii", errors="replace") as stat:
                parents[int(directory)] = int(stat.read().rpartition(")")[2].split()[1])
    found = [top]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def hangs(*_):
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    pytest.fail("the test did not end within %g s (XENITH_HANG); its programs were killed" % LIMIT)


@pytest.hookimpl(hookwrapper=True)
def limited():
    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, AGAIN)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = limited
