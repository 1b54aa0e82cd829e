"""The block-nvme script: namespaces of an NVMe/TCP subsystem as disks."""
import pytest

from test_block import CONNECTED, device, status

NQN = "nqn.2026-11.org.example:web"


def nvme(dom0, action, path):
    return dom0.run("block-nvme", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


def add(dom0, *args, **kwargs):
    path = device(dom0, *args, **kwargs)
    nvme(dom0, "add", path)
    return status(dom0, path)


def controllers(dom0):
    return sorted(path.name for path in dom0.top.glob("nvme[0-9]"))


@pytest.mark.parametrize("target, asked, number", [
    (f"store/{NQN}", f"connect store {NQN}", "103:1"),
    (f"192.0.2.7:4421/{NQN}/2", f"connect 192.0.2.7:4421 {NQN}", "103:2"),
    (f"[2001:db8::7]:4421/{NQN}", f"connect [2001:db8::7]:4421 {NQN}", "103:1"),
])
def test_target(dom0, target, asked, number):
    assert add(dom0, 3, target) == CONNECTED
    assert asked in dom0.text("nvme.log").splitlines()
    assert dom0.read("backend/vbd/3/51712/physical-device") == number


@pytest.mark.parametrize("target, error", [
    ("store", "block-nvme: target=store: expected HOST[:PORT]/NQN[/NAMESPACE]"),
    ("store/web", "block-nvme: target=store/web: expected HOST[:PORT]/NQN[/NAMESPACE]"),
    (f"down/{NQN}", f"nvme-tcp: cannot connect to {NQN} at down, port 4420: refused"),
    (f"store/{NQN}/3", f"cannot attach store/{NQN}/3: {NQN} at store has no namespace 3"),
])
def test_what_is_wrong(dom0, target, error):
    assert add(dom0, 3, target) == ("error", error)
    assert controllers(dom0) == []


def test_removed(dom0):
    add(dom0, 3, f"store/{NQN}")
    assert controllers(dom0) == ["nvme0"]
    assert nvme(dom0, "remove", "backend/vbd/3/51712").returncode == 0
    assert controllers(dom0) == []
    assert add(dom0, 4, f"store/{NQN}") == CONNECTED


def test_two_namespaces_share_the_controller(dom0):
    assert add(dom0, 3, f"store/{NQN}/1") == CONNECTED
    assert add(dom0, 4, f"store/{NQN}/2") == CONNECTED
    assert controllers(dom0) == ["nvme0"]
    nvme(dom0, "remove", "backend/vbd/3/51712")
    assert controllers(dom0) == ["nvme0"]
    nvme(dom0, "remove", "backend/vbd/4/51712")
    assert controllers(dom0) == []


@pytest.mark.parametrize("server", ["store", "store:4420", "other", "[2001:db8::7]:4421"])
def test_second_writer(dom0, server):
    """It is refused under any address of the server."""
    add(dom0, 3, f"store/{NQN}")
    result, error = add(dom0, 4, f"{server}/{NQN}/1")
    assert "in use by domain 3" in error
    assert result == "busy"
    assert controllers(dom0) == ["nvme0"]


def test_one_controller_however_its_port_is_written(dom0):
    assert add(dom0, 3, f"store/{NQN}/1") == CONNECTED
    assert add(dom0, 4, f"store:4420/{NQN}/2") == CONNECTED
    assert dom0.text("nvme.log").count("connect ") == 1


def test_server_that_does_not_answer(dom0):
    path = device(dom0, 3, f"[2001:db8::7]/{NQN}")
    dom0.run("block-nvme", "add", XENBUS_PATH=path, XENBUS_TYPE="vbd", NC_SAYS="x: Connection refused")
    assert status(dom0, path) == ("error", "cannot reach the server 2001:db8::7, port 4420: x: Connection refused")
    assert dom0.text("nvme.log") == ""


def test_several_readers(dom0):
    assert add(dom0, 3, f"store/{NQN}", mode="r") == CONNECTED
    assert add(dom0, 4, f"store/{NQN}", mode="r") == CONNECTED
