"""A host that is mirrored on two disks: both are written, one that was away or missed a write
follows, and after a power cut each of them boots."""

import re
import shutil
import subprocess

import pytest

from conftest import LIBRARY, run
from tier import only_slow

DISKS = ("sda", "sdb")


class Mirror:
    """A host with a second disk."""

    def __init__(self, host):
        self.host = host
        host.write("etc/os-release", "VERSION_ID=1\n")
        host.write("run/xenith/mirror", "disks=sda sdb\n")
        host.disk("sdb")
        host.write("run/service/mirror/supervise/ok", "")
        for number in ("", 2, 3, 4):
            shutil.copy(self.dev(f"sda{number}"), self.dev(f"sdb{number}"))
        program = host.top / LIBRARY / "slots.sh"
        program.write_text(program.read_text().replace("/etc/os-release", f"{host.top}/etc/os-release"))

    def dev(self, name):
        return self.host.top / "dev" / name

    def state(self, disk):
        """The boot state that its boot loader reads; None if it cannot."""
        done = subprocess.run([self.host.real_slot, "state", self.dev(f"{disk}2")], capture_output=True, text=True, check=False)
        return dict(line.split("=", 1) for line in done.stdout.splitlines()) if not done.returncode else None

    def set(self, disk, *words):
        run(self.host.real_slot, "set", self.dev(f"{disk}2"), *words)

    def version(self, disk, slot):
        """Of a slot that is complete."""
        device = self.dev(disk + {"a": "3", "b": "4"}[slot])
        if subprocess.run([self.host.real_slot, "check", device], capture_output=True, check=False).returncode:
            return None
        return re.search(r"(?m)^version (.*)", run(self.host.real_slot, "cat", device, "manifest", text=True))[1]

    def versions(self, disk):
        return [self.version(disk, slot) for slot in "ab"]

    def options(self, disk):
        return [run(self.host.real_slot, "options", self.dev(f"{disk}2"), number, text=True) for number in (0, 1)]

    def grub(self, disk):
        """What the boot loader of the disk does: clears a mark on this disk alone, and starts a slot that is complete."""
        state = self.state(disk)
        slot = state["try"] or state["slot"]
        if state["try"]:
            path = self.dev(f"{disk}2")
            data = path.read_bytes()
            newest = data.index(f"seq={state['seq']}\n".encode()) // 512 * 512
            block = data[newest:newest + 512].replace(f"\ntry={slot}\n".encode(), b"\ntry=\n") + b"#"
            path.write_bytes(data[:newest] + block + data[newest + 512:])
        version = self.version(disk, slot)
        assert version, (disk, state)
        self.host.boot(slot, "xenith.try=1" if state["try"] else "")
        self.host.write("etc/os-release", f"VERSION_ID={version}\n")
        return version

    def boot(self, disk):
        """From this disk, up to 65-update; returns the version that runs."""
        self.host.write("run/xenith/mirror", "disks=sda sdb\n")
        self.host.write("dev/console", "")
        version = self.grub(disk)
        done = self.host.run("boot/65-update")
        assert (done.returncode, done.stderr) == (0, "")
        return version

    def in_step(self):
        assert self.state("sda") == self.state("sdb")
        assert self.versions("sda") == self.versions("sdb")
        assert self.options("sda") == self.options("sdb")
        assert self.host.text("run/xenith/mirror") == "disks=sda sdb\n"
        return True

    def keep(self):
        return self.host.snapshot()

    def back(self, kept):
        for name, data in kept.items():
            self.dev(name).write_bytes(data)


@pytest.fixture
def mirror(host):
    return Mirror(host)


def test_an_update_and_its_commit(mirror, host, maker):
    host.updated(maker.update("2", 20))
    for disk in DISKS:
        state = mirror.state(disk)
        assert (state["slot"], state["try"], state["pending"]) == ("a", "b", "b")
        assert mirror.versions(disk) == ["1", "2"]
    assert mirror.in_step()
    assert mirror.boot("sda") == "2"
    assert mirror.in_step() and mirror.state("sdb")["try"] == ""
    assert any("update 2 on trial" in mark for mark in host.marks())
    assert "2 is committed" in host.updated("--commit")
    assert mirror.in_step() and mirror.state("sdb")["slot"] == "b"
    assert mirror.boot("sdb") == "2"
    assert "1 (slot a)" in host.updated("--rollback")
    assert mirror.in_step() and mirror.boot("sdb") == "1"


