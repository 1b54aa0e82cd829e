"""Devices of the host that are assigned to guests: PCI, USB, a screen.

The machine has an IOMMU (QEMU's VT-d) with an NVMe disk and a USB stick that dom0 does
not need. Sharing of page tables with VT-d is disabled in Xen: the guests' page tables
are AMD's, as the processor is, a mix that no real machine has.
"""

import re

import pytest

import drives
import guests
import host
from host import until

# Half of them are HVM guests.
pytestmark = pytest.mark.slow

ON_DISK = "these words are on the NVMe disk"
ON_STICK = "these words are on the USB stick"
NVME = "0000:00:10.0"
STAY = ('autostart = "no"', 'on_stop = "destroy"', "start_timeout = 900")


def up(name):
    return 'ready = "console:hello: %s up"' % name


def hvm(name, *lines):
    """An HVM domain with its own disk, NAME.iso, and the kernel on that."""
    return "\n".join((
        'name = "%s"' % name, 'type = "hvm"', "memory = 192", 'vga = "none"', 'serial = "pty"',
        'hdtype = "ahci"', 'disk = [ "/tmp/%s.iso,raw,hda,rw" ]' % name, *STAY, *lines)) + "\n"


def pv(name, number, *lines):
    return guests.hello(name, 48, "73:%02x" % number, 'autostart = "no"', 'on_stop = "destroy"',
                        up(name), *lines)


NIC = 'vif = [ "mac=00:16:3e:00:73:%02x" ]'
DOMAINS = {
    "pv-pci": pv("pv-pci", 1, 'pci = [ "%s,seize=1" ]' % NVME),
    "hvm-pci": hvm("hvm-pci", NIC % 2, up("hvm-pci"), 'pci = [ "%s,seize=1" ]' % NVME),
    # The errors that the boot must report; the other domains are started.
    "not-there": pv("not-there", 3, 'pci = [ "1f:1e.7,seize=1" ]').replace('autostart = "no"\n', ""),
    "not-given": pv("not-given", 4, 'pci = [ "%s" ]' % NVME).replace('autostart = "no"\n', ""),
    # dom0's kernel: it has USB drivers, but no network front end.
    "hvm-usb": hvm("hvm-usb", 'ready = "created"', 'usbctrl = [ "version=3,ports=4" ]'),
    "screen": pv("screen", 7, 'vfb = [ "vnc=1,vnclisten=127.0.0.1,vncunused=0,vncdisplay=7" ]'),
}


def options(scratch):
    """QEMU's options for the devices to assign."""
    for name, words in (("disk", ON_DISK), ("stick", ON_STICK)):
        (scratch / name).write_bytes((words + "\n").encode().ljust(1 << 20, b"\0"))
    return ["-machine", "q35", "-device", "intel-iommu,intremap=on",
            "-drive", "if=none,id=spare,format=raw,file=%s" % (scratch / "disk"),
            "-device", "nvme,drive=spare,serial=spare,addr=10.0"]


def configuration(scratch):
    tree = {"host.conf": "console_shell=yes\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n"}
    for name, text in DOMAINS.items():
        tree["domains/%s.cfg" % name] = text
        if "hvm" in text:
            tree["images/%s.iso" % name] = drives.pc_image(
                scratch / (name + ".iso"), "console=hvc0 hello.name=" + name,
                drives.package("linux") / "boot/vmlinuz" if name == "hvm-usb" else None)
    return drives.partitioned_vfat(scratch / "config.img", drives.write_tree(scratch / "tree", tree), 128)


