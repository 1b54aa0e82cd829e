"""./build.sh sources: what it collects."""

import subprocess
import tarfile

import pytest

import tools

INSTALL = 'install() { mkdir -p "$DEST/netboot"; cp text "$DEST/text"; }'


@pytest.fixture
def tree(tree):
    """An image with Xen in it, an alternative Xen, and a tool that is not in the image."""
    tree.recipe("iso", depends="xen", sources=tree.tarball("iso-1.tar.gz", text="iso"), build=INSTALL)
    tree.recipe("netboot", sources=tree.tarball("netboot-1.tar.gz", text="netboot"), build=INSTALL)
    tree.recipe("tool", sources=tree.tarball("tool-1.tar.gz", text="tool"), build=INSTALL)
    xen = tree.top / "hypervisor/xen"
    xen.mkdir()
    (xen / "version").write_text("4\n")
    (xen / "build").write_text(INSTALL + "\n")
    (xen / "sources").write_text(tree.tarball("xen-4.tar.gz", text="xen 4") + "\n")
    pin = tree.top / "hypervisor/pins/5"
    pin.mkdir(parents=True)
    (pin / "version").write_text("5\n")
    (pin / "sources").write_text(tree.tarball("xen-5.tar.gz", text="xen 5") + "\n")
    git = [tools.find("git"), "-C", str(tree.top)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    return tree


@pytest.fixture
def collect(tree):
    """The names of the collected files, whose hashes must be those of the list."""
    def run(*words, **environment):
        done = tree.command("sources", *words, **environment)
        assert done.returncode == 0, done.stdout
        directory = tree.top / "out/sources"
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=directory, check=True)
        names = {path.name for path in directory.iterdir()}
        assert {"xenith-0.1.tar.xz", "SHA256SUMS"} <= names
        return names - {"xenith-0.1.tar.xz", "SHA256SUMS"}
    return run


IMAGE = {"iso-1.tar.gz", "netboot-1.tar.gz", "xen-4.tar.gz"}


def test_what_is_in_the_image(tree, collect):
    """And no other source, although it is in the cache, and damaged there."""
    tree.build("tool")
    (tree.cache / "sources/tool-1.tar.gz").write_bytes(b"rot")
    assert collect() == IMAGE


def test_what_every_recipe_needs(tree, collect):
    tree.build("tool")
    (tree.cache / "sources/tool-1.tar.gz").write_bytes(b"rot")
    assert collect("--all") == IMAGE | {"tool-1.tar.gz"}
    for name in IMAGE | {"tool-1.tar.gz"}:
        assert (tree.top / "out/sources" / name).read_bytes() == (tree.upstream / name).read_bytes()


def test_an_alternative_xen(tree, collect):
    """Its source is in that image, and the pinned one's is not."""
    tree.build("xen")
    assert collect(XENITH_XEN="5") == IMAGE - {"xen-4.tar.gz"} | {"xen-5.tar.gz"}


def test_the_tree_without_what_is_beside_it(tree, collect):
    (tree.top / "my-host").mkdir()
    (tree.top / "my-host/iscsi-secrets").write_text("secret\n")
    collect()
    with tarfile.open(tree.top / "out/sources/xenith-0.1.tar.xz") as tar:
        names = tar.getnames()
    assert {"build.sh", "lib/common.sh", "recipes/iso/build", "hypervisor/pins/5/sources"} <= set(names)
    assert not [name for name in names if name.startswith(("my-host", "out"))]


def test_what_cannot_be_fetched_is_not_left_out(tree, collect):
    collect()
    (tree.upstream / "xen-4.tar.gz").unlink()
    (tree.cache / "sources/xen-4.tar.gz").unlink()
    done = tree.command("sources")
    assert done.returncode != 0
    assert "cannot fetch xen-4.tar.gz of xen" in done.stdout
    # The earlier collection is complete.
    assert (tree.top / "out/sources/xen-4.tar.gz").exists()


def test_unknown_option(tree):
    done = tree.command("sources", "--al")
    assert done.returncode != 0
    assert "sources: unknown option --al; the only option is --all" in done.stdout
