"""./build.sh bump: what it writes and reports, and that a failure changes nothing."""

import pathlib
import subprocess

import pytest

from archive import digest, entry, write_tar
from tier import slow

TOP = pathlib.Path(__file__).resolve().parents[2]
OLD = "0" * 64
STANDARD = "# sha256sum of the file; the apt client had verified it against the archive's signed index\n"

SOURCES = """# From the archive's signed index: lib 1.0, a part of 11.0 and 1.0.1.
{old} apt:trixie/lib=1:1.0-1/lib_1.0.orig.tar.gz
{old}  snapshot:1111111111111111111111111111111111111111 lib_1.0.orig.tar.gz
# Debian's patches.
{old} apt:trixie/lib=1:1.0-1/lib_1.0-1.debian.tar.xz

# Not Debian's.
{old} https://example.org/extra-7.tar.gz
""".format(old=OLD)


def patch(file, old, new, why="Because."):
    return "%s\n--- a/%s\n+++ b/%s\n@@ -1 +1 @@\n-%s\n+%s\n" % (why, file, file, old, new)


@pytest.fixture
def lib(tree):
    """A recipe that pins 1.0-1, and one with links to it."""
    directory = tree.recipe("lib", version="1.0", sources=SOURCES.rstrip("\n"))
    headers = tree.recipe("lib-headers")
    for name in "version", "sources":
        (headers / name).unlink(missing_ok=True)
        (headers / name).symlink_to("../lib/" + name)
    return directory


@pytest.fixture
def bump(tree, archive):
    def run(*words, check=True, **environment):
        before = snapshot(tree)
        done = tree.command("bump", *words, **{**archive.environment, **environment})
        if check:
            assert done.returncode == 0, done.stdout
        else:
            assert done.returncode != 0, done.stdout
            assert snapshot(tree) == before
        return done.stdout
    return run


def snapshot(tree):
    return {str(path): path.read_bytes() for path in (tree.top / "recipes").rglob("*") if path.is_file()}


def refused(said, *words):
    assert "nothing was changed" in said
    for word in words:
        assert word in said, said


def test_the_newest(tree, archive, lib, bump):
    archive.source("lib", "1:1.0-1")
    orig, patches = archive.source("lib", "1:2.5-1~deb13u1")
    before = snapshot(tree)
    said = bump("lib")
    text = """# From the archive's signed index: lib 2.5, a part of 11.0 and 1.0.1.
{orig} apt:trixie/lib=1:2.5-1~deb13u1/lib_2.5.orig.tar.gz
{orig}  snapshot:{sha1} lib_2.5.orig.tar.gz
{standard}{patches} apt:trixie/lib=1:2.5-1~deb13u1/lib_2.5-1~deb13u1.debian.tar.xz

# Not Debian's.
{old} https://example.org/extra-7.tar.gz
""".format(orig=digest(orig), sha1=digest(orig, "sha1"), patches=digest(patches), standard=STANDARD, old=OLD)
    assert (lib / "sources").read_text() == text
    assert (lib / "version").read_text() == "2.5\n"
    # The recipe with links follows; nothing else changed.
    assert (lib / "../lib-headers/sources").is_symlink() and (lib / "../lib-headers/version").is_symlink()
    changed = {path for path, data in snapshot(tree).items() if before.get(path) != data}
    assert {pathlib.Path(path).relative_to(tree.top / "recipes").as_posix() for path in changed} == {
        "lib/sources", "lib/version", "lib-headers/sources", "lib-headers/version"}
    assert "lib pins lib 1:2.5-1~deb13u1 (trixie) in place of 1:1.0-1" in said
    assert "./build.sh package lib lib-headers" in said
    # The build needs no network.
    for path in orig, patches:
        assert (tree.cache / "sources" / path.name).read_bytes() == path.read_bytes()


