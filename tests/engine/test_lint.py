"""The linter finds each fault, reports its place, and accepts a correct recipe."""

import shutil

import pytest
from test_series import DECIDED, archive

import tools

GOOD = {
    "version": "1",
    "license": "MIT",
    "sources": "# computed from upstream's signed file\n"
               + "0" * 64 + " https://example.org/good-1.tar.gz",
    "build": "install() {\n\tcp \"$FILES/extra\" \"$DEST/extra\"\n}",
    "files/extra": "extra",
    "patches/01-why.patch": "The build needs this.\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b",
}

DEBIAN = "# x\n" + "0" * 64 + " apt:trixie/good=1-1/good_1-1.debian.tar.xz"


# Checking the engine's scripts takes most of the time, and they are the same in every case:
# one test checks them, and the others leave them out.
RECIPES_ONLY = """#!/bin/sh
for word; do
	shift
	case $word in ./lib/* | ./build.sh) ;; *) set -- "$@" "$word" ;; esac
done
for word; do
	[ ! -e "$word" ] || exec %s "$@"
done
"""


def put_first(tree, name, text):
    """Make TEXT the program NAME; returns its directory, for the front of PATH."""
    programs = tree.top.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / name).write_text(text)
    (programs / name).chmod(0o755)
    return programs


def lint(tree, engine=False):
    programs = put_first(tree, "shellcheck", RECIPES_ONLY % tools.find("shellcheck"))
    path = tree.environment()["PATH"]
    done = tree.command("lint", PATH=path if engine else "%s:%s" % (programs, path))
    return done.returncode, done.stdout


def test_a_good_recipe_passes(tree):
    tree.recipe("good", **GOOD)
    status, said = lint(tree, engine=True)
    assert status == 0, said


def test_a_fault_in_the_engine_is_found(tree):
    path = tree.top / "lib/commands/lint.sh"
    path.write_text(path.read_text() + "echo $unquoted\n")
    status, said = lint(tree, engine=True)
    assert status != 0 and "lib/commands/lint.sh" in said and "SC2086" in said


# shellcheck -x checks the scripts, and shellcheck -s the recipes' builds.
@pytest.mark.parametrize("option", ["-x", "-s"])
@pytest.mark.parametrize("end", ["kill -KILL $$", "exit 2"])
def test_an_unfinished_check_of_scripts_is_no_success(tree, option, end):
    tree.recipe("good", **GOOD)
    programs = put_first(tree, "shellcheck", "#!/bin/sh\n[ \"$1\" != %s ] || %s\n" % (option, end))
    done = tree.command("lint", PATH="%s:%s" % (programs, tree.environment()["PATH"]))
    assert done.returncode != 0 and "shellcheck failed" in done.stdout, done.stdout


def test_an_unfinished_check_of_dependencies_is_no_success(tree):
    tree.recipe("good", **GOOD)
    programs = put_first(tree, "awk", "#!/bin/sh\ncase $* in *graph.awk*) kill -KILL $$ ;; esac\nexec %s \"$@\"\n"
                         % shutil.which("awk"))
    put_first(tree, "shellcheck", "#!/bin/sh\n")
    done = tree.command("lint", PATH="%s:%s" % (programs, tree.environment()["PATH"]))
    assert done.returncode != 0 and "lib/engine/graph.awk failed" in done.stdout, done.stdout


def test_one_place_for_each_pin(tree):
    """Two recipes with one source: one pins it, the other has a link."""
    tree.recipe("good", **GOOD)
    other = tree.recipe("other", version="1", license="MIT", sources=GOOD["sources"])
    status, said = lint(tree)
    assert status != 0
    assert "recipes/other/sources: pins the same file as recipes/good/sources" in said
    for name in "version", "sources":
        (other / name).unlink()
        (other / name).symlink_to("../good/" + name)
    status, said = lint(tree)
    assert status == 0, said


