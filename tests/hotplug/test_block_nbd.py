"""The block-nbd script: exports of a server as disks."""
import fcntl

import pytest

from test_block import CONNECTED, device, status


@pytest.fixture(autouse=True)
def devices(dom0):
    for n in range(2):
        directory = dom0.top / f"sys/block/nbd{n}"
        directory.mkdir()
        (directory / "dev").write_text(f"43:{32 * n}\n")
        (directory / "ro").write_text("0\n")


def nbd(dom0, action, path):
    return dom0.run("block-nbd", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


def add(dom0, *args, **kwargs):
    path = device(dom0, *args, **kwargs)
    nbd(dom0, "add", path)
    return status(dom0, path)


def served(dom0):
    return sorted(path.parent.name for path in dom0.top.glob("sys/block/nbd*/pid"))


@pytest.mark.parametrize("target, asked", [
    ("store", "-b 512 -N  store 10809"),
    ("store/web", "-b 512 -N web store 10809"),
    ("192.0.2.7:4711/web/root", "-b 512 -N web/root 192.0.2.7 4711"),
    ("[2001:db8::7]:4711/web", "-b 512 -N web 2001:db8::7 4711"),
    ("[2001:db8::7]", "-b 512 -N  2001:db8::7 10809"),
])
def test_target(dom0, target, asked):
    assert add(dom0, 3, target) == CONNECTED
    assert dom0.text("nbd-client.log") == asked + " /dev/nbd0\n"
    assert dom0.read("backend/vbd/3/51712/physical-device") == "2b:0"
    assert dom0.read("backend/vbd/3/51712/physical-device-path") == "/dev/nbd0"


@pytest.mark.parametrize("target, error", [
    (":10809/web", "block-nbd: target=:10809/web: missing server; expected HOST[:PORT][/EXPORT]"),
    ("store:http/web", "block-nbd: target=store:http/web: 'http' is no port"),
    ("down/web", "cannot connect to the NBD server down, port 10809, export 'web': nbd-client: "
                 "can't connect to remote host (192.0.2.1): Connection refused"),
    ("gone/web", "cannot attach gone/web: the NBD server gone, port 10809, has no export 'web', or broke the connection"),
])
def test_what_is_wrong(dom0, target, error):
    assert add(dom0, 3, target) == ("error", error)
    assert served(dom0) == []


def test_server_that_does_not_answer(dom0):
    path = device(dom0, 3, "[2001:db8::7]:4711/web")
    dom0.run("block-nbd", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd", NC_SAYS="x: Connection refused")
    assert status(dom0, path) == ("error", "cannot reach the server 2001:db8::7, port 4711: x: Connection refused")
    assert dom0.text("nbd-client.log") == ""


def test_removed(dom0):
    add(dom0, 3, "store/web")
    assert served(dom0) == ["nbd0"]
    assert nbd(dom0, "remove", "backend/vbd/3/51712").returncode == 0
    assert served(dom0) == []
    assert add(dom0, 4, "store/web") == CONNECTED


def test_each_guest_has_a_device(dom0):
    assert add(dom0, 3, "store/web") == CONNECTED
    assert add(dom0, 4, "store/db") == CONNECTED
    assert served(dom0) == ["nbd0", "nbd1"]
    assert add(dom0, 5, "store/mail") == ("error", "cannot attach store/mail: all NBD devices are in use")


@pytest.mark.parametrize("target", ["store/web", "store:10809/web", "192.0.2.9/web"])
def test_second_writer(dom0, target):
    """It is refused under any name of the server."""
    add(dom0, 3, "store/web")
    assert add(dom0, 4, target) == (
        "busy", f"cannot attach {target}: it is in use by domain 3; stop that domain or use a copy")
    assert served(dom0) == ["nbd0"]


@pytest.mark.parametrize("target", ["store:10810/web", "192.0.2.90/web", "192.0.2.9/web2", "192.0.2.9"])
def test_writer_of_something_else(dom0, target):
    assert add(dom0, 3, "store/web") == CONNECTED
    assert add(dom0, 4, target) == CONNECTED


def test_several_readers(dom0):
    assert add(dom0, 3, "store/web", mode="r") == CONNECTED
    assert add(dom0, 4, "store/web", mode="r") == CONNECTED


def test_export_that_can_only_be_read(dom0):
    assert add(dom0, 3, "readonly/web") == (
        "busy", "cannot attach readonly/web for writing: the export is read-only; attach it read-only")
    assert served(dom0) == []
    assert add(dom0, 4, "readonly/web", mode="r") == CONNECTED


def test_who_serves_does_not_hold_the_lock(dom0):
    """The client process would block all other devices."""
    add(dom0, 3, "store/web")
    with open(dom0.top / "run/xen-hotplug/block", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    dom0.block_device("/dev/vg/web", "fd:1a")
    path = device(dom0, 4, "/dev/vg/web")
    dom0.run("block", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd")
    assert status(dom0, path) == CONNECTED


def test_no_module(dom0):
    for n in range(2):
        (dom0.top / f"sys/block/nbd{n}").rename(dom0.top / f"gone{n}")
    assert add(dom0, 3, "store/web") == ("error", "cannot attach store/web: the kernel has no NBD devices (module nbd)")
