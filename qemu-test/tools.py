"""Programs and files of this machine that the tests use, and their Debian packages. A
test without one names the package to install; tests/lint compares the packages with the
lists lib/hostpkgs/*, which ./build.sh test installs.
"""

import importlib
import os
import shutil

# Programs of essential packages, which every Debian has, are left out.
PACKAGES = {
    "bridge": "iproute2",
    "busybox": "busybox",
    "clang": "clang",
    "clang-format": "clang-format",
    "clang-tidy": "clang-tidy",
    "cppcheck": "cppcheck",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "fakeroot": "fakeroot",
    "dnsmasq": "dnsmasq-base",
    "gawk": "gawk",
    "git": "git",
    "ip": "iproute2",
    "iptables-legacy": "iptables",
    "make": "make",
    "mawk": "mawk",
    "minisign": "minisign",
    "mke2fs": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "qemu-io": "qemu-utils",
    "qemu-nbd": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "fdisk": "fdisk",
    "sfdisk": "fdisk",
    "shellcheck": "shellcheck",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tc": "iproute2",
    # The build makes these, too; its own are preferred (drives.tool).
    "blkid": "util-linux",
    "fsck.fat": "dosfstools",
    "grub-editenv": "grub-common",
    "grub-fstest": "grub-common",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mdel": "mtools",
    "mdir": "mtools",
    "mkfs.fat": "dosfstools",
    "mmd": "mtools",
    "mshowfat": "mtools",
    "mtype": "mtools",
    "xorriso": "xorriso",
}


class Missing(Exception):
    """A program or file is missing on this machine. The text names its package."""


def path_of(name):
    """The path of a program on this machine, or None."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def find(name):
    """The path of a program on this machine; raises Missing."""
    package = PACKAGES[name]
    path = path_of(name)
    if not path:
        raise Missing("cannot find %s; install the Debian package %s" % (name, package))
    return path


def need_module(name, package):
    """A Python module that a Debian package installs; raises Missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Missing("cannot import %s; install the Debian package %s" % (name, package)) from None


def need_file(path, package):
    """The path of a file that a Debian package installs; raises Missing."""
    if not os.path.exists(path):
        raise Missing("cannot find %s; install the Debian package %s" % (path, package))
    return path
