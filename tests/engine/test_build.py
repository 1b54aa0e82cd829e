"""Builds: their isolation, their failures, and their interruption."""

import fcntl
import hashlib
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import subprocess
import time

import pytest


def test_recipe_without_a_build_file(tree):
    """The default phases run configure, make, make install."""
    line = tree.tarball(
        "plain-1.tar.gz",
        configure='#!/bin/sh\necho "$@" >arguments',
        Makefile="all:\n\tcp arguments built\n"
                 "install:\n\tmkdir -p $(DESTDIR)/usr\n\tcp built $(DESTDIR)/usr/built")
    tree.recipe("plain", sources=line, build='patch() { chmod +x configure; }')
    tree.build("plain")
    assert "--host=x86_64-linux-musl" in tree.output("plain", "usr/built")


def test_a_phase_may_call_its_default(tree):
    line = tree.tarball("plain-1.tar.gz", Makefile="all:\n\techo made >built\n"
                        "install:\n\tcp built $(DESTDIR)/built")
    tree.recipe("plain", sources=line,
                build='compile() { default; echo more >>built; }')
    tree.build("plain")
    assert tree.output("plain", "built") == "made\nmore"


def test_licences_come_from_the_source(tree):
    line = tree.tarball("plain-1.tar.gz", COPYING="all rights", LICENSE="some rights")
    tree.recipe("plain", sources=line, **{"license-files": "COPYING\n# of its library\nLICENSE LICENSE.library"})
    tree.build("plain")
    assert tree.output("plain", "usr/share/licenses/plain/COPYING") == "all rights"
    assert tree.output("plain", "usr/share/licenses/plain/LICENSE.library") == "some rights"


def test_a_licence_that_the_source_has_no_more(tree):
    line = tree.tarball("plain-1.tar.gz", COPYING="all rights")
    tree.recipe("plain", sources=line, **{"license-files": "LICENSE"})
    assert tree.build("plain", check=False).returncode != 0
    assert re.search(r"LICENSE.*No such file", tree.said)


def test_the_image_can_tell_which_patches_were_applied(tree):
    line = tree.tarball("plain-1.tar.gz", word="one")
    patch = "CVE-2026-4711: one is two.\n\n--- a/word\n+++ b/word\n@@ -1 +1 @@\n-one\n+two\n"
    tree.recipe("plain", sources=line, **{"patches/01-two.patch": patch.rstrip("\n")},
                build='install() { cp word "$DEST/word"; }')
    tree.build("plain")
    assert tree.output("plain", "word") == "two"
    digest = hashlib.sha256(patch.encode()).hexdigest()
    noted = "01-two.patch %s CVE-2026-4711" % digest
    assert tree.output("plain", "usr/share/xenith/patches/plain") == noted
    assert (tree.package("plain") / "patches").read_text() == noted + "\n"
    tree.recipe("plain", sources=line, build='install() { cp word "$DEST/word"; }')
    (tree.top / "recipes/plain/patches/01-two.patch").unlink()
    tree.build("plain")
    assert not (tree.package("plain") / "root/usr/share/xenith").exists()


def test_dependencies_are_installed(tree):
    """Target packages are in SYSROOT, transitively, and tools in TOOLS."""
    tree.recipe("lib", build='install() { echo lib >"$DEST/lib.txt"; }')
    tree.recipe("mid", depends="lib", build='install() { echo mid >"$DEST/mid.txt"; }')
    tree.recipe("tool", depends="lib", build='install() { echo tool >"$DEST/tool.txt"; }')
    tree.recipe("top", depends="mid host:tool", build='install() { '
                'cd "$SYSROOT"; echo *.txt >"$DEST/sysroot"; '
                'cd "$TOOLS"; echo *.txt >"$DEST/tools"; }')
    tree.build("top")
    assert tree.output("top", "sysroot") == "lib.txt mid.txt"
    assert tree.output("top", "tools") == "tool.txt"


