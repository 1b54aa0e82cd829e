"""Installation by itself: which disk the keys install_... choose, what stops it, and what
happens afterwards."""

import shutil
import threading

import pytest

from conftest import LIBRARY, MIB, TOP, run
from reports import Reports
from tier import slow

GB = 10 ** 9


@pytest.fixture
def disks(host):
    """Five of different kinds; only some are large enough."""
    host.disk("nvme0n1", 960 * GB, "pci/nvme/nvme0", device__model="ACME SSD", device__serial="N1", wwid="eui.01")
    host.disk("nvme1n1", 480 * GB, "pci/nvme/nvme1", device__model="ACME SSD", device__serial="N2")
    host.disk("sda", 480 * GB, "pci/ata1/host0", device__vendor="ATA", device__model="Spinner", device__vpd_pg80=b"\0\x80\0\2S1",
              device__wwid="naa.5000c500a1b2c3d4")
    host.disk("sdb", 2000 * GB, "pci/ata3/host2", device__vendor="ATA", device__model="Spinner", device__vpd_pg80=b"\0\x80\0\2S2")
    host.disk("sdc", 100 * MIB, "pci/usb1/host4", device__vendor="Generic", device__model="Stick")
    return host


@pytest.fixture
def reports():
    with Reports(("127.0.0.1", 0), Reports.Handler) as server:
        server.got = []
        server.url = "http://127.0.0.1:%d/told" % server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def match(host, criteria):
    """The disks that match, by the functions of the installer."""
    host.write("usr/lib/xenith/match", f"""
        set -eu
        . {host.top}/usr/lib/xenith/slots.sh
        . $LIBRARY/domain/host.sh
        . $LIBRARY/domain/steps.sh
        . $LIBRARY/installer/disks.sh
        . $LIBRARY/installer/refuse.sh
        . $LIBRARY/installer/choose.sh
        LAYOUT={host.top}/usr/share/xenith/layout
        medium_id=$(cmdline_value xenith.medium)
        begin
        disks_read
        candidates
        disks_matching '{criteria}'
        """)
    done = host.call("usr/lib/xenith/match")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("criteria, names", [
    ("smallest,bus:nvme", "nvme1n1"), ("bus:nvme,largest", "nvme0n1"), ("largest", "sdb"), ("smallest", "nvme1n1 sda"),
    ("bus:nvme", "nvme0n1 nvme1n1"), ("id:sata-Spinner_S1", "sda"), ("id:sata-*", "sda sdb"), ("id:nvme-ACME_SSD_N?", ""),
    ("serial:S2", "sdb"), ("serial:S", ""), ("wwn:0x5000C500A1B2C3D4", "sda"), ("wwn:naa.5000c500a1b2c3d4", "sda"),
    ("size:500G-1T", "nvme0n1"), ("size:1T-", "sdb"), ("size:-480G", "nvme1n1 sda"), ("size:-480G,bus:sata", "sda"),
    ("bus:usb", ""), ("bus:virtio", ""), ("smallest,size:500G-", "nvme0n1")])
def test_criteria(disks, criteria, names):
    """sdc is too small, and no candidate."""
    assert " ".join(match(disks, criteria)) == names


def test_sectors_of_4096_bytes(disks):
    """No candidate on a machine that was booted by BIOS."""
    disks.write("sys/class/block/nvme1n1/queue/logical_block_size", "4096\n")
    assert match(disks, "smallest") == ["sda"]
    (disks.top / "sys/firmware/efi").mkdir()
    assert match(disks, "smallest") == ["nvme1n1", "sda"]


def test_onto_an_empty_disk(disks, reports):
    disks.host_conf(f"hostname=alpha\ninstall_disk=serial:S1\ninstall_report={reports.url}\n")
    done = disks.unattended()
    assert done.returncode == 0, done.stdout + done.stderr
    assert disks.boots("sda") == "2" and disks.text("ended") == "reboot\n"
    assert disks.config("sda", "host.conf") == "hostname=alpha\n"
    told = reports.got[0]
    assert (told["status"], told["hostname"], told["disk"], told["version"], told["mac"]) == (
        "installed", "alpha", "sda", "2", "52:54:00:12:34:56")


