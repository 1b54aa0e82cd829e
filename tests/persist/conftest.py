"""A host made of files, whose programs run in the image's shell."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path += [str(TOP / "qemu-test"), str(TOP / "tests/domd")]

import built  # noqa: E402
from busybox import BUSYBOX, fill, in_its_shell  # noqa: E402
from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDgIwXnLCyvmF6b1jGz0n5VHnFuDRcnLy8oP3cZ2rAB admin\n"
OTHER_KEY = KEY.replace("admin", "revoked").replace("2rAB", "2rAC")
SECRETS = "* alpha a-long-secret-1\n"
HELLO = 'name = "hello"\ntype = "pv"\nkernel = "/usr/libexec/xen/boot/grub-x86_64-xen.bin"\nmemory = 48\n'


def domain(name):
    return HELLO.replace("hello", name)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The programs, with the image's shell."""
    copy = tmp_path_factory.mktemp("library") / "xenith"
    shutil.copytree(TOP / "rootfs/usr/lib/xenith", copy)
    for path in copy.rglob("*"):
        if path.is_file():
            path.write_text(in_its_shell(path.read_text()))
    (copy / "bin").mkdir()
    fill(copy / "bin")
    # Called by the others, in a shell of its own.
    (copy / "mirror-follow").rename(copy / "mirror-follow.real")
    (copy / "mirror-follow").write_text(f'#!{BUSYBOX} sh\n. "{HERE}/hooks.sh"\n. "$LIBRARY/mirror-follow.real"\n')
    (copy / "mirror-follow").chmod(0o755)
    (copy / "login-keys").write_text('#!/bin/sh\necho keys >>"$FAKE/login.log"\n')
    return copy


