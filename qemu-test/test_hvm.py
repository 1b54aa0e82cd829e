"""HVM guests: firmware, a device model, and Linux with PV drivers in it."""

import pytest

import drives
import host

MACS = {"cd": "01", "disk": "02", "uefi": "03", "net": "04", "uefi-cd": "07", "kernel": "08",
        "pvh-grub": "05", "pv-grub": "06"}
HVM = ("cd", "disk", "kernel", "uefi", "uefi-cd", "net")


def domain(name, kind, disk, *lines, also=""):
    """The file of a domain with its image on DISK, if any; ready when its Linux says so.
    ALSO: another disk."""
    return "\n".join((
        'name = "%s"' % name, 'type = "%s"' % kind, "memory = 160",
        'autostart = "no"', 'ready = "console:hello: guest-%s up"' % name, "start_timeout = 400",
        # The emulator loses guests: docs/testing.md.
        "restart_limit = 30",
        'on_stop = "destroy"', 'vif = [ "mac=00:16:3e:00:70:%s" ]' % MACS[name],
        'disk = [ "%s/%s.iso,raw,%s"%s ]' % (
            "/config/images" if ",ro" in disk else "/tmp", name, disk, also) if disk else "", *lines)) + "\n"


def hvm(name, disk, *lines, **more):
    return domain(name, "hvm", disk, 'vga = "none"', 'serial = "pty"', *lines, **more)


DOMAINS = {
    # The tablet: as `xenith create` writes it for an installer.
    "disk": hvm("disk", "hda,rw", 'hdtype = "ahci"', "usb = 1", 'usbdevice = [ "tablet" ]',
                also=', "/config/images/cd.iso,raw,hdc,ro,cdrom"'),
    "pvh-grub": domain("pvh-grub", "pvh", "xvda,ro", 'kernel = "/usr/libexec/xen/boot/grub-i386-xen_pvh.bin"'),
    "pv-grub": domain("pv-grub", "pv", "xvda,ro", 'kernel = "/usr/libexec/xen/boot/grub-x86_64-xen.bin"'),
    "cd": hvm("cd", "hdc,ro,cdrom", 'boot = "d"'),
    # QEMU hands it over; there is no disk.
    "kernel": hvm("kernel", "", 'kernel = "/config/images/www/vmlinuz"',
                  'ramdisk = "/config/images/www/initrd.gz"', 'cmdline = "console=hvc0 hello.name=guest-kernel"'),
    "uefi-cd": hvm("uefi-cd", "hdc,ro,cdrom", 'bios = "ovmf"'),
    "uefi": hvm("uefi", "hda,rw", 'bios = "ovmf"'),
    # Its CD is iPXE, which does what DHCP says.
    "net": hvm("net", "hdc,ro,cdrom", 'boot = "d"'),
}


# The emulated processor calls itself a K8, and on that the shim, being a Xen, works
# around an erratum, which Xen below it does not allow. No real one with SVM is that old.
PV32 = """name = "pv32"
type = "pvh"
pvshim = 1
kernel = "/config/images/pv32"
cpuid = "host,family=23"
memory = 64
autostart = "no"
ready = "created"
"""


IPXE = drives.package("ipxe")
# Where dom0 serves what iPXE fetches: the hello guest. A guest has its console in Xen.
WWW = "http://10.0.2.15:8080"
NETBOOT = """#!ipxe
kernel %s/vmlinuz console=hvc0 hello.name=guest-net
initrd %s/initrd.gz
boot
""" % (WWW, WWW)


def image(path, name):
    """The boot medium of a guest."""
    if name == "net":
        return IPXE / "ipxe/ipxe.iso" if IPXE else ""
    # Not on the serial port: each character is a slow exit to QEMU.
    return drives.pc_image(path, "console=hvc0 hello.name=guest-" + name)


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    tree = {"host.conf": "console_shell=yes\nautostart=no\nfirewall=no\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n"}
    for name, text in DOMAINS.items():
        tree["domains/%s.cfg" % name] = text
        if "disk = " in text:
            tree["images/%s.iso" % name] = image(directory / (name + ".iso"), name)
    for name, what in (("boot.ipxe", NETBOOT), ("vmlinuz", drives.package("linux") / "boot/vmlinuz-domu"),
                       ("initrd.gz", drives.package("hello") / "images/hello/initrd.gz")):
        tree["images/www/" + name] = what
    tree["domains/pv32.cfg"] = PV32
    tree["images/pv32"] = drives.cross_compiled(
        directory / "pv32", "pv32.S", "-m32", "-nostdlib", "-Wa,-mx86-used-note=no",
        "-Wl,-Ttext-segment=0xc0100000,-m,elf_i386,--build-id=none")
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree), 96)
    started = boot("hvm", iso, drives=[drive], bootfile=WWW + "/boot.ipxe").wait_ready()
    # An emulated hard disk must be writable.
    started.out("cp /config/images/disk.iso /config/images/uefi.iso /tmp/")
    started.out("httpd -p 8080 -h /config/images/www")
    return started


