"""Programs and files of this machine that the tests use, and the Debian packages they
are in. A test that lacks one says which package to install; tests/lint compares the
packages with the lists lib/hostpkgs*, which ./build.sh test installs.
"""

import importlib
import os
import shutil

# What every Debian has (its essential packages) is not among them.
PACKAGES = {
    "busybox": "busybox",
    "clang": "clang",
    "clang-format": "clang-format",
    "clang-tidy": "clang-tidy",
    "cppcheck": "cppcheck",
    "fakeroot": "fakeroot",
    "gawk": "gawk",
    "git": "git",
    "make": "make",
    "mawk": "mawk",
    "mke2fs": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "qemu-nbd": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "sfdisk": "fdisk",
    "shellcheck": "shellcheck",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    # These the build makes, too, and then they are not asked for here (drives.tool).
    "blkid": "util-linux",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mdir": "mtools",
    "mkfs.fat": "dosfstools",
    "mmd": "mtools",
    "xorriso": "xorriso",
}


class Missing(Exception):
    """A program or a file is not on this machine. Its text names the package."""


def path_of(name):
    """Where a program is on this machine, or None."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def find(name):
    """Where a program is on this machine."""
    package = PACKAGES[name]
    path = path_of(name)
    if not path:
        raise Missing("%s is not on this machine: install the Debian package %s" % (name, package))
    return path


def need_module(name, package):
    """A module of Python's that a package of Debian's installs."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Missing("Python's %s is not on this machine: install the Debian package %s" % (name, package)) from None


def need_file(path, package):
    """The path of a file that a package of Debian's installs."""
    if not os.path.exists(path):
        raise Missing("%s is not on this machine: install the Debian package %s" % (path, package))
    return path
