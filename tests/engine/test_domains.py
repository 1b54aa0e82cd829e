"""--domains: the user's configuration in the image, or the old image kept."""

import pathlib
import shutil

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
GOOD = 'name = "mine"\ntype = "pvh"\nkernel = "/config/images/k"\nmemory = 32\n'


@pytest.fixture
def tree(tree):
    """An image that is nothing but the configuration that went into it."""
    shutil.copytree(TOP / "rootfs/usr/lib/xenith", tree.top / "rootfs/usr/lib/xenith")
    config = tree.top / "domains"
    (config / "domains").mkdir(parents=True)
    (config / "host.conf").write_text("hostname=stock\n")
    for name, file in (("iso", "xenith.iso"), ("netboot", "netboot/bundle")):
        tree.recipe(name, inputs="domains", build="""install() {
	mkdir -p "$DEST/%s"
	cat "$INPUTS/domains/host.conf" "$INPUTS"/domains/domains/*.cfg >"$DEST/%s" || :
}""" % (file.rpartition("/")[0], file))
    (tree.top / "recipes/outputs").write_text("")
    assert build(tree).returncode == 0
    return tree


def build(tree, *arguments):
    done = tree.command(*arguments)
    tree.said = done.stdout
    return done


def image(tree):
    return (tree.top / "out/xenith.iso").read_text()


@pytest.fixture
def mine(tree):
    directory = tree.top.parent / "my own domains"
    (directory / "domains").mkdir(parents=True)
    (directory / "images").mkdir()
    (directory / "images/k").write_text("a kernel\n")
    (directory / "host.conf").write_text("hostname=mine\n")
    (directory / "domains/mine.cfg").write_text(GOOD)
    return directory


def test_own_configuration_goes_in(tree, mine):
    assert image(tree) == "hostname=stock\n"
    assert build(tree, "--domains", str(mine)).returncode == 0, tree.said
    assert image(tree) == "hostname=mine\n" + GOOD
    assert tree.built() == {"iso", "netboot"}


def test_without_it_the_stock_image_is_back(tree, mine):
    build(tree, "--domains", str(mine))
    assert build(tree).returncode == 0
    assert image(tree) == "hostname=stock\n"
    assert tree.built() == set()


def test_what_links_lead_to_is_what_counts(tree, mine):
    """A file that is changed behind a link, or behind a link to all, is seen."""
    shared = tree.top.parent / "shared.conf"
    (mine / "host.conf").rename(shared)
    (mine / "host.conf").symlink_to("../" + shared.name)
    link = tree.top.parent / "link"
    link.symlink_to(mine)
    assert build(tree, "--domains", str(link)).returncode == 0, tree.said
    assert image(tree) == "hostname=mine\n" + GOOD
    shared.write_text("hostname=other\n")
    assert build(tree, "--domains", str(link)).returncode == 0, tree.said
    assert image(tree) == "hostname=other\n" + GOOD


def broken_domain(mine):
    (mine / "domains/mine.cfg").write_text(GOOD + "vif = [ ''\n")
    return "domains/mine.cfg:5:"


def missing_kernel(mine):
    (mine / "images/k").unlink()
    return "domains/mine.cfg:3:"


def broken_host_conf(mine):
    (mine / "host.conf").write_text("hostname=ok\nadress=dhcp\n")
    return "host.conf:2:"


def broken_key(mine):
    (mine / "authorized_keys").write_text("# keys\nssh-nonsense AAAA\n")
    return "authorized_keys:2:"


def gone(mine):
    shutil.rmtree(mine)
    return str(mine)


def a_file(mine):
    shutil.rmtree(mine)
    mine.write_text("not a directory\n")
    return str(mine)


@pytest.mark.parametrize("spoil", [broken_domain, missing_kernel, broken_host_conf,
                                   broken_key, gone, a_file])
def test_bad_configuration_keeps_the_old_image(tree, mine, spoil):
    before = (tree.top / "out/xenith.iso").stat()
    place = spoil(mine)
    assert build(tree, "--domains", str(mine)).returncode != 0
    assert place in tree.said, tree.said
    assert image(tree) == "hostname=stock\n"
    after = (tree.top / "out/xenith.iso").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_directory_must_be_named(tree):
    assert build(tree, "--domains").returncode != 0
    assert "--domains needs a directory" in tree.said