def test_a_boot_in_step_writes_nothing(mirror):
    kept = mirror.keep()
    for disk in DISKS:
        mirror.boot(disk)
    assert mirror.keep() == kept


@pytest.mark.parametrize("disk", DISKS)
def test_a_cleared_mark_wins(mirror, host, maker, disk):
    """The boot loader has cleared it on one disk only, and the trial ends with a reset."""
    host.updated(maker.update("2", 20))
    assert mirror.boot(disk) == "2"
    other = "sdb" if disk == "sda" else "sda"
    assert mirror.state(other)["try"] == ""
    for each in DISKS:
        assert mirror.boot(each) == "1"
    assert mirror.state(other)["failed"] == mirror.state(disk)["failed"] == "2"


@pytest.mark.parametrize("disk, slot", [("sda", "a"), ("sdb", "a"), *only_slow(("sdb", "b"))])
def test_a_disk_that_was_away(mirror, host, maker, disk, slot):
    """It returns with older versions in both slots, and may even be the one that is booted."""
    other = "sdb" if disk == "sda" else "sda"
    if slot == "b":
        mirror.set("sda", "slot=b")
        mirror.set("sdb", "slot=b")
        mirror.boot(other)
    away = {name: data for name, data in mirror.keep().items() if name.startswith(disk)}
    host.write("run/xenith/mirror", f"disks={other}\ndegraded=x\n")
    host.updated(maker.update("2", 20))
    mirror.grub(other)
    host.updated("--commit")
    host.updated(maker.update("3", 30))
    mirror.grub(other)
    host.updated("--commit")
    run(host.real_slot, "options", mirror.dev(f"{other}2"), "1", "new", "words")
    expected = mirror.state(other), mirror.versions(other), mirror.options(other)
    mirror.back(away)
    assert mirror.boot(disk) == ("0.9" if slot == "b" else "1")
    assert mirror.in_step() and mirror.versions(other) == expected[1] and mirror.options(other) == expected[2]
    assert {**mirror.state(disk), "seq": ""} == {**expected[0], "seq": ""}
    assert "restart it, for 3" in host.text("dev/console")
    assert mirror.boot(disk) == "3"


def test_an_older_system_is_not_committed(mirror, host, maker):
    """It runs in the slot of the version on trial, but is another one."""
    mirror.set("sdb", "slot=b")                 # booted 0.9 from slot b by itself
    run(host.real_slot, "set", mirror.dev("sda2"), "seq=00000050", "slot=a")
    host.write("run/xenith/mirror", "disks=sda\ndegraded=x\n")
    host.updated(maker.update("2", 20))
    mirror.grub("sda")                          # a trial that ends with a reset
    assert mirror.boot("sdb") == "0.9"
    assert mirror.in_step() and (mirror.state("sda")["slot"], mirror.state("sda")["failed"]) == ("a", "2")


def test_an_untried_version_is_not_committed(mirror, host, maker):
    """It waits for its trial on one disk; the other one was away, and has started an older system from the same slot."""
    mirror.set("sdb", "slot=b")
    run(host.real_slot, "set", mirror.dev("sda2"), "seq=00000050", "slot=a")
    host.write("run/xenith/mirror", "disks=sda\ndegraded=x\n")
    host.updated(maker.update("2", 20))
    assert mirror.boot("sdb") == "0.9"
    before = mirror.state("sda")
    assert (before["slot"], before["try"], before["pending"]) == ("a", "b", "b")
    done = host.run(f"{LIBRARY}/trial")
    assert done.returncode == 0 and mirror.state("sda") == before
    done = host.update("--commit")
    assert done.returncode == 1 and "cannot commit: the running system is in no slot: slot b" in done.stderr
    assert mirror.state("sda") == before and mirror.boot("sda") == "2"