@pytest.mark.parametrize("then, ended", [("poweroff", "poweroff\n"), ("nothing", "")])
def test_then(host, then, ended):
    host.disk("vda")
    host.host_conf(f"install_disk=smallest\ninstall_then={then}\ninstall_data=none\n")
    assert host.unattended().returncode == 0
    assert host.boots("vda") == "2" and host.text("ended") == ended
    assert host.device("vda", "xenith-data") is None


def stopped(host, reports, reason):
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and host.snapshot() == before and not host.text("ended")
    assert done.stdout.startswith(reason), done.stdout
    assert "\nnvme0n1 " in done.stdout and "\nsdb " in done.stdout
    assert reports.got[-1]["status"] == "failed" and reports.got[-1]["message"].startswith(reason)


@pytest.mark.parametrize("criteria, reason", [
    ("bus:nvme", "install_disk=bus:nvme matches several disks: nvme0n1 nvme1n1"),
    ("smallest", "install_disk=smallest matches several disks: nvme1n1 sda"),
    ("bus:usb", "no disk matches install_disk=bus:usb")])
def test_not_one_disk(disks, reports, criteria, reason):
    disks.host_conf(f"install_disk={criteria}\ninstall_report={reports.url}\n")
    stopped(disks, reports, reason)


def foreign_partition(host):
    host.partition("sda", 1, "windows", MIB)


def foreign_file_system(host):
    host.blkid("sda", 'LABEL="backup" TYPE="xfs"')


def foreign_bytes(host):
    with open(host.top / "dev/sda", "r+b") as disk:
        disk.seek(1000)
        disk.write(b"x")


def foreign_end(host):
    with open(host.top / "dev/sda", "r+b") as disk:
        disk.seek(-1000, 2)
        disk.write(b"x")


def test_foreign_data_that_cannot_be_read(disks, reports):
    """A read error is not taken for an empty disk."""
    disks.host_conf(f"install_disk=serial:S1\ninstall_report={reports.url}\n")
    before = disks.snapshot()
    done = disks.unattended(READ_BREAK="sda")
    assert done.returncode == 1 and disks.snapshot() == before
    assert done.stdout.startswith("sda is not empty"), done.stdout


def test_the_drive_with_the_answers(disks):
    """A stick with the configuration is none of the disks to choose from."""
    disks.disk("sdd", 8 * GB, "pci/usb2/host5", device__vendor="Generic", device__model="Stick")
    assert match(disks, "smallest") == ["sdd"]
    disks.partition("sdd", 1, "XENITH-CFG", MIB)
    disks.mounted("sdd1", disks.top / "run/xenith/sources/drive")
    assert match(disks, "smallest") == ["nvme1n1", "sda"]


@pytest.mark.parametrize("foreign", [foreign_partition, foreign_file_system, foreign_bytes, foreign_end])
def test_foreign_data(disks, reports, foreign):
    foreign(disks)
    conf = f"install_disk=serial:S1\ninstall_report={reports.url}\n"
    disks.host_conf(conf)
    stopped(disks, reports, "sda is not empty; erase it yourself, or set install_foreign=erase")
    disks.host_conf(conf + "install_foreign=erase\n")
    assert disks.unattended().returncode == 0
    assert disks.boots("sda") == "2"


@pytest.mark.parametrize("existing", ["upgrade", "keep", "erase"])
def test_the_same_medium_again(disks, reports, existing):
    """Nothing is erased, and the machine does not restart for ever."""
    disks.host_conf(f"install_disk=serial:S1\ninstall_existing={existing}\ninstall_foreign=erase\ninstall_report={reports.url}\n")
    assert disks.unattended().returncode == 0
    (disks.top / "ended").unlink()
    before = disks.snapshot()
    done = disks.unattended()
    assert done.returncode == 0 and disks.snapshot() == before and not disks.text("ended")
    assert "sda was installed from this medium already" in done.stdout
    assert [told["status"] for told in reports.got] == ["installed", "unchanged"]


