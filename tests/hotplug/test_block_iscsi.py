"""The block-iscsi script: LUNs of an iSCSI target as disks."""
import pytest

from test_block import CONNECTED, device, status

IQN = "iqn.2026-11.org.example:web"


def iscsi(dom0, action, path):
    return dom0.run("block-iscsi", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


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
    assert dom0.text("iscsi.log").splitlines()[0] == asked
    assert dom0.read("backend/vbd/3/51712/physical-device") == number


EXPECTED = "iqn=IQN,portal=HOST[:PORT][,lun=LUN] is expected"


@pytest.mark.parametrize("target, error", [
    (IQN, f"block-iscsi: target={IQN}: {EXPECTED}"),
    ("portal=store", f"block-iscsi: target=portal=store: {EXPECTED}"),
    (f"iqn={IQN}", f"block-iscsi: target=iqn={IQN}: {EXPECTED}"),
    (f"iqn={IQN},portal=store,multipath=y", f"block-iscsi: target=iqn={IQN},portal=store,multipath=y: {EXPECTED}"),
    (f"iqn={IQN},portal=store,lun=x", f"block-iscsi: target=iqn={IQN},portal=store,lun=x: x is no LUN"),
    (f"iqn={IQN},portal=store,user=me,password=oh",
     "block-iscsi: user and password stand in iscsi-secrets, not in the domain file"),
    (f"iqn={IQN},portal=down", f"iscsi-tcp: cannot log in to {IQN} at down, port 3260: refused"),
    (f"iqn={IQN},portal=store,lun=9", f"{IQN} at store has no LUN 9"),
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
    """A LUN goes with its last guest, and the session with its last LUN."""
    assert add(dom0, 3, f"iqn={IQN},portal=store,lun=0") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=store,lun=5") == CONNECTED
    assert add(dom0, 5, f"iqn={IQN},portal=store,lun=9") == ("error", f"{IQN} at store has no LUN 9")
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
    """By whatever portal."""
    add(dom0, 3, f"iqn={IQN},portal=store")
    result, error = add(dom0, 4, f"lun=0,portal={portal},iqn={IQN}")
    assert "is used by domain 3" in error
    assert result == "busy"
    assert sessions(dom0) == ["session1"]


def test_several_readers(dom0):
    """The LUN is there until the last of them has gone."""
    assert add(dom0, 3, f"iqn={IQN},portal=store", mode="r") == CONNECTED
    assert add(dom0, 4, f"iqn={IQN},portal=store", mode="r") == CONNECTED
    iscsi(dom0, "remove", "backend/vbd/3/51712")
    assert disks(dom0) == ["sd1_0"]
    iscsi(dom0, "remove", "backend/vbd/4/51712")
    assert disks(dom0) == []