def console(machine, name):
    return machine.out("cat /var/log/xen/console/guest-%s.log" % name)


def device_model(machine, name):
    """(PID, user) of a domain's QEMU."""
    number = machine.out("xenstore-read /local/domain/$(xl domid %s)/image/device-model-pid" % name).strip()
    return number, machine.out("awk '/^Uid/ { print $2 }' /proc/%s/status" % number).strip()


# These take minutes under emulation.
SLOW = ("cd", "uefi", "uefi-cd", "net", "pvh-grub", "kernel")
# Guests that later tests need.
STAY = ("disk", "pv-grub")


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in DOMAINS])
def test_starts(machine, name):
    """Firmware or GRUB, the guest's own menu and kernel, or the network's or dom0's, and
    HTTP over the bridge."""
    if name == "net" and not IPXE:
        pytest.skip("ipxe: not built: ./build.sh test --all")
    machine.out("xenith start --wait %s" % name, 1200)
    said = console(machine, name)
    assert "hello: guest-%s up" % name in said
    if name in HVM:
        # Linux says so when it has told the device model to take its disks and cards away.
        assert "unplug emulated" in said, said

    def answers():
        address = console(machine, name).split("hello: guest-%s up " % name)[-1].split()[0]
        assert "guest-" + name in host.answer(machine, address)
    steady(machine, name, answers)
    if name not in STAY:
        machine.out("xenith stop --wait %s" % name)


def test_device_model_has_no_rights(machine):
    """By default it runs as its own user in an empty root."""
    number, user = device_model(machine, "disk")
    domid = machine.out("xl domid disk").strip()
    assert int(user) == 131072 + int(domid)
    assert machine.out("ls -A /proc/%s/root/" % number).strip() == ""


@pytest.mark.slow
def test_32_bit_pv_guest_in_the_shim(machine):
    """A kernel that only the shim can start reaches its power-off hypercall."""
    machine.out("xenith start --wait pv32", 600)
    machine.out("n=0; until xenith status pv32 | grep -q 'guest powered off'; do n=$((n+1)); "
                "[ $n -lt 300 ] || exit 1; sleep 1; done", 600)
    assert "32-bit, PAE" in console(machine, "pv32")


def test_tablet(machine):
    assert "USB Tablet" in machine.out("xl qemu-monitor-command disk 'info usb'")


def in_drive(machine, name):
    """The medium in the CD drive, as QEMU reports it."""
    return machine.out("xl qemu-monitor-command %s 'info block'" % name)


def steady(machine, name, action):
    """Retry an action if the emulator lost the guest and domd has restarted it:
    docs/testing.md."""
    before = machine.out("xl domid %s" % name)
    try:
        action()
    except AssertionError:
        if machine.sh("sleep 5; xl domid %s" % name)[0].strip() == before.strip():
            raise
        machine.out("xenith start --wait %s" % name, 1200)
        action()


def test_cd_is_ejected_and_inserted(machine):
    def change():
        assert "[not inserted]" not in in_drive(machine, "disk")
        machine.out("xl cd-eject disk hdc")
        assert "[not inserted]" in in_drive(machine, "disk")
        machine.out("xl cd-insert disk hdc /config/images/uefi.iso")
        assert "[not inserted]" not in in_drive(machine, "disk")
    steady(machine, "disk", change)


def test_device_model_that_dies(machine):
    """The guest may lose its emulated devices; the host and other guests keep running."""
    machine.out("xenith start --wait disk", 1200)
    number, _ = device_model(machine, "disk")
    machine.out("kill -9 %s" % number)
    assert "pv-grub" in machine.out("xl list")
    machine.out("xenith stop --wait disk")
    assert machine.out("xl domid disk 2>&1 || echo gone").strip().endswith("gone")
    assert machine.out("echo alive").strip() == "alive"
