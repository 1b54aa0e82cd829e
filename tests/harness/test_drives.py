"""The drives that the tests make: the right label, and the files on them."""

import subprocess

import pytest

import drives
import tools

FILES = {"host.conf": "hostname=x\n", "domains/a-longer-name.cfg": "name = 'x'\n",
         "images/blob": b"\0\1\2"}


def kind(path):
    """The label and type of a file system, from blkid."""
    done = subprocess.run([tools.find("blkid"), "-p", "-o", "export", str(path)],
                          capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


@pytest.fixture
def tree(tmp_path):
    return drives.write_tree(tmp_path / "tree", FILES)


@pytest.mark.parametrize("make, name, type_", [
    (drives.vfat, "a.img", "vfat"), (drives.ext4, "a.img", "ext4"),
    (drives.iso9660, "a.iso", "iso9660")])
def test_label(tree, tmp_path, make, name, type_):
    found = kind(make(tmp_path / name, tree))
    assert found["LABEL"] == drives.LABEL
    assert found["TYPE"] == type_


def test_uuid(tree, tmp_path):
    path = drives.vfat(tmp_path / "a.img", tree)
    assert drives.uuid(path) == kind(path)["UUID"]


def test_fat_holds_the_files(tree, tmp_path):
    path = drives.vfat(tmp_path / "a.img", tree)
    listing = subprocess.run([drives.tool("mdir", "mtools"), "-/", "-b", "-i", path, "::"],
                             capture_output=True, text=True, check=True).stdout
    assert "::/domains/a-longer-name.cfg" in listing
    assert "::/images/blob" in listing


def test_partition(tree, tmp_path):
    path = drives.partitioned_vfat(tmp_path / "a.img", tree)
    assert kind(path)["PTTYPE"] == "dos"
    whole = (tmp_path / "a.img").read_bytes()
    (tmp_path / "part").write_bytes(whole[2048 * 512:])
    assert kind(tmp_path / "part")["LABEL"] == drives.LABEL


def test_missing_tool_is_named(monkeypatch):
    """The message names its package, too."""
    monkeypatch.setattr(drives, "package", lambda name: None)
    monkeypatch.setattr(tools, "path_of", lambda name: None)
    with pytest.raises(tools.Missing, match="^cannot find mcopy; install the Debian package mtools, or ./build.sh package mtools$"):
        drives.tool("mcopy", "mtools")
