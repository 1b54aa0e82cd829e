"""mdev.conf: which events start a process."""
import re

import pytest

from conftest import TOP

RULES = [line.split(None, 3) for line in (TOP / "rootfs/etc/mdev.conf").read_text().splitlines()
         if line and not line.startswith("#")]
DOM0 = "".join((TOP / f"kernel-configs/{part}/xen.config").read_text() for part in ("common", "dom0"))


def command(name, environment):
    """What mdev runs for an event, or "": the first rule that matches decides."""
    for pattern, _owner, _mode, *action in RULES:
        text = name
        if pattern.startswith("$"):
            variable, pattern = pattern[1:].split("=", 1)
            text = environment.get(variable)
        if text is not None and re.fullmatch(pattern, text):
            return action[0] if action and action[0][0] in "@$*" else ""
    return ""


@pytest.mark.parametrize("kind", ["9pfs", "console", "pci", "qdisk", "vbd", "vfb", "vif", "vkbd"])
def test_back_ends_of_guests_start_no_process(kind):
    assert command(f"{kind}-7-0", {"MODALIAS": f"xen-backend:{kind}"}) == ""


@pytest.mark.parametrize("driver", ["BLKDEV", "NETDEV", "PCIDEV"])
def test_their_drivers_are_built_in(driver):
    assert f"CONFIG_XEN_{driver}_BACKEND=y" in DOM0.splitlines()


@pytest.mark.parametrize("alias", ["pci:v00008086d0000100Esv", "usb:v18D1p4E12", "xen-backend:pvcalls",
                                   "xen-backend:vbdx", "xen:vbd", "scsi:t-0x00"])
def test_other_devices_get_their_driver(alias):
    assert "modprobe" in command("1-1", {"MODALIAS": alias})


def test_without_a_modalias_the_name_decides():
    assert command("sda1", {}) == ""
