"""The program slot, built with the host's compiler under ASan and UBSan, and FAT images
for it, made without mounting anything."""

import hashlib
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "qemu-test"))

import drives  # noqa: E402
import tools  # noqa: E402
from installed import BLOCK, block  # noqa: E402,F401

SOURCE = TOP / "install/slot"
OUT = TOP / "out/slot"


def run(*command, **options):
    """Run a program that must succeed; returns its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, **options)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def program():
    """slot with its writes recorded on demand (record.c)."""
    built = OUT / "san/slot-recorded"
    run(tools.find("make"), "-s", "-C", SOURCE, "OUT=%s" % os.path.relpath(OUT, SOURCE), "recorded")
    return built


class Slot:
    """Calls the program."""

    def __init__(self, program):
        self.program = program

    def call(self, *arguments, data=b"", env=None, **options):
        return subprocess.run([str(self.program), *[str(word) for word in arguments]], input=data,
                              capture_output=True, check=False, env={**os.environ, **(env or {})}, **options)

    def ok(self, *arguments, **options):
        done = self.call(*arguments, **options)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def fails(self, *arguments, **options):
        """Its message."""
        done = self.call(*arguments, **options)
        text = done.stderr.decode()
        assert done.returncode == 1, (done.returncode, text)
        assert text.startswith("slot: ") and text.endswith("\n"), text
        return text

    def state(self, image):
        return dict(line.split("=") for line in self.ok("state", image).splitlines())


@pytest.fixture
def slot(program):
    return Slot(program)


class Fat:
    """A FAT file system in a file."""

    def __init__(self, path, kib=4096, bits=16, cluster=1):
        self.path = path
        run(drives.tool("mkfs.fat", "dosfstools"), "-C", "--invariant", "-F", bits, "-s", cluster, path, kib)

    def __fspath__(self):
        return str(self.path)

    def __str__(self):
        return str(self.path)

    def mtool(self, name, *arguments):
        return run(drives.tool(name, "mtools"), "-i", self.path, *arguments,
                   env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"})

    def mkdir(self, name):
        self.mtool("mmd", "::/" + name)

    def put(self, name, data):
        source = self.path.with_suffix(".put")
        source.write_bytes(data)
        self.mtool("mcopy", "-o", source, "::/" + name)

    def delete(self, name):
        self.mtool("mdel", "::/" + name)

    def poke(self, offset, data):
        with open(self.path, "r+b") as image:
            image.seek(offset)
            image.write(data)

    def find(self, data):
        """The offset of bytes that occur once."""
        image = self.path.read_bytes()
        assert image.count(data) == 1
        return image.index(data)


def write_states(fat, *blocks):
    fat.mkdir("xenith")
    for number, data in enumerate(blocks):
        if data is not None:
            fat.put("xenith/state%d" % number, data)


@pytest.fixture
def esp(tmp_path):
    """Makes an EFI system partition with the two files of the boot state."""
    def make(*blocks, **options):
        fat = Fat(tmp_path / "esp", **options)
        write_states(fat, *blocks)
        return fat
    return make


def manifest(files, version="1.0", order="20261101000000"):
    return ("xenith-manifest 1\nversion %s\norder %s\n" % (version, order) + "".join(
        "file %s %d %s\n" % (name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items())).encode()


@pytest.fixture
def partition(tmp_path):
    """Makes a slot with files and their manifest."""
    def make(files, text=None, **options):
        fat = Fat(tmp_path / "partition", **options)
        for name, data in files.items():
            fat.put(name, data)
        fat.put("manifest", manifest(files) if text is None else text)
        return fat
    return make
