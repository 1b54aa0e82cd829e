"""A new installation: what is on the disk afterwards, what is refused, and disks that fail
or lose their power."""

import fcntl
import hashlib
import re

import pytest

import drives
from conftest import LABELS, MEDIUM, MIB, TOP, run
from tier import only_slow, slow


@pytest.fixture
def vda(host):
    return host.disk("vda", serial="one")


def test_the_image_is_that_of_the_build(host):
    """A medium carries its head only, and its initrd has more behind that of the slot."""
    image = run("sh", TOP / "install/slot-image.sh", host.made / "cd/boot", host.made / "medium/slot.head", host.made / "medium/manifest")
    assert image == (host.made / "dest/slot.img").read_bytes()
    assert (host.made / "medium/slot.head").stat().st_size < 200000
    # Without GRUB, which is in dom0's root.
    for name in ("esp.head", "esp-4096.head"):
        head = (host.made / "medium" / name).read_bytes()
        assert b"BOOTX64 EFI" in head and len(head.replace(b"\0", b"")) < 40000
    for name in ("boot.img", "bios.img"):
        assert not (host.made / "medium" / name).exists()


def test_onto_an_empty_disk(host, vda):
    out = host.installed(vda)
    assert "Xenith 2 is installed on vda" in out
    table = host.table(vda)
    assert [part["name"] for part in table["partitions"]] == LABELS
    assert host.boots(vda) == "2"
    assert (host.state(vda)["slot"], host.state(vda)["try"], host.state(vda)["pending"]) == ("a", "", "")
    with open(host.top / "dev/vda", "rb") as disk:
        assert disk.read(440) == (host.made / "tools/loader/boot.img").read_bytes()[:440]
        assert disk.read(72)[70:] == b"\x55\xaa"
    bios = host.device(vda, "xenith-bios").read_bytes()
    assert bios.startswith((host.made / "tools/loader/bios.img").read_bytes())
    assert not any(host.device(vda, "xenith-b").read_bytes()[:MIB])
    assert f"medium={MEDIUM}" in host.slot("cat", host.device(vda, "xenith-esp"), "xenith/medium").stdout
    assert f"medium={MEDIUM}\n" in host.config(vda, "installation")
    assert host.text("lvm-calls").splitlines() == ["pvcreate -q -y -ff /dev/vda6", "vgcreate -q xenith /dev/vda6"]
    assert "Xenith 2: 100 %" in out


def test_no_two_are_alike(host, vda):
    host.disk("vdb", serial="two")
    host.installed("vda")
    host.installed("vdb")
    one, two = host.table("vda"), host.table("vdb")
    assert one["id"] != two["id"]
    assert not {part["uuid"] for part in one["partitions"]} & {part["uuid"] for part in two["partitions"]}
    assert host.config("vda", "installation") != host.config("vdb", "installation")
    assert host.config("vda", "ssh/dropbear_ed25519_host_key") != host.config("vdb", "ssh/dropbear_ed25519_host_key")
    uuids = [host.device(name, "XENITH-CFG").read_bytes()[1024 + 0x68:1024 + 0x78] for name in ("vda", "vdb")]
    assert uuids[0] != uuids[1]
    serials = [host.device(name, "xenith-esp").read_bytes()[67:71] for name in ("vda", "vdb")]
    assert serials[0] != serials[1]


def test_without_a_volume_group(host, vda):
    host.installed(vda, "--data", "none")
    assert [part["name"] for part in host.table(vda)["partitions"]] == LABELS[:5]
    assert not host.text("lvm-calls")


def test_another_group_has_the_name(host, vda):
    host.write("groups", "xenith\nxenith2\n")
    host.installed(vda)
    assert "vgcreate -q xenith3 /dev/vda6" in host.text("lvm-calls")


def test_lvm_fails(host, vda):
    """The system is complete without it."""
    host.write("no-lvm", "")
    out = host.installed(vda)
    assert "warning: the system is installed, but there is no volume group for guests on /dev/vda6" in out
    assert host.boots(vda) == "2"