def test_critical_path_comes_first(tree):
    """`first` is short, but with its dependents it takes longer than `alone`."""
    tree.recipe("first", build="install() { echo first >$DEST/it; }")
    tree.recipe("second", depends="first", build="install() { echo second >$DEST/it; }")
    tree.recipe("alone", build="install() { echo alone >$DEST/it; }")
    (tree.top / "recipes/times").write_text("alone 15\nfirst 5\nsecond 12\n")
    tree.build("alone", "second", XENITH_JOBS="1")
    assert re.findall(r"\d/3 (\w+): built", tree.said) == ["first", "alone", "second"]


def has_namespaces():
    """Whether this user may create the namespaces of lib/engine/airlock.sh."""
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.run(["unshare", *user, "--mount", "--net", "--uts", "--ipc",
                           "mount", "--bind", "/tmp", "/tmp"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_hermetic(tree):
    """No variable of the user's environment, no network, a fixed path."""
    tree.recipe("look", build="""install() {
	env >"$DEST/env"
	pwd >"$DEST/pwd"
	umask >"$DEST/umask"
	cat /proc/net/dev >"$DEST/net"
}
audit() { :; }""")
    tree.build("look", SECRET="do not leak", TZ="Asia/Kathmandu", CFLAGS="-O0")
    env = tree.output("look", "env")
    assert "do not leak" not in env
    assert "TZ=UTC" in env
    assert "-O0" not in env
    assert tree.output("look", "umask") == "0022"
    assert tree.output("look", "pwd") == "/tmp/xenith/look/src"
    if not has_namespaces():
        pytest.skip("no namespaces here: a build has the network")
    devices = [line.split(":")[0].strip()
               for line in tree.output("look", "net").splitlines()[2:]]
    assert set(devices) <= {"lo"}


def test_every_date_is_the_release_date(tree):
    tree.recipe("dates", build='install() { mkdir "$DEST/d"; echo >"$DEST/d/f"; '
                               'ln -s f "$DEST/d/l"; }')
    tree.build("dates")
    epoch = [line.split("=")[1] for line in (tree.top / "config").read_text().splitlines()
             if line.startswith("SOURCE_DATE_EPOCH=")]
    root = tree.package("dates") / "root"
    assert {str(int(path.lstat().st_mtime)) for path in root.rglob("*")} == set(epoch)


def test_manifest_describes_the_output(pair):
    pair.build("one")
    package = pair.package("one")
    manifest = (package / "manifest").read_bytes()
    digest = hashlib.sha256(b"hello\n").hexdigest()
    assert ("word\tf " + digest).encode() in manifest
    assert (package / "output").read_text().strip() == hashlib.sha256(manifest).hexdigest()


@pytest.mark.parametrize("install, word", [
    ('echo "$ROOT/src" >"$DEST/leak"', "build directory"),
    ('cp /bin/true "$DEST/su"; chmod 4755 "$DEST/su"; normalise() { :; }', "setuid"),
    (r'printf "\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\267\000'
     r'%0128d" 0 >"$DEST/arm"; normalise() { :; }', "not for x86-64"),
])
def test_audit_refuses(tree, install, word):
    tree.recipe("bad", build="install() { %s; }" % install)
    done = tree.build("bad", check=False)
    assert done.returncode != 0
    assert "failed in phase audit" in done.stdout
    assert word in done.stdout


def test_failure_shows_phase_log_and_end(tree):
    tree.recipe("bad", version="3.1", build="compile() { seq 1 100; false; }")
    done = tree.build("bad", check=False)
    assert done.returncode != 0
    assert "bad 3.1" in done.stdout
    assert "phase compile" in done.stdout
    log = tree.top / "out/logs/bad.log"
    assert str(log) in done.stdout
    shown = [line.strip() for line in done.stdout.splitlines()]
    assert [str(n) for n in range(81, 101)] == [w for w in shown if w.isdigit()]
    assert "\n1\n" in log.read_text()


def test_failure_publishes_nothing_and_heals(tree):
    tree.recipe("bad", build='install() { echo half >"$DEST/half"; false; }')
    assert tree.build("bad", check=False).returncode != 0
    assert not list((tree.cache / "pkg").glob("bad-*"))
    tree.recipe("bad", build='install() { echo whole >"$DEST/whole"; }')
    tree.build("bad")
    assert tree.output("bad", "whole") == "whole"


def test_a_failure_does_not_build_what_needs_it(pair):
    pair.recipe("one", build="install() { false; }")
    done = pair.build("two", check=False)
    assert done.returncode != 0
    assert not (pair.top / "out/logs/two.log").exists()


@pytest.mark.parametrize("depends, words", [
    ({"a": "b", "b": "c", "c": "a"}, ["dependency cycle: a -> b -> c -> a"]),
    ({"a": "missing"}, ["a depends on missing: no recipe has this name"]),
])
def test_bad_dependencies_are_named(tree, depends, words):
    for name, needs in depends.items():
        tree.recipe(name, depends=needs)
    done = tree.build("a", check=False)
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout


def test_two_recipes_of_one_name(tree):
    recipe = tree.recipe("twin")
    twin = tree.top / "image/twin"
    twin.mkdir()
    (twin / "version").write_text((recipe / "version").read_text())
    done = tree.build("twin", check=False)
    assert done.returncode != 0
    assert "recipes/twin" in done.stdout and "image/twin" in done.stdout


def test_independent_recipes_build_side_by_side(tree):
    names = ["side%d" % n for n in range(4)]
    for name in names:
        tree.recipe(name, build="install() { sleep 3; }")
    tree.build(*names, XENITH_JOBS="4")
    times = []
    for name in names:
        lines = (tree.package(name) / "phases").read_text().splitlines()
        when = dict(line.split() for line in lines)
        times.append((int(when["install"]), int(when["normalise"])))
    # At least two slept at the same time.
    times.sort()
    assert any(second[0] < first[1] for first, second in zip(times, times[1:]))


def complete(package):
    """A package in the cache is complete, by its own manifest."""
    manifest = (package / "manifest").read_bytes()
    assert (package / "output").read_text().strip() == hashlib.sha256(manifest).hexdigest()
    for line in manifest.decode().splitlines():
        path, what = line.split("\t")
        if what.startswith("f "):
            data = (package / "root" / path).read_bytes()
            assert hashlib.sha256(data).hexdigest() == what[2:], path


def test_killed_at_any_moment(pair):
    """SIGKILL to the whole build, at many moments, never leaves a partial package."""
    pair.recipe("one", build='install() { echo hello >"$DEST/word"; '
                             'dd if=/dev/zero of="$DEST/big" bs=1M count=20 2>&1; }')
    moments = random.Random(4)
    for _ in range(12):
        process = pair.start("two")
        time.sleep(moments.uniform(0.1, 2.5))
        pair.kill(process)
        for package in (pair.cache / "pkg").glob("*"):
            complete(package)
            if package.name.startswith("two-"):
                # The build was complete: start again from an empty cache.
                for done in (pair.cache / "pkg").glob("*"):
                    shutil.rmtree(done)
                break
    pair.build("two")
    assert pair.output("two", "words") == "hello\nhello"
    complete(pair.package("one"))


def test_leftovers_of_killed_builds_are_removed(pair):
    pair.recipe("one", build="install() { sleep 60; }")
    process = pair.start("one")
    deadline = time.monotonic() + 30
    while not list((pair.cache / "work").glob("one.*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    pair.kill(process)
    assert list((pair.cache / "work").glob("one.*"))
    pair.recipe("one", build='install() { echo hello >"$DEST/word"; }')
    pair.build("one")
    assert not list((pair.cache / "work").glob("one.*"))


def test_an_edit_during_the_build_stays_out(pair):
    """A package is built from the files that its key was computed from."""
    slow = 'install() { sleep 3; echo hello >"$DEST/word"; }'
    pair.recipe("one", build=slow)
    two = pair.top / "recipes/two/build"
    before = two.read_text()
    process = pair.start("two")
    deadline = time.monotonic() + 30
    while not list((pair.cache / "work").glob("one.*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    two.write_text('install() { echo edited >"$DEST/words"; }\n')
    assert process.wait(timeout=60) == 0
    assert pair.output("two", "words") == "hello\nhello"
    pair.build("two")
    assert pair.output("two", "words") == "edited"
    two.write_text(before)
    pair.build("two")
    assert pair.output("two", "words") == "hello\nhello"


def test_an_estimate_of_what_remains(pair):
    (pair.top / "recipes/times").write_text("one 1\ntwo 600\n")
    pair.recipe("two", depends="one", build="install() { sleep 3; }")
    pair.build("two")
    left = re.search(r"one: built in \S+, about (\d+):\d\d left", pair.said)
    assert left and int(left.group(1)) >= 3, pair.said


def test_layer_that_is_left_out(tree):
    """The layer is not built, and its dependents are built without it."""
    tree.recipe("hvm", build="install() { echo layer >$DEST/layer; }")
    tree.recipe("image", depends="host:hvm", build="install() { ls $TOOLS >$DEST/list; }")
    tree.command("--without", "hvm", "package", "image")
    assert "hvm" not in [path.name.split("-")[0] for path in (tree.cache / "pkg").iterdir()]
    tree.build("image")
    assert "hvm" in [path.name.split("-")[0] for path in (tree.cache / "pkg").iterdir()]
    done = tree.command("--without", "xen", "package", "image")
    assert done.returncode == 1
    assert "--without: unknown layer \"xen\"; the only optional layer is hvm" in done.stdout


def test_accept_is_for_the_image_without_own_options(tree):
    """Whatever is set when accept is called."""
    tree.recipe("hvm", build="install() { :; }")
    tree.recipe("image", depends="host:hvm", build="install() { :; }")
    (tree.top / "recipes/outputs").write_text("")
    own = tree.top / "own"
    own.mkdir()
    for words, more, said in (("--without", "hvm"), {}, "--without hvm"), ((), {"XENITH_DOMAINS": str(own)}, "--domains %s" % own):
        assert tree.command(*words, "package", "image", **more).returncode == 0
        done = tree.command("accept")
        assert done.returncode == 1 and "the last build was made with %s; run" % said in done.stdout
    assert (tree.top / "recipes/outputs").read_text() == ""
    tree.build("image")
    assert tree.command("accept").returncode == 0


def test_accept_keeps_what_was_not_built(pair):
    """accept keeps the hashes of recipes outside the last build, but not of removed ones."""
    outputs = pair.top / "recipes/outputs"
    outputs.write_text("gone 1\ntwo 2\n")
    (pair.top / "recipes/times").write_text("gone 1\ntwo 2\n")
    pair.build("one")
    assert pair.command("accept").returncode == 0
    hash_of_one = (pair.package("one") / "output").read_text().strip()
    assert outputs.read_text() == "one %s\ntwo 2\n" % hash_of_one
    assert (pair.top / "recipes/times").read_text().endswith("two 2\n")


def test_accept_keeps_what_is_no_longer_in_the_cache(pair):
    """Without an earlier build's package in the cache accept fails, or keeps its hash."""
    outputs = pair.top / "recipes/outputs"
    pair.build("two")
    assert pair.command("accept").returncode == 0
    before = outputs.read_text()
    shutil.rmtree(pair.package("two"))
    done = pair.command("accept")
    assert done.returncode == 1
    assert "accept: two is no longer in the cache" in done.stdout
    assert "./build.sh package two" in done.stdout
    assert outputs.read_text() == before
    check = ["sh", str(pair.top / "lib/engine/outputs.sh"), "check"]
    environment = pair.environment(TREE=str(pair.top))
    assert subprocess.run(check, env=environment, check=False).returncode == 0
    pair.build("one")
    assert [line.split()[0] for line in (pair.top / "out/packages").read_text().splitlines()] == ["one"]
    assert pair.command("accept").returncode == 0
    assert outputs.read_text() == before
    assert subprocess.run(check, env=environment, check=False).returncode == 0


def test_an_earlier_package_counts_with_its_present_key(pair):
    """A package of an earlier build is listed as long as its recipe is unchanged."""
    pair.build("two")
    before = pair.package("two")
    pair.build("one")
    assert pair.package("two") == before
    with (pair.top / "recipes/two/build").open("a") as build:
        build.write("# changed\n")
    pair.build("one")
    with pytest.raises(KeyError):
        pair.package("two")
    pair.build("two")
    after = pair.package("two")
    assert after != before
    # Also when an input changes, and when there is a broken recipe.
    pair.recipe("one", build='install() { echo bye >"$DEST/word"; }')
    pair.recipe("broken", depends="missing")
    pair.build("one")
    with pytest.raises(KeyError):
        pair.package("two")


DPKG_QUERY = """#!/bin/sh
# The host's, and a package that is there once it was installed.
shift
format=$2
shift 2
names=
for name; do
	case $name in
	made-up) [ ! -e {installed} ] || printf "$(printf %s "$format" | sed 's/[$]{{[^}}]*Status}}/installed/; s/[$]{{Package}}/made-up/; s/[$]{{Version}}/7/')" ;;
	*) names="$names $name" ;;
	esac
done
[ -z "$names" ] || exec {real} -W -f "$format" $names
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
def test_what_is_installed_first_is_in_the_key(tree, tmp_path, monkeypatch):
    """On a fresh machine the host packages are installed before the keys are computed."""
    installed = tmp_path / "installed"
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("dpkg-query", DPKG_QUERY.format(installed=installed, real=shutil.which("dpkg-query"))),
                       ("apt-get", "#!/bin/sh\ntouch %s\n" % installed)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (programs, os.environ["PATH"]))
    tree.recipe("one", hostpkgs="made-up", build="install() { echo one >$DEST/one; }")
    tree.build("one")
    assert installed.exists() and tree.built() == {"one"}
    tree.build("one")
    assert tree.built() == set()


CODENAME = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
PLAYED = {
    "id": """case $1 in
-u) echo {user} ;;
*) exec {id} "$@" ;;
esac""",
    "apt-get": """case "$*" in
*--print-uris*) echo "'https://mirror.example/debian/dists/{codename}/main/binary-amd64/Packages.xz' name 0" ;;
*) echo "$*" >>{calls} ;;
esac
case "$*" in
*" install "* | "install "*) touch {installed} ;;
esac""",
    "qemu-system-x86_64": """version=7.2.19
[ ! -e {installed} ] || version=10.0.2
case $1 in
--version) echo "QEMU emulator version $version (Debian)" ;;
*) echo "QEMU $version runs" ;;
esac"""}


@pytest.fixture
def play(tree, tmp_path, monkeypatch):
    """play(USER): a machine with an old QEMU and a missing package; returns apt's calls."""
    programs = tmp_path / "programs"
    programs.mkdir()
    calls = tmp_path / "calls"
    calls.write_text("")
    where = {"installed": tmp_path / "installed", "calls": calls, "codename": CODENAME, "id": shutil.which("id")}

    def begin(user):
        texts = {name: "#!/bin/sh\n%s\n" % text.format(user=user, **where) for name, text in PLAYED.items()}
        texts["dpkg-query"] = DPKG_QUERY.format(installed=where["installed"], real=shutil.which("dpkg-query"))
        for name, text in texts.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", "%s:%s" % (programs, os.environ["PATH"]))
        tree.recipe("iso", hostpkgs="made-up", build="install() { echo iso >$DEST/xenith.iso; }")
        tree.recipe("netboot", build="install() { mkdir $DEST/netboot; }")
        (tree.top / "recipes/outputs").write_text("")
        return calls
    return begin


