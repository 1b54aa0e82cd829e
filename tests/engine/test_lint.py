"""The linter finds each fault, says where, and is content with what is good."""

import pytest

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


def lint(tree):
    done = tree.command("lint")
    return done.returncode, done.stdout


def test_a_good_recipe_passes(tree):
    tree.recipe("good", **GOOD)
    status, said = lint(tree)
    assert status == 0, said


def test_one_place_for_each_pin(tree):
    """A source that two recipes use is pinned in one of them; the other has a link to it."""
    tree.recipe("good", **GOOD)
    other = tree.recipe("other", version="1", license="MIT", sources=GOOD["sources"])
    status, said = lint(tree)
    assert status != 0
    assert "recipes/other/sources: pins what recipes/good/sources pins, too" in said
    for name in "version", "sources":
        (other / name).unlink()
        (other / name).symlink_to("../good/" + name)
    status, said = lint(tree)
    assert status == 0, said


# What is written instead of the good part, and what the finding must hold.
# None takes the part away.
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
                    "good/sources", "is no location"),
    "plain http": ({"sources": "# x\n" + "0" * 64 + " http://example.org/x.tar.gz"},
                   "good/sources", "is no location"),
    "unused file": ({"files/forgotten": "x"}, "files/forgotten", "used nowhere"),
    "patch without a reason": (
        {"patches/01-why.patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b"},
        "01-why.patch", "what it is for"),
    "no patch among patches": ({"patches/series": "x"}, "patches/series", "no .patch"),
    "missing dependency": ({"depends": "host:nothing"}, "good/depends", "nothing"),
    "depends on itself": ({"depends": "good"}, "good/depends", "itself"),
    "missing input": ({"inputs": "not/there"}, "good/inputs", "not/there"),
    "host path": ({"build": "compile() {\n\tcp /usr/local/bin/x .\n}\n" + GOOD["build"]},
                  "good/build:2", "absolute path"),
    "network": ({"build": "compile() {\n\tcurl https://example.org/\n}\n" + GOOD["build"]},
                "good/build", "no network"),
    "shadowed command": ({"build": "install() {\n\tinstall -m 644 \"$FILES/extra\" \"$DEST\"\n}"},
                         "good/build:2", "command install"),
    "unknown part": ({"buidl": "x"}, "good/buidl", "no part"),
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
