"""The configuration on the second disk of a mirror follows the drive. A power cut at any step
leaves the old or the new one there, and never one that wins over a newer one."""

import shutil

import pytest

from conftest import KEY, domain
from test_power import copied, notes, lose
from tier import slow


def make_mirror(host):
    shutil.copytree(host.top / "drive", host.top / "drive.mirror")
    return host


def number(host, tree):
    return host.done("config-newest", "--number", XENITH_DRIVE=f"{host.top}/{tree}").strip()


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


@pytest.mark.parametrize("change", [first, pytest.param(behind, marks=slow), pytest.param(edited, marks=slow)])
def test_a_power_cut_at_every_step(host, tmp_path, change):
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
    for step in range(1, count + 1):
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
