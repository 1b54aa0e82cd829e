"""./build.sh outdated: newer versions, and the advisories that they fix."""

import pytest

from archive import entry


@pytest.fixture
def outdated(tree, archive):
    """outdated(): (exit status, output)."""
    def ask(*words):
        done = tree.command("outdated", *words, **archive.environment)
        return done.returncode, done.stdout
    return ask


def pin(tree, name, *locations):
    return tree.recipe(name, sources="\n".join("# known\n%064d apt:trixie/%s" % (number, location)
                                               for number, location in enumerate(locations)))


def test_current(tree, archive, outdated):
    archive.source("alib1.0", "1.0-1")
    pin(tree, "alib", "alib1.0=1.0-1/alib1.0_1.0.orig.tar.gz")
    code, said = outdated("--security")
    assert code == 0 and "0 pinned sources have newer versions" in said
    assert "->" not in said


def test_a_revision_of_the_same_upstream_version(tree, archive, outdated):
    """Listed by the recipe's name, as `bump` expects; a recipe with a link is not listed."""
    archive.source("alib1.0", "1.0-1+deb13u1")
    directory = pin(tree, "alib", "alib1.0=1.0-1/alib1.0_1.0.orig.tar.gz", "alib1.0=1.0-1/alib1.0_1.0-1.debian.tar.xz")
    other = tree.recipe("other")
    (other / "sources").symlink_to("../alib/sources")
    assert directory.name == "alib"
    code, said = outdated("--security")
    assert code == 0, said
    assert [line.split() for line in said.splitlines() if "->" in line] == [
        ["alib", "1.0-1", "->", "1.0-1+deb13u1", "(trixie)"]]


CHANGELOG = (entry("alib", "1.0-1+deb13u2", "CVE-2026-1234: a hole (XSA-99).")
             + entry("alib", "1.0-1+deb13u1", "DSA-4321-1 for CVE-2026-0999 and CVE-2026-1234.")
             + entry("alib", "1.0-1", "CVE-2025-1111 was before."))


@pytest.fixture
def fixed(tree, archive):
    archive.source("alib", "1.0-1+deb13u2", debian={"changelog": CHANGELOG})
    pin(tree, "alib", "alib=1.0-1/alib_1.0.orig.tar.gz")


def test_advisories_since_the_pinned_revision(fixed, outdated):
    code, said = outdated()
    assert code == 0
    assert "1.0-1+deb13u2 (trixie), security\n    CVE-2026-0999 CVE-2026-1234 DSA-4321-1 XSA-99\n" in said
    assert "1 pinned sources have newer versions, 1 of them with security fixes" in said
    code, said = outdated("--security")
    assert code == 1


def test_security_upload_without_an_advisory(tree, archive, outdated):
    archive.source("alib", "1.0-2", debian={"changelog": entry("alib", "1.0-2", distribution="trixie-security")})
    pin(tree, "alib", "alib=1.0-1/alib_1.0.orig.tar.gz")
    code, said = outdated("--security")
    assert code == 1 and "(trixie), security\n" in said


def test_changelog_of_a_package(tree, archive, fixed, outdated):
    """The mirror has the index and the binary packages, but not the sources."""
    for path in archive.top.glob("pool/main/a/alib/*.debian.tar.xz"):
        path.unlink()
    archive.sources[0] = archive.sources[0].replace("Binary: alib\n", "Binary: alib-all, alib1, alib-dev\n")
    archive.package("alib-all", "1.0-1+deb13u2", source="alib", depends="alib1")
    archive.package("alib-dev", "1.0-1+deb13u2", source="alib", depends="alib1 (= 1.0-1+deb13u2)", changelog="other text")
    archive.package("alib1", "1.0-1+deb13u2", source="alib", changelog=CHANGELOG)
    code, said = outdated("--security")
    assert code == 1 and "CVE-2026-0999 CVE-2026-1234" in said, said
    assert "not available" not in said


def test_changelog_is_nowhere(tree, archive, fixed, outdated):
    """Then a security fix cannot be excluded."""
    for path in archive.top.glob("pool/main/a/alib/*.debian.tar.xz"):
        path.unlink()
    code, said = outdated()
    assert code == 0 and "(trixie), changelog not available\n" in said
    assert "1 of them may have security fixes: changelog not available" in said
    code, said = outdated("--security")
    assert code == 1


def test_security_archive(tree, archive, outdated):
    """A version from there is a security update, even without a changelog."""
    archive.source("alib", "1.0-2", security=True)
    for path in archive.top.glob("pool/updates/main/a/alib/*.debian.tar.xz"):
        path.unlink()
    pin(tree, "alib", "alib=1.0-1/alib_1.0.orig.tar.gz")
    code, said = outdated("--security")
    assert code == 1 and "(trixie), security, changelog not available\n" in said


def test_packages(tree, archive, outdated):
    """A .deb is looked up as a binary package; its source has another name and version."""
    archive.source("compiler", "2.0-3", binary="tool", debian={
        "changelog": entry("compiler", "2.0-3", "CVE-2026-5555") + entry("compiler", "2.0-2", "CVE-2026-4444")})
    archive.package("tool", "2.0-3+b1", source="compiler (2.0-3)")
    pin(tree, "tool", "tool=2.0-2+b7/tool_2.0-2+b7_all.deb")
    code, said = outdated("--security")
    assert code == 1
    assert "-> 2.0-3+b1 (trixie), security\n    CVE-2026-5555\n" in said, said


def test_a_thousand_advisories(tree, archive, outdated):
    text = " ".join("CVE-2026-%d" % number for number in range(1000, 2000))
    archive.source("alib", "1.0-2", debian={"changelog": entry("alib", "1.0-2", text)})
    pin(tree, "alib", "alib=1.0-1/alib_1.0.orig.tar.gz")
    _, said = outdated()
    assert "CVE-2026-1039 and 960 more" in said and "CVE-2026-1040" not in said


def test_wrong_argument(outdated):
    code, said = outdated("--secure")
    assert code != 0 and "--secure" in said
