"""The configuration on the second disk of a mirror follows the drive. A power cut at any step
leaves the old or the new one there, and never one that wins over a newer one."""

import os
import shutil
import tarfile
import time

import pytest

from conftest import KEY, domain
from test_power import copied, notes, lose
from tier import only_slow


def make_mirror(host):
    shutil.copytree(host.top / "drive", host.top / "drive.mirror")
    return host


def number(host, tree):
    """Without the time of the last change."""
    return host.done("config-newest", "--number", XENITH_DRIVE=f"{host.top}/{tree}").strip().rpartition(".")[0]


def alone(host):
    """What a boot uses if only the second disk is left."""
    found = host.done("config-newest", host.top / "copy/drive", XENITH_DRIVE=f"{host.top}/drive.mirror").strip()
    return host.tree(found.removeprefix(f"{host.top}/"))


def in_step(host):
    for one, two in (("drive", "drive.mirror"), ("drive.mirror", "drive")):
        for path in sorted((host.top / one).rglob("*")):
            if path.is_file():
                assert (host.top / two / path.relative_to(host.top / one)).read_bytes() == path.read_bytes(), path
    return True


def test_a_save(host):
    make_mirror(host)
    host.write("config", "domains/new.cfg", domain("new"))
    host.done("save", "-m", "one")
    assert in_step(host) and host.tree("drive.mirror")["domains/new.cfg"] == domain("new")
    assert number(host, "drive.mirror") == "00000002.1"
    assert " ro," in host.text("mounts")
    host.done("rollback", "config")
    assert in_step(host) and "domains/new.cfg" not in host.tree("drive.mirror")


def test_the_number_ends_with_the_last_change(host):
    """Of a configuration that was never saved that decides."""
    make_mirror(host)
    for tree, when in (("drive", 1700000000), ("drive.mirror", 1700000001)):
        for path in (host.top / tree).rglob("*"):
            os.utime(path, (when, when))
    host.write("drive.mirror", "host.conf", "hostname=by-hand\n")
    os.utime(host.top / "drive.mirror/host.conf", (1700000002, 1700000002))
    host.write("drive.mirror", "images/x", "no part of it")
    numbers = [host.done("config-newest", "--number", XENITH_DRIVE=f"{host.top}/{tree}").strip() for tree in ("drive", "drive.mirror")]
    assert numbers == ["00000000.1.%010d" % (1700000000 if any((host.top / "drive").iterdir()) else 0), "00000000.1.1700000002"]


@pytest.mark.parametrize("broken", ["host.conf", "domains"])
def test_a_disk_that_cannot_be_read(host, broken):
    """Its files are neither edited nor gone. It does not count, and nothing follows it."""
    host.write("config", "domains/new.cfg", domain("new"))
    host.done("save")
    make_mirror(host)
    before = host.tree("drive.mirror")
    host.write("drive.mirror", "domains/old.cfg", "to be removed")
    (host.top / "broken").write_text(broken)
    done = host.run("config-newest", "--number")
    assert (done.returncode, done.stdout) == (1, "")
    assert number(host, "drive.mirror") == "00000002.2"
    done = host.run("mirror-follow")
    assert done.returncode == 1 and "the configuration in use cannot be read, so that the other disk does not follow" in done.stderr
    assert host.tree("drive.mirror") == {**before, "domains/old.cfg": "to be removed"}


def test_a_save_that_was_cut_off_is_not_followed(host):
    """Half of it would be there as if it were all."""
    host.write("config", "domains/one.cfg", domain("one"))
    host.done("save")
    make_mirror(host)
    host.write("drive", "domains/half.cfg", "half")
    (host.top / "drive/saved/00000002.OK").unlink()
    before = host.tree("drive.mirror")
    host.done("mirror-follow")
    assert host.tree("drive.mirror") == before


def apart(host):
    """The kept configuration of the other disk, as an import gives it; None if there is none."""
    path = host.top / "drive/apart.tar"
    if not path.exists():
        return None
    assert path.read_bytes() == (host.top / "drive.mirror/apart.tar").read_bytes()
    with tarfile.open(path) as tar:
        return {entry.name: tar.extractfile(entry).read().decode() for entry in tar if entry.isfile() and entry.name != "generation"}


def save_without_the_second(host):
    """It is away for two saves."""
    (host.top / "drive.mirror").rename(host.top / "second")
    for name in ("a", "b"):
        host.write("config", f"domains/{name}.cfg", domain(name))
        host.done("save")
    (host.top / "second").rename(host.top / "drive.mirror")


