"""The way down, and what hangs on it."""
import os
import signal
import stat
import subprocess

import pytest

from busybox import SHELL
from conftest import HERE, LIBRARY, TOP
from tier import only_slow


@pytest.fixture
def down(host):
    """A host with domd, xenstored and two domains, of which web is the younger one."""
    # Polls that are few, and long enough for a program that does not hang.
    library = host.top / LIBRARY / "lib.sh"
    text = library.read_text()
    assert "polls=$(($1 * 20))" in text
    library.write_text(text.replace("polls=$(($1 * 20))", "polls=$(($1 + 20))") + "usleep() { sleep 0.03; }\n")
    for name in ("hangs", "busy", "domains", "run/xenstored", "dev/mapper"):
        (host.top / name).mkdir(parents=True)
    os.mkfifo(host.top / "never")
    for name in ("run/xenith/domd.sock", "run/xenstored/socket"):
        os.mknod(host.top / name, stat.S_IFSOCK | 0o600)
    host.host_conf("shutdown_timeout=5\n")
    host.write("limit", "61\n")
    for number, name in ((1, "db"), (2, "web")):
        host.write(f"domains/{name}", f"{number}\n")
    host.write("proc/mounts", "root / overlay rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n"
               "/dev/sdb1 /data ext4 rw 0 0\nstore:/vm /vm nfs4 rw 0 0\nstore:/iso /iso nfs4 rw 0 0\n")
    host.write("run/service/domd/x", "")
    host.write("run/service/xenstored/x", "")
    yield host
    for number in host.text("hanging").split():
        os.kill(int(number), signal.SIGKILL)


def hangs(host, *keys):
    for key in keys:
        host.write(f"hangs/{key}", "")


