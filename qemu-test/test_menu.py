"""The entries of the boot menu, each selected with the keyboard."""

import re

import pytest

import drives
import host
import menu
from menu import by_keyboard, by_serial, choose
from upgrades import WholeDisk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def entries(iso, tmp_path_factory):
    return menu.entries(iso, tmp_path_factory.mktemp("menu"))


@pytest.fixture
def one(boot):
    """A machine for one test only."""
    machines = []

    def start(*arguments, **options):
        machines.append(boot(*arguments, **options))
        return machines[-1]
    yield start
    for machine in machines:
        machine.close()


def test_no_autostart(one, iso, entries):
    machine = choose(one("menu-autostart", iso), entries, "noautostart", by_keyboard)
    # A message of Xen may split the line.
    assert any(mark.startswith("Xenith: domains are not started (autostart=no)") for mark in machine.marks())
    assert host.domains(machine) == {}
    # The domains are configured all the same, for a manual start.
    machine.out("xl create /config/domains/20-hello-pv.cfg")
    host.assert_hello(machine, "hello-pv")


def test_ignore_configuration_and_no_network_card(one, iso, entries, tmp_path):
    """A drive with a harmful configuration is ignored. Without a network card the
    domains and dom0 use their fallback addresses."""
    tree = drives.write_tree(tmp_path / "tree", {
        "host.conf": "hostname=spoilt\nbroken line\nautostart=no\n",
        "domains/20-hello-pv.cfg": "# taken away\n"})
    drive = drives.vfat(tmp_path / "config.img", tree)
    machine = choose(one("menu-ignore", iso, drives=[drive], nic=False),
                     entries, "noconfig", by_serial)
    assert host.config_marks(machine) == []
    assert machine.out("hostname").strip() == "xenith"
    assert machine.sh("mountpoint -q /run/xenith/sources/drive")[1] != 0
    assert [mark for mark in machine.marks() if mark.startswith("Xenith: network none: ")]
    assert host.assert_hello(machine, "hello-pv", network="192[.]") == "192.168.144.11"
    assert host.assert_hello(machine, "hello-pvh", network="192[.]") == "192.168.144.12"


def test_serial_only_and_no_virtualisation(one, iso, entries):
    """The host boots without a screen. Its processor has no SVM: the PV domain runs, and
    the failure of the other names the reason."""
    machine = choose(one("menu-serial", iso, cpu="qemu64,-svm"), entries, "serial", by_serial)
    options = machine.out("xl info | grep xen_commandline")
    assert re.search(r"console=com1(\s|$)", options), options
    host.assert_hello(machine, "hello-pv")
    assert "a pvh guest needs hardware virtualisation" in machine.out("xenith status hello-pvh")


def test_safe(one, iso, entries):
    machine = choose(one("menu-safe", iso), entries, "safe", by_serial)
    assert "max_cstate=1" in machine.out("xl info | grep xen_commandline")
    host.assert_hello(machine, "hello-pvh")


def test_preset(one, iso, entries):
    """In the submenu, behind the other entries."""
    machine = one("menu-preset", iso)
    machine.console.wait(r"Xenith")
    by_serial(machine, len(entries))
    # The submenu has the same titles' first word.
    machine.console.poll(lambda text: False, 3)
    by_serial(machine, 1)
    machine.wait_ready()
    options = machine.out("xl info | sed -n 's/^xen_commandline *: //p'").split()
    assert options[-2:] == ["smt=no", "spec-ctrl=ssbd,unpriv-mmio,lock-harden"]
    assert "xenith.entry=hardened" in machine.out("cat /proc/cmdline").split()
    assert host.config_marks(machine) == []
    host.assert_hello(machine, "hello-pv")


def test_flask(one, netboot, tmp_path):
    """XSM's other module: with the built policy enforced, the host boots and its PV domain
    runs."""
    machine = one("menu-flask", drives.bundle(netboot, tmp_path / "netboot", "xsm=flask flask=enforcing"),
                  attach="net").wait_ready()
    # getenforce exits with the mode.
    assert machine.sh("xl getenforce")[0].strip() == "Enforcing"
    host.assert_hello(machine, "hello-pv")


@pytest.fixture
def unanswered(one, iso, tmp_path):
    """A machine whose network has no DHCP server."""
    def start(name, conf=""):
        tree = drives.write_tree(tmp_path / "tree", {"host.conf": "autostart=no\n" + conf})
        return one(name, iso, drives=[drives.vfat(tmp_path / "config.img", tree)], nic=False,
                   extra=["-netdev", "hubport,id=wire,hubid=0",
                          "-device", "virtio-net-pci,netdev=wire"]).wait_ready()
    return start


def test_no_dhcp(unanswered):
    """The fallback address is reported and is set on the bridge."""
    machine = unanswered("no-dhcp")
    host.assert_in_order(machine.console.text,
                         r"Xenith: network xenbr0 192\.168\.144\.1 \(no DHCP answer", r"Xenith: ready")
    assert " inet 192.168.144.1/24 " in machine.out("ip -4 addr show dev xenbr0")
    assert machine.out("cat /run/xenith/network").strip() == "192.168.144.1"


def test_no_dhcp_and_no_fallback(unanswered):
    """The lack of an address is reported."""
    machine = unanswered("no-dhcp-no-fallback", "fallback_address=none\n")
    host.assert_in_order(machine.console.text,
                         r"Xenith: network xenbr0 none \(no DHCP answer", r"Xenith: ready")


# ---- the entry for the disk ----

def installed_disks(top, *names):
    """(disks, QEMU's words): the firmware boots none of them by itself."""
    disks = [WholeDisk(top / name) for name in names]
    return disks, [word for disk in disks for word in (
        "-drive", "if=none,id=%s,format=raw,cache=unsafe,file=%s" % (disk.path.name, disk.path),
        "-device", "virtio-blk-pci,drive=" + disk.path.name)]


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_no_disk_to_boot(one, iso, entries, firmware):
    """It says so, and the menu's other entries work as before."""
    machine = one("menu-no-disk-" + firmware, iso, firmware=firmware, disk=100)
    by_serial(machine, entries.index("disk"))
    machine.console.wait("no disk has an installed Xenith that starts")
    # Only UEFI has drives that are not set up.
    assert ("Xenith: the firmware sets up all drives" in machine.console.text) == (firmware == "uefi")
    machine.console.send("\x1b")    # no need to wait
    assert machine.console.poll(lambda text: "presets" in text.split("no disk has an installed")[-1], 60)
    machine.console.send("\x1b[H")
    machine.console.poll(lambda text: False, 0.5)
    machine.console.send("\r")
    machine.wait_ready()
    host.assert_hello(machine, "hello-pv")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_a_disk_that_does_not_start(one, iso, entries, firmware, tmp_path):
    """Its boot loader is damaged, or not there yet. The next disk starts."""
    (bad, _), options = installed_disks(tmp_path, "bad", "good")
    if firmware == "bios":
        with open(bad.path, "r+b") as file:
            file.write(bytes(440))
    else:
        bad.put("EFI/BOOT/BOOTX64.EFI", b"no program\n")
    machine = one("menu-next-disk-" + firmware, iso, firmware=firmware, extra=options)
    by_serial(machine, entries.index("disk"))
    machine.console.wait("Xenith: booting from the disk hd0")
    machine.console.wait("Xenith: booting from the disk hd1")
    machine.wait_ready()
    assert "xenith.slot=a" in machine.out("cat /proc/cmdline")
