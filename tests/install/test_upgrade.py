"""An installed disk gets the version of the medium, and keeps everything else."""

import pytest

from conftest import MEDIUM, MIB, run
from tier import only_slow, slow


@pytest.fixture
def vda(host, prepared):
    """A disk with version 1 in slot a, and its own configuration."""
    def make():
        host.disk("vda", serial="one")
        host.medium("1", 1900000000)
        host.host_conf("hostname=alpha\n")
        host.installed("vda")
        host.medium("2", 2000000000)
        host.host_conf("hostname=beta\n")
    prepared("old", host, make)
    return "vda"


def rest(host, disk):
    """What an upgrade has no business with."""
    before = host.snapshot()
    own = [host.device(disk, label).name for label in ("xenith-esp", "xenith-a", "xenith-b")]
    return {name: value for name, value in before.items() if name not in own}


def test_the_other_slot_is_tried(host, vda):
    before = rest(host, vda)
    out = host.installed(vda)
    assert "vda keeps its configuration, its guests and Xenith 1 (slot a)" in out
    assert "Xenith 2 is in slot b of vda, and is tried at the next boot" in out
    state = host.state(vda)
    assert (state["slot"], state["try"], state["pending"]) == ("a", "b", "b")
    assert (host.slot_version(vda, "a"), host.slot_version(vda, "b")) == ("1", "2")
    assert rest(host, vda) == before
    assert host.config(vda, "host.conf") == "hostname=alpha\n"


@slow
def test_the_configuration_and_the_guests_may_be_in_use(host, vda):
    host.mounted("vda5", f"{host.top}/run/xenith/sources/drive")
    (host.top / "sys/class/block/vda6/holders/dm-0").mkdir()
    host.installed(vda)
    assert host.state(vda)["try"] == "b"


def test_from_an_update(host, vda, maker):
    """Read from a file, which is not kept in memory, to be written."""
    update = maker.update("3", 2000000001, "key")
    (host.top / "config/update-keys/key.pub").write_bytes((maker.top / "key.pub").read_bytes())
    out = host.installed(vda, "--from", update)
    assert "3 is signed with key.pub" in out and "Xenith 3 is in slot b of vda" in out
    assert host.slot_version(vda, "b") == "3"


@pytest.mark.parametrize("name", ["vda", "vda3"])
def test_a_guest_has_it(host, vda, name):
    major, minor = host.number(name).split(":")
    host.write("xenstore", f'/local/domain/0/backend/vbd/3/51712/physical-device = "{int(major):x}:{int(minor):x}"\n')
    assert host.refused(vda, "--yes", vda).startswith("cannot upgrade vda: it belongs to the running domain 3\n")


def test_a_domain_that_does_not_run_has_it(host, vda):
    host.write("config/domains/db.cfg", "disk = /dev/vda\n")
    assert "it belongs to the domain of /config/domains/db.cfg" in host.refused(vda, "--yes", vda)


def test_a_guest_has_the_rest(host, vda):
    host.write("config/domains/db.cfg", "disk = /dev/vda6\n")
    host.installed(vda)
    assert host.state(vda)["try"] == "b"


@slow
def test_a_slot_is_mounted(host, vda):
    host.mounted("vda4", "/mnt")
    assert "vda4 (xenith-b) is mounted on /mnt" in host.refused(vda, "--yes", vda)


@slow
def test_a_copy_of_the_medium_on_it(host, vda):
    host.blkid("vda6", f'LABEL="{MEDIUM}" TYPE="iso9660"')
    assert "cannot upgrade vda: this system was booted from it" in host.refused(vda, "--yes", vda)


def test_dry_run(host, vda):
    before = host.snapshot()
    done = host.install(vda, "--dry-run")
    assert done.returncode == 0 and host.snapshot() == before
    assert "Xenith 2 is written to slot b, and tried at the next boot" in done.stdout


def test_again(host, vda):
    """Before and after the disk was booted, nothing is to be done."""
    host.installed(vda)
    before = host.snapshot()
    for state in ((), ("slot=b", "try=", "pending=")):
        if state:
            host.slot("set", host.device(vda, "xenith-esp"), *state)
            before = host.snapshot()
        assert "vda has Xenith 2 already; nothing to do" in host.installed(vda)
        assert host.snapshot() == before
    assert "slot a of vda" in host.installed(vda, "--force")