@pytest.mark.parametrize("how", ["saved", "edited"])
def test_both_were_changed_while_they_were_apart(host, how):
    host.write("config", "domains/one.cfg", domain("one"))
    make_mirror(host)
    host.done("save")
    # The second one alone.
    (host.top / "drive").rename(host.top / "first")
    (host.top / "drive.mirror").rename(host.top / "drive")
    if how == "saved":
        host.write("config", "domains/second.cfg", domain("second"))
        host.done("save")
        (host.top / "config/domains/second.cfg").unlink()
    else:
        host.write("drive", "domains/second.cfg", domain("second"))
    other = host.drive()
    # And then the first one alone, and both.
    (host.top / "drive").rename(host.top / "drive.mirror")
    (host.top / "first").rename(host.top / "drive")
    save_without_the_second(host)
    said = host.run("mirror-follow").stderr
    assert said.startswith(f"{host.top}/drive/apart.tar:0: warning: both disks of the mirror were changed while they were apart")
    assert in_step(host) and apart(host) == other
    assert host.run("mirror-follow").stderr == ""


def test_one_was_away(host):
    """It has only missed what the other one saved."""
    host.write("config", "domains/one.cfg", domain("one"))
    make_mirror(host)
    host.done("save")
    save_without_the_second(host)
    assert host.done("mirror-follow") == "" and in_step(host) and apart(host) is None


def test_a_disk_that_was_repaired_knows_more_of_the_mirror(host):
    """A repair was cut off between the two."""
    make_mirror(host)
    line = "id=1\nmirror=%08d A B\n"
    host.write("drive", "installation", line % 9)
    host.write("drive.mirror", "installation", line % 10)
    host.write("drive", "images/x", "x")
    host.done("mirror-follow")
    assert host.text("drive.mirror/installation") == line % 10 and host.text("drive.mirror/images/x") == "x"


def test_nothing_to_follow(host):
    host.write("config", "domains/new.cfg", domain("new"))
    make_mirror(host)
    host.done("save")
    host.done("mirror-follow")
    assert host.steps() == []
    shutil.rmtree(host.top / "drive.mirror")
    host.done("mirror-follow")
    assert host.steps() == []


def test_images_and_what_the_host_keeps(host):
    make_mirror(host)
    host.write("drive", "images/web/vmlinuz", "kernel")
    host.write("drive", "update/before", "network address\n")
    host.write("drive.mirror", "images/gone", "x")
    host.done("mirror-follow")
    assert in_step(host)
    host.done("mirror-follow")
    assert host.steps() == []


def test_an_image_with_the_size_and_the_time_of_the_old_one(host):
    """As a reproducible build makes them."""
    make_mirror(host)
    for text in ("old", "new"):
        # What is put there in the second of the last copy is taken for that.
        time.sleep(1.1)
        host.write("drive", "images/web/vmlinuz", text)
        os.utime(host.top / "drive/images/web/vmlinuz", (1, 1))
        host.done("mirror-follow")
        assert host.text("drive.mirror/images/web/vmlinuz") == text
    assert in_step(host)


def test_it_cannot_be_written(host):
    """The save is done, and the host is degraded."""
    make_mirror(host)
    host.write("run", "mirror", "disks=sda sdb\n")
    host.write("config", "domains/new.cfg", domain("new"))
    (host.top / "drive.mirror/saved").write_text("no directory")
    done = host.run("save")
    assert done.returncode == 0 and "warning: the mirror is degraded: the configuration on the second disk cannot be written" in done.stderr
    lines = host.text("run/mirror").splitlines()
    assert lines[0] == "disks=sda sdb" and lines[1].startswith("degraded=the configuration on the second disk") and len(lines) == 2
    assert host.newest() == (host.drive(), [])


def save_on_a_failed_disk(host, state=""):
    """The first of two cannot be written any more; STATE is what the host knew of the second."""
    make_mirror(host)
    with open(host.top / "mounts", "a", encoding="utf-8") as mounts:
        mounts.write(f"/dev/vdc {host.top}/drive.mirror ext4 ro,relatime 0 0\n")
    host.write("run", "mirror", "disks=vdb vdc\n" + state)
    (host.top / "failed").write_text("first")
    host.write("config", "domains/two.cfg", domain("two"))
    return host.run("save")


