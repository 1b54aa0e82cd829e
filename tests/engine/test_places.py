"""The locations of a pinned file: each is tried in turn, and the hash decides."""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import server
from archive import Archive
from test_fetch import apt, configured, kept     # noqa: F401 apt is a fixture

NAME = "pkg_1+git~1.orig.tar.gz"
GONE = "apt:trixie/pkg=2-1/" + NAME          # not in the index that conftest's apt plays
POOL = "/debian/pool/main/p/pkg/" + NAME
SECURITY_POOL = "/debian-security/pool/updates/main/p/pkg/" + NAME


@pytest.fixture
def archive():
    with server.Server().running() as running:
        yield running


@pytest.fixture
def bytes_of(tree):
    tree.tarball("pkg-1.tar.gz", text="the text")
    return (tree.upstream / "pkg-1.tar.gz").read_bytes()


@pytest.fixture
def world(tree, apt, archive, bytes_of):     # noqa: F811
    """A machine whose index has newer versions, and a recipe with all locations of a file."""
    configured(tree, archive.url + "/debian CODENAME main",
               archive.url + "/debian-security CODENAME-security main")
    digest = hashlib.sha256(bytes_of).hexdigest()
    sha1 = hashlib.sha1(bytes_of).hexdigest()
    tree.recipe("pkg", build='install() { cp "$SRC/text" "$DEST/text"; }', sources="\n".join(
        "%s %s %s" % (digest, location, NAME)
        for location in (GONE, "snapshot:" + sha1, archive.url + "/upstream/" + NAME)))
    tree.sha1 = sha1
    return {**apt, "XENITH_SNAPSHOT": archive.url + "/snapshot", "XENITH_TIMEOUT": "2"}


def succeeds(tree, world, **environment):
    tree.build("pkg", **{**world, **environment})
    assert tree.output("pkg", "text") == "the text"
    assert not [name for name in kept(tree) if name.startswith(".")]


def fails(tree, world, *words, **environment):
    done = tree.build("pkg", check=False, **{**world, **environment})
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout, done.stdout
    assert kept(tree) == []
    return done.stdout


@pytest.mark.parametrize("path", [POOL, SECURITY_POOL])
def test_the_pool_outlives_the_index(tree, world, archive, bytes_of, path):
    archive.files[path] = bytes_of
    succeeds(tree, world)
    assert archive.asked[-1].endswith("pkg_1%2bgit%7e1.orig.tar.gz")


@pytest.mark.parametrize("pool", ["/second/pool/main/p/pkg/", "/second-security/pool/updates/main/p/pkg/"])
def test_every_mirror_has_a_pool(tree, world, archive, bytes_of, pool):
    """The first mirror may lag behind, or have removed the file already."""
    configured(tree, *(archive.url + line for line in (
        "/debian CODENAME-updates main", "/debian-security CODENAME-security main",
        "/second CODENAME-updates main", "/second-security CODENAME-security main")))
    fails(tree, world, "the pool of Debian's main archive (pool/main/p/pkg), another mirror: 404",
          "the pool of Debian's security archive (pool/updates/main/p/pkg), another mirror: 404")
    archive.files[pool + NAME] = bytes_of
    succeeds(tree, world)


def test_snapshot_when_the_pool_has_let_go(tree, world, archive, bytes_of):
    archive.files["/snapshot/file/" + tree.sha1] = bytes_of
    succeeds(tree, world)
    assert "/upstream/" not in " ".join(archive.asked)


def test_upstream_at_last(tree, world, archive, bytes_of):
    archive.files["/upstream/" + NAME] = bytes_of
    succeeds(tree, world)


def test_everything_is_gone(tree, world, bytes_of):
    said = fails(
        tree, world, NAME + " of pkg: no location has a file with SHA-256 " + hashlib.sha256(bytes_of).hexdigest() + ":\n",
        "Debian's index of trixie, pkg=2-1: Version '2-1' for 'pkg' was not found",
        "Debian's index of trixie: its versions of pkg: 10-1 1-1",
        "the pool of Debian's main archive (pool/main/p/pkg): 404",
        "the pool of Debian's security archive (pool/updates/main/p/pkg): 404",
        "Debian's snapshot archive: 404", "/upstream/" + NAME + ": 404",
        "XENITH_SOURCES", "XENITH_MIRROR", "./build.sh bump pkg")
    assert "127.0.0.1" not in said.replace("http://127.0.0.1", "", 1)     # the upstream's own address


@pytest.mark.parametrize("kind", ["directory", "URL"])
def test_a_mirror_of_ones_own_is_asked_first(tree, world, archive, bytes_of, tmp_path, kind):
    if kind == "directory":
        mirror = tmp_path / "my mirror"
        mirror.mkdir()
        (mirror / NAME).write_bytes(bytes_of)
        succeeds(tree, world, XENITH_MIRROR=str(mirror))
        assert archive.asked == []
    else:
        archive.files["/mine/" + NAME] = bytes_of
        succeeds(tree, world, XENITH_MIRROR=archive.url + "/mine/")
        assert archive.asked == ["/mine/pkg_1%2bgit%7e1.orig.tar.gz"]