@slow
def test_an_older_one(host, vda):
    host.medium("0.9", 1800000000)
    assert "0.9 (order 20270115080000) is not newer than 1 (order 20300317174640) on vda" in host.refused(vda, "--yes", vda)
    host.installed(vda, "--allow-downgrade")
    assert (host.state(vda)["try"], host.slot_version(vda, "b")) == ("b", "0.9")


@slow
def test_one_that_failed(host, vda):
    host.slot("set", host.device(vda, "xenith-esp"), "failed=2")
    assert "2 has failed on vda before" in host.refused(vda, "--yes", vda)
    host.installed(vda, "--force")
    assert host.state(vda)["try"] == "b"


def test_the_committed_slot_is_damaged(host, vda):
    """There is nothing to go back to, so the new version is committed."""
    with open(host.device(vda, "xenith-a"), "r+b") as slot:
        slot.seek(2 * MIB)
        slot.write(b"damage")
    assert "its slot a is damaged" in host.installed(vda)
    assert (host.state(vda)["slot"], host.state(vda)["try"], host.slot_version(vda, "b")) == ("b", "", "2")


def test_the_committed_slot_is_damaged_and_the_other_one_boots(host, vda):
    """That one is kept, and comes back if the new version fails."""
    host.installed(vda)
    host.slot("set", host.device(vda, "xenith-esp"), "slot=a", "try=", "pending=")
    assert host.slot_version(vda, "b") == "2"
    with open(host.device(vda, "xenith-a"), "r+b") as slot:
        slot.seek(2 * MIB)
        slot.write(b"damage")
    host.medium("3", 2100000000)
    assert "vda keeps its configuration, its guests and Xenith 2 (slot b)" in host.installed(vda)
    state = host.state(vda)
    assert (state["slot"], state["try"]) == ("b", "a")
    assert (host.slot_version(vda, "a"), host.slot_version(vda, "b")) == ("3", "2")


def lose_state(host, disk):
    for number in (0, 1):
        run(host.real_slot, "put", host.device(disk, "xenith-esp"), f"xenith/state{number}", input=bytes(1024))


@slow
def test_the_boot_state_is_lost(host, vda):
    lose_state(host, vda)
    assert "Xenith 2 is in slot b of vda, and is tried" in host.installed(vda)
    state = host.state(vda)
    assert (state["slot"], state["try"]) == ("a", "b")


@slow
def test_the_efi_partition_is_damaged(host, vda):
    with open(host.device(vda, "xenith-esp"), "r+b") as esp:
        esp.write(bytes(4096))
    assert "its EFI partition /dev/vda2 is damaged" in host.refused(vda, "--yes", vda)
    host.installed(vda, "--erase")
    assert host.boots(vda) == "2"


def test_erase(host, vda):
    host.installed(vda, "--erase")
    assert (host.boots(vda), host.slot_version(vda, "b")) == ("2", None)
    assert host.config(vda, "host.conf") == "hostname=beta\n"


def test_a_disk_that_fails(host, vda):
    """It boots the old version as before."""
    host.installed(vda)
    count = len(host.calls())
    assert count >= 4
    for number in range(1, count + 1):
        done = host.install(vda, "--yes", vda, "--force", FAIL_AT=str(number))
        last = host.calls()[number - 1]
        if " put " in last:
            assert done.returncode == 0 and "cannot remember the medium" in done.stderr
            continue
        assert done.returncode == 1, (number, done)
        assert "vda boots Xenith 1 (slot a) as before" in done.stderr
        state = host.state(vda)
        assert state["slot"] == "a" and host.slot_version(vda, "a") == "1"
        assert state["try"] in ("", "b") and (not state["try"] or host.slot_version(vda, "b") == "2")


@pytest.mark.parametrize("cut", ["middle", "after", *only_slow("before")])
def test_power_cuts(host, vda, cut):
    """At each moment the committed version is complete, and so is one that is tried."""
    before = rest(host, vda)
    for number in range(1, 6):
        with host.start("usr/lib/xenith/install", vda, "--yes", vda, "--force", CUT_AT=str(number), CUT=cut) as process:
            process.communicate(timeout=600)
        state = host.state(vda)
        assert state["slot"] == "a" and host.slot_version(vda, "a") == "1"
        assert not state["try"] or host.slot_version(vda, state["try"]) == "2", number
        assert rest(host, vda) == before
