"""Rules for a distribution's patches: which are taken, and the checks of the rules."""

import gzip
import hashlib
import io
import subprocess
import tarfile

import pytest
from conftest import TOP

PATCH = "%s\n--- a/word\n+++ b/word\n@@ -1 +1 @@\n-%s\n+%s\n"
PATCHES = {
    "policy.patch": PATCH % ("The distribution's colours.", "x", "y"),
    "CVE-2026-1000.patch": PATCH % ("A hole.", "one", "two"),
    "upstream/heap.patch": PATCH % ("Mends XSA-483 and cve-2026-1001 (GHSA-23cf-GHJM-pqrv).", "two", "three"),
    "silent.patch": PATCH % ("Nothing is said here.", "three", "four"),
}
DECIDED = "leave policy.patch colours\ntake CVE-*\ntake upstream/*\ntake silent.patch CVE-2026-1002"


def archive(path, patches=None, series=None):
    """A patch archive as Debian's; returns its line for `sources`."""
    patches = PATCHES if patches is None else patches
    with tarfile.open(path, "w:xz") as tar:
        for name, text in {**patches, "series": series or "\n".join(patches)}.items():
            member = tarfile.TarInfo("debian/patches/" + name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return "%s %s" % (hashlib.sha256(path.read_bytes()).hexdigest(), path.as_uri())


def shell(directory, script):
    return subprocess.run(["sh", "-euc", '. "%s/lib/engine/series.sh"\n%s' % (TOP, script)], cwd=directory,
                          text=True, capture_output=True, check=False)


@pytest.fixture
def debian(tmp_path):
    """debian/patches with PATCHES; debian(RULES) runs series_taken."""
    for name, text in PATCHES.items():
        path = tmp_path / "debian/patches" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "debian/patches/series").write_text("# comment\n" + "\n".join(PATCHES) + " -p1\n\n")

    def taken(rules):
        (tmp_path / "rules").write_text("# why\n" + rules + "\n")
        return shell(tmp_path, "series_taken debian rules")
    return taken


def test_taken_in_the_order_of_the_series(debian):
    done = debian("take silent.patch\ntake upstream/*\nleave policy.patch colours\ntake CVE-*")
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.split() == ["CVE-2026-1000.patch", "upstream/heap.patch", "silent.patch"]


def test_the_first_rule_decides(debian):
    assert debian("leave silent.patch not built\ntake *").stdout.split() == \
        ["policy.patch", "CVE-2026-1000.patch", "upstream/heap.patch"]