def test_the_first_disk_fails(host):
    """The second one takes its place."""
    host.write("config", "domains/one.cfg", domain("one"))
    host.done("save")
    done = save_on_a_failed_disk(host)
    why = "the configuration on the first disk cannot be written; that on /dev/vdc is used instead"
    assert done.returncode == 0 and done.stderr == f"xenith: warning: the mirror is degraded: {why}\n"
    assert host.text("run/mirror") == f"disks=vdb vdc\ndegraded={why}\n"
    assert host.newest() == (host.drive(), []) and host.drive()["domains/two.cfg"] == domain("two")
    assert number(host, "drive") == "00000003.1"


def test_the_second_disk_is_behind_when_the_first_one_fails(host):
    """It would lose what was saved since."""
    done = save_on_a_failed_disk(host, "degraded=the configuration on the second disk cannot be written: x\n")
    assert done.returncode == 1 and "cannot write to the drive XENITH-CFG" in done.stderr


@pytest.mark.parametrize("tree, expected", [("drive", "00000002.2"), ("drive.mirror", "00000002.1")])
def test_the_number_tells_who_was_edited(host, tree, expected):
    """On another machine: that one is used, for nothing else has its changes."""
    host.write("config", "domains/new.cfg", domain("new"))
    host.done("save")
    make_mirror(host)
    host.write("drive", "host.conf", "hostname=by-hand\n")
    assert number(host, tree) == expected


def test_the_number_of_a_save_that_was_cut_off(host):
    host.write("config", "domains/new.cfg", domain("new"))
    host.done("save")
    make_mirror(host)
    (host.top / "drive/saved/00000002.OK").unlink()
    assert (number(host, "drive"), number(host, "drive.mirror")) == ("00000002.0", "00000002.1")


def first(host):
    host.write("config", "domains/new.cfg", domain("new"))


def behind(host):
    """By several generations."""
    for name in ("one", "two", "three"):
        host.write("config", f"domains/{name}.cfg", domain(name))
        host.write("config", "domains/web.cfg", domain("web") + f"# {name}\n")
        host.done("save", "-m", name)


def edited(host):
    """By hand, of the same generation."""
    host.write("drive", "host.conf", "hostname=by-hand\n")
    host.write("drive", "authorized_keys", KEY * 2)


@pytest.mark.parametrize("change, every", [(first, 4), *only_slow((first, 1), (behind, 1), (edited, 1))])
def test_a_power_cut_at_every_step(host, tmp_path, change, every):
    host.xenith = "/bin/true"
    if change is not first:
        host.write("config", "domains/db.cfg", domain("db"))
        host.done("save")
    make_mirror(host)
    old = host.tree("drive.mirror")
    (host.top / "drive.mirror").rename(host.top / "aside")
    change(host)
    if change is first:
        host.done("save")
    (host.top / "aside").rename(host.top / "drive.mirror")
    new = host.drive()
    assert old != new
    prepared = copied(host, tmp_path.with_name(tmp_path.name + "-prepared"))
    host.done("mirror-follow")
    count = len(host.steps())
    assert count > 8 and in_step(host) and list(notes(host)) == []
    seen = set()
    for step in range(1, count + 1, every):
        other = copied(prepared, tmp_path.with_name(tmp_path.name + "-cut"))
        assert other.run("mirror-follow", kill_at=step).returncode == -9
        kept = other.tree("drive.mirror"), list(notes(other))
        shutil.rmtree(other.top / "kept", ignore_errors=True)
        shutil.copytree(other.top / "drive.mirror", other.top / "kept")
        for lost in {False, bool(kept[1])}:
            shutil.rmtree(other.top / "drive.mirror")
            shutil.copytree(other.top / "kept", other.top / "drive.mirror")
            if lost:
                for _, path, before in reversed(kept[1]):
                    lose(path, before)
            # The drive wins, or the other one has the same.
            assert number(other, "drive") >= number(other, "drive.mirror") or alone(other) == new, step
            assert other.done("mirror-follow") == "" and in_step(other), step
            shutil.rmtree(other.top / "drive.mirror")
            shutil.copytree(other.top / "kept", other.top / "drive.mirror")
            if lost:
                for _, path, before in reversed(kept[1]):
                    lose(path, before)
            used = alone(other)
            assert used in (old, new), (step, used)
            seen.add(used == new)
    assert seen == {False, True}