@pytest.mark.parametrize("command", ["run", "test", "bench", "smoke"])
def test_what_is_missing_is_named_once(tree, play, command):
    """One command for all packages: a recipe's, and QEMU 10 with its archive."""
    calls = play(1000)
    done = tree.command(command)
    assert done.returncode == (2 if command == "smoke" else 1)
    assert "(QEMU 10 or later is needed, installed is 7); install them with:" in done.stdout
    said = [line.strip() for line in done.stdout.splitlines() if "apt-get" in line]
    assert done.stdout.count("--no-install-recommends") == 1, done.stdout
    assert {"made-up", "qemu-system-x86"} <= set(said[-1].split())
    assert calls.read_text() == ""
    if CODENAME == "bookworm":
        conf = tree.cache / "apt/backports/apt.conf"
        assert said[-2] == "sudo apt-get -c '%s' update &&" % conf
        assert said[-1].startswith("sudo apt-get -c '%s' install --no-install-recommends " % conf)
        settings = dict(line.rstrip(";").split(" ", 1) for line in conf.read_text().splitlines())
        lists = pathlib.Path(settings["Dir::Etc::sourcelist"].strip('"')).read_text()
        assert "https://mirror.example/debian bookworm-backports main" in lists
        assert pathlib.Path(settings["Dir::State::Lists"].strip('"')).is_dir()
        assert "Pin: release n=bookworm-backports" in pathlib.Path(settings["Dir::Etc::preferences"].strip('"')).read_text()
    else:
        assert said[-2] == "sudo apt-get update &&" and len(said) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages, and have namespaces like root")
