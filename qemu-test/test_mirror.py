"""A host that is installed on two disks: it boots with either, says that it is degraded, takes
a new disk in, and is updated on both."""

import re

import pytest

from drives import EmptyDisk, configuration
from upgrades import EXIT, versions

pytestmark = pytest.mark.slow

# A mirror compares the version that runs with that of the slot.
NAMED = "chroot /root sed -i 's/^VERSION_ID=.*/VERSION_ID=%s/' /etc/os-release"
CONF = {"host.conf": "hostname=alpha\nhealth_time=20\ninstall_disk=serial:one\ninstall_mirror=serial:two\ninstall_data=lvm\n"}


class Disk(EmptyDisk):
    """One of several in a machine."""

    def options(self, first=False):
        return [word.replace("id=target", "id=" + self.name).replace("drive=target", "drive=" + self.name)
                for word in super().options(first)]


def options(*disks):
    """The firmware boots the first."""
    return [word for number, disk in enumerate(disks) for word in disk.options(first=number == 0)]


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    top = tmp_path_factory.mktemp("mirror")
    return {name: Disk(top / name, name) for name in ("one", "two", "three")}


@pytest.fixture(scope="module")
def installation(boot, iso, disks, tmp_path_factory, key):
    """The console of the machine that installed both."""
    answers = configuration(tmp_path_factory.mktemp("answers"), **CONF, authorized_keys=key.public)
    machine = boot("mirror-cd", iso, drives=[answers], extra=disks["one"].options() + disks["two"].options())
    machine.wait_alive()
    machine.console.wait(r"Xenith: install: Xenith \S+ is installed on vd[a-z] vd[a-z]")
    machine.wait_off(last="reboot")
    machine.close()
    return machine.console.text


def boots(boot, name, *there, **more):
    return boot(name, "none", attach="disk", extra=options(*there), **more).wait_ready()


def test_without_the_first_disk(boot, installation, disks):
    """Both at first, so that all is in step; then the second one alone, which is repaired."""
    machine = boots(boot, "mirror-both", disks["one"], disks["two"])
    assert machine.sh("xenith status")[1] == 0
    assert "disks=vda vdb" in machine.out("cat /run/xenith/mirror") or "disks=vdb vda" in machine.out("cat /run/xenith/mirror")
    assert machine.out("vgs --noheadings -o pv_count,vg_tags xenith").split() == ["2", "xenith-mirror"]
    machine.out("xenith create web --kernel /config/images/hello/vmlinux --ramdisk /config/images/hello/initrd.gz --type pv --size 8M")
    assert machine.out("lvs --noheadings -o segtype xenith/web").strip() == "raid1"
    machine.power_off()

    machine = boots(boot, "mirror-second", disks["two"], disks["three"])
    machine.console.wait("Xenith: mirror: degraded: only vda is in use")
    said, status = machine.sh("xenith status")
    assert status == 4 and "The mirror is degraded" in said
    # What was created on both is here.
    assert machine.out("ls /config/domains").count("web.cfg") == 1
    assert machine.out("lvs --noheadings -o lv_active xenith/web 2>/dev/null").strip() == "active"
    said = machine.out("xenith install --repair three --yes three 2>&1")
    assert re.search("vdb is in the mirror with vda", said)
    assert machine.sh("xenith status")[1] == 0
    machine.out("xenith save -m repaired; sync")
    machine.power_off()


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_new_disk_alone(boot, disks, firmware):
    machine = boots(boot, "mirror-new-" + firmware, disks["three"], firmware=firmware)
    assert machine.sh("xenith status")[1] == 4 and machine.out("hostname") == "alpha"
    assert "web.cfg" in machine.out("ls /config/domains")
    machine.power_off()


def test_the_replaced_disk_returns(boot, disks):
    """And is even booted: the newer ones win."""
    machine = boots(boot, "mirror-returned", disks["one"], disks["two"], disks["three"])
    machine.console.wait("mirror: vda is not used: it was replaced by another disk")
    assert "web.cfg" in machine.out("ls /config/domains")
    assert machine.sh("xenith status")[1] == 0
    machine.power_off()


def test_a_disk_that_was_away_follows(boot, disks):
    """One of the mirror misses a save, and is the first one that is booted afterwards."""
    machine = boots(boot, "mirror-away", disks["two"])
    machine.out("xenith create db --kernel /config/images/hello/vmlinux --ramdisk /config/images/hello/initrd.gz --type pv --storage /run --size 8M")
    machine.power_off()
    machine = boots(boot, "mirror-back", disks["three"], disks["two"])
    assert "db.cfg" in machine.out("ls /config/domains") and "db.cfg" in machine.out("ls /run/xenith/sources/drive.mirror/domains")
    assert machine.sh("xenith status")[1] == 0
    machine.close()


def update(machine, updates, version, number, **more):
    """Tells the host to try this update, and waits until it has ended."""
    assert "is tried at the next boot" in machine.out(updates.command(updates.make(version, number, **more)), 300)
    machine.sh("reboot")
    machine.wait_off(last="reboot")
    machine.close()


def test_an_update_is_on_both_disks(boot, disks, updates):
    """It is tried and committed, and the disk that the boot loader did not start from has it."""
    update(boots(boot, "mirror-old", disks["three"], disks["two"]), updates, "mirror.1", 1, hook=NAMED % "mirror.1")
    machine = boots(boot, "mirror-trial", disks["three"], disks["two"])
    machine.console.wait("Xenith: update mirror.1 committed")
    assert machine.sh("xenith status")[1] == 0
    machine.power_off()
    machine = boots(boot, "mirror-updated", disks["two"])
    assert ("mirror.1", "running, committed") in versions(machine).values()
    machine.power_off()


def test_a_bad_update_is_tried_once(boot, disks, updates):
    """Not once for each disk: the one that did not start it learns that it has failed."""
    update(boots(boot, "mirror-before", disks["three"], disks["two"]), updates, "mirror.2", 2, init=EXIT)
    machine = boot("mirror-bad", "none", attach="disk", extra=options(disks["three"], disks["two"]))
    machine.console.wait("Kernel panic - not syncing", fatal=None)
    machine.console.wait_end(300)
    machine.close()
    boots(boot, "mirror-again", disks["three"], disks["two"]).power_off()
    machine = boots(boot, "mirror-other", disks["two"])
    found = versions(machine)
    assert ("mirror.1", "running, committed") in found.values() and found["failed"] == "mirror.2"
    machine.close()
