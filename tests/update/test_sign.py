"""build.sh keys and sign, and that what they make is accepted by the original minisign and
by the host."""

import os
import pty
import shutil
import stat
import subprocess

import pytest

from conftest import MINISIGN, TOP, run


@pytest.fixture
def build(tmp_path):
    """build(COMMAND, WORD...): runs build.sh with an output directory of its own."""
    def call(*words, **kwargs):
        return subprocess.run(["sh", TOP / "build.sh", *words], capture_output=True, text=True, check=False, timeout=300,
                              cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path),
                                                 "XENITH_OUT": str(tmp_path / "out"),
                                                 "XENITH_CACHE": str(tmp_path / "cache")}, **kwargs)
    return call


def good(done):
    assert done.returncode == 0, done
    return done.stderr


def error(done):
    assert done.returncode == 1, done
    return done.stderr.splitlines()[-1].removeprefix("xenith: ")


@pytest.fixture
def keys(build, tmp_path):
    good(build("keys", "keys", "--no-password"))
    return tmp_path / "keys"


def test_a_pair_of_keys(build, keys):
    assert sorted(path.name for path in keys.iterdir()) == ["update.key", "update.pub"]
    assert stat.S_IMODE((keys / "update.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    before = (keys / "update.key").read_bytes()
    assert "update.key exists already" in error(build("keys", keys, "--no-password"))
    assert (keys / "update.key").read_bytes() == before


@pytest.mark.parametrize("place", ["out/keys", "keys", ".git/keys", "docs/../keys", "."])
def test_no_keys_in_the_tree(build, place):
    assert "is in the source tree" in error(build("keys", TOP / place, "--no-password"))
    assert not list(TOP.rglob("update.key"))


def test_no_keys_in_the_tree_by_a_link(build, tmp_path):
    (tmp_path / "link").symlink_to(TOP)
    assert "is in the source tree" in error(build("keys", "link/keys", "--no-password"))


def test_keys_without_a_terminal(build, tmp_path):
    """Nobody can give a password: there is no pair, and no half of one."""
    assert "made no keys" in error(build("keys", "keys", stdin=subprocess.DEVNULL, start_new_session=True))
    assert not list((tmp_path / "keys").iterdir())


def test_keys_with_a_password(build, tmp_path):
    """The password is asked for on the terminal, twice; the key needs it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ["XENITH_OUT"] = str(tmp_path / "out")
        os.execvp("sh", ["sh", str(TOP / "build.sh"), "keys", "keys"])
    said = b""
    asked = 0
    try:
        while chunk := os.read(terminal, 1000):
            said += chunk
            while asked < said.count(b"Password"):
                os.write(terminal, b"secret\n")
                asked += 1
    except OSError:
        pass        # the end of the terminal
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    assert stat.S_IMODE((tmp_path / "keys/update.key").stat().st_mode) == 0o600
    (tmp_path / "x").write_text("x")
    for password, status in (("wrong\n", 1), ("secret\n", 0)):
        done = subprocess.run([MINISIGN, "-S", "-s", tmp_path / "keys/update.key", "-m", tmp_path / "x"], input=password,
                              text=True, capture_output=True, start_new_session=True, check=False)
        assert bool(done.returncode) == bool(status)


def test_sign(build, keys, maker, host, tmp_path):
    plain = maker.update("2", 20, key=None)
    file = tmp_path / "signed.update"
    good(build("sign", plain, "--key", keys / "update.key", "--output", file))
    run("tar", "-xf", file, "-C", tmp_path, "manifest", "manifest.minisig")
    # The original program agrees.
    said = run(MINISIGN, "-V", "-H", "-p", keys / "update.pub", "-m", tmp_path / "manifest", text=True)
    assert "Trusted comment: xenith 2" in said
    # And so does the host, which knows only this key.
    (host.top / "config/update-keys/one.pub").unlink()
    shutil.copy(keys / "update.pub", host.top / "config/update-keys")
    host.updated(file)
    assert host.slot_is("b", "2")


def test_sign_in_place_and_again(build, keys, maker, tmp_path):
    (tmp_path / "out").mkdir()
    file = tmp_path / "out/x.update"
    shutil.copy(maker.update("2", 20, key=None), file)
    good(build("sign", file, "--key", keys / "update.key"))
    first = file.read_bytes()
    assert run("tar", "-tf", file, text=True).split() == ["manifest", "manifest.minisig", "slot.img"]
    # With another key: the same members, and one signature.
    good(build("keys", "others", "--no-password"))
    good(build("sign", file, "--key", tmp_path / "others/update.key"))
    assert run("tar", "-tf", file, text=True).split() == ["manifest", "manifest.minisig", "slot.img"]
    assert file.read_bytes() != first
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_is_not_signed(build, keys, maker, tmp_path):
    key = ("--key", keys / "update.key")
    plain = maker.update("2", 20, key=None)
    assert "expected --key KEY or --unsigned" in error(build("sign", plain))
    assert "nothing: no such file" in error(build("sign", "nothing", *key))
    assert "is not an update: " in error(build("sign", keys / "update.pub", *key))
    other = tmp_path / "other.tar"
    run("tar", "-cf", other, "-C", keys, "update.pub")
    assert "is not an update: it holds update.pub" in error(build("sign", other, *key))
    data = bytearray(plain.read_bytes())
    data[1 << 20] ^= 1
    bad = tmp_path / "bad.update"
    bad.write_bytes(data)
    assert "is damaged: its image has the SHA-256" in error(build("sign", bad, *key))
    assert bad.read_bytes() == data


def test_packing_is_reproducible(maker, tmp_path):
    slot = maker.slot("2", 20)
    outputs = set()
    for name, mask in (("a", 0o022), ("b", 0o077)):
        work = tmp_path / name
        old = os.umask(mask)
        work.mkdir()
        (work / "slot.img").write_bytes((slot / "slot.img").read_bytes())
        (work / "manifest").write_bytes(run("sh", TOP / "install/update-manifest.sh", slot / "manifest", work / "slot.img"))
        os.utime(work / "manifest", (7, 7))
        os.umask(old)
        outputs.add(run("sh", TOP / "install/pack.sh", work))
    assert len(outputs) == 1


def test_only_a_right_manifest_goes_into_an_update(maker, tmp_path):
    slot = maker.slot("2", 20)
    for old, new in (("version 2", "version ../2"), ("order 20", "order 0"), ("file initrd", "file config")):
        (tmp_path / "manifest").write_text((slot / "manifest").read_text().replace(old, new))
        done = subprocess.run(["sh", TOP / "install/update-manifest.sh", tmp_path / "manifest", slot / "slot.img"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "manifest: line " in done.stderr and not done.stdout


def test_from_the_last_build(build, keys, maker, tmp_path):
    """Without a file, the update is made of what the build left."""
    assert "cannot find the package disk" in error(build("sign", "--key", keys / "update.key"))
    package = tmp_path / "package/root"
    package.mkdir(parents=True)
    for name in ("slot.img", "manifest"):
        shutil.copy(maker.slot("2", 20) / name, package)
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out/packages").write_text(f"disk {tmp_path}/package\n")
    good(build("sign", "--key", keys / "update.key"))
    assert run("tar", "-tf", tmp_path / "out/xenith-2.update", text=True).split() == ["manifest", "manifest.minisig", "slot.img"]
    said = good(build("sign", "--unsigned"))
    assert (tmp_path / "out/xenith-2.update").read_bytes() == maker.update("2", 20, key=None).read_bytes()
    assert run("sha256sum", tmp_path / "out/xenith-2.update", text=True).split()[0] in said
