"""The host installs itself from a USB stick on an empty disk, and boots from it; the same stick
then upgrades the disk, and installs it anew."""

import filecmp
import re
import threading

import pytest

import host
import menu
from drives import EmptyDisk, configuration
from reports import Reports
from writelog import Recording

HELLO = ("hello-pv", "hello-pvh")


@pytest.fixture(scope="module")
def reports():
    with Reports(("127.0.0.1", 0), Reports.Handler) as server:
        server.got = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return EmptyDisk(tmp_path_factory.mktemp("install") / "disk.img", "target")


@pytest.fixture(scope="module")
def answers(tmp_path_factory, key, reports):
    """A drive with the keys install_..., and what the installed host is to have."""
    return configuration(tmp_path_factory.mktemp("answers"), **{
        "host.conf": "# Ours.\nhostname=alpha\nhealth_time=20\ninstall_disk=serial:target,size:1G-\n"
                     "install_report=http://10.0.2.2:%d/told\n" % reports.server_port,
        "authorized_keys": key.public})


def end(machine):
    """Waits until the machine restarts, which ends QEMU."""
    machine.wait_off(last="reboot")
    machine.close()


@pytest.fixture(scope="module")
def installation(boot, iso, disk, answers):
    """The console of the machine that installed the disk."""
    machine = boot("install-stick", iso, attach="usb", drives=[answers], extra=disk.options())
    machine.wait_alive()
    machine.console.wait(r"Xenith: install: Xenith \S+ is installed on vd[a-z]")
    end(machine)
    return machine.console.text


@pytest.fixture(scope="module")
def first(boot, installation, disk):
    """Booted from the disk alone."""
    machine = boot("install-disk", "none", attach="disk", extra=disk.options(first=True)).wait_ready()
    host.wait_up(machine, *HELLO)
    return machine


def test_the_installation(installation, reports, disk):
    assert re.search(r"Xenith: install: Xenith \S+: 100 % of \d+ MiB", installation)
    assert [(told["status"], told["hostname"]) for told in reports.got] == [("installed", "alpha")]
    assert disk.table().count("name=") == 6


def test_it_boots_from_the_disk(first):
    assert first.out("hostname") == "alpha"
    assert "xenith.slot=a" in first.out("cat /proc/cmdline")
    host.assert_running(first, *HELLO)
    bad = [mark for mark in first.marks() if "config " in mark or "cannot" in mark]
    assert bad == []


def test_its_configuration(first, key):
    """The settings of the image and of the drive, with the image's comments."""
    assert first.out("grep '^[^#]' /run/xenith/sources/drive/host.conf") == "hostname=alpha\nhealth_time=20"
    assert first.out("cat /run/xenith/sources/drive/authorized_keys").strip() == key.public.strip()
    assert first.out("ls /run/xenith/sources/drive/domains") == "10-hello-pvh.cfg\n20-hello-pv.cfg"
    assert first.sh("xenith diff") == ("", 0)


def test_guests_have_a_volume_group(first):
    assert first.out("vgs --noheadings -o vg_name").strip() == "xenith"
    first.out("xenith create made --kernel /config/images/hello/vmlinux --ramdisk /config/images/hello/initrd.gz --type pv"
              " --size 8M")
    assert "made" in first.out("lvs --noheadings -o lv_name")


def test_an_installed_host_installs_nothing(first):
    said, status = first.sh("xenith install --list; xenith install vda --yes vda")
    assert status == 1 and "booted from an installed disk" in said


@pytest.fixture(scope="module")
def recording(first, disk, recordings, tmp_path_factory):
    """What the same stick writes over the installed system, for test_powercut.py."""
    first.power_off()
    recordings["reinstalled"] = Recording(disk.path, tmp_path_factory.mktemp("recording"))
    return recordings["reinstalled"]


@pytest.fixture(scope="module")
def again(boot, iso, disk, answers, recording):
    machine = boot("install-again", iso, attach="usb", drives=[answers], extra=disk.options(recording=recording))
    machine.wait_alive()
    return machine


@pytest.mark.slow
def test_the_disk_may_not_be_erased_by_the_same_stick(again, recording, reports):
    """The machine stays as it is, and does not restart for ever."""
    again.console.wait("was installed from this medium already")
    again.console.wait("Xenith: ready")
    assert reports.got[-1]["status"] == "unchanged"
    assert [entry for entry in recording.log().entries if entry.count] == []


@pytest.mark.slow
def test_the_stick_is_no_target(again, iso):
    """The message has the list of the disks, which says the same."""
    why = "this system was booted from it, or it is a copy of that medium"
    said, status = again.sh("xenith install sda --yes sda --force --erase 2>&1")
    assert status == 1 and "cannot install on sda: " + why in said
    assert re.search(r"(?m)^sda .* usb .*(\n .*)*\n    cannot be used: " + why, said)
    assert "id virtio-target" in said and re.search(r"(?m)^    Xenith \d", said)
    assert filecmp.cmp(again.stick, iso, shallow=False)