def test_other_bytes_under_the_right_name(tree, world, archive, bytes_of):
    archive.files["/mine/" + NAME] = b"other bytes"
    said = fails(tree, world, "mirror XENITH_MIRROR: returned another file: expected SHA-256 ",
                 hashlib.sha256(b"other bytes").hexdigest(), XENITH_MIRROR=archive.url + "/mine")
    assert "(11 bytes)" in said
    archive.files[POOL] = bytes_of
    succeeds(tree, world, XENITH_MIRROR=archive.url + "/mine")


@pytest.mark.parametrize("fault", ["stall", "cut"])
def test_a_bad_server_is_passed_over(tree, world, archive, bytes_of, fault):
    archive.files[POOL] = archive.files[SECURITY_POOL] = bytes_of
    archive.faults[POOL] = fault
    succeeds(tree, world)
    assert any(asked.startswith("/debian-security") for asked in archive.asked)


def test_an_index_that_stalls_is_given_up(tree, world, archive, bytes_of, tmp_path):
    """With the real apt, which would wait for minutes."""
    debian = Archive(tmp_path / "debian")
    (debian.top / "sources.list").write_text("deb-src [trusted=yes] %s/stalled/ ./\n" % archive.url)
    (debian.top / "uris").write_text((tree.upstream / "apt.uris").read_text())
    archive.faults["/stalled/./InRelease"] = "stall"
    archive.files["/upstream/" + NAME] = bytes_of
    began = time.monotonic()
    done = tree.build("pkg", **{**world, **debian.environment})
    assert archive.stalled.is_set()
    assert time.monotonic() - began < 100
    assert "fetch: apt cannot read the index of suite trixie" in done.stdout
    assert tree.output("pkg", "text") == "the text"


def test_ctrl_c_leaves_nothing(tree, world, archive):
    archive.faults[POOL] = "stall"
    build = subprocess.Popen([str(tree.top / "build.sh"), "package", "pkg"],
                             env=tree.environment(**{**world, "XENITH_TIMEOUT": "60"}), start_new_session=True,
                             # What a shell starts in the background ignores it, and so would its children.
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert archive.stalled.wait(60)
    assert [name for name in os.listdir(tree.cache / "sources") if name.startswith(".fetch.")]
    os.killpg(build.pid, signal.SIGINT)
    # Long before the timeout of the stalled download.
    build.wait(20)
    assert build.returncode != 0
    assert kept(tree) == []


def test_a_killed_fetch_is_swept(tree, world, archive, bytes_of):
    archive.faults[POOL] = "stall"
    build = subprocess.Popen([str(tree.top / "build.sh"), "package", "pkg"],
                             env=tree.environment(**{**world, "XENITH_TIMEOUT": "60"}), start_new_session=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert archive.stalled.wait(60)
    tree.kill(build)
    assert kept(tree) != []
    del archive.faults[POOL]
    archive.files[POOL] = bytes_of
    succeeds(tree, world)
    assert kept(tree) == [NAME]


def mounted(tree, world, script, **environment):
    """Build after SCRIPT has mounted something that only the build sees."""
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "mount", "--bind", "/tmp", "/tmp"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no mount namespaces here")
    return subprocess.run(
        [*unshare, "sh", "-euc", script + '\nshift; exec "$@"', "sh", str(tree.cache.parent / "place"),
         str(tree.top / "build.sh"), "package", "pkg"],
        env=tree.environment(**{**world, **environment}), text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_read_only_sources(tree, world, archive, bytes_of):
    """A read-only stick with some of the sources: the rest is fetched into the cache."""
    archive.files[POOL] = bytes_of
    place = tree.cache.parent / "place"
    place.mkdir()
    done = mounted(tree, world, 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"', XENITH_SOURCES=str(place))
    assert done.returncode == 0, done.stdout
    assert tree.output("pkg", "text") == "the text"
    assert kept(tree) == [NAME]
    # The files on the stick are used from there.
    shutil.move(tree.cache / "sources" / NAME, place / NAME)
    archive.files.clear()
    shutil.rmtree(tree.cache / "pkg")
    done = mounted(tree, world, 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"', XENITH_SOURCES=str(place))
    assert done.returncode == 0, done.stdout


def test_full_disk(tree, world, archive, bytes_of):
    big = bytes_of + bytes(200000)
    archive.files[POOL] = big
    sources = tree.top / "recipes/pkg/sources"
    sources.write_text(sources.read_text().replace(
        hashlib.sha256(bytes_of).hexdigest(), hashlib.sha256(big).hexdigest()))
    place = tree.cache.parent / "place"
    place.mkdir()
    began = time.monotonic()
    done = mounted(tree, world, 'mount -t tmpfs -o size=64k none "$1"', XENITH_SOURCES=str(place))
    assert done.returncode != 0
    assert "No space left on device" in done.stdout, done.stdout
    assert time.monotonic() - began < 60
    assert not pathlib.Path(place / NAME).exists()