@pytest.fixture
def restore(host):
    """Puts the disks, and what the kernel shows of them, back to what they are now."""
    saved = host.top / "saved"
    saved.mkdir()
    for name in ("dev", "sys"):
        run("cp", "-a", "--sparse=always", host.top / name, saved)

    def back():
        for name in ("dev", "sys"):
            shutil.rmtree(host.top / name)
            run("cp", "-a", "--sparse=always", saved / name, host.top)
    return back


def cut_at(host, number, cut):
    """The power fails at the write with this number; false if there are fewer."""
    with host.start("usr/lib/xenith/install-unattended", CUT_AT=str(number), CUT=cut) as process:
        process.communicate(timeout=600)
    return process.returncode == -9


@pytest.fixture
def vda(host):
    host.disk("vda")
    host.host_conf("install_disk=smallest\ninstall_then=nothing\n")
    return "vda"


@slow
@pytest.mark.parametrize("cut", ["before", "middle", "after"])
def test_after_a_power_cut(host, vda, restore, cut):
    """At each write: the next boot of the medium completes it, by itself."""
    number = 1
    while cut_at(host, number, cut):
        call = host.calls()[-1]
        done = host.unattended()
        assert done.returncode == 0, (number, call, done.stdout)
        assert host.boots(vda) == "2" and not host.boot_code_missing(vda), (number, call, done.stdout)
        assert "vgcreate -q xenith /dev/vda6\n" in host.text("lvm-calls"), (number, call, done.stdout)
        (host.top / "lvm-calls").unlink()
        restore()
        number += 1
    assert number > 15


def test_without_the_boot_code(host, vda):
    """It is written last; what else is there stays."""
    assert host.unattended().returncode == 0
    before = host.snapshot()
    with open(host.top / "dev" / vda, "r+b") as disk:
        disk.write(bytes(440))
    done = host.unattended()
    assert done.returncode == 0 and "an installation was cut off on vda, and is complete now" in done.stdout
    assert host.snapshot() == before


def test_without_the_volume_group(host, vda):
    """It is made after all else."""
    host.write("no-lvm", "")
    assert host.unattended().returncode == 0
    (host.top / "no-lvm").unlink()
    (host.top / "lvm-calls").unlink()
    done = host.unattended()
    assert done.returncode == 0 and "an installation was cut off on vda, and is complete now" in done.stdout
    assert "vgcreate -q xenith /dev/vda6\n" in host.text("lvm-calls")
    assert "was installed from this medium already" in host.unattended().stdout


def test_a_volume_group_that_cannot_be_made(host, vda):
    """The machine does not restart for it at each boot."""
    host.host_conf("install_disk=smallest\ninstall_then=reboot\n")
    host.write("no-lvm", "")
    assert host.unattended().returncode == 0 and host.text("ended") == "reboot\n"
    host.write("ended", "")
    done = host.unattended()
    assert done.returncode == 0 and "vda was installed from this medium already" in done.stdout
    assert "there is no volume group for guests on /dev/vda6 (Cannot use device)" in done.stdout.replace("(  ", "(")
    assert not host.text("ended")


def test_the_partition_of_the_volume_group_is_used(host, vda):
    """By a guest, say, with no file system that anybody knows."""
    host.write("no-lvm", "")
    assert host.unattended().returncode == 0
    (host.top / "no-lvm").unlink()
    (host.top / "lvm-calls").unlink()
    with open(host.device(vda, "xenith-data"), "r+b") as data:
        data.write(b"x")
    assert "was installed from this medium already" in host.unattended().stdout
    assert not host.text("lvm-calls")


def test_of_a_mirror_the_second_was_cut_off(host, vda):
    """The first one may have been used since."""
    host.disk("vdb", 800 * MIB, "pci/virtio2")
    host.host_conf("install_disk=smallest\ninstall_mirror=largest\ninstall_existing=erase\ninstall_then=nothing\n")
    assert host.unattended().returncode == 0
    run("dd", "if=/dev/zero", f"of={host.device('vdb', 'xenith-esp')}", "bs=4096", "count=1", "conv=notrunc")
    host.device("vdb", "xenith-esp").open("r+b").write(b"Xenith: incomplete\n")
    with open(host.device("vdb", "xenith-data"), "r+b") as data:
        data.write(bytes(4096))
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and "only vda has Xenith, of vda vdb: boot that host" in done.stdout
    assert "erases both" not in done.stdout
    assert host.snapshot() == before