# The rules, and words of the error message.
WRONG = {
    "a patch without a rule": ("take CVE-*\ntake upstream/*\ntake silent.patch", "no rule matches policy.patch"),
    "an advisory left by a glob": ("take CVE-*\nleave * policy", "leaves upstream/heap.patch, which fixes CVE-2026-1001 XSA-483"),
    "an advisory left by a glob, by its name": ("take up*\nleave * policy", "CVE-2026-1000"),
    "left without a reason": ("leave policy.patch\ntake *", "invalid rule"),
    "no rule at all": ("keep *", "invalid rule"),
    "taken for a reason": ("take * because", "invalid rule"),
    "a rule for nothing": ("take *\ntake gone.patch", '"take gone.patch" decides no patch'),
    "nothing decided": ("", "no rule matches silent.patch"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_decision_is_named(debian, fault):
    rules, words = WRONG[fault]
    done = debian(rules)
    assert done.returncode != 0 and done.stdout == ""
    assert words in done.stderr and "rules: " in done.stderr


def test_an_advisory_may_be_left_by_its_name(debian):
    done = debian("leave CVE-2026-1000.patch not built here\nleave policy.patch colours\ntake *")
    assert done.stdout.split() == ["upstream/heap.patch", "silent.patch"]


def test_a_patch_that_the_archive_lacks(debian, tmp_path):
    (tmp_path / "debian/patches/silent.patch").unlink()
    assert "which is not in the archive" in debian("take *").stderr


def test_advisories(debian, tmp_path):
    """From the patch's name and header, not its hunks, and from the rule."""
    debian(DECIDED)
    patch = tmp_path / "debian/patches/CVE-2026-1000.patch"
    patch.write_text(patch.read_text() + "+see CVE-1999-0001\n")

    def mends(name):
        return shell(tmp_path, "series_mends debian rules %s" % name).stdout.split()
    assert mends("CVE-2026-1000.patch") == ["CVE-2026-1000"]
    assert mends("upstream/heap.patch") == ["CVE-2026-1001", "XSA-483", "GHSA-23cf-ghjm-pqrv"]
    assert mends("silent.patch") == ["CVE-2026-1002"]


@pytest.fixture
def patched(tree):
    """A recipe with a patch archive; patched(RULES) writes its series."""
    tree.upstream.mkdir(exist_ok=True)
    line = tree.tarball("word-1.tar.gz", word="one")
    debian_line = archive(tree.upstream / "word_1-2.debian.tar.xz")

    def write(rules, **more):
        return tree.recipe("word", sources="# x\n%s\n%s" % (line, debian_line), series=rules,
                           build='install() { cp word "$DEST/word"; }', **more)
    return write


def test_the_build_applies_them_before_ours(tree, patched):
    patched(DECIDED, **{"patches/ours.patch": PATCH % ("Our own.", "four", "five")})
    tree.build("word")
    assert tree.output("word", "word") == "five"
    noted = [line.split() for line in (tree.package("word") / "patches").read_text().splitlines()]
    assert [(name, advisories) for name, _, advisories in noted] == [
        ("debian/CVE-2026-1000.patch", "CVE-2026-1000"),
        ("debian/upstream/heap.patch", "CVE-2026-1001,XSA-483,GHSA-23cf-ghjm-pqrv"),
        ("debian/silent.patch", "CVE-2026-1002"),
        ("ours.patch", "-")]


def test_a_wrong_decision_stops_the_build(tree, patched):
    patched("take upstream/*\nleave policy.patch colours\nleave * more")
    done = tree.build("word", check=False)
    assert done.returncode != 0 and "leaves CVE-2026-1000.patch" in done.stdout


def test_a_patch_that_does_not_apply_stops_the_build(tree, patched):
    patched("take *")
    done = tree.build("word", check=False)
    assert done.returncode != 0 and "debian/policy.patch" in done.stdout


def test_the_old_format(tree):
    """A single diff: its changes outside of debian/ are one patch."""
    path = tree.upstream / "word_1-2.diff.gz"
    text = "".join("--- word-1.orig/%s\n+++ word-1/%s\n@@ -1 +1 @@\n-%s\n+%s\n" % part for part in [
        ("debian/word", "debian/word", "x", "packaging"), ("word", "word", "one", "two")])
    path.write_bytes(gzip.compress(text.encode()))
    tree.recipe("word", sources="# x\n%s\n%s" % (tree.tarball("word-1.tar.gz", word="one"), tree.source_line(path)),
                series="take upstream.diff CVE-2026-1000", build='install() { cp -R . "$DEST/all"; }')
    tree.build("word")
    assert tree.output("word", "all/word") == "two"
    assert not (tree.package("word") / "root/all/debian").exists()
    assert (tree.package("word") / "patches").read_text().split()[::2] == ["debian/upstream.diff", "CVE-2026-1000"]


PAGE = "# Security\n\n<!-- made by ./build.sh security --update -->\n<!-- end of what is made -->\n\nThe end."


@pytest.fixture
def page(tree, patched):
    patched(DECIDED, advisories="CVE-2026-2000 open nobody knows how")
    tree.build("word")
    (tree.top / "docs").mkdir()
    path = tree.top / "docs/security.md"
    path.write_text(PAGE + "\n")
    return path


def test_the_table(tree, page):
    assert tree.command("security", "--check").returncode != 0
    assert tree.command("security", "--update").returncode == 0
    text = page.read_text()
    assert "| word | 1 |  | CVE-2026-1000, CVE-2026-1001, CVE-2026-1002, GHSA-23cf-ghjm-pqrv, XSA-483 |\n" in text
    assert "| CVE-2026-2000 | word | open | nobody knows how |\n" in text
    assert text.startswith("# Security\n") and text.endswith("\n\nThe end.\n")
    assert tree.command("security", "--check").returncode == 0
    assert tree.command("security", "--update").returncode == 0 and page.read_text() == text


def test_the_table_is_compared(tree, page):
    tree.command("security", "--update")
    (tree.top / "recipes/word/advisories").write_text("CVE-2026-2000 open nobody knows why\n")
    done = tree.command("security", "--check")
    assert done.returncode != 0
    assert "+| CVE-2026-2000 | word | open | nobody knows why |" in done.stdout
    assert "./build.sh security --update" in done.stdout


def test_without_the_archive_the_row_is_kept(tree, page):
    tree.command("security", "--update")
    text = page.read_text()
    (tree.cache / "sources/word_1-2.debian.tar.xz").unlink()
    done = tree.command("security", "--check")
    assert done.returncode == 0 and "word: patch archive word_1-2.debian.tar.xz is not among the sources" in done.stdout
    assert tree.command("security", "--update").returncode == 0 and page.read_text() == text


def test_what_is_left_by_name_is_in_the_table(tree, page, patched):
    patched(DECIDED.replace("take CVE-*", "leave CVE-2026-1000.patch no such code here"))
    assert "| CVE-2026-1000 | word | left | no such code here |" in tree.command("security").stdout


def test_an_advisory_that_has_an_entry_is_not_fixed(tree, page):
    (tree.top / "recipes/word/advisories").write_text("XSA-483 open the option is off\n")
    said = tree.command("security").stdout
    assert "| XSA-483 | word | open | the option is off |" in said
    assert "GHSA-23cf-ghjm-pqrv |\n" in said


@pytest.fixture
def xen(tree):
    """A pinned Xen and an alternative."""
    lines = {version: tree.tarball("xen-%s.tar.gz" % version, word=version) for version in ("4.1", "4.2")}
    parts = {"version": "4.1", "license": "MIT", "sources": "# x\n" + lines["4.1"],
             "build": 'install() { cp word "$DEST/word"; echo "$VERSION" >"$DEST/version"; }',
             "advisories": "XSA-1 open it is old"}
    other = {"version": "4.2", "sources": "# x\n" + lines["4.2"], "advisories": "# none"}
    for directory, files in {"xen": parts, "pins/4.2": other}.items():
        (tree.top / "hypervisor" / directory).mkdir(parents=True)
        for name, text in files.items():
            (tree.top / "hypervisor" / directory / name).write_text(text + "\n")
    tools = tree.top / "hypervisor/xen-tools"
    tools.mkdir()
    (tools / "license").write_text("MIT\n")
    (tools / "build").write_text('install() { cat word "$INPUTS/hypervisor/xen/advisories" >"$DEST/tools"; }\n')
    (tools / "inputs").write_text("hypervisor/xen/advisories\n")
    for name in ("version", "sources"):
        (tools / name).symlink_to("../xen/" + name)
    return tree


def test_another_xen(xen):
    xen.build("xen", "xen-tools")
    assert xen.output("xen", "word") == xen.output("xen", "version") == "4.1"
    assert xen.output("xen-tools", "tools") == "4.1\nXSA-1 open it is old"
    xen.build("xen", "xen-tools", XENITH_XEN="4.2")
    assert xen.output("xen", "word") == xen.output("xen", "version") == "4.2"
    assert xen.output("xen-tools", "tools") == "4.2\n# none"
    xen.build("xen", "xen-tools")
    assert xen.built() == set() and xen.output("xen", "word") == "4.1"


def test_another_xen_that_is_not_there(xen):
    done = xen.build("xen", check=False, XENITH_XEN="4.3")
    assert done.returncode != 0 and "XENITH_XEN=4.3: unknown pin; hypervisor/pins has: 4.2" in done.stdout


def test_the_recorded_outputs_are_of_the_pinned_xen(xen):
    xen.build("xen", XENITH_XEN="4.2")
    done = xen.command("accept")
    assert done.returncode != 0 and "the last build was made with XENITH_XEN=4.2; run ./build.sh first" in done.stdout
