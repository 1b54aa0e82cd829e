"""A disk with Debian as its own tools install it, made by debian/root and debian/disk."""

import hashlib
import os
import shutil
import subprocess
import tarfile

import drives
import tools

HERE = drives.TOP / "qemu-test/debian"
WHY = "cannot fetch Debian's packages: see out/logs/debian.log"


def path():
    """The PATH of the tools: the build's own, then this machine's."""
    built = [str(root / directory) for root in map(drives.package, ("mtools", "dosfstools")) if root
             for directory in ("usr/bin", "usr/sbin")]
    return ":".join((*built, os.environ["PATH"], "/usr/sbin", "/sbin"))


def run(script, *arguments):
    """Run one of the scripts; False if it failed."""
    for name in ("mmdebstrap", "sfdisk", *(() if os.geteuid() == 0 else ("fakeroot", "newuidmap"))):
        tools.find(name)
    for name, owner in (("mcopy", "mtools"), ("mkfs.fat", "dosfstools"), ("mke2fs", "e2fsprogs")):
        drives.tool(name, owner)
    log = drives.OUT / "logs/debian.log"
    with open(log, "w", encoding="utf-8") as out:
        return subprocess.run(
            ["sh", str(HERE / script), *map(str, arguments)], check=False, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, env={**os.environ, "PATH": path(), "TREE": str(drives.TOP)}).returncode == 0


def tarball(script="root"):
    """A tarball of Debian's files, cached for each version of the scripts that make it;
    None if the packages cannot be fetched."""
    key = hashlib.sha256((HERE / script).read_bytes() + (HERE / "pack.sh").read_bytes()).hexdigest()[:16]
    made = drives.CACHE / "systems" / ("debian-%s-%s.tar" % (script, key))
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        if not run(script, made):
            return None
        for old in set(made.parent.glob("debian-%s-*" % script)) - {made}:
            old.unlink()
    return made


def installer(directory):
    """Debian's current installer in a new directory, with its version in a file; or None."""
    return directory if run("installer", directory) else None


def cloud(directory):
    """Debian's kernel for virtual machines in a new directory, and its network driver; or None."""
    return directory if run("cloud", directory) else None


def disk(image, script="root", files=HERE / "files"):
    """A disk with Debian and FILES, or None if its packages cannot be fetched."""
    made = tarball(script)
    if made:
        assert run("disk", made, image, files), (drives.OUT / "logs/debian.log").read_text()
    return image if made else None


def root(directory):
    """A drive with Debian's files in a tarball, and space to unpack them; or None."""
    made = tarball()
    if not made:
        return None
    tree = directory / "tarball"
    tree.mkdir()
    shutil.copyfile(made, tree / "debian.tar")
    fstab = tree / "fstab"
    fstab.write_text("/dev/xvda / ext4 errors=remount-ro 0 1\n")
    with tarfile.open(tree / "debian.tar", "a") as tar:
        for path in sorted((HERE / "files").rglob("*")):
            if path.is_file():
                tar.add(path, "./%s" % path.relative_to(HERE / "files"), filter=_ours)
        tar.add(fstab, "./etc/fstab", filter=_ours)
    fstab.unlink()
    drive = drives.ext4(directory / "tarball.img", tree, 2600, "tarball")
    shutil.rmtree(tree)
    return drive


def _ours(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if "/sbin/" in entry.name else 0o644
    return entry
