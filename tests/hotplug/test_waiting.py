"""A server that accepts connections and then hangs keeps no other disk waiting: libxl gives
each of them 40 s."""
import time

import pytest

from test_block import CONNECTED, device, status
from test_block_iscsi import IQN
from test_block_nvme import NQN

OTHER = "iqn.2026-11.org.example:other"
KINDS = {"iscsi": (f"iqn={IQN},portal=store", f"iqn={OTHER},portal=store"),
         "nvme": (f"store/{NQN}", "store/nqn.2026-11.org.example:other"),
         "nbd": ("store/web", "store/other")}
LOGS = {"iscsi": "iscsi.log", "nvme": "nvme.log", "nbd": "nbd-client.log"}


@pytest.fixture(params=KINDS)
def kind(request, dom0):
    for n in range(3):
        directory = dom0.top / f"sys/block/nbd{n}"
        directory.mkdir()
        (directory / "dev").write_text(f"43:{32 * n}\n")
        (directory / "ro").write_text("0\n")
    (dom0.top / "hangs").mkdir()
    yield request.param
    go_on(dom0)


def start(dom0, kind, action, path):
    return dom0.start(f"block-{kind}", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


def until_asked(dom0, kind, word, process):
    """The server is being waited for."""
    while word not in dom0.text(LOGS[kind]):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def go_on(dom0):
    """The server goes on."""
    for path in (dom0.top / "hangs").iterdir():
        path.unlink()


def release(dom0, *processes):
    go_on(dom0)
    for process in processes:
        process.communicate(timeout=60)


def plain_disk(dom0):
    """What a guest gets whose disk is a volume of this host."""
    dom0.block_device("/dev/vg/plain", "fd:1b")
    path = device(dom0, 9, "/dev/vg/plain")
    process = dom0.start("block", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd")
    try:
        process.communicate(timeout=60)
    finally:
        process.kill()
    return status(dom0, path)


def test_login_that_hangs(dom0, kind):
    path = device(dom0, 3, KINDS[kind][0])
    (dom0.top / "hangs/connect").touch()
    first = start(dom0, kind, "add", path)
    until_asked(dom0, kind, {"nbd": "-N"}.get(kind, "connect"), first)
    assert plain_disk(dom0) == CONNECTED
    # Another target of the same server is asked.
    (dom0.top / "hangs/connect").unlink()
    other = device(dom0, 4, KINDS[kind][1])
    start(dom0, kind, "add", other).communicate(timeout=60)
    assert status(dom0, other) == CONNECTED
    release(dom0, first)
    assert status(dom0, path) == CONNECTED


def test_guest_that_is_given_up_meanwhile(dom0, kind):
    """libxl calls no `remove` for it: what was connected is taken down."""
    path = device(dom0, 3, KINDS[kind][0])
    (dom0.top / "hangs/connect").touch()
    process = start(dom0, kind, "add", path)
    until_asked(dom0, kind, {"nbd": "-N"}.get(kind, "connect"), process)
    dom0.write(path, {"state": 6})
    release(dom0, process)
    assert "gave up on the device" in status(dom0, path)[1]
    assert not list(dom0.top.glob("session[0-9]")) + list(dom0.top.glob("nvme[0-9]")) + list(dom0.top.glob("sys/block/nbd*/pid"))


@pytest.mark.parametrize("kind", ["iscsi", "nvme"], indirect=True)
def test_logout_that_hangs(dom0, kind):
    path = device(dom0, 3, KINDS[kind][0])
    start(dom0, kind, "add", path).communicate(timeout=60)
    (dom0.top / "hangs/disconnect").touch()
    process = start(dom0, kind, "remove", path)
    until_asked(dom0, kind, "disconnect", process)
    assert plain_disk(dom0) == CONNECTED
    release(dom0, process)


@pytest.mark.parametrize("kind", ["iscsi", "nvme"], indirect=True)
def test_two_at_once_share_a_login(dom0, kind):
    targets = {"iscsi": ["iqn=%s,portal=store,lun=%d" % (IQN, n) for n in (0, 5)],
               "nvme": ["store/%s/%d" % (NQN, n) for n in (1, 2)]}[kind]
    (dom0.top / "hangs/connect").touch()
    paths = [device(dom0, 3 + n, target) for n, target in enumerate(targets)]
    processes = [start(dom0, kind, "add", path) for path in paths]
    until_asked(dom0, kind, "connect", processes[0])
    release(dom0, *processes)
    assert [status(dom0, path) for path in paths] == [CONNECTED] * 2
    assert dom0.text(LOGS[kind]).count("connect ") == 1


def test_two_writers_at_once(dom0, kind):
    """One of them gets it, by whatever portal."""
    targets = {"iscsi": [f"iqn={IQN},portal=store", f"iqn={IQN},portal=other"],
               "nvme": [f"store/{NQN}", f"other/{NQN}"], "nbd": ["store/web", "192.0.2.9/web"]}[kind]
    paths = [device(dom0, 3 + n, target) for n, target in enumerate(targets)]
    for process in [start(dom0, kind, "add", path) for path in paths]:
        process.communicate(timeout=60)
    assert sorted(status(dom0, path)[0] for path in paths) == ["busy", "connected"]
    assert len(list(dom0.top.glob("session[0-9]")) + list(dom0.top.glob("nvme[0-9]"))
               + list(dom0.top.glob("sys/block/nbd*/pid"))) == 1
