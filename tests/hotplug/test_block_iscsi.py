"""The block-iscsi script: LUNs of an iSCSI target as disks."""
import fcntl
import shutil
import subprocess

import pytest

from conftest import HERE
from test_block import CONNECTED, device, status

IQN = "iqn.2026-11.org.example:web"


def iscsi(dom0, action, path, **environment):
    return dom0.run("block-iscsi", action, XENBUS_PATH=path, XENBUS_TYPE="vbd", **environment)


def add(dom0, *args, **kwargs):
    path = device(dom0, *args, **kwargs)
    iscsi(dom0, "add", path)
    return status(dom0, path)


def sessions(dom0):
    return sorted(path.name for path in dom0.top.glob("session[0-9]"))


def disks(dom0):
    return sorted(path.name for path in dom0.top.glob("sys/class/block/sd*"))


@pytest.mark.parametrize("target, asked, number", [
    (f"iqn={IQN},portal=192.0.2.7", f"connect 192.0.2.7 {IQN}", "8:0"),
    (f"iqn={IQN},portal=store:3261,lun=5", f"connect store:3261 {IQN}", "8:5"),
    (f"portal=[2001:db8::7]:3261,iqn={IQN},multipath=n", f"connect [2001:db8::7]:3261 {IQN}", "8:0"),
])
def test_target(dom0, target, asked, number):
    assert add(dom0, 3, target) == CONNECTED
    assert asked in dom0.text("iscsi.log").splitlines()
    assert dom0.read("backend/vbd/3/51712/physical-device") == number


EXPECTED = "expected iqn=IQN,portal=HOST[:PORT][,lun=LUN]"


@pytest.mark.parametrize("target, error", [
    (IQN, f"block-iscsi: target={IQN}: {EXPECTED}"),
    ("portal=store", f"block-iscsi: target=portal=store: {EXPECTED}"),
    (f"iqn={IQN}", f"block-iscsi: target=iqn={IQN}: {EXPECTED}"),
    (f"iqn={IQN},portal=store,multipath=y", f"block-iscsi: target=iqn={IQN},portal=store,multipath=y: {EXPECTED}"),
    (f"iqn={IQN},portal=store,lun=x", f"block-iscsi: target=iqn={IQN},portal=store,lun=x: invalid LUN 'x'; use a number"),
    (f"iqn={IQN},portal=store,user=me,password=oh",
     "block-iscsi: user and password are not allowed in the domain file; write them in iscsi-secrets"),
    (f"iqn={IQN},portal=store:x", f"block-iscsi: target=iqn={IQN},portal=store:x: 'x' is no port"),
    (f"iqn={IQN},portal=2001:db8::7", f"block-iscsi: target=iqn={IQN},portal=2001:db8::7: "
     "an IPv6 address stands in brackets, as [2001:db8::7]:3260"),
    (f"iqn={IQN},portal=down", f"iscsi-tcp: cannot log in to {IQN} at down, port 3260: refused"),
    (f"iqn={IQN},portal=store,lun=9", f"cannot attach iqn={IQN},portal=store,lun=9: {IQN} at store has no LUN 9"),
])
def test_what_is_wrong(dom0, target, error):
    assert add(dom0, 3, target) == ("error", error)
    assert sessions(dom0) == []


def test_removed(dom0):
    add(dom0, 3, f"iqn={IQN},portal=store")
    assert sessions(dom0) == ["session1"]
    assert iscsi(dom0, "remove", "backend/vbd/3/51712").returncode == 0
    assert sessions(dom0) == []
    assert add(dom0, 4, f"iqn={IQN},portal=store") == CONNECTED


def test_two_luns_share_the_session(dom0):
    """A LUN is removed with its last guest, and the session with its last LUN."""
    assert add(dom0, 3, f"iqn={IQN},portal=store,lun=0") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=store,lun=5") == CONNECTED
    assert add(dom0, 5, f"iqn={IQN},portal=store,lun=9") == ("error", f"cannot attach iqn={IQN},portal=store,lun=9: {IQN} at store has no LUN 9")
    assert sessions(dom0) == ["session1"]
    iscsi(dom0, "remove", "backend/vbd/3/51712")
    assert (sessions(dom0), disks(dom0)) == (["session1"], ["sd1_5"])
    iscsi(dom0, "remove", "backend/vbd/4/51712")
    assert (sessions(dom0), disks(dom0)) == ([], [])


def test_two_portals_are_two_sessions(dom0):
    assert add(dom0, 3, f"iqn={IQN},portal=store,lun=0") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=other,lun=5") == CONNECTED
    assert sessions(dom0) == ["session1", "session2"]


@pytest.mark.parametrize("portal", ["store", "other"])
def test_second_writer(dom0, portal):
    """It is refused through any portal."""
    add(dom0, 3, f"iqn={IQN},portal=store")
    result, error = add(dom0, 4, f"lun=0,portal={portal},iqn={IQN}")
    assert "in use by domain 3" in error
    assert result == "busy"
    assert sessions(dom0) == ["session1"]


