"""Sources are pinned, verified before they are stored, and reported when wrong."""

import os
import pathlib
import platform
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


def recipe(tree, line):
    return tree.recipe("pkg", sources=line, build='install() { cp "$SRC/text" "$DEST/text"; }')


@pytest.fixture
def line(tree):
    return tree.tarball("pkg-1.tar.gz", text="the text")


def kept(tree):
    """The files in the cache's sources, with any leftovers."""
    sources = tree.cache / "sources"
    return sorted(path.name for path in sources.iterdir()) if sources.exists() else []


def refused(tree, *words, **environment):
    done = tree.build("pkg", check=False, **environment)
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout, done.stdout
    assert not list((tree.cache / "pkg").glob("pkg-*"))
    return done


def test_good_source(tree, line):
    recipe(tree, line)
    tree.build("pkg")
    assert tree.output("pkg", "text") == "the text"
    assert kept(tree) == ["pkg-1.tar.gz"]


def test_wrong_hash(tree, line):
    digest = line.split()[0]
    recipe(tree, line.replace(digest, "0" * 64))
    refused(tree, "pkg", "expected SHA-256 " + "0" * 64, "got " + digest)
    assert kept(tree) == []


def test_truncated_file(tree, line):
    recipe(tree, line)
    whole = tree.upstream / "pkg-1.tar.gz"
    whole.write_bytes(whole.read_bytes()[:-7])
    refused(tree, "expected SHA-256 " + line.split()[0], "(%d bytes)" % whole.stat().st_size)
    assert kept(tree) == []


def test_missing_file(tree, line):
    recipe(tree, line.replace("pkg-1", "pkg-9"))
    refused(tree, "pkg-9.tar.gz")
    assert kept(tree) == []


def test_second_location_helps(tree, line):
    recipe(tree, line.replace("upstream/", "nowhere/") + "\n" + line)
    tree.build("pkg")


def test_damaged_in_the_cache(tree, line):
    """A damaged file in the cache is reported and fetched again."""
    recipe(tree, line)
    tree.build("pkg")
    (tree.cache / "sources/pkg-1.tar.gz").write_bytes(b"rot")
    (tree.top / "recipes/pkg/version").write_text("2\n")
    done = tree.build("pkg")
    assert "expected SHA-256" in done.stdout
    assert tree.output("pkg", "text") == "the text"


def test_offline_directory(tree, line):
    """A directory of tarballs is enough if every location is unreachable."""
    recipe(tree, line)
    offline = tree.cache.parent / "tar balls"
    offline.mkdir()
    (tree.upstream / "pkg-1.tar.gz").rename(offline / "pkg-1.tar.gz")
    tree.build("pkg", XENITH_SOURCES=str(offline))
    assert tree.output("pkg", "text") == "the text"


def test_offline_directory_is_not_ours_to_clean(tree, line):
    recipe(tree, line)
    offline = tree.cache.parent / "tar balls"
    offline.mkdir()
    (offline / "pkg-1.tar.gz").write_bytes(b"something else")
    refused(tree, "expected SHA-256", str(offline), XENITH_SOURCES=str(offline))
    assert (offline / "pkg-1.tar.gz").read_bytes() == b"something else"


def test_conflicting_digests(tree, line):
    recipe(tree, line + "\n" + line.replace(line.split()[0], "1" * 64))
    refused(tree, "two digests for pkg-1.tar.gz")


def test_unknown_kind_of_location(tree, line):
    recipe(tree, line.split()[0] + " gopher://example/pkg-1.tar.gz")
    refused(tree, "gopher://example/pkg-1.tar.gz", "not a location")


def test_the_others_are_fetched_all_the_same(tree, line):
    recipe(tree, line.replace("pkg-1.tar.gz", "gone.tar.gz"))
    tree.recipe("other", sources=tree.tarball("other-1.tar.gz", text="x"), depends="pkg")
    done = tree.build("other", check=False)
    assert done.returncode != 0
    assert "(1 of 2)" in done.stdout and "(2 of 2)" in done.stdout, done.stdout
    assert "1 sources could not be fetched" in done.stdout
    assert kept(tree) == ["other-1.tar.gz"]


def test_what_two_recipes_share_is_fetched_once(tree, line):
    line = line.replace("pkg-1.tar.gz", "gone.tar.gz")
    recipe(tree, line)
    tree.recipe("other", sources=line, depends="pkg")
    done = tree.build("other", check=False)
    assert done.stdout.count("cannot fetch gone.tar.gz of ") == 1, done.stdout
    assert "(1 of 1)" in done.stdout and "(2 of" not in done.stdout
    assert "1 sources could not be fetched" in done.stdout


