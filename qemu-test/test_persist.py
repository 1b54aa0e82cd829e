"""The configuration is kept: an ext4 drive and a FAT stick, over several boots, of which
one ends by a power cut while it saves."""

import re

import pytest

import drives
import host
from writelog import Recording

PAIR = """name = "pair"
type = "pv"
kernel = "/config/images/hello/vmlinux"
ramdisk = "/config/images/hello/initrd.gz"
memory = 48
"""
# Two files that always change together, saved again and again.
SAVES = "; ".join((
    "n=0", "while :", "do n=$((n + 1))", 'sed -i "s/^hostname=.*/hostname=h$n/" /config/host.conf',
    'sed -i "s/^# .*/# $n/" /config/domains/pair.cfg', "xenith save -m $n >/dev/null 2>&1 || exit", "done"))


def start(boot, iso, name, drive, *more, recording=None):
    """A machine whose configuration drive can be written to, and is recorded, if there is a
    RECORDING of it."""
    extra = recording.options("kept0", boots=False) if recording else []
    for number, path in enumerate([*([] if recording else [drive]), *more]):
        extra += ["-drive", f"if=none,id=kept{number},format=raw,file={path}", "-device", f"virtio-blk-pci,drive=kept{number}"]
    return boot(name, iso, extra=extra).wait_ready()


@pytest.fixture(scope="module")
def ext4(tmp_path_factory, key):
    directory = tmp_path_factory.mktemp("persist")
    tree = drives.write_tree(directory / "tree", {
        "host.conf": "# Ours.\nhostname=h0\n", "authorized_keys": key.public, "domains/pair.cfg": "# 0\n" + PAIR})
    return drives.ext4(directory / "config.img", tree, mib=64)


@pytest.fixture(scope="module")
def transport(tmp_path_factory):
    """A disk for one file."""
    path = tmp_path_factory.mktemp("transport") / "disk.img"
    with open(path, "wb") as out:
        out.truncate(64 << 20)
    return path


@pytest.fixture(scope="module")
def recording(ext4, recordings, tmp_path_factory):
    recordings["saves"] = Recording(ext4, tmp_path_factory.mktemp("recording"))
    return recordings["saves"]


@pytest.fixture(scope="module")
def first(boot, iso, ext4, recording):
    machine = start(boot, iso, "persist-1", ext4, recording=recording)
    host.wait_up(machine, "hello-pv", "hello-pvh")
    return machine


@pytest.mark.slow
def test_domains_write_nothing_to_the_drive(first):
    before = first.written("kept0")
    for name in ("hello-pv", "hello-pvh"):
        first.out(f"xenith restart --wait {name}")
    first.out("sync; sleep 30")
    assert first.written("kept0") == before
    assert " ro," in first.out("grep sources/drive /proc/mounts")


def test_changes_are_saved(first, recording):
    first.out("xenith create made --kernel /config/images/hello/vmlinux --ramdisk /config/images/hello/initrd.gz --type pv")
    recording.mark("create")
    first.write("/tmp/editor", '#!/bin/sh\necho "shutdown_timeout=41" >>"$1"\n')
    first.out("chmod 755 /tmp/editor; EDITOR=/tmp/editor xenith edit -m patience host.conf")
    recording.mark("edit")
    first.out("sed -i s/^ntp=.*/ntp=192.0.2.123/ /config/host.conf; xenith save -m time")
    recording.mark("save")
    assert first.sh("xenith diff") == ("", 0)
    assert " ro," in first.out("grep sources/drive /proc/mounts")
    history = first.out("xenith history")
    assert [text in history for text in ("create made", "patience", "time", "as found on the drive")] == [True] * 4
    first.host_key = host.host_key(first)
    assert first.host_key
    first.power_off()


@pytest.fixture(scope="module")
def second(boot, iso, ext4, transport, first):
    return start(boot, iso, "persist-2", ext4, transport)


def test_they_are_there_after_a_boot(first, second):
    assert host.config_marks(second) == []
    conf = second.out("cat /config/host.conf").splitlines()
    assert {"hostname=h0", "shutdown_timeout=41", "ntp=192.0.2.123"} <= set(conf)
    assert second.out("cat /run/xenith/sources/drive/host.conf") == \
        "# Ours.\nhostname=h0\nshutdown_timeout=41\nntp=192.0.2.123"
    host.until(second, "xenith status made | grep -qE 'ready|started'")
    assert host.host_key(second) == first.host_key


def test_rollback(second):
    second.out("xenith rollback config")
    assert second.out("grep -c 192.0.2.123 /config/host.conf || :") == "0"
    assert {"shutdown_timeout=41"} <= set(second.out("cat /config/host.conf").splitlines())
    assert second.sh("xenith diff") == ("", 0)


def test_export(second):
    second.out("xenith config export - >/dev/vdb; sync")
    assert "shutdown_timeout=41" in second.out("tar -xOf /dev/vdb host.conf")
    second.tree = second.out("cd /run/xenith/sources/drive && cat host.conf authorized_keys domains/*.cfg")


@pytest.mark.slow
def test_a_power_cut_while_it_saves(second):
    second.write("/tmp/saves", SAVES + "\n")
    second.out("setsid sh /tmp/saves </dev/null >/dev/null 2>&1 &")
    host.until(second, "[ $(xenith history | grep -c pair.cfg) -ge 3 ]")
    second.close()


@pytest.fixture(scope="module")
def third(boot, iso, ext4, second):
    return start(boot, iso, "persist-3", ext4)


@pytest.mark.slow
def test_the_old_or_the_new_one(third):
    name = third.out("hostname").strip()
    assert re.fullmatch(r"h[1-9]\d*", name)
    assert third.out("head -n 1 /config/domains/pair.cfg") == f"# {name[1:]}"
    assert {"shutdown_timeout=41"} <= set(third.out("cat /config/host.conf").splitlines())
    assert all("a save was cut off" in line for line in host.config_marks(third))
    third.power_off()


@pytest.fixture(scope="module")
def stick(boot, iso, transport, second, tmp_path_factory):
    directory = tmp_path_factory.mktemp("stick")
    drive = drives.partitioned_vfat(directory / "stick.img", drives.write_tree(directory / "tree", {"host.conf": "hostname=new\n"}))
    machine = start(boot, iso, "persist-4", drive, transport)
    machine.drive = drive
    return machine


@pytest.mark.slow
def test_import_on_a_stick(second, stick):
    stick.out("xenith config import /dev/vdb")
    assert stick.out("cd /run/xenith/sources/drive && cat host.conf authorized_keys domains/*.cfg") == second.tree
    stick.write("/tmp/saves", SAVES + "\n")
    stick.out("setsid sh /tmp/saves </dev/null >/dev/null 2>&1 &")
    host.until(stick, "[ $(xenith history | grep -c pair.cfg) -ge 3 ]")
    stick.close()


@pytest.mark.slow
def test_a_power_cut_on_a_stick(boot, iso, first, stick):
    machine = start(boot, iso, "persist-5", stick.drive)
    name = machine.out("hostname").strip()
    assert machine.out("head -n 1 /config/domains/pair.cfg") == f"# {name[1:]}"
    assert host.host_key(machine) == first.host_key
    machine.power_off()
