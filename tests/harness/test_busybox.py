"""dom0's shell, where its own patches change it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "qemu-test"))

import drives  # noqa: E402
from busybox import BUSYBOX  # noqa: E402

pytestmark = pytest.mark.skipif(not drives.package("busybox-tests"), reason="busybox-tests is not built")


def shell(script, stdin=subprocess.DEVNULL):
    done = subprocess.run([BUSYBOX, "sh", "-c", script], stdin=stdin, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_read_after_a_trap():
    """The first `read` after a trap ran for ever."""
    assert shell("trap 'echo trap' USR1; kill -USR1 $$; echo line | while read -r word; do echo $word; done") == \
        (0, "trap\nline\n", "")


def test_a_trap_ends_read():
    """Also after another trap."""
    silent, open_end = os.pipe()
    try:
        assert shell("trap 'echo trap' USR1; trap 'echo end; exit 3' TERM; kill -USR1 $$; "
                     "{ sleep 1; kill -TERM $$; } & read -r word", silent) == (3, "trap\nend\n", "")
    finally:
        os.close(silent)
        os.close(open_end)
