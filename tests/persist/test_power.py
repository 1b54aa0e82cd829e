"""A save that is cut off at any step, by a power cut or an error, leaves the old or the
new configuration. What was not synchronised when it was cut off may be on the medium or
not, and on FAT it may be half of it, or garbage."""
import os
import shutil

import pytest

from conftest import HERE, KEY, SECRETS, Host, domain
from tier import only_slow

SYSTEMS = {"ext4": "ext2/ext3", "fat": "msdos"}


def in_both_tiers(system):
    """The others are slow. On a FAT a file that is renamed may be lost."""
    return [system, *only_slow(*(each for each in SYSTEMS if each != system))]


def prepare(top, library, file_system, later):
    """A host with changes in memory. `later`: there are generations, and somebody has
    edited the drive since."""
    host = Host(top, library, file_system)
    host.xenith = "/bin/true"
    host.write("drive", "host.conf", "# Ours.\nhostname=old\nconfig_generations=2\n")
    host.write("drive", "authorized_keys", KEY)
    host.write("drive", "domains/web.cfg", domain("web"))
    host.write("drive", "domains/going.cfg", domain("going"))
    host.boot()
    if later:
        host.write("config", "domains/db.cfg", domain("db"))
        host.done("save")
        host.write("drive", "authorized_keys", KEY * 2)
        host.boot()
    host.write("config", "host.conf", host.text("config/host.conf").replace("hostname=old", "hostname=new"))
    host.write("config", "domains/new.cfg", domain("new"))
    host.write("config", "iscsi-secrets", SECRETS)
    (host.top / "config/domains/going.cfg").unlink()
    return host


def copied(host, top):
    shutil.rmtree(top, ignore_errors=True)
    shutil.copytree(host.top, top, symlinks=True)
    other = Host.__new__(Host)
    other.top, other.library, other.file_system, other.xenith = top, host.library, host.file_system, host.xenith
    (top / "mounts").write_text(host.text("mounts").replace(str(host.top), str(top)))
    return other


def notes(host):
    """What was written and not synchronised: program, path, content before."""
    for note in sorted((host.top / "pending").iterdir()):
        before = note / "before"
        yield ((note / "program").read_text().strip(), host.top / (note / "path").read_text().strip(),
               before.read_bytes() if before.exists() else None)


def lose(path, before):
    if before is not None:
        path.write_bytes(before)
    else:
        path.unlink(missing_ok=True)