def test_of_a_mirror_both_lack_what_comes_last(host, vda):
    host.disk("vdb", 800 * MIB, "pci/virtio2")
    host.host_conf("install_disk=smallest\ninstall_mirror=largest\ninstall_then=nothing\n")
    host.write("no-lvm", "")
    assert host.unattended().returncode == 0
    (host.top / "no-lvm").unlink()
    for name in ("vda", "vdb"):
        with open(host.top / "dev" / name, "r+b") as disk:
            disk.write(bytes(440))
    assert "an installation was cut off on vda vdb, and is complete now" in host.unattended().stdout
    assert not host.boot_code_missing("vda") and not host.boot_code_missing("vdb")
    assert "vgcreate -q --addtag xenith-mirror xenith /dev/vda6 /dev/vdb6\n" in host.text("lvm-calls")


def test_the_reason_is_no_warning(host, vda, reports):
    """What the configuration of the machine sets too late is said first."""
    host.write("late/host.conf", "hostname=alpha\ninstall_data=none\n")
    run("tar", "-cf", host.top / "late.tar", "-C", host.top / "late", "host.conf")
    host.host_conf(f"install_disk=smallest\ninstall_config={host.top}/late.tar\ninstall_report={reports.url}\n")
    assert host.unattended(FAIL_AT="9").returncode == 1
    assert reports.got[-1]["status"] == "failed" and "warning" not in reports.got[-1]["message"]
    assert "Input/output error" in reports.got[-1]["message"]


def test_after_a_failure(host, vda):
    done = host.unattended(FAIL_AT="9")
    assert done.returncode == 1 and host.boots(vda) is None
    done = host.unattended()
    assert done.returncode == 0 and "an installation was cut off on vda, and begins anew" in done.stdout
    assert host.boots(vda) == "2"


def cut_off(host):
    assert cut_at(host, 9, "before")
    assert "an installation of Xenith that was cut off" in host.install("--list").stdout


def test_somebody_has_used_the_disk_since(host, vda):
    cut_off(host)
    host.blkid(host.device(vda, "xenith-data").name, 'TYPE="LVM2_member"')
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and "install anew with --erase" in done.stdout and host.snapshot() == before


def test_an_installed_disk_whose_efi_partition_is_lost(host, vda):
    """It is not taken for one that was cut off."""
    assert host.unattended().returncode == 0
    with open(host.device(vda, "xenith-esp"), "r+b") as esp:
        esp.write(bytes(1 << 20))
    before = host.snapshot()
    assert host.unattended().returncode == 1 and host.snapshot() == before


def test_beside_a_disk_with_xenith(host, vda):
    """Of a mirror one disk was cut off; the other one is not erased for that."""
    host.disk("vdb", 800 * MIB, "pci/virtio2")
    host.installed("vdb")
    newer_medium(host)
    cut_off(host)
    host.host_conf("install_disk=smallest\ninstall_mirror=largest\n")
    before = host.snapshot()
    done = host.unattended()
    assert done.returncode == 1 and "only vdb has Xenith" in done.stdout and host.snapshot() == before
    assert "install --repair, if it is mirrored; install_existing=erase erases both\n" in done.stdout


def newer_medium(host):
    host.medium("3", 2000000009)
    host.write("proc/cmdline", "xenith.medium=XENITH_0000000000000003\n")
    host.write("blkid", "")
    host.blkid("sr0", 'LABEL="XENITH_0000000000000003" TYPE="iso9660"')


@pytest.mark.parametrize("existing, version, configuration, ended", [
    ("upgrade", "3", "hostname=alpha\n", "reboot\n"), ("keep", "2", "hostname=alpha\n", ""), ("erase", "3", "hostname=beta\n", "reboot\n")])
def test_another_medium(disks, existing, version, configuration, ended):
    disks.host_conf("hostname=alpha\ninstall_disk=serial:S1\ninstall_then=nothing\n")
    assert disks.unattended().returncode == 0
    newer_medium(disks)
    disks.host_conf(f"hostname=beta\ninstall_disk=serial:S1\ninstall_existing={existing}\n")
    for _ in range(2):
        done = disks.unattended()
        assert done.returncode == 0, done.stdout
        assert disks.boots("sda") == version
        assert disks.config("sda", "host.conf") == configuration
        # Only once.
        assert disks.text("ended") == ended
    assert disks.state("sda")["try"] == ("b" if existing == "upgrade" else "")


