"""The block script: devices, files, and sharing rules."""
import os

import pytest


def device(dom0, domid, params, mode="w", devid=51712, **keys):
    """Write the keys as libxl does before the call; returns the backend's path."""
    path = f"backend/vbd/{domid}/{devid}"
    dom0.write(path, {
        "params": params, "mode": mode, "type": "phy", "frontend-id": domid, "state": 2, **keys,
    })
    dom0.write(f"/local/domain/{domid}", {"vm": f"/vm/uuid-{domid}"})
    return path


def start(dom0, action, path):
    return dom0.start("block", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


def block(dom0, action, path):
    return dom0.run("block", action, XENBUS_PATH=path, XENBUS_TYPE="vbd")


def status(dom0, path):
    return dom0.read(f"{path}/hotplug-status"), dom0.read(f"{path}/hotplug-error")


def add(dom0, *args, **kwargs):
    """Add a device; returns its status and error."""
    path = device(dom0, *args, **kwargs)
    done = block(dom0, "add", path)
    assert done.returncode == (0 if dom0.read(f"{path}/hotplug-status") == "connected" else 1)
    return status(dom0, path)


CONNECTED = ("connected", None)


@pytest.fixture
def disk(dom0):
    dom0.block_device("/dev/vg/web", "fd:1a")
    return "/dev/vg/web"


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk image.img"
    path.write_bytes(b"\0" * 4096)
    return path


# --- Devices

def test_device(dom0, disk):
    assert add(dom0, 3, disk) == CONNECTED
    assert dom0.read("backend/vbd/3/51712/physical-device") == "fd:1a"
    assert dom0.read("backend/vbd/3/51712/physical-device-path") == disk


def test_device_below_dev(dom0, disk):
    assert add(dom0, 3, "vg/web") == CONNECTED
    assert dom0.read("backend/vbd/3/51712/physical-device-path") == disk


def test_removing_a_device_does_nothing(dom0, disk):
    add(dom0, 3, disk)
    assert block(dom0, "remove", "backend/vbd/3/51712").returncode == 0


def test_device_that_does_not_exist(dom0):
    assert add(dom0, 3, "/dev/nothing") == ("error", "cannot attach the disk: /dev/nothing does not exist")


def test_path_of_the_wrong_kind(dom0, tmp_path):
    assert add(dom0, 3, str(tmp_path)) == ("error", f"cannot attach {tmp_path}: it is neither a block device nor a file")


def test_drive_without_a_medium(dom0):
    assert add(dom0, 3, "", mode="r") == CONNECTED
    assert dom0.read("backend/vbd/3/51712/physical-device") is None


def test_second_call_does_nothing(dom0, image):
    add(dom0, 3, image)
    assert block(dom0, "add", "backend/vbd/3/51712").returncode == 0
    assert len(dom0.loops()) == 1


def test_unknown_action(dom0, disk):
    assert block(dom0, "dance", device(dom0, 3, disk)).returncode == 1


# --- Sharing

@pytest.mark.parametrize("first,second,allowed", [
    ("r", "r", True),
    ("r", "w", False),
    ("w", "r", False),
    ("w", "w", False),
    ("w", "w!", True),
    ("w!", "w", False),
    ("w!", "r", False),
    ("r", "w!", True),
])
@pytest.mark.parametrize("what", ["disk", "image"])
def test_sharing(dom0, request, what, first, second, allowed):
    target = request.getfixturevalue(what)
    assert add(dom0, 3, target, first) == CONNECTED
    result = add(dom0, 4, target, second)
    if allowed:
        assert result == CONNECTED
    else:
        assert result[0] == "busy"
        assert f"{target}: it is in use by domain 3" in result[1]
        assert dom0.read("backend/vbd/4/51712/physical-device") is None


def test_the_other_is_named(dom0, disk):
    add(dom0, 3, disk)
    dom0.write("/local/domain/3", {"name": "shop"})
    assert f"cannot attach {disk}: it is in use by domain 3 (shop); stop that domain" in add(dom0, 4, disk)[1]


def test_what_dom0_has_for_itself_is_in_use(dom0, disk):
    """dom0 has no /vm entry, like a domain that is being destroyed."""
    assert add(dom0, 0, disk) == CONNECTED
    (dom0.top / "store/local/domain/0/vm/=").unlink()
    assert "in use by domain 0" in add(dom0, 4, disk)[1]
    assert add(dom0, 0, disk, devid=51728) == CONNECTED


def test_other_devices_entries_are_not_read(dom0, disk, image):
    """The check of a host with many guests would take longer with each."""
    assert add(dom0, 3, disk) == CONNECTED
    (dom0.top / "asked").unlink()
    assert add(dom0, 4, image) == CONNECTED
    asked = dom0.text("asked").splitlines()
    assert asked and not [line for line in asked if "vbd/3" in line or line.endswith("vbd")]
    assert add(dom0, 5, disk)[0] == "busy"
    assert "vbd/3/51712" in dom0.text("asked")


def test_no_answer_is_no_permission(dom0, disk):
    """The other guest's entries may be there."""
    assert add(dom0, 3, disk) == CONNECTED
    path = device(dom0, 4, disk)
    (dom0.top / "no-answer").write_text("vbd/3/51712/mode\n")
    assert block(dom0, "add", path).returncode == 1
    assert status(dom0, path) == ("error", f"cannot attach {disk}: xenstored does not answer: Input/output error")
    assert dom0.read(f"{path}/physical-device") is None
    # Nor is the other one forgotten.
    dom0.write(path, {"mode": "w!", "hotplug-status": ""})
    block(dom0, "add", path)
    assert "backend/vbd/3/51712\n" in dom0.text("run/xen-hotplug/uses")


def test_no_answer_about_images_is_no_permission(dom0, disk):
    (dom0.top / "no-answer").write_text("qdisk\n")
    assert add(dom0, 3, disk) == ("error", f"cannot attach {disk}: xenstored does not answer: Input/output error")


def test_store_that_changes_meanwhile(dom0, disk):
    """A transaction that has to be done again."""
    (dom0.top / "conflict").touch()
    assert add(dom0, 3, disk) == CONNECTED
    assert dom0.read("backend/vbd/3/51712/physical-device") == "fd:1a"
    assert not (dom0.top / "conflict").exists()


def test_uses_that_are_gone_are_forgotten(dom0, disk):
    for domid in range(3, 7):
        assert add(dom0, domid, disk, "w!") == CONNECTED
        dom0.forget(f"backend/vbd/{domid}/51712/physical-device")
    assert dom0.text("run/xen-hotplug/uses") == "fd:1a backend/vbd/6/51712\n"


def test_free_again_when_the_first_is_gone(dom0, disk):
    add(dom0, 3, disk)
    dom0.forget("backend/vbd/3/51712/physical-device")
    assert add(dom0, 4, disk) == CONNECTED


def test_same_machine_under_a_new_number(dom0, disk):
    """A rebooting domain starts before its old backend is gone."""
    add(dom0, 3, disk)
    path = device(dom0, 4, disk)
    dom0.write("/local/domain/4", {"vm": "/vm/uuid-3"})
    assert block(dom0, "add", path).returncode == 0
    assert status(dom0, path) == CONNECTED


def test_device_model_of_the_same_machine(dom0, disk):
    add(dom0, 3, disk)
    dom0.write("/local/domain/4", {"target": 3})
    assert add(dom0, 4, disk) == CONNECTED


def test_another_device_is_no_conflict(dom0, disk):
    dom0.block_device("/dev/vg/mail", "fd:1")
    assert add(dom0, 3, disk) == CONNECTED
    assert add(dom0, 4, "/dev/vg/mail") == CONNECTED


@pytest.mark.parametrize("mode,state,allowed", [
    ("w", "rw", False), ("w", "ro", False), ("r", "rw", False), ("r", "ro", True), ("w!", "rw", True),
])
def test_mounted_in_dom0(dom0, disk, mode, state, allowed):
    dom0.mount("253:26", "/srv", state)
    result = add(dom0, 3, disk, mode)
    how = "mounted for writing on /srv" if mode == "r" else "mounted on /srv"
    assert result == CONNECTED if allowed else (result[0] == "busy" and "in use by dom0, " + how in result[1])


def test_file_mounted_in_dom0_through_a_loop_device(dom0, image):
    loop = dom0.top / "sys/block/loop4/loop"
    loop.mkdir(parents=True)
    (loop / "backing_file").write_text(f"{image}\n")
    (loop.parent / "dev").write_text("7:4\n")
    dom0.mount("7:4", "/mnt")
    result = add(dom0, 3, image)
    assert result[0] == "busy" and "/mnt" in result[1]


def test_file_under_another_name_is_the_same_file(dom0, image):
    os.link(image, image.with_name("other.img"))
    assert add(dom0, 3, image) == CONNECTED
    assert add(dom0, 4, image.with_name("other.img"))[0] == "busy"


# --- Images that QEMU serves

def served_by_qemu(dom0, domid, params, mode="w"):
    """An image that block-qemu has accepted."""
    dom0.write(f"backend/qdisk/{domid}/51712", {"params": params, "mode": mode, "type": "qdisk", "frontend-id": domid,
                                                "hotplug-status": "connected"})
    dom0.write(f"/local/domain/{domid}", {"vm": f"/vm/uuid-{domid}"})


@pytest.mark.parametrize("first,second,allowed", [
    ("r", "r", True), ("w", "r", False), ("w", "w", False), ("r", "w", False), ("w", "w!", True),
])
@pytest.mark.parametrize("what", ["disk", "image"])
def test_sharing_with_qemu(dom0, request, what, first, second, allowed):
    target = request.getfixturevalue(what)
    served_by_qemu(dom0, 2, "raw:", "r")
    served_by_qemu(dom0, 3, f"qcow2:{target}", first)
    result = add(dom0, 4, target, second)
    if allowed:
        assert result == CONNECTED
    else:
        assert result[0] == "busy" and f"{target}: it is in use by domain 3" in result[1]


def test_file_that_qemu_has_under_another_name(dom0, image):
    os.link(image, image.with_name("é.img"))
    served_by_qemu(dom0, 3, f"qcow2:{image.with_name('é.img')}")
    assert add(dom0, 4, image)[0] == "busy"
    other = image.with_name("other.img")
    other.write_bytes(bytes(512))
    assert add(dom0, 5, other) == CONNECTED


def test_part_that_qemu_has(dom0, stack):
    served_by_qemu(dom0, 3, "qcow2:/dev/vg/web")
    assert add(dom0, 4, "/dev/sda2")[0] == "busy"
    assert add(dom0, 5, "/dev/vg/mail") == CONNECTED


def test_files_of_qemu_do_not_delay_a_device(dom0, disk, image):
    """Their server may be unreachable."""
    served_by_qemu(dom0, 3, f"qcow2:{image}")
    assert add(dom0, 4, disk) == CONNECTED
    assert disk in dom0.text("stat.log") and str(image) not in dom0.text("stat.log")


def test_own_disk_from_qemu(dom0, disk):
    served_by_qemu(dom0, 3, f"raw:{disk}")
    assert add(dom0, 3, disk, devid=51728) == CONNECTED


# --- Stacked devices

# sda has the partitions sda1 and sda2; the volumes web and mail are on sda2, and mail has
# another volume on it. sdb is separate.
DISKS = {"/dev/sda": "8:0", "/dev/sda1": "8:1", "/dev/sda2": "8:2", "/dev/vg/web": "fd:1a",
         "/dev/vg/mail": "fd:1b", "/dev/mapper/inner": "fd:1c", "/dev/sdb": "8:10"}


@pytest.fixture
def stack(dom0):
    for path, number in DISKS.items():
        dom0.block_device(path, number)
    dom0.below("8:0", "8:1", partition=True)
    dom0.below("8:0", "8:2", partition=True)
    dom0.below("8:2", "253:26")
    dom0.below("8:2", "253:27")
    dom0.below("253:27", "253:28")
    dom0.below("8:16", "8:17", partition=True)


@pytest.mark.parametrize("first, second, allowed", [
    ("/dev/sda", "/dev/sda1", False), ("/dev/sda1", "/dev/sda", False),
    ("/dev/sda", "/dev/vg/web", False), ("/dev/vg/web", "/dev/sda", False),
    ("/dev/sda2", "/dev/vg/web", False), ("/dev/vg/web", "/dev/sda2", False),
    ("/dev/mapper/inner", "/dev/sda", False), ("/dev/sda", "/dev/mapper/inner", False),
    ("/dev/mapper/inner", "/dev/vg/mail", False),
    ("/dev/sda1", "/dev/sda2", True), ("/dev/sda1", "/dev/vg/web", True), ("/dev/vg/web", "/dev/sda1", True),
    ("/dev/vg/web", "/dev/vg/mail", True), ("/dev/mapper/inner", "/dev/vg/web", True), ("/dev/sda", "/dev/sdb", True),
])
def test_whole_and_part(dom0, stack, first, second, allowed):
    assert add(dom0, 3, first) == CONNECTED
    assert add(dom0, 4, second)[0] == ("connected" if allowed else "busy")


def test_readers_of_whole_and_part(dom0, stack):
    assert add(dom0, 3, "/dev/sda", "r") == CONNECTED
    assert add(dom0, 4, "/dev/vg/mail", "r") == CONNECTED
    assert add(dom0, 5, "/dev/mapper/inner", "w")[0] == "busy"


@pytest.mark.parametrize("disk, allowed", [
    ("/dev/sda", False), ("/dev/sda2", False), ("/dev/vg/mail", False), ("/dev/mapper/inner", False),
    ("/dev/vg/web", True), ("/dev/sda1", True), ("/dev/sdb", True),
])
def test_part_that_is_mounted_in_dom0(dom0, stack, disk, allowed):
    dom0.mount("253:28", "/srv")
    assert add(dom0, 3, disk)[0] == ("connected" if allowed else "busy")


# --- Files

def test_file(dom0, image):
    assert add(dom0, 3, image) == CONNECTED
    assert dom0.loops() == {"loop0": str(image)}
    assert dom0.read("backend/vbd/3/51712/node") == "/dev/loop0"
    assert dom0.read("backend/vbd/3/51712/physical-device") == "7:0"
    assert not dom0.text("losetup.log").startswith("-r")
    assert block(dom0, "remove", "backend/vbd/3/51712").returncode == 0
    assert dom0.loops() == {}


def test_read_only_file(dom0, image):
    assert add(dom0, 3, image, "r") == CONNECTED
    assert dom0.text("losetup.log").startswith("-r ")


def test_removing_when_the_file_is_gone(dom0, image):
    add(dom0, 3, image)
    image.unlink()
    assert block(dom0, "remove", "backend/vbd/3/51712").returncode == 0
    assert dom0.loops() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any file")
def test_file_that_cannot_be_written(dom0, image):
    image.chmod(0o444)
    assert add(dom0, 3, image)[0] == "busy"
    assert add(dom0, 4, image, "r") == CONNECTED


def test_libxl_gave_up_while_we_waited(dom0, image):
    result = add(dom0, 3, image, state=6)
    assert result[0] == "error" and "gave up on the device" in result[1]
    assert dom0.loops() == {}


def test_loop_device_taken_by_somebody_else(dom0, image):
    (dom0.top / "loop-is-stolen").touch()
    assert add(dom0, 3, image) == CONNECTED
    assert dom0.loops()["loop1"] == str(image)


def test_loop_device_is_given_back_when_the_store_fails(dom0, image):
    path = device(dom0, 3, image)
    (dom0.top / "store-is-broken").touch()
    assert block(dom0, "add", path).returncode == 1
    assert dom0.loops() == {}


def test_loop_device_is_given_back_when_its_use_cannot_be_noted(dom0, image):
    (dom0.top / "run/xen-hotplug/uses.new").mkdir(parents=True)
    assert add(dom0, 3, image) == ("error", f"cannot attach {image}: cannot note its use: Is a directory")
    assert dom0.loops() == {}


# --- Concurrency

def test_eight_files_at_once(dom0, tmp_path):
    images = [tmp_path / f"{n}.img" for n in range(8)]
    for image in images:
        image.write_bytes(b"\0" * 512)
    paths = [device(dom0, 10 + n, image) for n, image in enumerate(images)]
    processes = [start(dom0, "add", path) for path in paths]
    assert [p.wait(60) for p in processes] == [0] * 8
    # No retries: the lock covers both steps.
    assert dom0.text("syslog") == ""
    assert sorted(dom0.loops().values()) == sorted(str(i) for i in images)
    numbers = {dom0.read(f"{path}/physical-device") for path in paths}
    assert len(numbers) == 8

    processes = [start(dom0, "remove", path) for path in paths]
    assert [p.wait(60) for p in processes] == [0] * 8
    assert dom0.loops() == {}


@pytest.mark.parametrize("what", ["disk", "image"])
def test_of_eight_writers_exactly_one_wins(dom0, request, what):
    target = request.getfixturevalue(what)
    paths = [device(dom0, 10 + n, target) for n in range(8)]
    processes = [start(dom0, "add", path) for path in paths]
    for process in processes:
        process.wait(60)
    results = [status(dom0, path)[0] for path in paths]
    assert sorted(results) == ["busy"] * 7 + ["connected"]


def test_eight_readers_share(dom0, image):
    paths = [device(dom0, 10 + n, image, "r") for n in range(8)]
    processes = [start(dom0, "add", path) for path in paths]
    assert [p.wait(60) for p in processes] == [0] * 8
    assert {status(dom0, path) for path in paths} == {CONNECTED}