@slow
def test_by_a_recipe_with_links(archive, lib, bump):
    archive.source("lib", "1:2.5-1")
    said = bump("lib-headers")
    assert "lib-headers shares its source with lib" in said
    assert (lib / "version").read_text() == "2.5\n"


@pytest.mark.parametrize("wanted", ["1:1.5-2", "1.5-2", "1.5"])
def test_a_version_by_name(archive, lib, bump, wanted):
    for version in "1:1.5-1", "1:1.5-2", "1:2.0-1":
        archive.source("lib", version)
    bump("lib", wanted)
    assert "lib=1:1.5-2/lib_1.5-2.debian" in (lib / "sources").read_text()


@slow
def test_a_new_revision(archive, lib, bump):
    """The tarball and the comment about it stay."""
    orig, patches = archive.source("lib", "1:1.0-1+deb13u1", security=True)
    (lib / "sources").write_text(SOURCES.replace(OLD, digest(orig), 2))
    bump("lib")
    lines = (lib / "sources").read_text().splitlines()
    assert lines[0] == SOURCES.splitlines()[0]
    assert lines[1] == "%s apt:trixie-security/lib=1:1.0-1+deb13u1/lib_1.0.orig.tar.gz" % digest(orig)
    assert lines[4] == "%s apt:trixie-security/lib=1:1.0-1+deb13u1/lib_1.0-1+deb13u1.debian.tar.xz" % digest(patches)
    assert (lib / "version").read_text() == "1.0\n"


@slow
def test_a_revision_whose_patches_are_not_taken(archive, lib, bump):
    """Its tarball is the pinned one: it would fix nothing, and hide it from outdated."""
    orig, patches = archive.source("lib", "1:1.0-1+deb13u1", debian={
        "changelog": entry("lib", "1:1.0-1+deb13u1", "CVE-2026-1000")})
    text = "# From the archive's signed index\n%s apt:trixie/lib=1:1.0-1/lib_1.0.orig.tar.gz\n" % digest(orig)
    (lib / "sources").write_text(text)
    refused(bump("lib", check=False), "its fixes are in Debian's patches:\n    CVE-2026-1000\n", "add this to recipes/lib/sources",
            "%s apt:trixie/lib=1:1.0-1+deb13u1/%s\n" % (digest(patches), patches.name))
    bump("lib", "1.0-1+deb13u1")
    assert (lib / "sources").read_text() == text.replace("1:1.0-1/", "1:1.0-1+deb13u1/")


@slow
def test_the_newest_is_pinned(archive, lib, bump):
    archive.source("lib", "1:1.0-1")
    assert "lib already pins 1:1.0-1" in bump("lib")
    assert (lib / "sources").read_text() == SOURCES


def test_the_newest_is_pinned_from_the_security_archive(archive, lib, bump):
    archive.source("lib", "1:1.0-1", security=True)
    (lib / "sources").write_text(SOURCES.replace("trixie/", "trixie-security/"))
    said = bump("lib")
    assert "lib already pins 1:1.0-1" in said and "also pins" not in said


@slow
def test_another_pin_of_the_recipe_is_named(archive, lib, bump):
    """Debian's patches from a newer release, say: the newest of the first pin is there."""
    archive.source("lib", "1:1.0-1")
    text = SOURCES + "%s apt:forky/lib=1:1.0-7/lib_1.0-7.debian.tar.xz\n" % ("0" * 64)
    (lib / "sources").write_text(text)
    said = bump("lib")
    assert "recipes/lib/sources also pins forky/lib=1:1.0-7, which this command does not move" in said
    assert (lib / "sources").read_text() == text


@slow
def test_other_compression(archive, lib, bump):
    """The new tarball replaces the pinned one even if its compression differs."""
    archive.source("lib", "1:2.5-1")
    (lib / "sources").write_text(SOURCES.replace(".orig.tar.gz", ".orig.tar.bz2"))
    bump("lib")
    assert "/lib_2.5.orig.tar.gz\n" in (lib / "sources").read_text()


