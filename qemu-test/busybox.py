"""The BusyBox in which the tests that boot nothing run dom0's scripts: dom0's own if it was
built (recipes/busybox-tests), or else this machine's."""

import re
import shutil
import subprocess

import drives
import tools


def _path():
    root = drives.package("busybox-tests")
    program = root / "bin/busybox" if root else None
    return str(program) if program and program.exists() else tools.find("busybox")


BUSYBOX = _path()
APPLETS = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()


def _takes_programs_from_path():
    """Whether its shell calls the tests' fakes: it may prefer its own applets."""
    found = subprocess.run([BUSYBOX, "sh", "-c", "command -v cat"], capture_output=True, text=True, check=False)
    return found.stdout.startswith("/")


SHELL = [BUSYBOX, "sh"] if _takes_programs_from_path() else ["sh"]


def in_its_shell(script):
    """The text of a script of /bin/sh, for dom0's shell."""
    return script if SHELL == ["sh"] else re.sub(r"\A#!/bin/sh\n", "#!%s sh\n" % BUSYBOX, script)


def fill(directory, fakes=None):
    """Makes the applets programs in DIRECTORY, and those of the directory FAKES in the place
    of applets, their shell dom0's. The applets are links to a copy: a test may write to one."""
    shutil.copy(BUSYBOX, directory / "busybox")
    for name in APPLETS:
        if name != "busybox" and not (fakes and (fakes / name).exists()):
            (directory / name).symlink_to("busybox")
    for fake in fakes.iterdir() if fakes else []:
        if fake.is_file():
            target = directory / fake.name
            target.write_text(in_its_shell(fake.read_text()))
            shutil.copymode(fake, target)