def test_a_disk_that_missed_one_update(mirror, host, maker):
    """It starts the version before, which is in the other slot now."""
    host.write("run/xenith/mirror", "disks=sda\ndegraded=x\n")
    host.updated(maker.update("2", 20))
    mirror.grub("sda")
    host.updated("--commit")
    assert mirror.boot("sdb") == "1"
    assert "this is 1, and 2 is committed: if nobody has chosen it, its disk was not in step; restart it" in host.text("dev/console")
    assert mirror.in_step() and mirror.boot("sdb") == "2"
    assert "nobody has chosen" not in host.text("dev/console")


def damage(mirror, device):
    path = mirror.dev(device)
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def test_the_only_good_slot(mirror, host):
    """Of a new host: the second slots are empty, and no disk is whole."""
    for device in ("sda4", "sdb4", "sda3"):
        damage(mirror, device)
    assert mirror.boot("sdb") == "1"
    assert mirror.version("sda", "a") == "1" and mirror.versions("sdb") == ["1", None]
    assert host.text("run/xenith/mirror") == "disks=sda sdb\n"


def alter(mirror, device):
    """A file of the slot; its manifest stays."""
    path = mirror.dev(device)
    path.write_bytes(path.read_bytes().replace(b"xen.gz of 1", b"xen.gz of X"))


def leave_behind(mirror, host, maker):
    """sdb was away, and has missed two updates."""
    away = {name: data for name, data in mirror.keep().items() if name.startswith("sdb")}
    host.write("run/xenith/mirror", "disks=sda\ndegraded=x\n")
    for version, order in (("2", 20), ("3", 30)):
        host.updated(maker.update(version, order))
        mirror.grub("sda")
        host.updated("--commit")
    mirror.back(away)


def fall_back(mirror, host):
    """The boot loader of sda starts the other slot, because the committed one is damaged."""
    host.boot("b")
    host.write("etc/os-release", "VERSION_ID=0.9\n")
    host.run("boot/65-update")
    return host.marks()


def test_the_committed_slot_is_damaged_on_one_disk(mirror, host):
    """Then it is copied from the other one."""
    alter(mirror, "sda3")
    before = mirror.state("sda")
    assert fall_back(mirror, host) == ["update: slot a of sda was damaged, and is a copy of that of sdb now; restart the host for 1"]
    assert mirror.versions("sda") == ["1", "0.9"] and mirror.state("sda") == before and mirror.in_step()
    assert mirror.boot("sda") == "1"


def test_the_committed_slot_is_damaged_on_both_disks(mirror, host):
    """Then the one that runs is committed, on both."""
    alter(mirror, "sda3")
    alter(mirror, "sdb3")
    assert fall_back(mirror, host) == ["update: slot a is damaged: slot b, with 0.9, is committed in its place; "
                                       "xenith update FILE writes the damaged one"]
    assert [mirror.state(disk)["slot"] for disk in DISKS] == ["b", "b"]


def test_a_damaged_slot_is_not_healed_from_a_disk_that_is_out_of_step(mirror, host, maker):
    """That one has an older version in the slot of the same name."""
    leave_behind(mirror, host, maker)
    assert mirror.versions("sda") == ["3", "2"]
    path = mirror.dev("sda3")
    path.write_bytes(path.read_bytes().replace(b"xen.gz of 3", b"xen.gz of X"))
    host.boot("b")
    host.write("etc/os-release", "VERSION_ID=2\n")
    host.write("run/xenith/mirror", "disks=sda sdb\n")
    host.write("dev/console", "")
    host.run("boot/65-update")
    assert host.marks() == ["mirror: the disks are not brought in step: slot a, which is committed, is damaged on each disk that knows of it"]
    assert mirror.versions("sda") == [None, "2"] and mirror.state("sda")["slot"] == "a"