def with_url(tree, lib, data):
    """A recipe with an upstream URL, which serves DATA for the new version."""
    new = tree.upstream / "lib-2.5.tar.gz"
    new.write_bytes(data)
    old = new.with_name("lib-1.0.tar.gz").as_uri()
    (lib / "sources").write_text(SOURCES.replace("# Debian's", "%s %s lib_1.0.orig.tar.gz\n# Debian's" % (OLD, old)))
    return new.as_uri()


@slow
def test_upstream_has_the_same_bytes(tree, archive, lib, bump):
    orig, _ = archive.source("lib", "1:2.5-1")
    url = with_url(tree, lib, orig.read_bytes())
    bump("lib")
    lines = (lib / "sources").read_text().splitlines()
    assert lines[0].startswith("# From the archive's signed index: lib 2.5,")
    assert lines[3] == "%s %s lib_2.5.orig.tar.gz" % (digest(orig), url)


@slow
@pytest.mark.parametrize("data", [b"other bytes", None])
def test_upstream_has_others(tree, archive, lib, bump, data):
    archive.source("lib", "1:2.5-1")
    url = with_url(tree, lib, data or b"")
    if data is None:
        (tree.upstream / "lib-2.5.tar.gz").unlink()
    said = bump("lib")
    assert ("%s differs from Debian's file" if data else "cannot fetch %s;") % url in said
    text = (lib / "sources").read_text()
    assert "file:" not in text
    # The old comment may have been about that URL.
    assert text.startswith(STANDARD) and "extra-7" in text


@slow
def test_a_file_that_only_upstream_has(archive, lib, bump):
    archive.source("lib", "1:2.5-1")
    (lib / "sources").write_text(SOURCES.replace("extra-7", "lib-docs-1.0"))
    refused(bump("lib", check=False), "lib-docs-1.0.tar.gz is not in Debian's archive")


@slow
@pytest.mark.parametrize("gone", ["*.orig.tar.gz", "*.debian.tar.xz"])
def test_the_mirror_has_the_index_and_not_the_file(archive, lib, bump, gone):
    archive.source("lib", "1:1.5-1")
    archive.source("lib", "1:2.5-1")
    path = next(archive.top.glob("pool/main/l/lib/lib_2.5" + gone))
    path.unlink()
    refused(bump("lib", check=False), "cannot fetch %s of lib 1:2.5-1 in suite trixie" % path.name, "one of: 1:1.5-1;")


@slow
def test_the_mirror_has_other_bytes(archive, lib, bump):
    orig, _ = archive.source("lib", "1:2.5-1")
    data = orig.read_bytes()
    orig.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    refused(bump("lib", check=False), "lib_2.5.orig.tar.gz")


@slow
def test_a_file_of_the_user(tree, archive, lib, bump):
    """A file that the mirror lacks may come from the user; the index verifies it."""
    orig, _ = archive.source("lib", "1:2.5-1")
    directory = tree.cache.parent / "tar balls"
    directory.mkdir()
    orig.rename(directory / orig.name)
    bump("lib", XENITH_SOURCES=str(directory))
    (lib / "sources").write_text(SOURCES)
    (directory / orig.name).write_bytes(b"another")
    refused(bump("lib", check=False, XENITH_SOURCES=str(directory)), "cannot fetch lib_2.5.orig.tar.gz")


def test_unknown_version(archive, lib, bump):
    archive.source("lib", "1:2.5-1")
    archive.source("lib", "1:1.5-1")
    refused(bump("lib", "3", check=False), "the index of trixie has no 3 of lib; it has: 1:2.5-1 1:1.5-1;")


@slow
def test_a_version_that_came_after_the_index_was_read(archive, lib, bump):
    archive.source("lib", "1:1.0-1")
    bump("lib")
    archive.source("lib", "1:2.5-1")
    bump("lib", "2.5")
    assert (lib / "version").read_text() == "2.5\n"


