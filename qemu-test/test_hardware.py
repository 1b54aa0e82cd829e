"""The disk controllers and network cards of docs/hardware.md that QEMU emulates: a machine
with each must find its configuration and get its address."""

import os

import pytest

import drives
from machine import XHCI

# Each test boots a machine.
pytestmark = pytest.mark.slow

SCSI = ["-device", "scsi-hd,drive=cfg"]

# (board, controller with the configuration drive, its driver, network card, its driver)
MACHINES = {
    "ide": ("pc", ["-device", "ide-hd,drive=cfg,bus=ide.0"], "ata_piix", "e1000", "e1000"),
    "ahci": ("q35", ["-device", "ide-hd,drive=cfg,bus=ide.0"], "ahci", "e1000e", "e1000e"),
    "nvme": ("q35", ["-device", "nvme,drive=cfg,serial=cfg"], "nvme", "igb", "igb"),
    "virtio-blk": ("pc", ["-device", "virtio-blk-pci,drive=cfg"], "virtio_blk", "virtio-net-pci", "virtio_net"),
    "virtio-scsi": ("q35", ["-device", "virtio-scsi-pci", *SCSI], "virtio_scsi", "rtl8139", "8139cp"),
    # mptsas needs a disk with a SAS address, which QEMU does not assign by default.
    "mptsas": ("q35", ["-device", "mptsas1068", "-device", "scsi-hd,drive=cfg,wwn=0x5000c50000000001"],
               "mptsas", "pcnet", "pcnet32"),
    "megasas": ("q35", ["-device", "megasas-gen2", *SCSI], "megaraid_sas", "vmxnet3", "vmxnet3"),
    "lsi53c895a": ("pc", ["-device", "lsi53c895a", *SCSI], "sym53c8xx", "tulip", "tulip"),
    "am53c974": ("pc", ["-device", "am53c974", *SCSI], "am53c974", "pcnet", "pcnet32"),
    "pvscsi": ("q35", ["-device", "pvscsi", *SCSI], "vmw_pvscsi", "vmxnet3", "vmxnet3"),
    "sd-card": ("q35", ["-device", "sdhci-pci", "-device", "sd-card,drive=cfg"], "sdhci-pci", "e1000", "e1000"),
    "usb-storage": ("q35", [*XHCI, "-device", "usb-storage,drive=cfg"], "usb-storage", "usb-net", "cdc_ether"),
    "uas": ("q35", [*XHCI, "-device", "usb-uas,id=uas", "-device", "scsi-hd,drive=cfg,bus=uas.0"],
            "uas", "e1000e", "e1000e"),
}


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """The configuration drive, with a size that is valid for an SD card."""
    directory = tmp_path_factory.mktemp("drive")
    tree = drives.write_tree(directory / "tree", {"host.conf": "hostname=taken\nautostart=no\n"})
    path = drives.partitioned_vfat(directory / "config.img", tree)
    os.truncate(path, 64 * drives.MIB)
    return path


@pytest.fixture(params=MACHINES)
def machine(boot, request, iso, drive):
    """(machine, expected driver of the controller, of the card)"""
    board, controller, controller_driver, card, card_driver = MACHINES[request.param]
    started = boot("hardware-" + request.param, iso, nic=False, extra=[
        "-machine", board, "-drive", "if=none,id=cfg,format=raw,snapshot=on,file=" + drive, *controller,
        "-netdev", "user,id=net", "-device", card + ",netdev=net"])
    yield started.wait_ready(), controller_driver, card_driver
    started.close()


def below(machine, driver, name):
    """The paths called NAME below the devices of DRIVER."""
    return machine.out("cd /sys/bus; find */drivers/%s/*:*/ */drivers/%s/virtio*/ -name '%s' 2>/dev/null; :"
                       % (driver, driver, name)).split()


def test_drive_and_card(machine):
    started, controller_driver, card_driver = machine
    source = started.out("awk '$2 == \"/run/xenith/sources/drive\" { print $1 }' /proc/mounts").strip()
    assert source, "no configuration drive found among\n" + started.out("cat /proc/partitions")
    # An NVMe disk is a device of its own: its controller has the path to it.
    disk = source.rsplit("/", 1)[1]
    assert below(started, controller_driver, "nvme0c0n1" if disk == "nvme0n1p1" else disk)
    assert started.out("hostname").strip() == "taken"
    # The card is a port of the bridge, and has QEMU's first DHCP address.
    assert below(started, card_driver, "brport")
    assert [mark for mark in started.marks() if mark.startswith("Xenith: network xenbr0 10.0.2.15")], started.marks()
