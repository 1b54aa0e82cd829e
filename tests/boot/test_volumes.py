"""55-volumes: blkid reads every disk, so it runs once in a boot."""
import pytest


def boot(host, between=""):
    """The calls of blkid in 55-volumes, and whether LVM was called."""
    host.host_conf()
    host.write("sys/class/block/sda/size", "2048\n")
    host.run("boot/30-config")
    host.write("blkid.log", "")
    host.at(None, between)
    host.run("boot/55-volumes")
    return host.text("blkid.log"), "volumes" in host.events()


def member(host, name):
    host.write("file-systems", f'{host.top}/dev/{name}: UUID="x" TYPE="LVM2_member"\n')


def test_a_volume_that_was_seen_needs_no_second_look(host):
    member(host, "sda")
    assert boot(host) == ("", True)


def test_no_volume(host):
    assert boot(host) == ("", False)


@pytest.mark.parametrize("name", ["sdb", "md0", "nbd0"])
def test_a_later_device_is_asked(host, name):
    calls, _ = boot(host, f"mkdir -p $FAKE/sys/class/block/{name}; echo 2048 >$FAKE/sys/class/block/{name}/size")
    assert calls == "-t TYPE=LVM2_member -o device\n"


def test_a_kind_that_is_not_asked_early(host):
    host.write("sys/class/block/md0/size", "2048\n")
    assert boot(host)[0] == "-t TYPE=LVM2_member -o device\n"