def test_several_readers(dom0):
    """The LUN stays until the last reader is gone."""
    assert add(dom0, 3, f"iqn={IQN},portal=store", mode="r") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=store", mode="r") == CONNECTED
    iscsi(dom0, "remove", "backend/vbd/3/51712")
    assert disks(dom0) == ["sd1_0"]
    iscsi(dom0, "remove", "backend/vbd/4/51712")
    assert disks(dom0) == []


@pytest.mark.parametrize("portal, asked, at", [
    ("192.0.2.7", "192.0.2.7 3260", "192.0.2.7, port 3260"),
    ("store:3261", "store 3261", "store, port 3261"),
    ("[2001:db8::7]", "2001:db8::7 3260", "2001:db8::7, port 3260"),
])
@pytest.mark.parametrize("says, reason", [
    ("x (192.0.2.7:3260): Connection refused", "x (192.0.2.7:3260): Connection refused"), ("nothing", "no answer")])
def test_server_is_asked_before_the_lock(dom0, portal, asked, at, says, reason):
    """An unreachable server does not delay other disks."""
    path = device(dom0, 3, f"iqn={IQN},portal={portal}")
    (dom0.top / "run/xen-hotplug").mkdir()
    with open(dom0.top / "run/xen-hotplug/block", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = dom0.start("block-iscsi", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd", NC_SAYS=says)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert status(dom0, path) == ("error", f"cannot reach the server {at}: {reason}")
    assert dom0.text("nc.log") == f"-vv -z -w 5 {asked}\n"
    assert sessions(dom0) == []


def test_server_is_not_asked_again(dom0):
    """An existing session is reused, even if its server is unreachable now."""
    add(dom0, 3, f"iqn={IQN},portal=store")
    path = device(dom0, 4, f"iqn={IQN},portal=store:3260,lun=5")
    assert iscsi(dom0, "add", path, NC_SAYS="refused").returncode == 0


def dom0s_own(dom0, *luns):
    """A session that was made by hand, with these LUNs."""
    tool = {"FAKE": str(dom0.top), "PATH": "/usr/bin:/bin"}
    for words in [["connect", "store", IQN], *(["device", "session1", str(lun)] for lun in luns)]:
        subprocess.run([HERE / "fake/iscsi-tcp", *words], env=tool, check=True, stdout=subprocess.DEVNULL)


def test_what_was_there_before_stays(dom0):
    """A session made by hand, and its disks, stay when no guest needs them any more."""
    dom0s_own(dom0, 0)
    assert add(dom0, 3, f"iqn={IQN},portal=store") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=store,lun=5") == CONNECTED
    assert sessions(dom0) == ["session1"]
    iscsi(dom0, "remove", "backend/vbd/3/51712")
    iscsi(dom0, "remove", "backend/vbd/4/51712")
    assert (sessions(dom0), disks(dom0)) == (["session1"], ["sd1_0"])


def test_failure_leaves_what_was_there_before(dom0):
    dom0s_own(dom0, 0)
    assert add(dom0, 3, f"iqn={IQN},portal=store,lun=9")[0] == "error"
    dom0.mount("8:0", "/srv")
    assert add(dom0, 4, f"iqn={IQN},portal=store") == (
        "busy", f"cannot attach iqn={IQN},portal=store: it is in use by dom0, mounted on /srv; unmount it or use a copy")
    assert (sessions(dom0), disks(dom0)) == (["session1"], ["sd1_0"])


def test_user_that_came_by_another_way(dom0):
    """Another guest has the disk as a device of dom0."""
    dom0s_own(dom0, 0)
    dom0.block_device("/dev/sda", "8:0")
    path = device(dom0, 3, "/dev/sda")
    dom0.run("block", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd")
    assert status(dom0, path) == CONNECTED
    result, error = add(dom0, 4, f"iqn={IQN},portal=store")
    assert result == "busy" and "in use by domain 3" in error
    assert disks(dom0) == ["sd1_0"]


def test_partition_that_is_mounted(dom0):
    """A disk that was attached for this request is detached again, with its session."""
    dom0.below("8:0", "8:1", partition=True)
    dom0.mount("8:1", "/srv")
    assert add(dom0, 4, f"iqn={IQN},portal=store")[0] == "busy"
    assert (sessions(dom0), disks(dom0)) == ([], [])


def test_note_that_a_killed_script_left(dom0):
    """A stale record of a session that is gone must not be used."""
    add(dom0, 3, f"iqn={IQN},portal=store")
    (dom0.top / "session1").unlink()
    shutil.rmtree(dom0.top / "sys/class/block/sd1_0")
    shutil.rmtree(dom0.top / "store/local/domain/0/backend/vbd/3")
    assert add(dom0, 4, f"iqn={IQN},portal=store") == CONNECTED
    iscsi(dom0, "remove", "backend/vbd/4/51712")
    assert sessions(dom0) == []


def test_store_that_fails(dom0):
    path = device(dom0, 3, f"iqn={IQN},portal=store")
    (dom0.top / "store-is-broken").touch()
    assert iscsi(dom0, "add", path).returncode == 1
    assert (sessions(dom0), disks(dom0)) == ([], [])
    assert not list((dom0.top / "run/xen-hotplug/iscsi").iterdir())