def test_a_slot_that_is_damaged_on_the_second_disk(mirror, host):
    """It is listed, and nothing goes back to it."""
    mirror.set("sda", "slot=b")
    mirror.set("sdb", "slot=b")
    host.boot("b")
    alter(mirror, "sdb3")
    assert "damaged: slot: " in host.updated("--list").splitlines()[1]
    assert "sdb3" in host.refused("--rollback")


def test_no_good_slot(mirror, host):
    """The one that is not committed runs; nothing damaged is copied over it, and no disk is dropped."""
    damage(mirror, "sda3")
    path = mirror.dev("sdb3")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"xen.gz of 1", b"xen.gz of X"))
    mirror.set("sda", "failed=0.8")
    kept = mirror.keep()
    host.boot("b")
    host.write("etc/os-release", "VERSION_ID=0.9\n")
    host.run("boot/65-update")
    assert {name: kept[name] for name in kept if name[3:] in "345"} == {name: data for name, data in mirror.keep().items() if name[3:] in "345"}
    assert "the disks are not brought in step: slot a, which is committed, is damaged on each disk that knows of it" in host.text("dev/console")
    assert host.text("run/xenith/mirror") == "disks=sda sdb\n"


def test_the_disk_to_follow_cannot_be_written(mirror, host, maker):
    """The other one is not to blame."""
    away = {name: data for name, data in mirror.keep().items() if name.startswith("sdb")}
    host.write("run/xenith/mirror", "disks=sda\ndegraded=x\n")
    host.updated(maker.update("2", 20))
    mirror.grub("sda")
    host.updated("--commit")
    mirror.back(away)
    host.write("run/xenith/mirror", "disks=sda sdb\n")
    host.run("boot/65-update", BREAK="set", BREAK_ON="sda2")
    assert "the disks are not brought in step: cannot write the boot state on sda: " in host.text("dev/console")
    assert host.text("run/xenith/mirror") == "disks=sda sdb\n"


def test_a_disk_that_the_trial_finds_late(mirror, host, maker):
    """It begins before the boot has looked for disks; the verdict is written to both."""
    host.host_conf("health_time=20\nhealth_limit=60\n")
    host.updated(maker.update("2", 20))
    mirror.grub("sda")
    mirror.set("sdb", "try=")
    host.write("proc/uptime", "15.00 1.00\n")
    (host.top / "run/xenith/mirror").unlink()
    hidden = sorted(host.top.glob("sys/class/block/sdb*"))
    for path in hidden:
        host.write(f"hidden/{path.name}", str(path.readlink()))
        path.unlink()
    host.write("at/25", 'for f in "$FAKE"/hidden/*; do ln -s "$(cat "$f")" "$FAKE/sys/class/block/${f##*/}"; done\n'
                        'echo "disks=sda sdb" >"$FAKE/run/xenith/mirror"\n')
    done = host.run(f"{LIBRARY}/trial")
    assert done.returncode == 0 and "update 2 committed" in host.text("dev/console")
    assert [mirror.state(disk)["slot"] for disk in DISKS] == ["b", "b"]


def test_a_disk_that_fails(mirror, host, maker):
    """The update goes on with the other one, and the host is degraded."""
    mirror.dev("sdb2").unlink()
    done = host.update(maker.update("2", 20))
    assert done.returncode == 0
    assert "warning: the mirror is degraded: sdb: cannot open" in done.stderr.replace(str(host.top), "").replace("slot: ", "")
    text = host.text("run/xenith/mirror")
    assert text.startswith("disks=sda\ndegraded=sdb: ") and text.count("\n") == 2
    assert mirror.state("sda")["try"] == "b" and mirror.version("sda", "b") == "2"


@pytest.mark.parametrize("disk", DISKS)
def test_a_disk_that_was_taken_out(mirror, host, maker, disk):
    """The running host goes on with the other one."""
    other = "sdb" if disk == "sda" else "sda"
    for path in host.top.glob(f"sys/class/block/{disk}*"):
        path.unlink()
    for path in host.top.glob(f"dev/{disk}*"):
        path.unlink()
    host.has_loader("2")
    assert host.updated("--loader").startswith(f"the boot loader on {other} is that of 1 from now on")
    host.updated(maker.update("2", 20))
    assert mirror.state(other)["try"] == "b" and mirror.versions(other) == ["1", "2"] and host.boots_with("2", other)