@pytest.mark.slow
def test_upgrade_and_new_installation_by_the_stick(again, recording):
    # Guests' volumes are active, and keep the disk from being erased.
    again.out("vgchange -q -an xenith")
    said = again.out("xenith install target --yes target --force 2>&1", 900)
    assert "in slot b" in said and "is tried at the next boot" in said
    recording.mark("upgrade in place")
    said = again.out("xenith install target --yes target --erase 2>&1", 900)
    assert re.search(r"(?m)^Xenith \S+ is installed on vd[a-z]", said)
    recording.mark("new installation", erases=True)
    again.close()


@pytest.mark.slow
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_menu_boots_the_disk(boot, iso, installation, disk, firmware, tmp_path):
    machine = boot("install-menu-" + firmware, iso, firmware=firmware, extra=disk.options())
    menu.choose(machine, menu.entries(iso, tmp_path), "disk", menu.by_serial)
    assert "Xenith: booting from the disk hd" in machine.console.text
    # UEFI has set up only the CD.
    assert ("Xenith: the firmware sets up all drives" in machine.console.text) == (firmware == "uefi")
    assert machine.out("hostname") == "alpha" and "xenith.slot=a" in machine.out("cat /proc/cmdline")
    machine.close()


@pytest.mark.slow
@pytest.mark.parametrize("attach", ["cd", "usb"])
def test_uefi(boot, iso, tmp_path, attach):
    disk = EmptyDisk(tmp_path / "disk.img", "uefi")
    machine = boot("install-uefi-" + attach, iso, attach=attach, firmware="uefi", extra=disk.options())
    machine.wait_ready()
    if attach == "usb":
        said, status = machine.sh("xenith install sda --yes sda --erase 2>&1")
        assert status == 1 and "cannot install on sda: this system was booted from it" in said
    said = machine.out("xenith install uefi --yes uefi --data none 2>&1")
    assert "is installed on" in said
    machine.close()
    machine = boot("install-uefi-disk-" + attach, "none", attach="disk", firmware="uefi", extra=disk.options(first=True)).wait_ready()
    assert "xenith.slot=a" in machine.out("cat /proc/cmdline")
    host.wait_up(machine, *HELLO)
    machine.close()


@pytest.mark.slow
def test_sectors_of_4096_bytes(boot, iso, tmp_path):
    """UEFI boots from them, and GRUB writes to them."""
    disk = EmptyDisk(tmp_path / "disk.img", "large", sector=4096)
    machine = boot("install-4096-cd", iso, firmware="uefi", extra=disk.options()).wait_ready()
    said = machine.out("xenith install large --yes large 2>&1")
    assert "is installed on vda" in said and "vda boots by UEFI only: its sectors have 4096 bytes" in said
    machine.close()
    machine = boot("install-4096-disk", "none", attach="disk", firmware="uefi", extra=disk.options(first=True)).wait_ready()
    assert machine.out("cat /sys/class/block/vda/queue/logical_block_size").strip() == "4096"
    assert "xenith.slot=a" in machine.out("cat /proc/cmdline")
    host.wait_up(machine, *HELLO)
    assert machine.out("vgs --noheadings -o vg_name").strip() == "xenith"
    assert "already; nothing to do" in machine.out("xenith update --loader")
    # Both files of options are equal.
    machine.out("/usr/lib/xenith/slot set /dev/vda2 tryoptions=1")
    machine.power_off()
    machine = boot("install-4096-try", "none", attach="disk", firmware="uefi", extra=disk.options(first=True)).wait_ready()
    words = machine.out("cat /proc/cmdline")
    assert "xenith.try=1" in words and "xenith.options=1" in words
    assert "tryoptions=\n" in machine.out("/usr/lib/xenith/slot state /dev/vda2").replace("\r", "") + "\n"
    machine.close()


@pytest.mark.slow
def test_upgrade_in_place(boot, iso, tmp_path):
    """A disk with an older version, which is made older by its manifest alone."""
    disk = EmptyDisk(tmp_path / "disk.img", "old")
    machine = boot("upgrade-1", iso, extra=disk.options()).wait_ready()
    machine.out("echo hostname=kept >>/config/host.conf; sed -i '/^hostname=xenith/d; /^health_time/d' /config/host.conf; "
                "echo health_time=20 >>/config/host.conf")
    machine.out("xenith install old --yes old 2>&1")
    said = machine.out("xenith install old --yes old 2>&1")
    assert "already; nothing to do" in said
    said = machine.out("xenith install old --yes old --force 2>&1")
    assert "in slot b" in said and "is tried at the next boot" in said
    machine.close()
    machine = boot("upgrade-2", "none", attach="disk", extra=disk.options(first=True)).wait_ready()
    words = machine.out("cat /proc/cmdline")
    assert "xenith.slot=b" in words and "xenith.try=1" in words
    assert machine.out("hostname") == "kept"
    machine.console.wait(r"Xenith: update \S+ committed")
    machine.close()
