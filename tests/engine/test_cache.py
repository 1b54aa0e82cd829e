"""When the engine builds again, and when it must not."""

import resource
import shutil

import pytest

from tier import only_slow, slow

INSTALL = 'install() { cp "$SRC/text" "$DEST/text"; }'


def add_line(path, line="# changed"):
    path.write_text(path.read_text() + line + "\n")


@pytest.fixture
def tree(tree):
    """A recipe with every kind of file, and an empty one."""
    tree.recipe("base", build='install() { echo base >"$DEST/base"; }')
    (tree.top / "shared").mkdir()
    (tree.top / "shared/list").write_text("a\n")
    recipe = tree.recipe(
        "all", depends="base", inputs="shared", build=INSTALL,
        sources="# computed from the file\n" + tree.tarball("all-1.tar.gz", text="one"),
        **{"files/extra": "extra",
           "patches/01-why.patch": "Because the test needs a patch.\n"
                                   "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two"})
    recipe.joinpath("files/extra").chmod(0o644)
    tree.build("all")
    tree.all = recipe
    return tree


def change_version(tree):
    (tree.all / "version").write_text("2\n")


def change_build(tree):
    add_line(tree.all / "build")


def change_file(tree):
    add_line(tree.all / "files/extra")


def change_mode_of_file(tree):
    (tree.all / "files/extra").chmod(0o755)


def rename_file(tree):
    (tree.all / "files/extra").rename(tree.all / "files/other")


def change_patch(tree):
    path = tree.all / "patches/01-why.patch"
    path.write_text("Said better.\n" + path.read_text())


def change_input(tree):
    add_line(tree.top / "shared/list")


def add_input(tree):
    (tree.top / "shared/more").write_text("b\n")


def change_source(tree):
    line = tree.tarball("all-1.tar.gz", text="one", more="more")
    (tree.all / "sources").write_text(line + "\n")
    # The fetched file has the old hash and must be fetched again.


def change_dependency(tree):
    tree.recipe("base", build='install() { echo other >"$DEST/base"; }')


def change_dependency_list(tree):
    tree.recipe("more", build='install() { echo more >"$DEST/more"; }')
    (tree.all / "depends").write_text("base more\n")


def change_dependency_to_tool(tree):
    (tree.all / "depends").write_text("host:base\n")


def change_epoch(tree):
    path = tree.top / "config"
    path.write_text(path.read_text().replace("EPOCH=1", "EPOCH=2"))


def engine_file(name):
    """Change a part of the engine that a build runs in."""
    def change(tree):
        add_line(tree.top / "lib/engine" / name)
    change.__name__ = name
    return change


def content_behind_a_link(tree):
    """`version` is a link to another recipe's: the link itself does not change."""
    (tree.all / "version").unlink()
    (tree.all / "version").symlink_to("../base/version")
    tree.build("all")
    (tree.top / "recipes/base/version").write_text("3\n")


ENGINE = "airlock.sh", "host-tools", "inside.sh", "phases.sh", "prepare.sh", "series.sh"


@pytest.mark.parametrize("change", [
    change_version, change_build, change_file, change_source, change_dependency, *only_slow(
        change_mode_of_file, rename_file, change_patch, change_input, add_input,
        change_dependency_list, change_dependency_to_tool, change_epoch,
        content_behind_a_link, *map(engine_file, ENGINE))])
def test_a_change_that_can_matter_builds_again(tree, change):
    before = tree.package("all")
    change(tree)
    tree.build("all")
    assert "all" in tree.built()
    assert tree.package("all") != before


def test_what_was_linked_to_is_built_with(tree):
    """Recipes can share a file through a link."""
    tree.recipe("second", version="9", build='install() { echo "$VERSION" >"$DEST/version"; }')
    (tree.top / "recipes/second/version").unlink()
    (tree.top / "recipes/second/version").symlink_to("../all/version")
    tree.build("second")
    assert tree.output("second", "version") == "1"


def source_elsewhere(tree):
    moved = tree.upstream / "mirror"
    moved.mkdir()
    (tree.upstream / "all-1.tar.gz").rename(moved / "all-1.tar.gz")
    (tree.all / "sources").write_text(
        "# another comment\n" + tree.source_line(moved / "all-1.tar.gz") + "\n")


def other_recipe(tree):
    tree.recipe("unrelated", build="install() { :; }")


def editor_backup(tree):
    (tree.all / "build~").write_text("an editor was here\n")


def rename_release(tree):
    """It is in the key of the recipes that have `config` as an input."""
    path = tree.top / "config"
    path.write_text(path.read_text().replace("RELEASE=", "RELEASE=9"))


def touch_everything(tree):
    for path in tree.all.rglob("*"):
        path.touch()


def nothing(tree):
    del tree


@pytest.mark.parametrize("change", [
    nothing, source_elsewhere, other_recipe, *only_slow(editor_backup, rename_release, touch_everything)])
def test_a_change_that_cannot_matter_does_not(tree, change):
    before = tree.package("all")
    change(tree)
    tree.build("all")
    assert tree.built() == set()
    assert tree.package("all") == before


@pytest.mark.parametrize("environment", [
    {"XENITH_JOBS": "7"}, {"CFLAGS": "-O0"}, {"SOURCE_DATE_EPOCH": "1"}, *only_slow(
        {"XENITH_JOBS": "1"}, {"MAKEFLAGS": "-j5"}, {"V": "1"}, {"TZ": "Asia/Kathmandu"}, {"LC_ALL": "C.UTF-8"})])
def test_the_environment_is_not_in_the_key(tree, environment):
    before = tree.package("all")
    tree.build("all", **environment)
    assert tree.built() == set()
    assert tree.package("all") == before


def test_same_output_stops_the_rebuild(pair):
    """`one` is rebuilt with the same output, so `two` is not."""
    pair.build("two")
    add_line(pair.top / "recipes/one/build")
    pair.build("two")
    assert pair.built() == {"one"}


def test_other_output_goes_on(pair):
    pair.build("two")
    pair.recipe("one", build='install() { echo bye >"$DEST/word"; }')
    pair.build("two")
    assert pair.built() == {"one", "two"}
    assert pair.output("two", "words") == "bye\nbye"


def test_going_back_finds_the_old_package(pair):
    pair.build("two")
    before = pair.package("two")
    old = (pair.top / "recipes/one/build").read_text()
    pair.recipe("one", build='install() { echo bye >"$DEST/word"; }')
    pair.build("two")
    (pair.top / "recipes/one/build").write_text(old)
    pair.build("two")
    assert pair.built() == set()
    assert pair.package("two") == before


def test_nothing_to_do_is_quick(pair):
    """Measured in CPU time, which does not depend on the machine's load."""
    pair.build("two")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pair.build("two")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_two_cold_builds_agree(pair, make_tree):
    """Two directories, caches and environments give the same bytes."""
    other = make_tree("elsewhere")
    shutil.copytree(pair.top / "recipes", other.top / "recipes", dirs_exist_ok=True)
    pair.build("two")
    other.build("two", TZ="Asia/Kathmandu", XENITH_JOBS="1", USER="nobody")
    assert ((pair.package("two") / "output").read_text()
            == (other.package("two") / "output").read_text())
    assert pair.package("two").name == other.package("two").name
