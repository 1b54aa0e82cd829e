"""PCI devices of the host that guests are given.

The machine has an IOMMU (QEMU's VT-d), and behind it an NVMe disk that is the guests'.
Xen is told not to let VT-d walk the guests' page tables: those are AMD's, as the
processor is, and no real machine mixes the two.
"""

import re
import shutil

import pytest

import drives
import guests
import host

# A machine of its own.
pytestmark = pytest.mark.slow

ON_DISK = "these words are on the NVMe disk"
NVME = "0000:00:10.0"


def up(name):
    return 'ready = "console:hello: %s up"' % name


def pv(name, number, *lines):
    return guests.hello(name, 48, "73:%02x" % number, 'autostart = "no"', 'on_stop = "destroy"',
                        up(name), *lines)


DOMAINS = {
    "pv-pci": pv("pv-pci", 1, 'pci = [ "%s,seize=1" ]' % NVME),
    # What the boot must say of these, and start the others.
    "not-there": pv("not-there", 3, 'pci = [ "1f:1e.7,seize=1" ]').replace('autostart = "no"\n', ""),
    "not-given": pv("not-given", 4, 'pci = [ "%s" ]' % NVME).replace('autostart = "no"\n', ""),
}


def options(scratch):
    """QEMU's options for the machine's own devices."""
    (scratch / "disk").write_bytes((ON_DISK + "\n").encode().ljust(1 << 20, b"\0"))
    return ["-machine", "q35", "-device", "intel-iommu,intremap=on",
            "-drive", "if=none,id=spare,format=raw,file=%s" % (scratch / "disk"),
            "-device", "nvme,drive=spare,serial=spare,addr=10.0"]


def bundle(netboot, scratch):
    """The network boot bundle, with that option for Xen."""
    copy = scratch / "netboot"
    shutil.copytree(netboot, copy)
    menu = copy / "pxelinux.cfg/default"
    text, count = re.subn(r"(dom0_mem=\S+)", r"\1 iommu=no-sharept", menu.read_text())
    assert count
    menu.write_text(text)
    return copy


def configuration(scratch):
    tree = {"host.conf": "console_shell=yes\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n"}
    tree.update(("domains/%s.cfg" % name, text) for name, text in DOMAINS.items())
    return drives.partitioned_vfat(scratch / "config.img", drives.write_tree(scratch / "tree", tree))


@pytest.fixture(scope="module")
def machine(boot, netboot, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("devices")
    return boot("devices", bundle(netboot, scratch), attach="net", drives=[configuration(scratch)],
                extra=options(scratch)).wait_ready()


@pytest.fixture
def guest(machine, request):
    """One of DOMAINS, running."""
    machine.out("xenith start --wait %s" % request.param, 1200)
    yield request.param
    machine.out("xenith stop --wait %s" % request.param, 300)


def until(machine, command, seconds=60):
    machine.out("n=0; until %s; do n=$((n+1)); [ $n -lt %d ] || exit 1; sleep 1; done" % (command, seconds),
                seconds * 3 + 60)


def hears(machine, name, line, answer, seconds=60):
    """Type the line at the shell on the guest's console; it says ANSWER."""
    machine.out("echo \"%s\" >$(xenstore-read /local/domain/$(xl domid %s)/console/tty)" % (line, name))
    until(machine, "grep -aq '%s' %s/guest-%s.log" % (answer, host.CONSOLES, name), seconds)


def in_dom0(machine, device):
    return machine.sh("head -c 40 /dev/%s" % device)[0]


def test_iommu(machine):
    assert "hvm_directio" in machine.out("xl info | grep virt_caps")
    assert ON_DISK in in_dom0(machine, "nvme0n1")


@pytest.mark.parametrize("name, reason", [
    ("not-there", "pci: there is no PCI device 0000:1f:1e.7"),
    ("not-given", "pci: %s belongs to dom0 (driver: nvme)" % NVME)])
def test_device_that_cannot_be_given(machine, name, reason):
    """It is named, by file and line, and the host came up."""
    assert [mark for mark in machine.marks() if name in mark and reason in mark], machine.marks()


@pytest.mark.parametrize("guest", ["pv-pci"], indirect=True)
def test_pci(machine, guest):
    """The guest reads the disk with its own driver; dom0 has it no more."""
    assert ON_DISK not in in_dom0(machine, "nvme0n1")
    assert NVME in machine.out("xl pci-list %s" % guest)
    hears(machine, guest, "", "BusyBox")
    hears(machine, guest, "head -c 40 /dev/nvme0n1", ON_DISK)


def test_pci_comes_back(machine):
    machine.out("xl pci-assignable-remove -r %s" % NVME)
    until(machine, "[ -b /dev/nvme0n1 ]")
    assert ON_DISK in in_dom0(machine, "nvme0n1")