def test_root_installs_what_is_missing_in_one_call(tree, play):
    calls = play(0)
    done = tree.command("run")
    assert done.returncode == 0, done.stdout
    assert "QEMU 10.0.2 runs" in done.stdout
    installing = [call.split() for call in calls.read_text().splitlines() if "install" in call.split()]
    assert len(installing) == 1
    assert {"made-up", "qemu-system-x86"} <= set(installing[0])
    # Also when everything is built, and only QEMU is missing.
    tree.recipe("iso", build="install() { echo iso >$DEST/xenith.iso; }")
    tree.build("iso", "netboot")
    calls.write_text("")
    (tree.top.parent.parent / "installed").unlink()
    assert tree.command("run").returncode == 0
    assert [call.split()[-1] for call in calls.read_text().splitlines() if "install" in call.split()] == ["qemu-system-x86"]


# --- errors that must not be silent --------------------------------------------------

def test_a_dependency_that_is_gone_stops_the_build(pair):
    """A part of the cache was removed: no package is built without its dependency."""
    pair.build("one")
    shutil.rmtree(pair.package("one") / "root")
    done = pair.build("two", check=False)
    assert done.returncode != 0
    assert "failed in phase prepare" in done.stdout
    assert not list((pair.cache / "pkg").glob("two-*"))


