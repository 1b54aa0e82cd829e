"""Debian as its own tools install it, on a disk. debian/root and debian/disk make it."""

import hashlib
import os
import shutil
import subprocess

import drives

HERE = drives.TOP / "qemu-test/debian"
TOOLS = ("mmdebstrap", "sfdisk", "mkfs.fat", "mcopy", "mke2fs")
WHY = "Debian's packages could not be had: lib/hostpkgs-slow names the tools, and see out/logs/debian.log"


def path():
    """Where the tools are: what the build made for itself, and this machine's."""
    built = [str(root / directory) for root in map(drives.package, ("mtools", "dosfstools")) if root
             for directory in ("usr/bin", "usr/sbin")]
    return ":".join((*built, os.environ["PATH"], "/usr/sbin", "/sbin"))


def possible():
    return all(shutil.which(tool, path=path()) for tool in TOOLS)


def run(script, *arguments):
    """One of the scripts; False if it failed."""
    log = drives.OUT / "logs/debian.log"
    with open(log, "w", encoding="utf-8") as out:
        return subprocess.run(
            ["sh", str(HERE / script), *map(str, arguments)], check=False, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, env={**os.environ, "PATH": path(), "TREE": str(drives.TOP)}).returncode == 0


def tarball():
    """Debian's files, made once for each version of the script that makes them."""
    key = hashlib.sha256((HERE / "root").read_bytes()).hexdigest()[:16]
    made = drives.CACHE / "systems" / ("debian-%s.tar" % key)
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        if not run("root", made):
            return None
        for old in set(made.parent.glob("debian-*")) - {made}:
            old.unlink()
    return made


def disk(image):
    """A disk to start Debian from, or None where it cannot be made."""
    root = tarball() if possible() else None
    return image if root and run("disk", root, image) else None