class Host:
    # The program that checks domain files, if not the real one.
    xenith = None

    def __init__(self, top, library, file_system="ext2/ext3"):
        self.top = top
        self.library = library
        self.file_system = file_system
        for directory in ("config/domains", "config/images", "config/ssh", "drive", "image/domains", "command-line",
                          "run/merged", "pending"):
            (top / directory).mkdir(parents=True)
        (top / "mounts").write_text(f"/dev/vdb {top}/drive {'vfat' if self.fat else 'ext4'} ro,relatime 0 0\n")
        self.write("image", "host.conf", "# the image\nhostname=image\n")
        self.write("image", "domains/hello.cfg", HELLO)

    @property
    def fat(self):
        return self.file_system == "msdos"

    def write(self, tree, path, text, mode=None):
        file = self.top / tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode or (0o600 if path == "iscsi-secrets" else 0o644))

    def text(self, path):
        return (self.top / path).read_text()

    def run(self, program, *words, kill_at=0, fail_at=0, answer="", edit=None, **environment):
        """Run a program; `edit`: a script that stands for the editor."""
        shutil.rmtree(self.top / "pending")
        (self.top / "pending").mkdir()
        (self.top / "steps").write_text("")
        if edit is not None:
            editor = self.top / "editor"
            editor.write_text(f"#!/bin/sh\n{edit}\n")
            editor.chmod(0o755)
            environment["EDITOR"] = str(editor)
        return subprocess.run(
            [BUSYBOX, "sh", "-c", f'. "{HERE}/hooks.sh"; . "$0"', str(self.library / program), *map(str, words)],
            input=answer, text=True, capture_output=True, timeout=300, check=False, cwd=self.top, env={
                "PATH": f"{self.library}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "FAKE": str(self.top), "LIBRARY": str(self.library), "KILL_AT": str(kill_at),
                "FAIL_AT": str(fail_at), "FILE_SYSTEM": self.file_system, "XENITH": str(self.xenith or built.xenith()),
                "XENITH_CONFIG": f"{self.top}/config", "XENITH_DRIVE": f"{self.top}/drive",
                "XENITH_RUN_DIR": f"{self.top}/run", "XENITH_MOUNTS": f"{self.top}/mounts",
                "XENITH_HOST_KEY": f"{self.top}/host-key", **environment})

    def done(self, program, *words, **options):
        """Run a program that must succeed; returns what it printed."""
        result = self.run(program, *words, **options)
        assert result.returncode == 0, (result.stdout, result.stderr)
        return result.stdout

    def refused(self, program, *words, status=1, **options):
        """Run a program that must fail and change nothing; returns its last line."""
        before = self.drive(), self.config()
        result = self.run(program, *words, **options)
        assert result.returncode == status, (result.stdout, result.stderr)
        assert (self.drive(), self.config()) == before
        return result.stderr.strip().splitlines()[-1]

    def steps(self):
        return self.text("steps").splitlines()

    def newest(self):
        """The files that a boot uses of the drive, and what it says."""
        (self.top / "mounts").write_text(self.text("mounts").replace(" rw,", " ro,"))
        found = self.run("config-newest", self.top / "copy/drive")
        assert found.returncode == 0, found.stderr
        chosen = pathlib.Path(found.stdout.strip())
        return self.tree(chosen.relative_to(self.top)), found.stderr.replace(f"{self.top}/", "").splitlines()

    def boot(self):
        """What 30-config does: the programs that choose and merge. Returns what was said."""
        for directory in ("config", "run/merged"):
            shutil.rmtree(self.top / directory)
        said = []
        sources = [self.top / "image"]
        if not (self.top / "no-drive").exists():
            (self.top / "mounts").write_text(self.text("mounts").replace(" rw,", " ro,"))
            drive = str(self.top / "drive")
            if (self.top / "drive/saved").exists():
                found = self.run("config-newest", self.top / "copy/drive")
                assert found.returncode == 0, found.stderr
                said += found.stderr.splitlines()
                drive = found.stdout.strip() or drive
            sources.append(drive)
        done = subprocess.run([self.library / "config-merge", self.top / "config", *sources, self.top / "command-line"],
                              text=True, capture_output=True, check=True, env={"PATH": f"{self.library}/bin:/usr/bin:/bin"})
        said += done.stderr.splitlines()
        merged = self.top / "run/merged"
        merged.mkdir(mode=0o700)
        for part in ("host.conf", "authorized_keys", "fstab", "iscsi-secrets", "domains", "network", "ssh", "update-keys"):
            if (self.top / "config" / part).exists():
                subprocess.run([BUSYBOX, "cp", "-R", self.top / "config" / part, merged], check=True)
        return [line.replace(f"{self.top}/", "") for line in said]

    def tree(self, directory):
        """Path and text of each file, but for images, hidden files, generations, and notes about a mirror."""
        top = self.top / directory
        return {str(path.relative_to(top)): path.read_text(errors="replace") for path in sorted(top.rglob("*"))
                if path.is_file() and not re.match(r"saved|in-step|apart|images|.*/\.|\.", str(path.relative_to(top)))}

    def drive(self):
        return self.tree("drive")

    def config(self):
        return self.tree("config")

    def conf(self):
        return dict(line.split("=", 1) for line in self.text("config/host.conf").splitlines())

    def saved(self):
        """The names in saved/."""
        return sorted(path.name for path in (self.top / "drive/saved").iterdir())

    def digest(self):
        """Everything on the drive."""
        total = hashlib.sha256()
        for path in sorted((self.top / "drive").rglob("*")):
            total.update(str(path.relative_to(self.top)).encode() + b"\0")
            if path.is_file():
                total.update(path.read_bytes())
        return total.hexdigest()


@pytest.fixture
def host(tmp_path, library):
    """Booted, with a configuration on its drive."""
    made = Host(tmp_path, library)
    made.write("drive", "host.conf", "# Our settings.\nhostname=ours\n# The way out:\ngateway=192.0.2.1\n")
    made.write("drive", "authorized_keys", KEY)
    made.write("drive", "domains/web.cfg", domain("web"))
    assert made.boot() == []
    return made