def mediums(host):
    """What the medium may hold after the cut, as functions that make it so."""
    pending = list(notes(host))
    yield lambda: None
    if not pending:
        return
    yield lambda: [lose(path, before) for _, path, before in reversed(pending)]
    for program, path, before in pending:
        if host.fat and len(pending) > 1:
            yield lambda path=path, before=before: lose(path, before)
        if program == "cp":
            size = path.stat().st_size if path.exists() else 0
            yield lambda path=path: path.write_bytes(b"")
            if host.fat and size:
                yield lambda path=path, size=size: path.write_bytes(path.read_bytes()[:size // 2])
                yield lambda path=path, size=size: path.write_bytes(b"\xe5\x00garbage" * (size // 9))


def snapshot(host):
    return copied(host, host.top.with_name(host.top.name + "-kept"))


def commit(host, **options):
    return host.run(HERE / "commit", host.top / "tree", **options)


class Outcome:
    """The drive's files before and after the save that is cut off."""

    def __init__(self, prepared, top):
        self.old = prepared.drive()
        after = copied(prepared, top / "after")
        assert after.done("save", "-m", "cut").startswith("saved as generation")
        self.steps = after.steps()
        assert list(notes(after)) == []                     # all of it is on the medium
        self.new, said = after.newest()
        assert (self.new, said) == (after.drive(), [])
        assert self.old != self.new
        # From here on only what writes: it makes the same steps.
        for path, text in self.new.items():
            prepared.write("tree", path, text)
        again = copied(prepared, top / "after")
        assert commit(again).returncode == 0
        assert (again.steps(), again.drive()) == (self.steps, self.new)
        saved = [step.split()[1] for step in self.steps if step.startswith(("cp /saved/", "mv /saved/"))
                 and not step.endswith((".OK", ".new"))]
        self.written = max(n for n, step in enumerate(self.steps, 1) if step in (f"cp {saved[-1]}", f"mv {saved[-1]}"))
        self.durable = next(n for n, step in enumerate(self.steps, 1) if n > self.written and step == "sync /saved")
        self.settled = set()

    def check(self, host, number):
        """The boot after the cut at this step."""
        used, _ = host.newest()
        step = self.steps[number - 1]
        assert used in (self.old, self.new), step
        if number <= self.written:
            assert used == self.old, step
        if number > self.durable:
            assert used == self.new, step
        # The files on the drive have followed, and the next boot has nothing to say.
        assert host.drive() == used, step
        if host.digest() not in self.settled:
            assert host.newest() == (used, []), step
            self.settled.add(host.digest())


@pytest.mark.parametrize("later", [False, *only_slow(True)], ids=["first", "later"])
@pytest.mark.parametrize("system", in_both_tiers("fat"))
def test_a_power_cut_at_every_step(tmp_path, library, system, later):
    prepared = prepare(tmp_path / "prepared", library, SYSTEMS[system], later)
    outcome = Outcome(prepared, tmp_path)
    assert len(outcome.steps) > 20
    seen = set()
    for number in range(1, len(outcome.steps) + 1):
        host = copied(prepared, tmp_path / "cut")
        done = commit(host, kill_at=number)
        assert done.returncode == -9, outcome.steps[number - 1]
        kept = snapshot(host)
        for medium in list(mediums(host)):
            shutil.rmtree(host.top / "drive")
            shutil.copytree(kept.top / "drive", host.top / "drive")
            medium()
            state = host.digest(), number <= outcome.written, number > outcome.durable
            if state not in seen:
                seen.add(state)
                outcome.check(host, number)
    assert len(seen) > 15


@pytest.mark.parametrize("system", in_both_tiers("ext4"))
def test_an_error_at_every_step(tmp_path, library, system):
    """A full or failing drive: refused, and as before; or saved."""
    prepared = prepare(tmp_path / "prepared", library, SYSTEMS[system], False)
    outcome = Outcome(prepared, tmp_path)
    refused = 0
    for number in range(1, len(outcome.steps) + 1):
        host = copied(prepared, tmp_path / "failed")
        done = commit(host, fail_at=number)
        assert " ro," in host.text("mounts")
        if done.returncode == 0:
            assert (host.newest()[0], host.drive()) == (outcome.new, outcome.new), outcome.steps[number - 1]
        else:
            refused += 1
            assert "no space left on device" in done.stderr, (outcome.steps[number - 1], done.stderr)
            assert (host.newest()[0], host.drive()) == (outcome.old, outcome.old), outcome.steps[number - 1]
    assert 0 < refused < len(outcome.steps)


def cut_off(tmp_path, library, system):
    """A host whose save was cut off right after the generation was complete."""
    prepared = prepare(tmp_path / "prepared", library, SYSTEMS[system], False)
    outcome = Outcome(prepared, tmp_path)
    host = copied(prepared, tmp_path / "cut")
    assert commit(host, kill_at=outcome.durable + 1).returncode == -9
    return host, outcome


@pytest.mark.parametrize("system", in_both_tiers("fat"))
def test_the_boot_that_completes_a_save_is_cut_off(tmp_path, library, system):
    prepared, outcome = cut_off(tmp_path, library, system)
    host = copied(prepared, tmp_path / "boot")
    host.run("config-newest", host.top / "copy/drive")
    count = len(host.steps())
    assert count > 8
    for number in range(1, count + 1):
        host = copied(prepared, tmp_path / "boot")
        assert host.run("config-newest", host.top / "copy/drive", kill_at=number).returncode == -9
        outcome.check(host, len(outcome.steps))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_drive_that_became_read_only(tmp_path, library, system):
    """What was saved is used all the same, from memory; nothing is written."""
    host, outcome = cut_off(tmp_path, library, system)
    (host.top / "read-only").touch()
    before = host.digest()
    used, said = host.newest()
    assert used == outcome.new
    assert said == ["drive/saved/00000002:0: warning: a save was cut off; generation 2 is complete, and used"]
    assert host.digest() == before
    assert "was cut off; the host boots with it" in host.run("diff").stdout


def test_edited_by_hand_after_a_cut(tmp_path, library):
    """Where a half written file cannot be."""
    host, outcome = cut_off(tmp_path, library, "ext4")
    host.write("drive", "host.conf", "hostname=by-hand\n")
    used, said = host.newest()
    assert "drive/host.conf:0: warning: was edited after a save that was cut off; it is used as it is" in said
    assert used == host.drive() == {**outcome.new, "host.conf": "hostname=by-hand\n"}
    assert "+hostname=by-hand" in host.run("diff").stdout


def test_half_a_file_after_a_cut(tmp_path, library):
    """On FAT; the console names it."""
    host, outcome = cut_off(tmp_path, library, "fat")
    host.write("drive", "host.conf", "# Ours.\nhostna")
    used, said = host.newest()
    assert "drive/host.conf:0: warning: a save was cut off while this was written; generation 2 is used" in said
    assert used == host.drive() == outcome.new


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_next_save_completes_the_last(tmp_path, library, system):
    host, outcome = cut_off(tmp_path, library, system)
    host.write("config", "fstab", "")
    host.done("save", "-m", "next")
    assert host.newest() == ({**outcome.new, "fstab": ""}, [])
    assert os.path.exists(host.top / "drive/saved/00000003.OK")


# ---- An import, whose images are large, and in no generation


@pytest.mark.parametrize("system", in_both_tiers("ext4"))
def test_a_power_cut_while_images_are_imported(tmp_path, library, system):
    """No domain finds half an image, and the next import completes what this one began."""
    prepared = Host(tmp_path / "prepared", library, SYSTEMS[system])
    prepared.xenith = "/bin/true"
    prepared.boot()
    prepared.write("drive", "images/web/vmlinuz", "kernel")
    prepared.write("drive", "images/web/initrd", "initrd")
    prepared.done("config", "export", tmp_path / "all.tar")
    shutil.rmtree(prepared.top / "drive/images")
    archive = (tmp_path / "all.tar").read_bytes().decode()
    host = copied(prepared, tmp_path / "whole")
    host.done("config", "import", "-", answer=archive)
    images = [number for number, step in enumerate(host.steps(), 1) if "mage" in step or step == "sync "]
    assert len(images) > 5
    seen = set()
    for number in range(1, images[-1] + 2):
        host = copied(prepared, tmp_path / "cut")
        assert host.run("config", "import", "-", answer=archive, kill_at=number).returncode == -9
        kept = snapshot(host)
        for lost in (False, True):
            shutil.rmtree(host.top / "drive")
            shutil.copytree(kept.top / "drive", host.top / "drive")
            for _, path, before in reversed(list(notes(host)) if lost else []):
                lose(path, before)
            if host.digest() in seen:
                continue
            seen.add(host.digest())
            left = host.top / "drive/.image.new"
            for name, text in (("vmlinuz", "kernel"), ("initrd", "initrd")):
                image = host.top / "drive/images/web" / name
                if image.exists() and image.read_text() != text:
                    assert host.fat and left.read_text() == f"images/web/{name}\n"
            host.done("config", "import", tmp_path / "all.tar")
            assert [path.read_text() for path in sorted((host.top / "drive/images/web").iterdir())] == ["initrd", "kernel"]
            assert not left.exists() and not (host.top / "drive/.import.new").exists()
    assert len(seen) > 5