# --- Debian's source archive, with a fake apt-get ----------------------------

APT = """#!/bin/sh
# Plays apt-get: knows pkg 1-1 in its archive and nothing else.
for last; do :; done
case "$*" in
*--print-uris*) cat "%s/apt.uris" ;;
*" update"*) : ;;
*" download "*)
	[ "$last" = pkg=1-1 ] || { echo "E: Version '${last#*=}' for 'pkg' was not found" >&2; exit 100; }
	cp "%s/pkg-1.tar.gz" pkg_1-1_all.deb
	;;
*source*)
	[ "$last" = pkg=1-1 ] || { echo "E: Version '${last#*=}' for 'pkg' was not found" >&2; exit 100; }
	cp "%s/pkg-1.tar.gz" pkg_1.orig.tar.gz
	;;
esac
echo "$@" >>"%s/apt.calls"
"""


APT_CACHE = """#!/bin/sh
# Plays apt-cache: the index has two versions of pkg.
for last; do :; done
[ "$last" = pkg ] || exit 0
printf 'Version: 1-1\\n\\nVersion: 10-1\\n'
"""


CODENAME = platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def configured(tree, *archives):
    """The archives that this machine's apt is configured for, as "URI SUITE COMPONENT"."""
    with (tree.upstream / "apt.uris").open("w") as uris:
        for archive in archives:
            uri, suite, component = archive.replace("CODENAME", CODENAME).split()
            for index in "InRelease", component + "/binary-amd64/Packages.xz":
                uris.write("'%s/dists/%s/%s' some_name 0 \n" % (uri, suite, index))


@pytest.fixture
def apt(tree):
    configured(tree, "https://mirror.example/debian CODENAME main")
    binaries = tree.upstream / "bin"
    binaries.mkdir()
    for name, text in ("apt-get", APT % ((tree.upstream,) * 4)), ("apt-cache", APT_CACHE):
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    return {"PATH": "%s:%s" % (binaries, os.environ["PATH"])}


def test_debian_source(tree, line, apt):
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    tree.build("pkg", **apt)
    assert kept(tree) == ["pkg_1.orig.tar.gz"]


def test_debian_package(tree, line, apt):
    """A build tool may be one of Debian's binary packages."""
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1-1_all.deb")
    tree.command("package", "pkg", **apt)
    assert kept(tree) == ["pkg_1-1_all.deb"]
    calls = pathlib.Path(tree.upstream / "apt.calls").read_text()
    assert " download pkg=1-1" in calls
    index = (tree.cache / "apt/trixie-deb/sources.list").read_text()
    assert index.startswith("deb [") and "deb-src" not in index


def test_debian_package_is_gone(tree, line, apt):
    recipe(tree, line.split()[0] + " apt:trixie/pkg=2-1/pkg_2-1_all.deb")
    refused(tree, "index of trixie, pkg=2-1: Version '2-1' for 'pkg' was not found", "of pkg: 10-1 1-1", **apt)
    assert kept(tree) == []


def test_debian_version_is_gone(tree, line, apt):
    recipe(tree, line.split()[0] + " apt:trixie/pkg=2-1/pkg_2.orig.tar.gz")
    done = refused(tree, "index of trixie, pkg=2-1: Version '2-1' for 'pkg' was not found", "of pkg: 10-1 1-1",
                   "XENITH_SOURCES", "XENITH_MIRROR", "./build.sh bump pkg", **apt)
    assert "mirror.example" not in done.stdout
    assert kept(tree) == []


def test_host_configuration_of_apt_is_left_alone(tree, line, apt):
    """Every call uses private state and private lists."""
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    tree.build("pkg", **apt)
    calls = pathlib.Path(tree.upstream / "apt.calls").read_text().splitlines()
    changing = [call for call in calls if "--print-uris" not in call]
    assert changing
    for call in changing:
        assert "Dir::State::Lists=" + str(tree.cache) in call
        assert "Dir::Etc::sourcelist=" + str(tree.cache) in call


