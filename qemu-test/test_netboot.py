"""The network boot bundle over TFTP, with settings that a user would change: a small
dom0_mem, a host name, and the UUID of the configuration drive. That drive is a USB stick
which the kernel finds late; another one is there at once, as a guest could have written
it on its disk."""

import re
import shutil

import pytest

import drives
import host

# The kernel's delay before it probes a stick. The stick is detected 8 s after the
# kernel's start; the boot scripts look for it after 11 s, or 30 s on a busy machine.
SETTLE = 20


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    """The guest's disk and the user's stick, as arguments of Machine."""
    directory = tmp_path_factory.mktemp("drives")
    theirs, ours = [
        drives.vfat(directory / (name + ".img"), drives.write_tree(directory / name, {"host.conf": conf}))
        for name, conf in (("theirs", "storage=theirs\nautostart=no\n"), ("ours", "storage=ours\n"))]
    return {"drives": [theirs], "sticks": [ours]}


def edit(text, uuid):
    """Change the settings in a pxelinux or GRUB file of the bundle."""
    text, memory = re.subn(r"dom0_mem=\S+", "dom0_mem=256M,max:256M", text)
    text, kernels = re.subn(r"(vmlinuz )", r"\1usb-storage.delay_use=%d xenith.hostname=from-afar "
                            r"xenith.config_drive=%s xenith.config_wait=60 " % (SETTLE, uuid), text)
    assert memory and kernels, text
    return text


@pytest.fixture(scope="module")
def bundle(netboot, disks, tmp_path_factory):
    copy = tmp_path_factory.mktemp("tftp") / "netboot"
    shutil.copytree(netboot, copy)
    for name in ("pxelinux.cfg/default", "grub/grub.cfg"):
        (copy / name).write_text(edit((copy / name).read_text(), drives.uuid(disks["sticks"][0])))
    return copy


@pytest.fixture(scope="module")
def machine(boot, bundle, disks, identities):
    machine = boot("netboot", bundle, attach="net", **disks).wait_ready()
    host.wait_up(machine, "hello-pv", "hello-pvh")
    identities[machine.name] = host.identity(machine)
    return machine


@pytest.mark.parametrize("name", ["hello-pv", "hello-pvh"])
def test_domain_answers(machine, name):
    host.assert_hello(machine, name)


def test_command_line_has_the_last_word(machine):
    assert machine.out("hostname").strip() == "from-afar"


def test_drive_of_that_uuid_is_taken(machine):
    assert "storage=ours" in machine.out("cat /config/host.conf").splitlines()
    assert host.config_marks(machine) == []


def test_drive_was_waited_for(machine):
    devices = float(re.search(r"^([\d.]+) devices$", machine.out("cat /run/xenith/boot.log"), re.M).group(1))
    stick = float(re.search(r"^\[ *([\d.]+)\] sd .*Attached SCSI", machine.out("dmesg"), re.M).group(1))
    if stick < devices:
        pytest.skip("this machine is so slow that the stick came first")
    assert machine.sh("mountpoint -q /run/xenith/sources/drive")[1] == 0


def test_small_dom0(machine):
    """256 MiB are enough for dom0, and its memory use is as usual."""
    total = machine.out("xl list 0 | tail -n 1").split()[2]
    assert total == "256"
    used = host.memory_used(machine)
    print("memory used in dom0 (256 MiB): %.1f MiB" % used)
    assert used <= 64


def test_nothing_was_short_of_memory(machine):
    assert machine.sh("dmesg | grep -iE 'out of memory|page allocation failure'")[0] == ""


def test_restart_from_inside(machine):
    """The last test of this machine."""
    since = machine.console.position()
    machine.console.send("reboot\r")
    machine.wait_off(last="reboot")
    said = machine.console.text[since:]
    for name in ("hello-pv", "hello-pvh"):
        host.assert_in_order(said, r"stopping domain %s\b" % name, "domain %s stopped" % name,
                             "Xenith: reboot")
    assert "power off" not in said


@pytest.mark.slow
def test_uefi_netboot(boot, bundle, disks):
    machine = boot("netboot-uefi", bundle, attach="net", firmware="uefi", **disks).wait_ready()
    host.assert_hello(machine, "hello-pv")
