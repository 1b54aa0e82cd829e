"""Third-party guests: Debian on its disk, started in every way; Debian's installer; and
memtest86+, which is not Linux."""

import hashlib
import os
import random
import re

import pytest

import debian
import drives
from host import CONSOLES, until

pytestmark = pytest.mark.slow

# dom0's first disk is the configuration drive.
DISK = "/dev/vdb"
TARBALL = "/dev/vdc"
WEB = "httpd -p 8080 -h /config/images/www"
# The installer's preseed file, which makes it fetch a file, too.
PRESEED = """d-i preseed/early_command string ( \
  echo proof: type $(cat /sys/hypervisor/guest_type); \
  echo proof: driver $(cd /sys/bus/xen/drivers/vif && echo vif-*); \
  echo proof: fetched $(wget -q -O - http://10.0.2.15:8080/file | sha256sum) \
  ) >/dev/hvc0
"""

# Settings of each way to start the disk, the guest type that Linux reports, and its
# firmware.
SYSTEMS = {
    "pv": ("PV", "none", 'kernel = "/usr/libexec/xen/boot/grub-x86_64-xen.bin"'),
    "pvh": ("PVH", "none", 'kernel = "/usr/libexec/xen/boot/grub-i386-xen_pvh.bin"'),
    "pvh-uefi": ("PVH", "UEFI", 'kernel = "/usr/share/ovmf/OVMF.fd"'),
    "bios": ("HVM", "BIOS", 'hdtype = "ahci"', 'vga = "none"', 'serial = "pty"'),
    "uefi": ("HVM", "UEFI", 'hdtype = "ahci"', 'vga = "none"', 'serial = "pty"', 'bios = "ovmf"'),
}


def domain(name, kind, *lines):
    return "\n".join((
        'name = "%s"' % name, 'type = "%s"' % kind, 'autostart = "no"', "start_timeout = 1800",
        # The emulator loses guests, more of them the longer they take to start.
        "restart_limit = 30",
        'on_stop = "destroy"', *lines)) + "\n"


def system(name):
    guest_type, _, *lines = SYSTEMS[name]
    return domain("debian-" + name, guest_type.lower(), "memory = 640",
                  'ready = "console:proof: end"',
                  'disk = [ "%s,raw,xvda,rw" ]' % DISK,
                  'vif = [ "mac=00:16:3e:00:71:%02x" ]' % list(SYSTEMS).index(name), *lines)


def installer(kind):
    return domain("installer-" + kind, kind, "memory = 900", 'ready = "created"',
                  'kernel = "/config/images/installer/linux"',
                  'ramdisk = "/config/images/installer/initrd.gz"',
                  'extra = "console=hvc0 DEBIAN_FRONTEND=text auto=true hostname=debian domain=test '
                  'url=http://10.0.2.15:8080/preseed.cfg"',
                  'vif = [ "mac=00:16:3e:00:71:%02x" ]' % (16 + len(kind)))


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    """One machine for all guests, which share the disk one after the other."""
    directory = tmp_path_factory.mktemp("systems")
    tree = {"host.conf": "console_shell=yes\nautostart=no\nfirewall=no\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n",
            "images/www/preseed.cfg": PRESEED,
            "images/www/file": random.randbytes(4 << 20)}
    for name in SYSTEMS:
        tree["domains/debian-%s.cfg" % name] = system(name)
    image = debian.disk(directory / "debian.img")
    root = debian.root(directory) if image else None
    more = [word for path in (image, root) if path
            for word in ("-drive", "if=virtio,format=raw,cache=unsafe,file=%s" % path)]
    files = debian.installer(directory / "installer")
    if files:
        print("Debian's installer is %s" % (files / "version").read_text().strip())
        for kind in ("pv", "pvh"):
            tree["domains/installer-%s.cfg" % kind] = installer(kind)
        for name in ("linux", "initrd.gz"):
            tree["images/installer/" + name] = files / name
    files = drives.package("memtest")
    if files:
        tree["domains/memtest.cfg"] = domain(
            "memtest", "hvm", "memory = 64", 'ready = "created"', 'vga = "none"', 'serial = "pty"',
            'boot = "d"', 'disk = [ "/config/images/memtest.iso,raw,hdc,ro,cdrom" ]')
        tree["images/memtest.iso"] = drives.bios_cd(
            directory / "memtest.iso", {"memtest": files / "memtest/memtest.bin"},
            "linux /memtest console=ttyS0,115200\nboot\n")
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree), 128)
    started = boot("systems", iso, drives=[drive], extra=more).wait_ready()
    started.has_debian = bool(image)
    started.written = None          # what the last guest wrote to the disk
    started.digest = hashlib.sha256(tree["images/www/file"]).hexdigest()
    started.out(WEB)
    yield started
    if image:
        image.unlink()
        os.unlink(root)


def need(machine, name):
    if machine.sh("test -e /config/domains/%s.cfg" % name)[1]:
        pytest.skip("%s: not built: ./build.sh test --all" % name)