def test_two_builds_read_an_index_once(tree, line, apt):
    """They share a cache: the second waits for the first, whose lists would be incomplete."""
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    program = tree.upstream / "bin/apt-get"
    program.write_text(program.read_text().replace('*" update"*) : ;;', '*" update"*) sleep 5 ;;'))
    builds = [subprocess.Popen([str(tree.top / "build.sh"), "package", "pkg"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env=tree.environment(XENITH_OUT=str(tree.top / name), **apt)) for name in ("a", "b")]
    for build in builds:
        said = build.communicate(timeout=100)[0]
        assert build.returncode == 0, said
    calls = pathlib.Path(tree.upstream / "apt.calls").read_text().splitlines()
    assert len([call for call in calls if call.endswith(" update")]) == 1


MAIN = "https://mirror.example/debian %s main"
OTHERS = ["https://others.example/browser stable main", "https://others.example/containers CODENAME stable",
          "https://others.example/tools CODENAME main"]


@pytest.mark.parametrize("archives", [
    [MAIN % "CODENAME"],
    [MAIN % "stable"],
    [*OTHERS[:2], MAIN % "CODENAME"],
    [*OTHERS, MAIN % "oldstable", MAIN % "oldstable-updates"],
    [*OTHERS, MAIN % "CODENAME", MAIN % "CODENAME-updates"]])
def test_mirror(tree, line, apt, archives):
    """The mirror comes from apt's configuration: there may be no index yet."""
    configured(tree, *archives)
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    tree.build("pkg", **apt)
    index = (tree.cache / "apt/trixie-deb-src/sources.list").read_text()
    assert re.findall("(?m)https:.*$", index) == ["https://mirror.example/debian trixie main",
                                                  "https://mirror.example/debian trixie-updates main"]


def test_mirror_of_security_updates(tree, line, apt):
    configured(tree, MAIN % "stable", "https://security.example/debian-security stable-security main")
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    tree.build("pkg", **apt)
    index = (tree.cache / "apt/trixie-deb-src/sources.list").read_text()
    assert index.splitlines()[2].endswith("https://security.example/debian-security trixie-security main")


@pytest.mark.parametrize("archives", [[], OTHERS[1:2], ["cdrom://[Debian] CODENAME main"]])
def test_no_mirror(tree, line, apt, archives):
    configured(tree, *archives)
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    refused(tree, "cannot find a Debian mirror in this machine's apt configuration", **apt)


@pytest.mark.skipif(not CODENAME or not shutil.which("apt-get"), reason="needs apt: not a Debian system")
def test_mirror_without_lists(tree):
    """The real apt without any index, as in a container image."""
    empty = tree.upstream / "empty"
    (empty / "lists").mkdir(parents=True)
    (empty / "sources.list").write_text("deb https://mirror.example/debian %s main\n" % CODENAME)
    (empty / "apt.conf").write_text('Dir::State::Lists "%s";\nDir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "-";\n'
                                    % (empty / "lists", empty / "sources.list"))
    done = subprocess.run(["sh", "-euc", '. "$TREE/lib/common.sh"; . "$TREE/lib/engine/apt.sh"; sources_list deb sid'],
                          env=tree.environment(TREE=str(tree.top), APT_CONFIG=str(empty / "apt.conf")), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.stdout.endswith("https://mirror.example/debian sid main\n"), done.stdout


def test_relative_directories(tree, line, apt, monkeypatch):
    """They are relative to the user's directory: apt would resolve them elsewhere."""
    user = tree.cache.parent / "where the user is"
    user.mkdir()
    monkeypatch.chdir(user)
    recipe(tree, line.split()[0] + " apt:trixie/pkg=1-1/pkg_1.orig.tar.gz")
    relative = {"XENITH_CACHE": "a cache", "XENITH_OUT": "results", "XENITH_SOURCES": "tar balls"}
    tree.build("pkg", **relative, **apt)
    assert sorted(path.name for path in user.iterdir()) == ["a cache", "results", "tar balls"]
    assert (user / "tar balls/pkg_1.orig.tar.gz").exists()
    assert (user / "results/packages").read_text().startswith("pkg %s/a cache/pkg/pkg-" % user)
    calls = pathlib.Path(tree.upstream / "apt.calls").read_text()
    assert "Dir::State::Lists=%s/a cache/apt/" % user in calls
    assert "Dir::Etc::sourcelist=%s/a cache/apt/" % user in calls


def test_relative_directories_of_the_tests(tree, monkeypatch):
    """The tests that boot the image run in their own directory."""
    directory = tree.top / "qemu-test"
    directory.mkdir()
    shutil.copy2(TOP / "qemu-test/run", directory)
    (directory / "test_it.py").write_text(
        "import os\n\n\ndef test_it():\n    assert os.environ['XENITH_OUT'] == %r\n" % str(tree.top.parent / "results"))
    monkeypatch.chdir(tree.top.parent)
    done = subprocess.run([str(directory / "run")], env=tree.environment(XENITH_OUT="results"), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