def test_a_source_that_changes_between_fetch_and_build(tree):
    """The hash is checked again when the file is used."""
    line = tree.tarball("pkg-1.tar.gz", text="x")
    tree.recipe("first", build='install() { echo rot >"%s"; }' % (tree.cache / "sources/pkg-1.tar.gz"))
    tree.recipe("pkg", sources=line, build="install() { :; }")
    tree.build("pkg")
    shutil.rmtree(tree.cache / "pkg")
    prepare = tree.top / "lib/engine/prepare.sh"
    prepare.write_text(prepare.read_text().replace("source_lines >", "sed 's/^/&/' | source_lines | sed s/%s/%s/ >"
                                                   % (line.split()[0], "0" * 64)))
    done = tree.build("pkg", check=False)
    assert done.returncode != 0
    assert "failed in phase prepare" in done.stdout and "expected SHA-256 " + "0" * 64 in done.stdout
    assert not list((tree.cache / "pkg").glob("pkg-*"))


def test_backups_of_an_editor_are_not_in_a_build(tree):
    """They are in no key, so they must be in no build."""
    (tree.top / "scripts").mkdir()
    (tree.top / "scripts/50-network").write_text("new\n")
    recipe = tree.recipe("pkg", inputs="scripts", **{"files/list": "list"}, build="""install() {
	cp -R "$INPUTS/scripts" "$FILES" "$DEST/"
}""")
    for place in (tree.top / "scripts/50-network~", tree.top / "scripts/.50-network.swp", recipe / "files/list~"):
        place.write_text("old\n")
    tree.build("pkg")
    root = tree.package("pkg") / "root"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["50-network", "list"]


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces here")
@pytest.mark.parametrize("place", ["/usr/local/share", "/var/tmp", "/dev/shm", "CACHE", "TREE"])
def test_nothing_but_the_work_directory_can_be_written_to(tree, place):
    """A `make install` that ignores DESTDIR, also as root."""
    place = pathlib.Path(place.replace("CACHE", str(tree.cache)).replace("TREE", str(tree.top)))
    if not os.access(place, os.W_OK):
        pytest.skip("this user may not write there")
    file = place / ("xenith-escaped-%d" % os.getpid())
    tree.recipe("pkg", build='install() { mkdir -p "%s" && echo >"%s"; }' % (place, file))
    done = tree.build("pkg", check=False)
    escaped = file.exists()
    file.unlink(missing_ok=True)
    assert not escaped
    # The airlock has its own of these.
    if not str(place).startswith(("/dev/shm", "/tmp/")):
        assert done.returncode != 0
        assert "Read-only file system" in done.stdout