def test_dry_run(host, vda):
    before = host.snapshot()
    done = host.install(vda, "--dry-run")
    assert done.returncode == 0 and host.snapshot() == before
    assert "XENITH-CFG" in done.stdout and "256 MiB" in done.stdout and "Xenith 2" in done.stdout
    assert done.stdout.endswith("dry run: nothing was done\n")


# ---- which disk ----

def test_the_list(host, vda):
    host.disk("nvme0n1", 480 * 10 ** 9, "pci/nvme/nvme0", device__model="ACME SSD  9", device__serial="S4X", wwid="eui.0025385b71b0c0de")
    host.disk("sda", 2 * 10 ** 12, "pci/ata1/host0", device__vendor="ATA", device__model="Spinner", device__vpd_pg80=b"\0\x80\0\4Z9X8",
              device__wwid="naa.5000c500a1b2c3d4", partitions=["data"])
    host.blkid("sda1", 'LABEL="files" TYPE="xfs"')
    done = host.install("--list")
    assert done.returncode == 0
    assert re.search(r"(?m)^nvme0n1 +480 GB +nvme +ACME SSD 9 S4X\n    id nvme-ACME_SSD_9_S4X\n    wwn eui.0025385b71b0c0de\n    empty$", done.stdout), done.stdout
    assert re.search(r"(?m)^sda +2\.0 TB +sata +Spinner Z9X8$", done.stdout), done.stdout
    assert re.search(r'(?m)^    sda1 +1\.0 MB  xfs data "files"$', done.stdout), done.stdout
    assert "sr0" not in done.stdout