@pytest.fixture(scope="module")
def machine(boot, netboot, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("devices")
    started = boot("devices", drives.bundle(netboot, scratch / "netboot", "iommu=no-sharept"), attach="net", drives=[configuration(scratch)],
                   extra=options(scratch), sticks=[str(scratch / "stick")]).wait_ready()
    # An emulated hard disk must be writable.
    started.out("cp /config/images/*.iso /tmp/")
    return started


@pytest.fixture
def guest(machine, request):
    """One of DOMAINS, started."""
    machine.out("xenith start --wait %s" % request.param, 1200)
    yield request.param
    machine.out("xenith stop --wait %s" % request.param)


def running(name):
    return pytest.mark.parametrize("guest", [name], indirect=True)


def hears(machine, name, line, answer, seconds=60):
    """Type a line at the shell on the guest's console; expect ANSWER."""
    machine.out("echo \"%s\" >$(xenstore-read /local/domain/$(xl domid %s)/console/tty)" % (line, name))
    until(machine, "grep -aq '%s' %s/guest-%s.log" % (answer, host.CONSOLES, name), seconds)


def in_dom0(machine, device):
    return machine.sh("head -c 40 /dev/%s" % device)[0]


def test_iommu(machine):
    assert "hvm_directio" in machine.out("xl info | grep virt_caps")
    assert ON_DISK in in_dom0(machine, "nvme0n1")


@pytest.mark.parametrize("name, reason", [
    ("not-there", "pci: no such PCI device: 0000:1f:1e.7"),
    ("not-given", "pci: %s is in use by dom0 (driver: nvme)" % NVME)])
def test_device_that_cannot_be_given(machine, name, reason):
    """It is reported with file and line, and the host boots."""
    assert [mark for mark in machine.marks() if name in mark and reason in mark], machine.marks()


@pytest.mark.parametrize("guest", ["pv-pci", "hvm-pci"], indirect=True)
def test_pci(machine, guest):
    """The guest reads the disk with its own driver; dom0 no longer has it."""
    assert ON_DISK not in in_dom0(machine, "nvme0n1")
    assert NVME in machine.out("xl pci-list %s" % guest)
    hears(machine, guest, "", "BusyBox")
    hears(machine, guest, "head -c 40 /dev/nvme0n1", ON_DISK)


def test_pci_comes_back(machine):
    machine.out("xl pci-assignable-remove -r %s" % NVME)
    until(machine, "[ -b /dev/nvme0n1 ]")
    assert ON_DISK in in_dom0(machine, "nvme0n1")


def stick(machine):
    """The stick's bus and device number, for xl."""
    return machine.out("cd /sys/bus/usb/devices; for d in *; do grep -q HARDDRIVE $d/product 2>/dev/null && "
                       "echo hostbus=$(cat $d/busnum) hostaddr=$(cat $d/devnum); done; :").strip()


@running("hvm-usb")
def test_usb(machine, guest):
    """Hotplug of a USB stick, with an unprivileged QEMU."""
    number = machine.out("xenstore-read /local/domain/$(xl domid %s)/image/device-model-pid" % guest).strip()
    assert int(machine.out("awk '/^Uid/ { print $2 }' /proc/%s/status" % number)) > 100000
    until(machine, "grep -aq 'press Enter' %s/guest-%s.log" % (host.CONSOLES, guest), 600)
    given = stick(machine)
    machine.out("xl usbdev-attach %s %s" % (guest, given))
    bus, address = re.findall(r"=(\d+)", given)
    assert re.search(r"^ +Port 1: Bus 0*%s Device 0*%s$" % (bus, address),
                     machine.out("xl usb-list %s" % guest), re.M)
    hears(machine, guest, "", "BusyBox")
    hears(machine, guest, "sleep 5; head -c 40 /dev/sda", ON_STICK)
    machine.out("xl usbdev-detach %s 0 1" % guest)
    until(machine, "head -c 40 /dev/sd? 2>/dev/null | grep -q '%s'" % ON_STICK)


@running("screen")
def test_screen(machine, guest):
    """Its QEMU speaks VNC. (The sample guest's kernel has no driver for the picture.)"""
    del guest
    assert "RFB 003" in machine.out("sleep 2 | nc 127.0.0.1 5907 | head -c 12")