@slow
def test_not_back_by_itself(archive, lib, bump):
    archive.source("lib", "1:0.9-1")
    refused(bump("lib", check=False), "is 1:0.9-1, which is older than 1:1.0-1")
    bump("lib", "0.9")
    assert (lib / "version").read_text() == "0.9\n"


@pytest.mark.parametrize("name, words", [
    ("nothing", "no recipe has this name"),
    ("ours", "it has no sources"),
    ("linked", "its version is that of lib"),
    ("upstreams", "none of its sources is in Debian's archive"),
    ("unknown", "the index of trixie has no version of unknown; it has: nothing"),
])
def test_what_cannot_be_bumped(tree, archive, lib, bump, name, words):
    archive.source("lib", "1:2.5-1")
    tree.recipe("ours")
    tree.recipe("upstreams", sources="# known\n%s https://example.org/x-1.tar.gz" % OLD)
    tree.recipe("unknown", sources="# known\n%s apt:trixie/unknown=1-1/unknown_1.orig.tar.gz" % OLD)
    linked = tree.recipe("linked")
    (linked / "version").unlink()
    (linked / "version").symlink_to("../lib/version")
    refused(bump(name, check=False), words)


@slow
@pytest.mark.parametrize("victim", ["sources", "version"])
def test_both_files_or_none(archive, lib, bump, victim):
    archive.source("lib", "1:2.5-1")
    (archive.top / "bin/mv").write_text('#!/bin/sh\ncase $1 in *.bump.%s) exit 1 ;; esac\nexec /bin/mv "$@"\n' % victim)
    (archive.top / "bin/mv").chmod(0o755)
    refused(bump("lib", check=False), "cannot write")
    assert not list(lib.glob(".*"))


@slow
def test_packages(tree, archive, bump):
    """A .deb: apt stores it under a name with the epoch."""
    archive.source("compiler", "1:2.0-3", binary="tool", debian={"changelog": entry("compiler", "1:2.0-3", "CVE-2026-5555")})
    path = archive.package("tool", "1:2.0-3+b1", source="compiler (1:2.0-3)")
    recipe = tree.recipe("tool", version="1.9", sources="# From the archive's signed index.\n"
                         + OLD + "  apt:trixie/tool=1.9-1/tool_1.9-1_all.deb")
    said = bump("tool")
    assert (recipe / "sources").read_text().splitlines()[1] == (
        "%s  apt:trixie/tool=1:2.0-3+b1/tool_1%%3a2.0-3+b1_all.deb" % digest(path))
    assert (recipe / "version").read_text() == "2.0\n"
    assert "CVE-2026-5555" in said


# --- versions ----------------------------------------------------------------

def shell(script, *arguments):
    done = subprocess.run(["sh", "-euc", '. "$TREE/lib/common.sh"; . "$TREE/lib/commands/versions.sh"; ' + script, "sh", *arguments],
                          env={"PATH": "/usr/bin:/bin", "HOME": "/", "TREE": str(TOP)}, text=True, capture_output=True, check=True)
    return done.stdout.rstrip("\n")


