"""The files that ./build.sh puts into out/."""

import json
import subprocess

import drives
import installed
import tools

MIB = 1 << 20


def test_iso_size(iso):
    assert iso.stat().st_size <= 48 * MIB


def test_iso_is_hybrid(iso):
    """Both a CD and a disk: ISO 9660, El Torito, a partition table, a boot sector."""
    data = iso.read_bytes()
    assert data[0x8001:0x8006] == b"CD001"
    assert b"EL TORITO SPECIFICATION" in data[17 * 2048:18 * 2048]
    assert data[510:512] == b"\x55\xaa"
    assert any(data[:440]), "no boot code in the first sector"


def test_netboot_bundle(netboot):
    for name in ("pxelinux.0", "mboot.c32", "pxelinux.cfg/default", "xen.gz",
                 "vmlinuz", "initrd", "grub/bootx64.efi", "licenses/syslinux/COPYING"):
        assert (netboot / name).is_file(), name


def test_the_disk_has_the_partitions_of_the_layout():
    done = subprocess.run([tools.find("sfdisk"), "--json", str(drives.OUT / "xenith.img")],
                          capture_output=True, text=True, check=True)
    table = json.loads(done.stdout)["partitiontable"]
    assert (table["label"], table["unit"]) == ("gpt", "sectors")
    found = {each["name"]: (each["start"] * 512, each["size"] * 512) for each in table["partitions"]}
    names = {"bios": "xenith-bios", "esp": "xenith-esp", "a": "xenith-a", "b": "xenith-b", "config": "XENITH-CFG"}
    assert found == {names[name]: place for name, place in installed.PARTITIONS.items()}


def test_a_slot_has_room_for_three_times_the_image():
    assert 3 * (drives.package("disk") / "slot.img").stat().st_size <= installed.PARTITIONS["a"][1]
