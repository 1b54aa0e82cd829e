"""Bills of materials of a small tree, and their validators: the official schema and
SPDX's own reader."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(os.environ.get("XENITH_OUT") or TOP / "out")


def package(name):
    """The cache directory of a package that this tree has built, or None."""
    listed = OUT / "packages"
    for line in listed.read_text().splitlines() if listed.exists() else []:
        first, path = line.split(" ", 1)
        if first == name and pathlib.Path(path).is_dir():
            return pathlib.Path(path)
    return None


def need(name):
    found = package(name)
    if found is None:
        pytest.skip("%s is not built: ./build.sh package %s" % (name, name))
    return found / "root"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def sbom(tree, *options):
    """The document of lib/sbom for a tree."""
    done = subprocess.run([sys.executable, "-B", str(TOP / "lib/sbom/main.py"), str(tree), *map(str, options)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Small:
    """A tree with an image, and the output of its build in out/."""

    def __init__(self, directory):
        self.top = directory / "tree"
        self.out = directory / "out"
        self.cache = directory / "cache"
        write(self.top / "config", "RELEASE=7\nSOURCE_DATE_EPOCH=1793491200\n")
        self.recipe("recipes/musl", sources="%s  apt:trixie-security/musl=1:1.2.5+x-3~deb13u1/musl_1.2.5.orig.tar.gz\n"
                    % ("a" * 64), license="MIT", depends="host:gcc\n",
                    advisories="CVE-2026-1 open no patch is known\nXSA-9 unaffected no guests\n")
        self.recipe("recipes/gcc", depends="host:binutils\n", license="GPL-3.0-or-later WITH GCC-exception-3.1")
        self.recipe("recipes/binutils")
        self.recipe("recipes/mtools", depends="musl\n")
        self.recipe("recipes/shell", depends="musl host:gcc\n",
                    sources="%s https://example.org/shell-1.tar.gz\n" % ("b" * 64))
        self.recipe("hypervisor/qemu", depends="musl host:gcc\n", license="GPL-2.0-only")
        self.recipe("image/root", depends="shell\n")
        self.recipe("image/hvm", depends="qemu\n")
        for image in ("iso", "netboot"):
            self.recipe("image/" + image, depends="host:root host:hvm host:mtools\n")
        write(self.top / "image/root/files/leave-out", "# not in dom0\n./usr/include\n./usr/lib/*.a\n")
        write(self.top / "image/hvm/files/paths", "usr/share/qemu\nusr/lib/libq.so.*\n")
        write(self.top / "rootfs/etc/motd", "ours\n")
        write(self.top / "bootscripts/10-first", "first\n")
        write(self.top / "bootscripts/init", "init\n")
        self.built("musl", "lib/libc.so", "usr/lib/libc.a", "usr/include/deep/stdio.h",
                   patches="debian/qsort.patch %s CVE-2026-40200,XSA-5\n01-own.patch %s -\n" % ("c" * 64, "d" * 64))
        self.built("shell", "bin/sh", "etc/motd")
        self.built("qemu", "usr/share/qemu/keymaps/de", "usr/lib/libq.so.1", "usr/bin/not-taken")
        write(self.out / "xenith.iso", "iso\n")
        write(self.out / "netboot/vmlinuz", "linux\n")

    def recipe(self, path, **parts):
        for part, text in {"version": "1.0\n", "license": "MIT", **parts}.items():
            write(self.top / path / part, text)

    def built(self, name, *files, patches=""):
        where = self.cache / (name + "-0123")
        for file in files:
            write(where / "root" / file, name + " " + file)
        write(where / "manifest", "usr\td 755\n" + "".join(
            "%s\tf %s\n%s\tm 644\n" % (file, "0" * 64, file) for file in sorted(files)))
        write(where / "patches", patches)
        write(self.out / "packages", "".join("%s %s\n" % (path.name.rsplit("-", 1)[0], path)
                                             for path in sorted(self.cache.iterdir())))

    def inside(self, *options):
        """The copy inside the image."""
        return json.loads(sbom(self.top, *options))

    def beside(self, *options):
        """The document that is published beside the image."""
        return json.loads(self.beside_text(*options))

    def beside_text(self, *options):
        return sbom(self.top, "--packages", self.out / "packages", "--out", self.out, *options)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def small(tmp_path):
    # A blank in the path, as in some home directories.
    return Small(tmp_path / "my builds")


@pytest.fixture(scope="session")
def schema():
    return json.loads((need("spdx-schema") / "usr/share/spdx/schema.json").read_text())


@pytest.fixture(scope="session")
def reader():
    """SPDX's reader: its messages about a document, as one text; empty if it is valid."""
    libraries = need("spdx-tools") / "usr/lib/python3/dist-packages"

    def read(document, directory):
        file = directory / "document.spdx.json"
        file.write_text(json.dumps(document))
        done = subprocess.run([sys.executable, "-B", "-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", str(file)],
                              env={"PATH": os.environ["PATH"], "PYTHONPATH": str(libraries)},
                              capture_output=True, text=True, check=False)
        assert "ModuleNotFoundError" not in done.stderr, done.stderr
        return "" if done.returncode == 0 else done.stdout + done.stderr + "exit %d" % done.returncode
    return read


@pytest.fixture(params=["small, inside", "small, beside", "ours, inside", "ours, beside"])
def document(request, small):
    """Every kind of document that is validated."""
    if request.param == "small, inside":
        return small.inside()
    if request.param == "small, beside":
        return small.beside()
    if request.param == "ours, inside":
        return json.loads(sbom(TOP))
    published = OUT / "xenith.spdx.json"
    if not published.exists():
        pytest.skip("nothing is built yet: run ./build.sh")
    return json.loads(published.read_text())