def test_an_upgrade_that_failed(disks, reports):
    disks.host_conf("install_disk=serial:S1\ninstall_then=nothing\n")
    disks.unattended()
    newer_medium(disks)
    disks.slot("set", disks.device("sda", "xenith-esp"), "failed=3")
    disks.host_conf(f"install_disk=serial:S1\ninstall_report={reports.url}\n")
    done = disks.unattended()
    assert done.returncode == 1 and not disks.text("ended")
    assert reports.got[-1]["message"].startswith("3 has failed on sda before")


def test_a_disk_in_use(disks):
    disks.mounted("sda", "/mnt")
    disks.host_conf("install_disk=serial:S1\n")
    done = disks.unattended()
    assert done.returncode == 1 and "cannot install on sda: it is mounted on /mnt" in done.stdout


def test_the_medium_is_no_candidate(host):
    host.disk("sda", 960 * GB, "pci/usb1/host1", serial="stick")
    host.blkid("sda", 'LABEL="XENITH_0123456789ABCDEF" TYPE="iso9660"')
    host.disk("sdb", 480 * GB, "pci/ata1/host0", serial="disk")
    host.host_conf("install_disk=largest\n")
    assert host.unattended().returncode == 0
    assert host.boots("sdb") == "2"


def test_nobody_is_there_to_be_told(host):
    host.disk("vda")
    host.host_conf("install_disk=smallest\ninstall_report=http://127.0.0.1:1/\n")
    done = host.unattended()
    assert done.returncode == 0 and "cannot report to http://127.0.0.1:1/: " in done.stdout
    assert host.text("ended") == "reboot\n"


def test_in_the_boot(host):
    """Each line is on the console."""
    host.disk("vda")
    host.host_conf("install_disk=smallest\n")
    assert host.call("boot/52-install").returncode == 0
    marks = host.text("dev/console")
    assert "Xenith: install: install_disk=smallest\n" in marks and "Xenith: install: Xenith 2 is installed on vda\n" in marks


def test_on_the_kernel_s_command_line(disks):
    """The keys are those of host.conf; the installed host does not keep them."""
    words = disks.text("proc/cmdline").strip() + " xenith.install_disk=serial:S1,bus:sata xenith.install_then=poweroff\n"
    disks.write("proc/cmdline", words)
    sources = disks.top / "run/xenith/sources"
    disks.write("run/xenith/sources/image/host.conf", "hostname=alpha\ninstall_then=reboot\n")
    disks.write("run/xenith/sources/command-line/host.conf",
                run("sh", TOP / "rootfs" / LIBRARY / "config-cmdline", input=words, text=True))
    assert disks.call(f"{LIBRARY}/config-merge", disks.top / "config", sources / "image", sources / "command-line").stderr == ""
    shutil.copy(disks.top / "config/host.conf", disks.top / "run/xenith/merged")
    assert disks.call("boot/52-install").returncode == 0
    assert disks.boots("sda") == "2" and disks.text("ended") == "poweroff\n"
    assert disks.config("sda", "host.conf") == "hostname=alpha\n"


@pytest.mark.parametrize("conf, word", [("", ""), ("install_disk=smallest\n", "xenith.install=no"), ("install_disk=smallest\n", "xenith.install=ask")])
def test_not_in_this_boot(host, conf, word):
    host.disk("vda")
    host.host_conf(conf)
    host.write("proc/cmdline", host.text("proc/cmdline").strip() + f" {word}\n")
    before = host.snapshot()
    assert host.call("boot/52-install").returncode == 0
    assert host.snapshot() == before and not host.text("dev/console")


def test_not_on_an_installed_host(host):
    """It has no files for an installer."""
    host.disk("vda")
    host.host_conf("install_disk=smallest\n")
    (host.top / "run/xenith/install").unlink()
    assert host.call("boot/52-install").returncode == 0
    assert not host.text("dev/console")
