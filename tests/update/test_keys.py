"""update-keys/ of a configuration: how sources are merged, and what is wrong with a key."""

import os
import subprocess

import pytest

import tools
from conftest import LIBRARY, TOP

PROGRAMS = TOP / "rootfs" / LIBRARY


@pytest.fixture(params=["mawk", "gawk", "busybox"])
def call(request, tmp_path):
    """call(PROGRAM, WORD...): (status, what it reports), with one awk."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").symlink_to(tools.find(request.param))

    def run(program, *words):
        done = subprocess.run(["sh", PROGRAMS / program, *words], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
        return done.returncode, done.stderr.replace(f"{tmp_path}/", "")
    return run


@pytest.fixture
def tree(tmp_path):
    def make(name, **files):
        for path, text in files.items():
            file = tmp_path / name / "update-keys" / path.replace("_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / name
    return make


def test_merge(call, tree, maker, tmp_path):
    one, two = (maker.key(name).read_text() for name in ("one", "two"))
    image = tree("image", a_pub=one, b_pub=one, revoked="0123456789ABCDEF\n")
    drive = tree("drive", a_pub=two.replace("\n", "\r\n"), b_pub="", c_pub=one, revoked="FEDCBA9876543210")
    assert call("config-merge", tmp_path / "config", image, drive) == (0, "")
    merged = {path.name: path.read_text() for path in (tmp_path / "config/update-keys").iterdir()}
    # By name, and an empty file removes one; but a revocation stays.
    assert merged == {"a.pub": two, "c.pub": one, "revoked": "0123456789ABCDEF\nFEDCBA9876543210\n"}


def test_without_any(call, tree, tmp_path):
    assert call("config-merge", tmp_path / "config", tree("image", readme="x") / "nothing") == (0, "")
    assert not (tmp_path / "config/update-keys").exists()


def test_a_list_of_revoked_keys_that_is_not_right(call, tree, tmp_path):
    """It is kept as it is: `update` trusts nothing then."""
    assert call("config-merge", tmp_path / "config", tree("drive", revoked="gone\n")) == (
        0, 'drive/update-keys/revoked:1: "gone" is neither a public key nor the number of one (16 digits)\n')
    assert (tmp_path / "config/update-keys/revoked").read_text() == "gone\n"
    large = tree("large", revoked="0123456789ABCDEF\n" * 20000)
    status, said = call("config-merge", tmp_path / "other", large)
    assert status == 0 and "is larger than" in said
    assert (tmp_path / "other/update-keys/revoked").read_text() == "unreadable\n"


def test_check(call, tree, maker):
    key = maker.key("one").read_text()
    comment, text = key.splitlines()
    number = comment.rsplit(" ", 1)[1]
    assert call("check-config", tree("good", a_pub=key, b_pub="", revoked=f"# none\n\n{number}\n{number.lower()} x\n{text} # y\n")) == (0, "")
    bad = tree("bad", a_pub=text + "\n", b_pub=f"{comment}\n{text[:-1]}\n", c_pub=key + key, d_pub=comment + "\n", revoked=number[1:])
    status, said = call("check-config", bad)
    assert status == 1
    assert sorted(line.split(": ")[0] for line in said.splitlines()) == [
        f"bad/update-keys/{where}" for where in
        ("a.pub:1", "a.pub:2", "b.pub:2", "c.pub:3", "c.pub:4", "d.pub:2", "revoked:1")]


def test_misplaced_files(call, tree):
    _, said = call("check-config", tree("some", update_key="x", notes_txt="x"))
    assert said.splitlines() == [
        "some/update-keys/notes.txt:0: warning: is not used: keys for updates are files NAME.pub",
        "some/update-keys/update.key:0: warning: is not used: it seems to be a private key, which belongs on no host"]