def go(host):
    """What was called. The output is a file: what hangs would keep a pipe open."""
    with open(host.top / "output", "w", encoding="utf-8") as output:
        done = subprocess.run([*SHELL, host.top / "boot/rcK"], stdout=output, stderr=output, timeout=300,
                              check=False, env={"PATH": f"{host.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                                "FAKE": str(host.top)})
    assert (done.returncode, host.text("output")) == (0, "")
    return host.text("log").splitlines()


def test_nothing_hangs(down):
    calls = go(down)
    assert calls == ["xenith shutdown --limit", "xenith shutdown", "swapoff -a", "umount /iso", "umount /vm", "umount /data", "sync"]
    assert down.text("sv.log") == f"-w 3 down {down.top}/run/service/domd\n"
    assert down.marks() == ["power off"]
    assert down.text("proc/sysrq-trigger") == ""


def test_watchdog_waits_for_a_slow_shutdown(down):
    """Its service goes on to the end, and gets a deadline for each step: domains, swap, mounts."""
    down.write("run/service/watchdog/x", "")
    for name in ("xenith", "swapoff", "umount"):
        down.write(f"bin/{name}", f'#!/bin/sh\necho {name} $(cat "$FAKE/run/xenith/stopping") >>"$FAKE/deadlines"\n'
                   f'exec {HERE}/fake/{name} "$@"\n')
        (down.top / "bin" / name).chmod(0o755)
    go(down)
    assert "service/watchdog" not in down.text("sv.log")
    # The host is up for a second. First ten minutes for the domains, then what domd says and
    # a minute; with it the time of one that is stopped by hand.
    limits = [1 + seconds + 5 + 300 for seconds in (600, 61 + 60)]
    assert down.text("deadlines").splitlines() == \
        [f"xenith {limit}" for limit in limits] + ["swapoff 301"] + 3 * [f"umount {301 + 3 * 130}"]


def test_domd_that_is_not_there(down):
    """The domains are stopped one by one, the youngest first."""
    (down.top / "run/xenith/domd.sock").unlink()
    calls = [call for call in go(down) if call.startswith("xl sh")]
    assert calls == ["xl shutdown -w web", "xl shutdown -w db"]
    assert down.marks() == ["stopping domain web", "domain web stopped", "stopping domain db", "domain db stopped",
                            "power off"]


def test_domd_that_ends_and_never_comes_back(down):
    down.write("xenith-status", "1\n")
    calls = go(down)
    assert calls.count("xenith shutdown") > 10
    assert "domain web stopped" in down.marks()


def test_domain_that_does_not_stop_by_hand(down):
    down.write("xenith-status", "3\n")
    hangs(down, "xl-shutdown-web")
    calls = go(down)
    assert calls.index("xl destroy web") < calls.index("xl shutdown -w db")
    assert "domain web stopped (forced)" in down.marks() and "domain db stopped" in down.marks()


def test_domd_that_never_ends(down):
    """Its domain is being saved to a server that is gone: the time that they all have is bounded."""
    hangs(down, "xenith", "xl-shutdown-web")
    calls = go(down)
    # domd gets a minute more than it says.
    assert f"the domains have not stopped within {61 + 60} s" in down.marks()[0]
    assert "killall -9 domd" in calls
    # What only waited for its turn is asked like any other, and at the same time.
    assert {"xl shutdown -w web", "xl destroy web", "xl shutdown -w db"} < set(calls)
    assert "xl destroy db" not in calls and calls.index("xl shutdown -w db") < calls.index("xl destroy web")
    assert {"domain web stopped (forced)", "domain db stopped"} < set(down.marks())
    assert down.marks()[-1] == "power off"


@pytest.mark.parametrize("key", ["limit", *only_slow("nothing")])
def test_domd_that_does_not_say_how_long(down, key):
    """It has ten minutes."""
    down.write("limit", "")
    hangs(down, key, "xenith")
    calls = go(down)
    assert "the domains have not stopped within 600 s" in down.marks()[0]
    assert "killall -9 domd" in calls
    assert {"domain web stopped", "domain db stopped"} < set(down.marks())


def test_domain_that_cannot_be_destroyed(down):
    hangs(down, "xenith", "xl-shutdown-web", "xl-destroy-web")
    calls = go(down)
    assert "umount /data" in calls and "sync" in calls
    assert [mark for mark in down.marks() if mark.startswith("domain web cannot be destroyed")]
    assert "domain db stopped" in down.marks()
    assert down.marks()[-1] == "power off"


def test_xl_that_hangs(down):
    """As without a xenstored that answers."""
    (down.top / "run/xenith/domd.sock").unlink()
    hangs(down, "xl-list", "xl-domid", "xl-shutdown", "xl-destroy")
    assert go(down)[-1] == "sync"
    assert down.marks()[-1] == "power off"


def test_server_that_is_gone(down):
    """Its shares are given up, and what is on a disk is written all the same."""
    hangs(down, "umount-vm", "umount-iso")
    calls = go(down)
    assert calls[-6:] == ["umount /iso", "umount -f -l /iso", "umount /vm", "umount -f -l /vm", "umount /data", "sync"]
    assert down.marks() == ["/iso cannot be unmounted within 20 s: what was not written to it yet is lost",
                            "/vm cannot be unmounted within 3 s: what was not written to it yet is lost", "power off"]


def test_file_system_that_is_in_use(down):
    down.write("busy/vm", "")
    calls = go(down)
    assert calls[calls.index("umount /vm") + 1] == "umount -l /vm"


def test_blank_in_the_name_of_a_directory(down):
    down.write("proc/mounts", "/dev/sdb1 /my\\040data ext4 rw 0 0\n")
    assert "umount /my data" in go(down)


@pytest.mark.parametrize("key, last", [("o", "power off"), ("b", "reboot")])
def test_sync_that_hangs(down, key, last):
    """init would hang in the same way: the kernel is told to end at once."""
    hangs(down, "sync")
    if key == "b":
        down.write("run/xenith/rebooting", "")
    go(down)
    assert down.marks() == [last]
    assert down.text("proc/sysrq-trigger") == key + "\n"


def test_poweroff_asks_init_and_syncs_nothing(down, tmp_path):
    """The applet would sync before it asks."""
    (tmp_path / "sync").write_text("#!/bin/sh\nsleep 1000\n")
    (tmp_path / "sync").chmod(0o755)
    init = 'trap "echo off; exit 0" USR2; "$@" & wait; wait; exit 1'
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--pid", "--fork", "sh", "-c", init, "sh", *SHELL,
                           TOP / "rootfs/sbin/poweroff"], env={"PATH": f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin"},
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "off\n", "")
