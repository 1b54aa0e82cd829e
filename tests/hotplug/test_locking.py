"""The lock: one holder at a time, and released however its holder ends."""
import signal
import subprocess
import time

from busybox import SHELL
from conftest import HERE, SCRIPTS

HOLD = """
    XENBUS_PATH=backend/vbd/1/1
    . "$SCRIPTS/hotplug-common.sh"
    . "$SCRIPTS/locking.sh"
    lock test
"""


def holder(dom0, then):
    return subprocess.Popen(
        [*SHELL, "-c", HOLD + then],
        stdout=subprocess.PIPE, text=True,
        env={"PATH": f"{dom0.top}/bin:/usr/bin:/bin", "FAKE": str(dom0.top),
             "SCRIPTS": str(SCRIPTS), "INSIDE": str(dom0.top / "inside"),
             "HOTPLUG_RUN": str(dom0.top / "run")},
    )


def test_no_two_are_inside_at_once(dom0):
    script = 'mkdir "$INSIDE" || exit 7; sleep 0.05; rmdir "$INSIDE"; unlock'
    assert [p.wait(60) for p in [holder(dom0, script) for _ in range(8)]] == [0] * 8


def test_a_killed_holder_gives_it_back(dom0):
    first = holder(dom0, "echo held; while :; do :; done")
    try:
        assert first.stdout.readline() == "held\n"
        second = holder(dom0, "echo held")
        time.sleep(0.3)
        assert second.poll() is None
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert second.wait(60) == 0
