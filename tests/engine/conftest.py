"""A separate source tree for each test, with the engine and tiny recipes.

The recipes run no compiler, so that a build takes a second.
"""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

from archive import Archive

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "qemu-test"))

from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401


class Tree:
    def __init__(self, directory):
        self.top = directory / "tree"
        self.cache = directory / "cache"
        self.upstream = directory / "upstream"
        self.upstream.mkdir(parents=True)
        self.said = ""          # what the last build printed
        for name in ("recipes", "hypervisor", "image"):
            (self.top / name).mkdir(parents=True)
        shutil.copytree(TOP / "lib", self.top / "lib")
        for name in ("build.sh", "config", ".shellcheckrc"):
            shutil.copy2(TOP / name, self.top / name)
        config = self.top / "config"
        config.write_text(re.sub("(?m)^GOALS=.*", "GOALS=iso netboot", config.read_text()))

    def recipe(self, name, **parts):
        """Write a recipe: {file name: text}."""
        directory = self.top / "recipes" / name
        directory.mkdir(exist_ok=True)
        parts = {"version": "1", "license": "MIT", **parts}
        for part, text in parts.items():
            path = directory / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return directory

    def tarball(self, name, **files):
        """An upstream tarball; returns its line for `sources`."""
        path = self.upstream / name
        top = self.upstream / "unpacked"
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir()
        for file, text in files.items():
            (top / file).write_text(text + "\n")
        with tarfile.open(path, "w:gz") as tar:
            tar.add(top, "upstream-1")
        return self.source_line(path)

    @staticmethod
    def source_line(path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return "%s %s" % (digest, path.as_uri())

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": str(self.cache),
                "XENITH_CACHE": str(self.cache), **more}

    def command(self, *words, **environment):
        """Run ./build.sh; returns the CompletedProcess, with stderr in stdout."""
        return subprocess.run(
            [str(self.top / "build.sh"), *words],
            env=self.environment(**environment), text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def build(self, *names, check=True, **environment):
        done = self.command("package", *names, **environment)
        self.said = done.stdout
        if check:
            assert done.returncode == 0, done.stdout
        return done

    def start(self, *names):
        """Start a build in its own process group, to be killed."""
        return subprocess.Popen(
            [str(self.top / "build.sh"), "package", *names],
            env=self.environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def kill(process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Its children die a moment later, and init reaps them.
        for _ in range(100):
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)

    def package(self, name):
        """The cache directory of a package of the last build."""
        for line in (self.top / "out/packages").read_text().splitlines():
            first, path = line.split(" ", 1)
            if first == name:
                return pathlib.Path(path)
        raise KeyError(name)

    def output(self, name, file):
        return (self.package(name) / "root" / file).read_text().strip()

    def built(self):
        """The packages that the last build did not take from the cache."""
        return set(re.findall(r"(\S+): built in", self.said))


@pytest.fixture
def make_tree(tmp_path):
    """Make a tree: make_tree(NAME)."""
    return lambda name: Tree(tmp_path / name)


@pytest.fixture
def tree(make_tree):
    # A blank in every path, as in some home directories.
    return make_tree("my builds")


@pytest.fixture
def pair(tree):
    """`two` depends on `one` and repeats its word."""
    tree.recipe("one", build='install() { echo hello >"$DEST/word"; }')
    tree.recipe("two", depends="one",
                build='install() { cat "$SYSROOT/word" "$SYSROOT/word" >"$DEST/words"; }')
    return tree


@pytest.fixture
def archive(tmp_path):
    """A Debian archive that apt reads with archive.environment."""
    if not shutil.which("apt-get"):
        pytest.skip("needs apt: not a Debian system")
    return Archive(tmp_path / "archive")