def test_a_claim_holds_while_its_owner_lives(tree):
    """Regardless of the owner's PID, here or in another container."""
    tree.recipe("pkg", build='install() { echo >"$DEST/x"; }')
    work = tree.cache / "work"
    for name in "living", "dead":
        (work / (name + ".AbCdEf")).mkdir(parents=True)
        (work / (name + ".AbCdEf.claim")).write_text("")
    with (work / "living.AbCdEf.claim").open() as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        tree.build("pkg")
    assert sorted(path.name for path in work.glob("*AbCdEf")) == ["living.AbCdEf"]


def test_what_somebody_else_calls_a_claim_stays(tree, tmp_path):
    """In a directory of one's own sources, say."""
    (tmp_path / "x.claim").write_text("")
    (tmp_path / "x").write_text("a source\n")
    subprocess.run(["sh", "-euc", '. "$TREE/lib/common.sh"; claim "$WORK/.fetch" 5'],
                   env=tree.environment(TREE=str(tree.top), WORK=str(tmp_path)), timeout=60, check=True)
    assert (tmp_path / "x").read_text() == "a source\n" and (tmp_path / "x.claim").exists()


@pytest.mark.parametrize("program", ["flock", "mkdir", "mktemp"])
def test_a_claim_that_is_cut_off_is_swept(tree, tmp_path, program):
    """Its owner is killed as soon as one of its steps is done."""
    work = tmp_path / "work"
    script = """. "$TREE/lib/common.sh"
        step() { command "$@"; ended=$?; [ "$1" != %s ] || case $* in *-p*) ;; *x.*|"flock 7") kill -9 $$ ;; esac; return $ended; }
        flock() { step flock "$@"; }
        mkdir() { step mkdir "$@"; }
        mktemp() { step mktemp "$@"; }
        claim "$1/x" 7; echo complete""" % program
    environment = {**os.environ, "TREE": str(tree.top), "WORK": str(work)}
    done = subprocess.run(["sh", "-euc", script, "sh", str(work)], env=environment, stdout=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert list(work.iterdir())
    subprocess.run(["sh", "-euc", '. "$TREE/lib/common.sh"; sweep "$WORK/"'], env=environment, timeout=60, check=True)
    assert not list(work.iterdir())


@pytest.fixture
def no_namespaces(tree):
    """As in a container without the right to create them: unshare fails."""
    binaries = tree.upstream / "bin"
    binaries.mkdir()
    (binaries / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (binaries / "unshare").chmod(0o755)
    return "%s:%s" % (binaries, os.environ["PATH"])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_several_users_one_after_another(no_namespaces, tree):
    """Without namespaces all users build in /tmp/xenith."""
    name = "several-%d" % os.getpid()
    tree.recipe(name, build='install() { id -un >"$DEST/user"; }')
    for directory in (tree.top, *tree.top.parents):
        if directory.owner() == "root" and directory != pathlib.Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    for user in "root", "nobody", "games":
        cache = tree.cache.parent / ("cache of " + user)
        out = tree.cache.parent / ("out of " + user)
        for directory in cache, out:
            directory.mkdir()
            shutil.chown(directory, user)
        done = subprocess.run(
            ["setpriv", "--reuid=" + user, "--regid=nogroup", "--clear-groups",
             str(tree.top / "build.sh"), "package", name],
            env=tree.environment(PATH=no_namespaces, XENITH_CACHE=str(cache), XENITH_OUT=str(out)),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout
        path = pathlib.Path((out / "packages").read_text().split(" ", 1)[1].strip())
        assert (path / "root/user").read_text().strip() == user


def test_a_plain_airlock_that_failed_is_free_again(no_namespaces, tree):
    name = "fails-%d" % os.getpid()
    tree.recipe(name, build="compile() { false; }")
    assert tree.build(name, check=False, PATH=no_namespaces).returncode != 0
    assert not pathlib.Path("/tmp/xenith/" + name).exists()
    assert (tree.cache / "work" / (name + ".failed") / "tmp/xenith" / name / "recipe").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_plain_airlock_that_is_interrupted_is_free_again(no_namespaces, tree, name):
    """Otherwise another user could not build this package."""
    package = "interrupted-%d" % os.getpid()
    root = pathlib.Path("/tmp/xenith", package)
    tree.recipe(package, build='install() { echo >"$DEST/begun"; sleep 600; }')
    build = subprocess.Popen([str(tree.top / "build.sh"), "package", package], env=tree.environment(PATH=no_namespaces),
                             # What a shell starts in the background ignores it, and so would its children.
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                             start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (root / "dest/begun").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (root / "dest/begun").exists()
    os.killpg(build.pid, getattr(signal, name))
    assert build.wait(60) != 0
    deadline = time.monotonic() + 20
    while root.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    left = root.exists()
    shutil.rmtree(root, ignore_errors=True)
    assert not left


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_a_plain_airlock_of_another_user_is_named(no_namespaces, tree):
    """A build that was killed leaves it, and only its owner may remove it."""
    name = "left-%d" % os.getpid()
    root = pathlib.Path("/tmp/xenith", name)
    tree.recipe(name, build="install() { :; }")
    tree.build(name, PATH=no_namespaces)
    shutil.rmtree(tree.cache / "pkg")
    root.mkdir()
    shutil.chown(root, "nobody")
    try:
        done = tree.build(name, check=False, PATH=no_namespaces)
    finally:
        root.rmdir()
    assert done.returncode != 0
    assert "cannot build %s in %s: the directory belongs to another user; ask its owner to remove it" % (name, root) in done.stdout


def test_the_critical_path_is_printed(tree):
    """The chain of dependent packages that took longest."""
    nap = 'compile() { sleep %s; }\ninstall() { :; }'
    tree.recipe("base", build=nap % 1.1)
    tree.recipe("wide", build=nap % 0.1)
    tree.recipe("tool", depends="host:base", build=nap % 1.1)
    tree.recipe("top", depends="wide host:tool", build=nap % 1.1)
    tree.build("top")
    assert re.search(r"^critical path +\d+:\d\d  base > tool > top$", tree.said, re.M)