@pytest.mark.parametrize("shown, old, new, expected", [
    ("1.37.0", "1:1.37.0-6", "1:1.38.1-1", "1.38.1"),
    ("6.5-20250216", "6.5+20250216-2", "6.6+20260131-1", "6.6-20260131"),
    ("4.0.32", "4.0.33-1+really4.0.32-1", "4.0.49-1", "4.0.49"),
    ("1.3.1", "1:1.3.dfsg+really1.3.1-1", "1:1.3.2.dfsg-1", "1.3.2"),
    ("10.0.13", "1:10.0.13+ds-0+deb13u1", "1:11.0.0~ds1-1", "11.0.0"),
    ("1.5.6.pl01", "1.5.6.pl01-1.1", "1.5.8-1", "1.5.8"),
    ("6.04~git20190206", "3:6.04~git20190206.bf6db5b4+dfsg1-3.1", "3:6.05~git20260101.0123abc+dfsg1-1", "6.05~git20260101"),
    ("20250803", "20250803+deb13u7", "20250803+deb13u8", "20250803"),
    ("4.20.3+127-gc42374a105", "4.20.3+127-gc42374a105-0+deb13u1", "4.20.4+63-g7abfd2bce2-0+deb13u1", "4.20.4+63-g7abfd2bce2"),
    ("1.0+ds", "1.0+ds-1", "1.1+ds-1", "1.1+ds"),
    ("one", "1.0-1", "1.1-1", ""),
])
def test_version_that_is_shown(shown, old, new, expected):
    assert shell('new_shown "$@"', shown, old, new) == expected


def test_every_recipe_can_be_bumped():
    """A rule derives its `version` from its first pin."""
    bad = shell('''recipe_dirs | source_lines | awk -F '\\t' '!seen[$1]++' |
        while IFS="$(printf '\\t')" read -r dir _ _ locations; do
        case $locations in apt:*) ;; *) continue ;; esac
        version=${locations#*=}
        read -r shown <"$dir/version"
        [ -n "$(new_shown "$shown" "${version%%/*}" "${version%%/*}")" ] || echo "$dir $shown ${version%%/*}"
    done''')
    assert bad == ""


@slow
def test_a_version_that_follows_from_nothing(archive, lib, bump):
    archive.source("lib", "1:2.5-1")
    (lib / "version").write_text("one\n")
    said = bump("lib")
    assert "recipes/lib/version still has one" in said and "edit it by hand" in said
    assert (lib / "version").read_text() == "one\n"
    assert "/lib_2.5.orig.tar.gz" in (lib / "sources").read_text()


def moved(pairs, text):
    return shell('printf "%s\\n" "$2" | awk -v pairs="$1" -f "$TREE/lib/commands/moved.awk"', pairs, text)


@pytest.mark.parametrize("text, expected", [
    ("lib-1.2.tar.gz", "lib-2.0.1.tar.gz"),
    ("v1.2/lib_1.2, and 1.2.", "v2.0.1/lib_2.0.1, and 2.0.1."),
    ("11.2 1.2.3 1.25 0.1.2 1.2rc1", "11.2 1.2.3 1.25 0.1.2 1.2rc1"),
    ("lib_1.2-3+deb13u1.debian.tar.xz", "lib_2.0.1-1.debian.tar.xz"),
    ("21.2 and 1.2", "21.2 and 2.0.1"),
])
def test_the_text_of_a_version(text, expected):
    assert moved("1.2-3+deb13u1 2.0.1-1 1.2 2.0.1 1.2 2.0.1", text) == expected


@slow
def test_what_was_replaced_is_not_replaced_again():
    assert moved("1.2 2.0 2.0 3.0", "1.2 2.0") == "2.0 3.0"


# --- patches -----------------------------------------------------------------

def test_own_patches(archive, lib, bump):
    archive.source("lib", "1:2.5-1", files={"one": "1\n", "two": "2 new\n", "three": "3 better\n"})
    (lib / "patches").mkdir()
    (lib / "patches/01-fits.patch").write_text(patch("one", "1", "1 better"))
    (lib / "patches/02-does-not.patch").write_text(patch("two", "2", "2 better"))
    (lib / "patches/03-is-there.patch").write_text(patch("three", "3", "3 better"))
    (lib / "../lib-headers/patches").mkdir()
    (lib / "../lib-headers/patches/01-fits.patch").write_text(patch("two", "2 new", "2 better"))
    said = bump("lib")
    assert "02-does-not.patch: does not apply: " in said
    assert "03-is-there.patch: seems to be in the new version" in said
    assert "01-fits.patch" not in said
    assert "patches of lib-headers\n    1 patches apply\n" in said
    assert (lib / "version").read_text() == "2.5\n"


