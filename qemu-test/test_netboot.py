"""The network boot bundle over TFTP, with settings that a user would change: a small
dom0_mem, the options of a preset, a host name, and the UUID of the configuration drive. That drive is a USB stick
which the kernel finds late; another one is there at once, as a guest could have written
it on its disk."""

import pathlib
import re
import shutil
import subprocess

import pytest

import drives
import host

# The kernel's delay before it probes a stick. The stick is detected 8 s after the
# kernel's start; the boot scripts look for it after 11 s, or 30 s on a busy machine.
SETTLE = 20

# Xen must accept each option that the keys of host.conf become.
CONF = """preset=low-latency
dom0_mem=256M
msi=yes
iommu=no-igfx
smt=no
ucode=scan,nmi=yes
spec_ctrl=ssbd,unpriv-mmio,lock-harden
xsm=silo
sched=credit2
sched_gran=cpu
console=com1,vga
console_speed=115200
vga=keep
nmi_watchdog=no
noreboot=no
"""
LIBRARY = pathlib.Path(__file__).resolve().parents[1] / "rootfs/usr/lib/xenith"


def boot_options(kind):
    """The options for xen or linux of CONF."""
    settings = subprocess.run(["awk", "-f", LIBRARY / "host-conf.awk"], input=CONF, capture_output=True, text=True, check=True)
    return subprocess.run(["sh", LIBRARY / "boot-options", kind, "-"], input=settings.stdout, capture_output=True, text=True,
                          check=True).stdout.strip()


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
    text, memory = re.subn(r"dom0_mem=\S+", boot_options("xen"), text)
    text, kernels = re.subn(r"(vmlinuz )", r"\1" + boot_options("linux") + r" usb-storage.delay_use=%d xenith.hostname=from-afar "
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


@pytest.mark.slow
def test_small_dom0(machine):
    """256 MiB are enough for dom0, and its memory use is as usual."""
    total = machine.out("xl list 0 | tail -n 1").split()[2]
    assert total == "256"
    used = host.memory_used(machine)
    print("memory used in dom0 (256 MiB): %.1f MiB" % used)
    assert used <= 64


def test_boot_options(machine):
    """They are those of host.conf, Xen takes all of them, and they act."""
    running = machine.out("xl info | sed -n 's/^xen_commandline *: //p'").split()
    assert set(boot_options("xen").split()) <= set(running)
    assert running == machine.out("cat /run/xenith/xen-command-line").split()
    log = machine.out("xl dmesg")
    assert re.findall(r'parameter ".*', log) == []
    assert "pcie_aspm=off" in machine.out("cat /proc/cmdline").split()
    # Name, ID, VCPU, CPU, State, Time(s), hard and soft affinity.
    assert [line.split()[-3] for line in machine.out("xl vcpu-list 0 | tail -n +2").splitlines()] == \
        [line.split()[2] for line in machine.out("xl vcpu-list 0 | tail -n +2").splitlines()]
    assert re.search(r"Max possible C-state: *C1\b", machine.out("xenpm get-cpuidle-states | head -n 3"))
    # The medium's own host.conf has no such options, but nothing of it changed since.
    for note in ("reboot pending", "no effect"):
        assert note not in machine.out("xenith status")
    assert "* default" in machine.out("xenith preset list")


def test_change_of_boot_options_on_a_medium(machine):
    """In memory: the check refuses what is impossible, warns of what Xen does not know, and the status says that a
    reboot would not apply it."""
    machine.out("cp /config/host.conf /tmp/host.conf")
    machine.out("sed -i 's/^smt=.*/smt=no/; s/^xen_options=.*/xen_options=dom0_men=1G/' /config/host.conf")
    assert 'warning: xen_options: Xen has no option "dom0_men"' in machine.out("xenith check")
    assert "no effect: host.conf changes the options of Xen: +smt=no +dom0_men=1G; " in machine.out("xenith reload")
    assert "no effect: host.conf changes" in machine.out("xenith status")
    machine.out("sed -i 's/^smt=.*/smt=8/' /config/host.conf")
    said, status = machine.sh("xenith check")
    assert status == 1 and re.search(r'/config/host\.conf:\d+: smt: "8" is not one of: yes, no', said)
    machine.out("cp /tmp/host.conf /config/host.conf")


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
