"""block-qemu: sharing rules for images that QEMU serves."""
import pytest

from test_block import CONNECTED, device as kernel_device, disk, image, block  # noqa: F401


def device(dom0, domid, params, mode="w", vm=None):
    """Write the keys as libxl does before the call; returns the backend's path."""
    path = f"backend/qdisk/{domid}/51712"
    dom0.write(path, {"params": params, "mode": mode, "type": "qdisk", "frontend-id": domid, "state": 1})
    dom0.write(f"/local/domain/{domid}", {"vm": vm or f"/vm/uuid-{domid}"})
    return path


def ask(dom0, path):
    done = dom0.run("block-qemu", "add", XENBUS_PATH=path, XENBUS_TYPE="qdisk")
    result = dom0.read(f"{path}/hotplug-status"), dom0.read(f"{path}/hotplug-error")
    assert done.returncode == (0 if result == CONNECTED else 1)
    return result


def add(dom0, *args, **kwargs):
    return ask(dom0, device(dom0, *args, **kwargs))


@pytest.mark.parametrize("first,second,allowed", [
    ("r", "r", True), ("r", "w", False), ("w", "r", False), ("w", "w", False),
])
@pytest.mark.parametrize("what", ["disk", "image"])
def test_two_guests(dom0, request, what, first, second, allowed):
    target = request.getfixturevalue(what)
    assert add(dom0, 3, f"qcow2:{target}", first) == CONNECTED
    status, error = add(dom0, 4, f"raw:{target}", second)
    assert status == ("connected" if allowed else "busy")
    assert allowed or f"{target}: it is in use by domain 3" in error


def test_of_two_at_the_same_time_the_first_stays(dom0, image):  # noqa: F811
    paths = [device(dom0, domid, f"qcow2:{image}") for domid in (3, 4)]
    assert ask(dom0, paths[0]) == CONNECTED
    assert ask(dom0, paths[1])[0] == "busy"
    # The refused domain holds nothing.
    dom0.forget(f"{paths[0]}/mode")
    assert add(dom0, 5, f"qcow2:{image}") == CONNECTED


def test_one_that_restarts(dom0, image):  # noqa: F811
    assert add(dom0, 3, f"qcow2:{image}") == CONNECTED
    assert add(dom0, 4, f"qcow2:{image}", vm="/vm/uuid-3") == CONNECTED


@pytest.mark.parametrize("what", ["disk", "image"])
def test_what_the_kernel_serves(dom0, request, what):
    target = request.getfixturevalue(what)
    path = kernel_device(dom0, 3, target)
    assert block(dom0, "add", path).returncode == 0
    assert f"{target}: it is in use by domain 3" in add(dom0, 4, f"qcow2:{target}")[1]


def test_mounted_in_dom0(dom0, disk):  # noqa: F811
    dom0.mount("253:26", "/srv")
    assert f"cannot attach {disk}: it is in use by dom0, mounted on /srv" in add(dom0, 4, f"raw:{disk}")[1]


@pytest.mark.parametrize("params", ["raw:", "raw:nbd:10.0.0.1:10809"])
def test_no_image_to_look_at(dom0, params):
    assert add(dom0, 3, params, "r") == CONNECTED


def test_image_that_is_not_there(dom0, tmp_path):
    assert add(dom0, 3, f"qcow2:{tmp_path}/none") == ("error", f"cannot attach the disk: {tmp_path}/none does not exist")