# {fault: (changed files, place and words of the finding)}; None removes the file.
FAULTS = {
    "no licence": ({"license": None}, "good/license", "missing"),
    "empty licence": ({"license": ""}, "good/license", "one line"),
    "two versions": ({"version": "1\n2"}, "good/version", "one line"),
    "no hash": ({"sources": "# x\nhttps://example.org/x.tar.gz"},
                "good/sources", "SHA-256"),
    "short hash": ({"sources": "# x\n0123456789abcdef https://example.org/x.tar.gz"},
                   "good/sources", "SHA-256"),
    "hash from nowhere": ({"sources": "0" * 64 + " https://example.org/x.tar.gz"},
                          "good/sources", "where the hash is from"),
    "no location": ({"sources": "# x\n" + "0" * 64 + " /srv/x.tar.gz"},
                    "good/sources", "is not a location"),
    "plain http": ({"sources": "# x\n" + "0" * 64 + " http://example.org/x.tar.gz"},
                   "good/sources", "is not a location"),
    "unused file": ({"files/forgotten": "x"}, "files/forgotten", "not used"),
    "patch without a reason": (
        {"patches/01-why.patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b"},
        "01-why.patch", "description"),
    "no patch among patches": ({"patches/series": "x"}, "patches/series", "not a .patch"),
    "missing dependency": ({"depends": "host:nothing"}, "good/depends", "nothing"),
    "depends on itself": ({"depends": "good"}, "good/depends", "itself"),
    "missing input": ({"inputs": "not/there"}, "good/inputs", "not/there"),
    "host path": ({"build": "compile() {\n\tcp /usr/local/bin/x .\n}\n" + GOOD["build"]},
                  "good/build:2", "absolute path"),
    "network": ({"build": "compile() {\n\tcurl https://example.org/\n}\n" + GOOD["build"]},
                "good/build", "no network"),
    "shadowed command": ({"build": "install() {\n\tinstall -m 644 \"$FILES/extra\" \"$DEST\"\n}"},
                         "good/build:2", "command install"),
    "unknown part": ({"buidl": "x"}, "good/buidl", "not a file of a recipe"),
    "patches of nobody": ({"series": "take *"}, "good/series", "no patch archive"),
    "Debian's source without a decision": (
        {"sources": "# x\n" + "0" * 64 + " apt:trixie/good=1-1/good_1.orig.tar.gz"},
        "good/sources", "patch archive"),
    "two ways at once": ({"series": "none it has none\ntake *"}, "good/series", "only rule"),
    "a decision that cannot be": (
        {"series": "take *\nkeep x", "sources": DEBIAN}, "good/series", "invalid rule"),
    "none, and an archive": ({"series": "none it has none", "sources": DEBIAN}, "good/series", "good_1-1.debian.tar.xz"),
    "an advisory without a state": ({"advisories": "CVE-2026-1000 nobody knows"}, "good/advisories", "CVE-2026-1000"),
    "an advisory without a reason": ({"advisories": "XSA-483 open"}, "good/advisories", "XSA-483"),
    "no advisory": ({"advisories": "word open why"}, "good/advisories", "ADVISORY open REASON"),
    "an advisory twice": (
        {"advisories": "XSA-483 open why\nXSA-483 unaffected why"}, "good/advisories", "twice"),
    "shell": ({"build": GOOD["build"] + "\ncheck() {\n\tif [ $x == 1 ]; then :; fi\n}"},
              "good/build", "SC"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tree, fault):
    if fault == "shell":
        tools.find("shellcheck")
    change, place, words = FAULTS[fault]
    parts = {name: text for name, text in {**GOOD, **change}.items() if text is not None}
    recipe = tree.recipe("good", **parts)
    for name, text in change.items():
        if text is None:
            (recipe / name).unlink()
    status, said = lint(tree)
    assert status != 0
    assert [line for line in said.splitlines() if place in line and words in line], said


def test_a_decision_is_enough(tree):
    orig = "# x\n" + "0" * 64 + " apt:trixie/good=1-1/good_1.orig.tar.gz"
    tree.recipe("good", **{**GOOD, "sources": orig, "series": "none it has none",
                           "advisories": "CVE-2026-1000 open why\nGHSA-2abc-3def-4ghi unaffected why"})
    status, said = lint(tree)
    assert status == 0, said


def test_the_archive_decides_about_the_decision(tree):
    """If the archive is fetched, a patch that fixes an advisory must be taken or named."""
    tree.recipe("good", **{**GOOD, "sources": DEBIAN, "series": "leave * policy"})
    status, said = lint(tree)
    assert status == 0
    # The rules were only read, which is said.
    assert "cannot check which of Debian's patches these recipes take: good;" in said
    (tree.cache / "sources").mkdir(parents=True)
    archive(tree.cache / "sources/good_1-1.debian.tar.xz")
    status, said = lint(tree)
    assert status != 0
    assert "recipes/good/series: \"leave *\" leaves CVE-2026-1000.patch" in said
    (tree.top / "recipes/good/series").write_text(DECIDED + "\n")
    status, said = lint(tree)
    assert status == 0 and "cannot check" not in said, said
