"""domd and xenith, built with the host's compiler; other tests call them, too."""

import fcntl
import functools
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "qemu-test"))

import tools  # noqa: E402

DOMD = TOP / "domd"
OUT = pathlib.Path(os.environ.get("DOMD_OUT", TOP / "out" / "domd"))


# The libraries that the programs need, by the header that a compiler looks for.
HEADERS = {"cmocka.h": "libcmocka-dev", "libxl.h": "libxen-dev", "yajl/yajl_version.h": "libyajl-dev"}


def make(*arguments):
    """Run domd/Makefile; returns its output. Paths are relative to its directory: make
    cannot handle paths with blanks, which the directories above may have."""
    for header, package in HEADERS.items():
        tools.need_file("/usr/include/" + header, package)
    OUT.mkdir(parents=True, exist_ok=True)
    # Directories of tests run in parallel.
    with open(OUT / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([tools.find("make"), "-s", "-j2", "-C", str(DOMD), f"OUT={os.path.relpath(OUT, DOMD)}", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


@functools.lru_cache(None)
def xenith():
    """The program, as the build host and dom0 have it, but for its C library."""
    program = OUT / "fake/xenith"
    make(os.path.relpath(program, DOMD))
    return program
