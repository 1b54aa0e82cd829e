"""What fstab names, and servers that do not answer."""
import os
import signal
import subprocess

import pytest

from busybox import SHELL
from conftest import HERE, LIBRARY


@pytest.fixture
def mounts(host):
    # Polls that are few, and long enough for a program that does not hang.
    library = host.top / LIBRARY / "lib.sh"
    text = library.read_text()
    assert "polls=$(($1 * 20))" in text
    library.write_text(text.replace("polls=$(($1 * 20))", "polls=$(($1 + 20))") + "usleep() { sleep 0.03; }\n")
    for name in ("hangs", "servers"):
        (host.top / name).mkdir()
    os.mkfifo(host.top / "never")
    yield host
    # The time of those that are still tried is over.
    host.write("proc/uptime", "900.00 1.00\n")
    for number in host.text("hanging").split():
        os.kill(int(number), signal.SIGKILL)


def boot(host, fstab):
    """What was called of mount and e2fsck. What hangs would keep a pipe open."""
    host.write("config/fstab", fstab)
    with open(host.top / "output", "w", encoding="utf-8") as output:
        done = subprocess.run([*SHELL, host.top / "boot/57-mounts"], stdout=output, stderr=output, timeout=300,
                              check=False, env={"PATH": f"{host.top}/bin:/usr/bin:/bin", "FAKE": str(host.top)})
    assert (done.returncode, host.text("output")) == (0, "")
    return host.text("mount.log").splitlines()


def test_disks_in_the_order_of_their_lines(mounts):
    mounts.disk("sda1", "one")
    mounts.disk("sdb1", "two words")
    dev = f"{mounts.top}/dev"
    assert boot(mounts, 'LABEL="two words" /two\\040words vfat ro,nofail 0 0\nLABEL=one /data ext4\n') == [
        f"-t vfat -o ro {dev}/sdb1 /two words", "done /two words",
        f"e2fsck -p {dev}/sda1", f"-t ext4 -o defaults {dev}/sda1 /data", "done /data"]
    assert mounts.marks() == []


def test_a_check_that_takes_long(mounts):
    """The watchdog is told until when, as long as the check makes progress."""
    mounts.disk("sda1", "one")
    mounts.write("bin/sleep", "#!/bin/sh\nexec /bin/sleep 0.1\n")
    (mounts.top / "bin/sleep").chmod(0o755)
    mounts.write("slow-check", "")
    mounts.write("proc/uptime", "100.00 1.00\n")
    assert {"done /data", "done /vm"} < set(boot(mounts, "LABEL=one /data ext4\na:/vm /vm nfs4\n"))
    assert mounts.text("deadlines").split() == ["700", "900", "900"]
    # The server that is next had its time all the same; that something was repaired is no failure.
    assert any(call.startswith("-t nfs4") for call in mounts.text("mount.log").splitlines())
    assert [mark.replace(str(mounts.top), "") for mark in mounts.marks()] == \
        ["the file system on /dev/sda1 is being checked; the boot continues afterwards"]
    assert mounts.events()[-2].replace(str(mounts.top), "") == "check of /dev/sda1 took 300 s"
    assert not (mounts.top / "run/xenith/checking").exists()


def test_shares_side_by_side(mounts):
    """Each waits until the others have begun."""
    mounts.write("together", "3\n")
    calls = boot(mounts, "".join(f"store:/{name} /{name} nfs4 nolock\n" for name in "abc"))
    assert mounts.marks() == []
    assert {"done /a", "done /b", "done /c"} < set(calls)


def test_servers_that_hang(mounts):
    """All of them together take no longer than one, and nothing else waits for them."""
    mounts.disk("sda1", "one")
    for name in "ab":
        mounts.write(f"hangs/mount-{name}", "")
    calls = boot(mounts, "a:/vm /vm nfs4\nb:/iso /iso nfs\nLABEL=one /data vfat\n")
    assert "done /data" in calls
    assert sorted(mounts.marks()) == ["a:/vm cannot be mounted on /vm: the server does not answer",
                                      "b:/iso cannot be mounted on /iso: the server does not answer"]
    assert mounts.events()[-1] == "mounts"


def test_server_that_refuses(mounts):
    mounts.write("servers/a", "mount: mounting a:/vm on /vm failed: Permission denied\n")
    assert len([call for call in boot(mounts, "a:/vm /vm nfs4\n") if "a:/vm" in call]) == 1
    assert mounts.marks() == ["a:/vm cannot be mounted on /vm: mount: mounting a:/vm on /vm failed: Permission denied"]


@pytest.mark.parametrize("second", ["LABEL=one /vm/inner vfat", "{top}/vm/cd.iso /cd iso9660 loop,ro", "b:/x /vm/x nfs4"])
def test_what_lies_on_a_share_waits_for_it(mounts, second):
    mounts.disk("sda1", "one")
    mounts.write("vm/cd.iso", "")
    where = f"{mounts.top}/vm"
    calls = boot(mounts, f"a:/vm {where} nfs4\n{second.format(top=mounts.top)}\n".replace(" /vm/", f" {where}/"))
    assert calls[1] == f"done {where}" and len(calls) == 4
    assert mounts.marks() == []


def test_disk_that_is_not_there(mounts):
    boot(mounts, "LABEL=one /data vfat\nLABEL=two /more vfat nofail\n")
    assert mounts.marks() == ["LABEL=one cannot be mounted on /data: LABEL=one is not there"]
    assert "LABEL=two is not there: nothing is mounted on /more (nofail)" in mounts.events()


def test_what_is_not_to_be_mounted_at_boot(mounts):
    assert boot(mounts, "a:/vm /vm nfs4 noauto\n") == []