def test_the_first_disk_fails(mirror, host, maker):
    done = host.update(maker.update("2", 20), BREAK="write", BREAK_ON="sda4")
    assert done.returncode == 0 and host.text("run/xenith/mirror").startswith("disks=sdb\ndegraded=sda: cannot write slot b")
    assert mirror.state("sdb")["try"] == "b" and mirror.version("sdb", "b") == "2"
    # It was told not to try the slot, and nothing else.
    assert mirror.state("sda")["try"] == ""


def test_both_fail(mirror, host, maker):
    done = host.update(maker.update("2", 20), BREAK="write")
    assert done.returncode == 1 and "the host boots slot a as before" in done.stderr
    assert host.text("run/xenith/mirror") == "disks=sda sdb\n"


def test_options_on_both(mirror, host):
    host.host_conf("max_cstate=1\n")
    done = host.run("usr/lib/xenith/stage-options")
    assert done.returncode == 0, done.stderr
    assert mirror.in_step() and mirror.state("sdb")["tryoptions"] == "1"
    assert "max_cstate=1" in mirror.options("sdb")[1]


# ---- the boot loader ----

def loader(mirror, one, two):
    """The loader of which version each disk boots by."""
    return mirror.host.boots_with(one, "sda") and mirror.host.boots_with(two, "sdb")


def noted(host):
    return re.findall(r"(?m)^loader=(.*)", host.text("run/xenith/slots"))


def test_the_boot_loader_of_both(mirror, host):
    host.has_loader("2")
    assert [line for line in host.updated("--list").splitlines() if "loader" in line] == [
        f"the boot loader on {disk} differs from that of the running system: xenith update --loader replaces it" for disk in DISKS]
    written = "written: GRUB for BIOS, GRUB for UEFI, the menu"
    assert host.updated("--loader").splitlines() == [
        f"the boot loader on {disk} is that of 1 from now on; {written}" for disk in DISKS]
    assert loader(mirror, "2", "2") and mirror.in_step() and noted(host) == ["same"]
    before = host.snapshot()
    assert host.updated("--loader").splitlines() == [f"the boot loader on {disk} is that of 1 already; nothing to do" for disk in DISKS]
    assert host.snapshot() == before


@pytest.mark.parametrize("disk", DISKS)
def test_the_boot_loader_of_one_differs(mirror, host, disk):
    """It was away, or a write to it failed; the boot does not write it."""
    kept = {name: data for name, data in mirror.keep().items() if name in (disk, f"{disk}2")}
    host.has_loader("2")
    host.updated("--loader")
    mirror.back(kept)
    mirror.boot("sda")
    assert noted(host) == ["differs"] and host.boots_with("1", disk)
    assert host.updated("--list").count("the boot loader on") == 1
    assert f"the boot loader on {disk} is that of 1 from now on" in host.updated("--loader")
    assert loader(mirror, "2", "2") and noted(host) == ["same"]


def test_the_boot_loader_of_one_cannot_be_read(mirror, host):
    mirror.dev("sdb").write_bytes(bytes(1 << 20))
    mirror.boot("sda")
    assert noted(host) == [""]
    assert "cannot read the boot loader on sdb: " in host.updated("--list")
    host.has_loader("2")
    mirror.boot("sda")
    assert noted(host) == ["differs"]


@pytest.mark.parametrize("disk", DISKS)
def test_the_boot_loader_of_a_disk_that_fails(mirror, host, disk):
    """It keeps its own, and is used no more; the other one gets the new one."""
    other = "sdb" if disk == "sda" else "sda"
    host.has_loader("2")
    done = host.update("--loader", BREAK="loader-write", BREAK_ON=disk)
    assert done.returncode == 0 and done.stdout.startswith(f"the boot loader on {other} is that of 1 from now on")
    why = f"cannot replace the boot loader on {disk}: {host.top}/dev/{disk}: Input/output error; it is as before"
    assert done.stderr == f"xenith: warning: the mirror is degraded: {disk}: {why}\n"
    assert host.text("run/xenith/mirror") == f"disks={other}\ndegraded={disk}: {why}\n"
    assert host.boots_with("1", disk) and host.boots_with("2", other) and noted(host) == ["same"]