SERIES = {"patches/series": "CVE-2026-1.patch\npackaging.patch\nnew/thing.patch\n",
          "patches/CVE-2026-1.patch": patch("one", "1", "one"),
          "patches/packaging.patch": patch("nothing", "1", "2"),
          "patches/new/thing.patch": patch("one", "1", "2")}


def test_patches_of_debian(archive, lib, bump):
    """Debian's patches that the recipe's rules take are tried before its own."""
    archive.source("lib", "1:2.5-1", files={"one": "1\n"}, debian={
        **SERIES, "changelog": entry("lib", "1:2.5-1", "CVE-2026-1000") + entry("lib", "1:1.0-1", "CVE-2025-1000")})
    (lib / "series").write_text("take CVE-*\nleave packaging.patch for the distribution only\nleave gone.patch as well\n")
    (lib / "advisories").write_text("CVE-2026-1000 open no patch yet\nCVE-2025-1000 unaffected not built\n")
    (lib / "patches").mkdir()
    (lib / "patches/01-fits.patch").write_text(patch("one", "one", "1 better"))
    said = bump("lib")
    assert "no rule matches new/thing.patch" in said
    assert '"leave gone.patch" decides no patch' in said
    assert "2 patches apply" in said, said
    assert "packaging.patch" not in said.replace("leave packaging", "")
    assert "advisories since 1:1.0-1:\n    CVE-2026-1000\n" in said
    assert "recipes/lib/advisories lists CVE-2026-1000 as open" in said
    assert "CVE-2025-1000" not in said


@slow
def test_patches_of_debian_that_do_not_apply(archive, lib, bump):
    archive.source("lib", "1:2.5-1", files={"one": "1\n"}, debian=SERIES)
    (lib / "series").write_text("take *\n")
    said = bump("lib")
    assert "debian/packaging.patch: does not apply" in said and "debian/new/thing.patch: does not apply" in said
    assert "CVE-2026-1.patch" not in said


@slow
def test_patches_of_the_old_format(archive, lib, bump):
    """One diff of packaging and source: what is outside of debian/ is a patch."""
    (lib / "sources").write_text(SOURCES.replace(".debian.tar.xz", ".diff.gz"))
    (lib / "series").write_text("take *\n")
    packaging = "--- /dev/null\n+++ b/debian/rules\n@@ -0,0 +1 @@\n+all:\n"
    archive.source("lib", "1:1.5-1", files={"one": "1\n"}, diff=packaging + patch("one", "1", "2"))
    archive.source("lib", "1:2.5-1", files={"one": "other\n"}, diff=packaging + patch("one", "1", "2"))
    assert "trying the patches of lib\n    1 patches apply\n" in bump("lib", "1.5")
    assert "lib_1.5-1.diff.gz\n" in (lib / "sources").read_text()
    assert "debian/upstream.diff: does not apply" in bump("lib")


@slow
@pytest.mark.parametrize("inner", [True, False])
def test_a_source_that_the_recipe_unpacks(tree, archive, lib, bump, inner):
    """A tarball in a tarball: patches that fail may still apply, which is reported."""
    write_tar(tree.upstream / "inner.tar.xz", {"one": "1\n"}, "lib-2.5")
    files = {"lib-2.5.tar.xz": (tree.upstream / "inner.tar.xz").read_bytes()} if inner else {"one": "1\n"}
    archive.source("lib", "1:2.5-1", files=files)
    (lib / "build").write_text("unpack() {\n\ttar -xJf x\n}\n")
    (lib / "patches").mkdir()
    (lib / "patches/01-fits.patch").write_text(patch("one", "1", "1 better"))
    said = bump("lib")
    assert ("has its own unpack function" in said) == inner
    assert ("1 patches apply" in said) != inner