@pytest.mark.parametrize("word", ["vda", "/dev/vda", "one", "virtio-one", "0x5000C500A1", "naa.5000c500a1"])
def test_a_disk_by_any_name(host, word):
    host.disk("vda", serial="one", wwid="naa.5000c500a1")
    host.disk("vdb", serial="two")
    word = word.replace("/dev", f"{host.top}/dev")
    done = host.install(word, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "partitions of vda" in done.stdout


def test_no_such_disk(host, vda):
    said = host.refused("sdz", "--yes", "sdz")
    assert said.startswith("there is no disk sdz\n") and "id virtio-one" in said


def test_serial_numbers_are_text(host):
    """As floating-point numbers these are equal."""
    host.disk("vda", serial="12345678901234567890")
    assert host.refused("12345678901234567891", "--yes", "12345678901234567891").startswith("there is no disk 12345678901234567891\n")
    host.disk("vdb", serial="12345678901234567891")
    done = host.install("12345678901234567891", "--dry-run")
    assert done.returncode == 0 and "partitions of vdb" in done.stdout, done.stderr


def test_two_disks_of_that_name(host):
    host.disk("vda", serial="same")
    host.disk("vdb", serial="same")
    said = host.refused("same", "--yes", "same")
    assert said.startswith("same is more than one disk: vda vdb; use the name\n") and "empty" in said


def test_no_disk_is_named(host, vda):
    said = host.refused()
    assert said.startswith("missing disk; use one of these:\n") and "vda" in said


def test_nobody_confirms(host, vda):
    assert "cannot ask for confirmation" in host.refused(vda)


def test_another_name_confirms(host, vda):
    host.disk("vdb")
    assert "--yes vdb is not the disk vda; nothing was done" in host.refused(vda, "--yes", "vdb")


def test_on_a_terminal(host, vda):
    done = host.typed(["vda", "vda"])
    assert done.returncode == 0, done.stderr
    assert "install on which disk?" in done.stderr and "type vda to erase it:" in done.stderr
    assert host.boots(vda) == "2"


@pytest.mark.parametrize("answers, reason", [(["vda", "y"], '"y" is not vda'), ([""], "nothing was done"), (["vda", ""], '"" is not vda')])
def test_on_a_terminal_without_the_name(host, vda, answers, reason):
    before = host.snapshot()
    done = host.typed(answers)
    assert done.returncode == 1 and reason in done.stderr and host.snapshot() == before


@pytest.mark.parametrize("words", [["--yes", "vda"], ["vda", "vdb", "vdc"], ["--nothing"], ["vda", "--data", "zfs"],
                                   ["vda", "--unsigned", "0" * 64], ["vda", "--from", "x", "--unsigned", "12"]])
def test_usage(host, vda, words):
    host.refused(*words, status=2)


# ---- what is refused ----

def refuse_medium(host):
    host.blkid("vda", f'LABEL="{MEDIUM}" TYPE="iso9660"')
    return "this system was booted from it, or it is a copy of that medium"


def refuse_medium_by_partition(host):
    host.partition("vda", 1, "ISO9660", MIB)
    host.blkid("vda1", f'LABEL="{MEDIUM}" TYPE="iso9660"')
    return "this system was booted from it"


def refuse_read_only(host):
    host.write("sys/class/block/vda/ro", "1\n")
    return "it is read-only"


def refuse_small(host):
    host.write("sys/class/block/vda/size", "1000000\n")
    return "it is too small: 607 MB are needed"


def refuse_sectors(host):
    host.write("sys/class/block/vda/queue/logical_block_size", "4096\n")
    return "it has sectors of 4096 bytes, from which only UEFI boots, and this machine was booted by BIOS"


def refuse_other_sectors(host):
    host.write("sys/class/block/vda/queue/logical_block_size", "8192\n")
    return "it has sectors of 8192 bytes; disks with 512 and with 4096 can be used"


def refuse_mounted(host):
    host.partition("vda", 1, "data", MIB)
    host.mounted("vda1", "/mnt")
    return "it is mounted on /mnt"


def refuse_drive(host):
    host.partition("vda", 1, "XENITH-CFG", MIB)
    host.mounted("vda1", f"{host.top}/run/xenith/sources/drive")
    return "it holds the configuration that this system uses"


def refuse_swap(host):
    host.partition("vda", 1, "swap", MIB)
    host.write("proc/swaps", f"Filename Type\n{host.top}/dev/vda1 partition 1 0 -2\n")
    return "this system swaps to it"


def above(host, name, **attributes):
    host.partition("vda", 1, "data", MIB)
    host.disk(name, place="virtual", **attributes)
    (host.top / f"sys/class/block/vda1/holders/{name}").mkdir()


def refuse_lvm(host):
    above(host, "dm-0", dm__name="guests-web")
    return "it is in use by LVM or md (guests-web)"


def refuse_md(host):
    above(host, "md127")
    return "it is in use by LVM or md (md127)"


def refuse_mounted_volume(host):
    above(host, "dm-0", dm__name="guests-web")
    host.mounted("dm-0", "/mnt/web")
    return "it is mounted on /mnt/web"


def refuse_guest(host):
    major, minor = host.number("vda").split(":")
    host.write("xenstore", f'/local/domain/0/backend/vbd/3/51712/physical-device = "{int(major):x}:{int(minor):x}"\n/local/domain/3/name = "web"\n')
    return "it belongs to the running domain web"


def refuse_guest_by_path(host):
    host.partition("vda", 2, "data", MIB)
    host.write("xenstore", f'/local/domain/0/backend/qdisk/4/51712/params = "raw:{host.top}/dev/vda2"\n')
    return "it belongs to the running domain 4"


def refuse_domain_file(host):
    host.write("config/domains/db.cfg", "disk = /dev/vda\n")
    return "it belongs to the domain of /config/domains/db.cfg"


@pytest.mark.parametrize("reason", [refuse_medium, refuse_medium_by_partition, refuse_read_only, refuse_small, refuse_sectors, refuse_mounted,
                                    refuse_drive, refuse_swap, refuse_lvm, refuse_md, refuse_mounted_volume, refuse_guest,
                                    refuse_guest_by_path, refuse_domain_file])
def test_refused(host, vda, reason):
    host.disk("vdb")
    expected = reason(host)
    said = host.refused(vda, "--yes", vda)
    assert said.startswith(f"cannot install on vda: {expected}"), said
    assert "cannot be used: " + expected in said and "vdb" in said
    # Other disks may be used.
    assert host.install("vdb", "--dry-run").returncode == 0


def test_guests_on_other_disks(host, vda):
    host.write("xenstore", '/local/domain/0/backend/vbd/3/51712/physical-device = "1:2"\n'
               '/local/domain/0/backend/vbd/3/51712/params = "/dev/vg0/web"\n')
    host.write("config/domains/db.cfg", "disk = /dev/vg0/db\n")
    assert host.install(vda, "--dry-run").returncode == 0


def test_something_has_it_open(host, vda):
    host.write("busy", "")
    said = host.refused(vda, "--yes", vda)
    assert "something has it open" in said and "id virtio-one" in said


def test_on_an_installed_host(host, vda):
    host.write("proc/cmdline", "xenith.slot=a\n")
    assert "booted from an installed disk" in host.refused(vda, "--yes", vda)


def test_without_the_installer_s_files(host, vda):
    (host.top / "run/xenith/install").unlink()
    assert "not booted from an installation medium" in host.refused(vda, "--yes", vda)


# ---- the medium ----

def test_the_cd_was_taken_out(host, vda):
    host.write("blkid", "")
    assert f"cannot find the medium that was booted ({MEDIUM}): put the CD or the stick back in" in host.refused(vda, "--yes", vda)


def test_a_cd_that_cannot_be_read(host, vda):
    host.write("no-cd", "")
    assert "cannot read the medium /dev/sr0: mount: " in host.refused(vda, "--yes", vda)


def damaged_cd(host, name):
    cd = host.top / "other"
    run("cp", "-rL", host.top / "cd", cd)
    data = bytearray((cd / "boot" / name).read_bytes())
    data[1000] ^= 1
    (cd / "boot" / name).write_bytes(data)
    (host.top / "cd").unlink()
    (host.top / "cd").symlink_to(cd)


@pytest.mark.parametrize("name", ["xen.gz", "vmlinuz", "initrd"])
def test_a_damaged_medium(host, vda, name):
    damaged_cd(host, name)
    assert f"{name} on the medium /dev/sr0 is not that of the running Xenith 2" in host.refused(vda, "--yes", vda)


def test_a_file_is_missing(host, vda):
    damaged_cd(host, "initrd")
    (host.top / "cd/boot/vmlinuz").unlink()
    assert "there is no vmlinuz on the medium /dev/sr0" in host.refused(vda, "--yes", vda)


def test_from_a_directory(host, vda):
    host.write("blkid", "")
    host.installed(vda, "--from", host.top / "cd/boot")
    assert host.boots(vda) == "2"


def test_from_tftp(host, vda):
    host.write("blkid", "")
    host.installed(vda, "--from", "tftp://192.0.2.5/xenith/")
    assert host.boots(vda) == "2"
    assert "cannot fetch tftp://192.0.2.6/xen.gz: timeout" in host.refused(vda, "--erase", "--yes", vda, "--from", "tftp://192.0.2.6/")


def test_from_an_update(host, vda, maker):
    """Another version than the one that runs."""
    host.write("blkid", "")
    update = maker.update("3", 2000000001, "key")
    assert "this host has no key for updates" in host.refused(vda, "--yes", vda, "--from", update)
    run("cp", maker.top / "key.pub", host.top / "config/update-keys/")
    host.installed(vda, "--from", update)
    assert host.boots(vda) == "3"


def test_from_an_update_without_a_signature(host, vda, maker):
    update = maker.update("3", 2000000001)
    assert "is not signed" in host.refused(vda, "--yes", vda, "--from", update)
    assert "--unsigned says " + "0" * 64 in host.refused(vda, "--yes", vda, "--from", update, "--unsigned", "0" * 64)
    host.installed(vda, "--from", update, "--unsigned", hashlib.sha256(update.read_bytes()).hexdigest())
    assert host.boots(vda) == "3"


def test_from_nothing(host, vda):
    assert "there is no such file" in host.refused(vda, "--yes", vda, "--from", "/nonexistent")
    assert "only http://" in host.refused(vda, "--yes", vda, "--from", "https://example.org/x.update")


# ---- sectors of 4096 bytes ----

@pytest.fixture
def large(host):
    """A disk with them, on a machine that was booted by UEFI."""
    (host.top / "sys/firmware/efi").mkdir()
    return host.disk("vda", queue__logical_block_size=4096)


def test_onto_sectors_of_4096_bytes(host, large):
    out = host.installed(large)
    assert "Xenith 2 is installed on vda\n" in out
    assert "\nvda boots by UEFI only: its sectors have 4096 bytes\n" in out
    assert "\n  vda boots by UEFI only: its sectors have 4096 bytes\n" in out
    assert host.boots(large) == "2"
    with open(host.top / "dev/vda", "rb") as disk:
        head = disk.read(3 * 4096)
    assert not any(head[:440]) and head[510:512] == b"\x55\xaa"
    assert head[4096:4104] == b"EFI PART" and int.from_bytes(head[8192 + 32:8192 + 40], "little") == 256
    assert not any(host.device(large, "xenith-bios").read_bytes())
    # The slot is that of the build, and the configuration's file system is one of the disk.
    assert host.device(large, "xenith-a").read_bytes().startswith((host.made / "dest/slot.img").read_bytes())
    assert f"medium={MEDIUM}\n" in host.config(large, "installation")


def test_the_efi_partition_on_sectors_of_4096_bytes(host, large):
    """As the tools of this machine read it, and GRUB."""
    host.host_conf("dom0_mem=1G\n")
    host.installed(large)
    esp = host.device(large, "xenith-esp")
    data = esp.read_bytes()
    assert int.from_bytes(data[11:13], "little") == 4096 and data[54:59] == b"FAT16"
    run(drives.tool("fsck.fat", "dosfstools"), "-n", esp)
    loader = host.made / "tools/loader"
    for path, name in (("EFI/BOOT/BOOTX64.EFI", "BOOTX64.EFI"), ("grub/grub.cfg", "grub.cfg")):
        assert run(drives.tool("grub-fstest", "grub"), esp, "cat", "(loop0)/" + path) == (loader / name).read_bytes()
    assert f"medium={MEDIUM}" in host.slot("cat", esp, "xenith/medium").stdout
    for number in (0, 1):
        assert "dom0_mem=1G" in host.slot("options", esp, number).stdout
    assert host.slot("set", esp, "try=b", "pending=b").returncode == 0
    assert host.state(large)["try"] == "b"
    # A file of the boot state has a sector of its own.
    assert len({data.index(b"seq=0000000%d" % number) // 4096 for number in (0, 1)}) == 2
    serial = data[39:43]
    host.installed(large, "--erase")
    assert host.device(large, "xenith-esp").read_bytes()[39:43] != serial


def test_sectors_of_4096_bytes_on_a_bios(host):
    """Refused, unless it is said that the disk is for another machine."""
    host.disk("vda", queue__logical_block_size=4096)
    said = host.refused("vda", "--yes", "vda")
    assert "switch the firmware to UEFI and boot again; --force installs for another machine" in said
    host.installed("vda", "--force")
    assert host.boots("vda") == "2"


def test_an_upgrade_on_sectors_of_4096_bytes(host, large):
    host.installed(large)
    host.medium("3", 2100000000)
    host.installed(large)
    assert host.boots(large) == "3" and host.state(large)["try"] == "b"


def test_the_boot_loader_on_sectors_of_4096_bytes(host, large):
    """`slot loader` leaves BIOS alone there."""
    host.installed(large)
    words = (host.top / "dev/vda", host.device(large, "xenith-esp"), host.made / "tools/loader")
    assert host.slot("loader", *words).stdout == "bios=none\nefi=same\nmenu=same\n"
    done = host.slot("identity", host.top / "dev/vda")
    assert done.stdout.endswith("from=own\n"), done.stderr


def test_the_guid_is_never_that_of_an_image(host, vda):
    """It has the version of a random one, 4, where the first boot of xenith.img looks for its own, 8."""
    host.installed(vda)
    guid = host.table(vda)["id"]
    assert guid[14] == "4"
    assert host.slot("identity", host.top / "dev" / vda).stdout == f"guid={guid}\nfrom=own\n"


# ---- the configuration ----

def test_only_what_was_set(host, vda):
    host.host_conf("# of the image\nhostname=alpha\ninstall_disk=smallest\ninstall_config_signed=Off\nconfig_drive=any\ndom0_mem=1G\n", more="dns=192.0.2.1")
    host.write("run/xenith/sources/image/domains/web.cfg", 'name = "web"\n')
    host.write("config/domains/web.cfg", 'name = "web"\n')
    host.write("run/xenith/merged/domains/web.cfg", 'name = "web"\n')
    host.installed(vda)
    assert host.config(vda, "host.conf") == "# of the image\nhostname=alpha\ndom0_mem=1G\ndns=192.0.2.1\n"
    assert host.config(vda, "domains/web.cfg") == 'name = "web"\n'
    options = host.slot("options", host.device(vda, "xenith-esp"), 0).stdout
    assert "dom0_mem=1G,max:1G" in options
    assert options == host.slot("options", host.device(vda, "xenith-esp"), 1).stdout


def test_a_kernel_that_create_kept_in_memory(host, vda):
    """Without a drive it is not in the configuration."""
    images = f"{host.top}/made/images"
    host.write("made/images/db/vmlinuz", "kernel")
    host.write("config/domains/db.cfg", f'name = "db"\nkernel = "{images}/db/vmlinuz"\n')
    done = host.install(vda, "--yes", vda, XENITH_IMAGES=images)
    assert done.returncode == 0, done.stderr
    assert host.config(vda, "images/db/vmlinuz") == "kernel"
    assert host.config(vda, "domains/db.cfg") == f'name = "db"\nkernel = "{host.top}/run/xenith/sources/drive/images/db/vmlinuz"\n'


def test_the_drive_s_overrides_the_image_s(host, vda):
    host.host_conf("hostname=alpha\ndns=192.0.2.1\n", "hostname=beta\n")
    image, drive = "run/xenith/sources/image/", "run/xenith/sources/drive/"
    for path, text in ((image + "authorized_keys", "image"), (drive + "authorized_keys", "drive"), (image + "domains/a.cfg", "one"),
                       (drive + "domains/a.cfg", "# none\n"), (drive + "iscsi-secrets", "secret"),
                       (image + "update-keys/revoked", "one"), (drive + "update-keys/revoked", "two\n"),
                       (image + "images/kernel", "image"), (image + "images/old/initrd", "image"), (drive + "images/kernel", "drive")):
        host.write(path, text)
    for path in ("authorized_keys", "iscsi-secrets"):
        host.write(f"config/{path}", "x")
        host.write(f"run/xenith/merged/{path}", "x")
    host.installed(vda)
    assert host.config(vda, "host.conf") == "hostname=beta\ndns=192.0.2.1\n"
    assert host.config(vda, "authorized_keys") == "drive"
    assert host.config(vda, "domains/a.cfg") is None
    assert host.config(vda, "update-keys/revoked") == "one\ntwo\n"
    assert (host.config(vda, "images/kernel"), host.config(vda, "images/old/initrd")) == ("drive", "image")
    assert (host.config_mode(vda, "iscsi-secrets"), host.config_mode(vda, "authorized_keys")) == ("0600", "0644")
    assert host.config_mode(vda, "ssh/dropbear_ed25519_host_key") == "0600"
    assert host.text("mounted") == ""


def test_a_host_key_of_the_configuration_stays(host, vda):
    host.write("run/xenith/sources/image/ssh/dropbear_ed25519_host_key", "mine")
    host.write("config/ssh/dropbear_ed25519_host_key", "mine")
    host.write("run/xenith/merged/ssh/dropbear_ed25519_host_key", "mine")
    host.installed(vda)
    assert host.config(vda, "ssh/dropbear_ed25519_host_key") == "mine"


def test_images_without_room(host, vda):
    path = host.top / "run/xenith/sources/image/images/large"
    path.parent.mkdir()
    path.write_bytes(bytes(230 * MIB))
    assert "keep large images elsewhere" in host.refused(vda, "--yes", vda)


# ---- disks that fail, power that is cut ----

def writes(host, disk, *words):
    """How many calls write to the disk."""
    host.installed(disk, *words)
    return len(host.calls())


@pytest.mark.parametrize("step", [5, *only_slow(1)])
def test_a_disk_that_fails(host, vda, step):
    """At each write: what is left does not boot, and the message says so."""
    count = writes(host, vda)
    assert count > 15
    for number in range(1, count + 1, step):
        done = host.install(vda, "--yes", vda, "--erase", FAIL_AT=str(number))
        if "dd if=/dev/zero of=/dev/vda6 bs=4096" in host.calls()[number - 1]:
            assert done.returncode == 0 and host.boots(vda) == "2"       # the guests' volume group
            continue
        assert done.returncode == 1, (number, done)
        assert host.boots(vda) is None, (number, host.calls()[number - 1])
        assert "vda holds no system now: it does not boot, and what was on it is lost" in done.stderr
        assert not list((host.top / "run/xenith").glob("work.*"))
        assert host.text("mounted") == ""


@slow
@pytest.mark.parametrize("cut, old", [("before", "1"), ("middle", "1"), ("after", "1"), ("after", None)])
def test_power_cuts(host, vda, cut, old):
    """At each write, over an installed disk or onto an empty one: the disk boots nothing, or
    all of a version."""
    saved = host.top / "saved"
    if old:
        host.medium(old, 1900000000)
        host.installed(vda)
        host.medium("2", 2000000000)
    run("cp", "-a", "--sparse=always", host.top / "dev", saved)
    count = writes(host, vda, "--erase")
    seen = set()
    # From the last one backwards, which is after the new system is complete.
    for number in range(count, 0, -1):
        run("cp", "-a", "--sparse=always", f"{saved}/.", host.top / "dev")
        with host.start("usr/lib/xenith/install", vda, "--yes", vda, "--erase", CUT_AT=str(number), CUT=cut) as process:
            process.communicate(timeout=600)
        assert process.returncode == -9
        found = host.boots(vda)
        seen.add(found)
        assert found in (old, None, "2"), (number, host.calls()[number - 1], found)
    assert {None, "2"} <= seen


def test_nothing_boots_while_the_table_is_written(host, vda):
    """sfdisk clears what the old partitions are recognised by, and Linux finds none in a table
    that is half written."""
    host.medium("1", 1900000000)
    host.installed(vda)
    host.medium("2", 2000000000)
    saved = host.top / "saved"
    run("cp", "-a", "--sparse=always", host.top / "dev", saved)
    writes(host, vda, "--erase")
    number = next(number for number, call in enumerate(host.calls(), 1) if call.startswith("sfdisk "))
    run("cp", "-a", "--sparse=always", f"{saved}/.", host.top / "dev")
    assert host.boots(vda) == "1"
    with host.start("usr/lib/xenith/install", vda, "--yes", vda, "--erase", CUT_AT=str(number), CUT="before") as process:
        process.communicate(timeout=600)
    assert process.returncode == -9 and host.boots(vda) is None


def test_the_smallest_disk(host):
    """What is left for guests is less than a MiB."""
    host.disk("vdb", 607125504)
    host.installed("vdb")
    assert host.boots("vdb") == "2"
    assert next(call for call in host.calls() if call.startswith("dd if=/dev/zero of=/dev/vdb6 ")).split()[3:5] == ["bs=512", "count=2014"]


def test_interrupted(host, vda):
    """As by Ctrl-C, or when a connection ends."""
    with host.start("usr/lib/xenith/install", vda, "--yes", vda, CUT_AT="12", CUT="before", CUT_SIGNAL="TERM") as process:
        _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "vda holds no system now" in err and host.boots(vda) is None


def test_one_at_a_time(host, vda):
    """A second installation waits for the first one, and finds another disk than it showed."""
    with open(host.top / "run/xenith/create.lock", "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with host.start("usr/lib/xenith/install", vda, "--yes", vda) as process:
            assert any("waiting for another" in line for line in process.stderr)
            host.partition(vda, 1, "data", MIB)
            fcntl.flock(held, fcntl.LOCK_UN)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "vda has changed since it was shown" in err