def test_no_disk_takes_the_boot_loader(mirror, host):
    host.has_loader("2")
    done = host.update("--loader", BREAK="loader-write")
    assert done.returncode == 1 and done.stderr.replace(str(host.top), "").splitlines() == [
        f"xenith: cannot replace the boot loader on {disk}: /dev/{disk}: Input/output error; it is as before" for disk in DISKS]
    assert loader(mirror, "1", "1") and host.text("run/xenith/mirror") == "disks=sda sdb\n"


@pytest.mark.parametrize("number, expected", [(1, ("2", "1")), (2, ("2", "2"))])
def test_a_power_cut_between_the_boot_loaders(mirror, host, number, expected):
    """One disk is complete before the other one is touched."""
    host.has_loader("2")
    kept = mirror.keep()
    host.updated("--loader")
    calls = [at for at, call in enumerate(host.calls(), 1) if call == "slot loader-write"]
    assert len(calls) == 2
    mirror.back(kept)
    assert host.update("--loader", CUT_AT=str(calls[number - 1]), CUT="after").returncode < 0
    assert loader(mirror, *expected)
    mirror.boot("sdb")
    assert mirror.in_step()
    host.updated("--loader")
    assert loader(mirror, "2", "2")


# ---- power cuts ----

def writes(host):
    """The numbers of the calls that write."""
    return [number for number, call in enumerate(host.calls(), 1) if call in ("slot set", "slot write", "slot options")]


def check(mirror, versions):
    """Whichever disk is booted: its system is complete, and both are in step afterwards."""
    kept = mirror.keep()
    for disk in DISKS:
        mirror.back(kept)
        assert mirror.boot(disk) in versions
        assert mirror.in_step()
        assert mirror.grub("sdb" if disk == "sda" else "sda") in versions


@pytest.mark.parametrize("cut", ["middle", *only_slow("before", "after")])
def test_power_cuts_of_an_update(mirror, host, maker, cut):
    update = maker.update("2", 20)
    kept = mirror.keep()
    host.updated(update)
    numbers = writes(host)
    assert len(numbers) == 6
    for number in numbers:
        mirror.back(kept)
        host.boot("a")
        host.write("run/xenith/mirror", "disks=sda sdb\n")
        done = host.update(update, CUT_AT=str(number), CUT=cut)
        assert done.returncode < 0
        check(mirror, ("1", "2"))


def test_power_cuts_of_a_commit(mirror, host, maker):
    host.updated(maker.update("2", 20))
    mirror.boot("sda")
    kept = mirror.keep()
    host.updated("--commit")
    for number in writes(host):
        mirror.back(kept)
        host.boot("b", "xenith.try=1")
        assert host.update("--commit", CUT_AT=str(number), CUT="after").returncode < 0
        check(mirror, ("1", "2"))


def test_power_cuts_while_a_disk_follows(mirror, host, maker):
    """Each disk boots by itself at every moment."""
    leave_behind(mirror, host, maker)
    kept = mirror.keep()
    mirror.boot("sda")
    numbers = writes(host)
    assert len(numbers) > 6
    for number in numbers:
        mirror.back(kept)
        host.boot("a")
        host.write("run/xenith/mirror", "disks=sda sdb\n")
        host.write("etc/os-release", "VERSION_ID=3\n")
        host.run("boot/65-update", CUT_AT=str(number), CUT="middle")
        assert mirror.grub("sda") == "3"
        assert mirror.boot("sdb") in ("1", "3")
        assert mirror.in_step() and mirror.versions("sda") == ["3", "2"] and mirror.state("sdb")["slot"] == "a"