def boots(machine, name):
    """The report of the guest at each of its boots: [{key: [values]}]."""
    log = "%s/guest-%s.log" % (CONSOLES, name)
    found = []
    for line in machine.out("cat %s.1 %s 2>/dev/null | grep -ao 'proof: .*'" % (log, log)).splitlines():
        key, _, value = line.strip()[len("proof: "):].partition(" ")
        if key == "boot" or not found:
            found.append({})
        found[-1].setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_debian(machine, name):
    """Debian boots to its login prompt, with PV drivers and HTTP over the bridge, and a
    file is intact after a reboot."""
    guest, (guest_type, firmware, *_) = "debian-" + name, SYSTEMS[name]
    if not machine.has_debian:
        pytest.skip(debian.WHY)
    machine.out("xenith start --wait %s" % guest, 1900)
    prompt = "grep -aq 'debian login:' %s/guest-%s.log" % (CONSOLES, guest)
    until(machine, prompt, 300)
    first = boots(machine, guest)[-1]
    before, machine.written = machine.written, first["wrote"]
    domid = machine.out("xl domid %s" % guest).strip()
    machine.out("xl reboot %s" % guest)
    # The restarted instance may be lost, too: accept any other that is ready.
    until(machine, "n=$(xl domid {0}) && [ $n != {1} ] && xenith status | grep -q '^{0} *ready '".format(guest, domid), 1900)
    second = boots(machine, guest)[-1]
    machine.out("xenith stop --wait %s" % guest)
    machine.written = second["wrote"]
    assert first["boot"] != second["boot"]
    assert first.get("read") == before, "the previous guest's write is not on the disk"
    assert second["read"] == first["wrote"]
    for said in (first, second):
        assert said["type"] == ["xen " + guest_type]
        assert said["firmware"] == [firmware]
        assert said["root"] == ["/dev/xvda3"]
        assert said["driver"] == ["vbd vbd-51712", "vif vif-0"]
        assert said["fetched"] == [machine.digest]
        # The emulated disk and card are unplugged; one of each is left.
        assert said["disks"] == ["xvda"]
        assert len(said["cards"][0].split()) == 2, "expected lo and one card: %s" % said["cards"]
        if guest_type == "HVM":
            assert said.get("unplug") == ["emulated NICs", "emulated disks"]


def test_debian_created_from_a_tarball(machine):
    """A plain debootstrap tree: create writes it to a disk, and extracts its kernel and
    ramdisk."""
    if not machine.has_debian:
        pytest.skip(debian.WHY)
    machine.out("mkdir -p /mnt/debian && mount %s /mnt/debian" % TARBALL)
    machine.out("xenith create made --from /mnt/debian/debian.tar --storage /mnt/debian --size 1400M --memory 640M", 1200)
    machine.out("printf '%s\\n' 'ready = \"console:proof: end\"' 'start_timeout = 1800' 'on_stop = \"destroy\"' "
                ">>/config/domains/made.cfg && xenith reload && xenith start --wait made", 1900)
    until(machine, "grep -aq 'debian login:' %s/guest-made.log" % CONSOLES, 300)
    said = boots(machine, "made")[-1]
    kernel = machine.out("sed -n 's/^kernel = \"\\(.*\\)\"/\\1/p' /config/domains/made.cfg").strip()
    assert kernel.endswith("/made/vmlinuz")
    machine.out("xenith stop --wait made && xenith remove made --yes")
    assert said["type"] == ["xen PVH"]
    assert said["root"] == ["/dev/xvda"]
    assert said["driver"] == ["vbd vbd-51712", "vif vif-0"]
    assert said["fetched"] == [machine.digest]
    assert machine.out("ls -A /mnt/debian").split() == ["debian.tar", "lost+found"]
    machine.out("! test -e %s" % os.path.dirname(kernel))
    machine.out("umount /mnt/debian")


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_debian_installer(machine, kind):
    """The installer configures its network card by DHCP, fetches the preseed file and
    another file, and asks the questions that have no answer there. (It cannot see a disk:
    the driver for Xen's is not in its ramdisk, but on Debian's mirror.)"""
    name = "installer-" + kind
    need(machine, name)
    machine.out("xenith start --wait %s" % name, 600)
    until(machine, "grep -aqE 'Select a language|Choose language' %s/guest-%s.log" % (CONSOLES, name), 1200)
    said = boots(machine, name)[-1]
    machine.out("xenith stop --wait %s" % name)
    assert said["type"][-1] == kind.upper()
    assert said["driver"][-1] == "vif-0"
    assert said["fetched"][-1].split()[0] == machine.digest


def test_memtest(machine):
    """A guest that is not Linux and does not know Xen: SeaBIOS boots its CD; on the serial
    port three of its tests pass."""
    need(machine, "memtest")
    machine.out("xenith start --wait memtest")
    machine.out("until t=$(xenstore-read /local/domain/$(xl domid memtest)/serial/0/tty); do usleep 100000; done "
                "2>/dev/null; cat $t >/tmp/memtest 2>/dev/null </dev/null &", 60)
    until(machine, "grep -aqE '#4 +.Moving inversions' /tmp/memtest", 900)
    screen = machine.out("cat /tmp/memtest")
    machine.out("xenith stop --wait memtest")
    assert set(re.findall(r"Errors: +([0-9]+)", screen)) == {"0"}
