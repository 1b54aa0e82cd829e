"""What tells the machine from others: guests' MAC addresses and the names of initiators are
made from it."""

import pytest

NOT_SET = "03000200-0400-0500-0006-000700080009"


def machine(host, uuid, **cards):
    host.host_conf()
    if uuid:
        host.write("sys/class/dmi/id/product_uuid", uuid + "\n")
    for name, address in cards.items():
        host.write(f"sys/class/net/{name}/address", address + "\n")
        if name.startswith("eth"):
            host.write(f"sys/class/net/{name}/device/vendor", "0x8086\n")
    host.run("boot/40-host")
    return host.text("run/xenith/machine").strip()


def test_uuid_of_the_firmware(host):
    assert machine(host, "4C4C4544-0042-3510-8056-B4C04F4E4D32") == "4c4c4544-0042-3510-8056-b4c04f4e4d32"


@pytest.mark.parametrize("uuid", ["", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"])
def test_firmware_without_one(host, uuid):
    assert machine(host, uuid, eth0="52:54:00:00:00:01") == ""


@pytest.mark.parametrize("uuid", [NOT_SET, "00020003-0004-0005-0006-000700080009", "12345678-1234-5678-90AB-CDDEEFAABBCC"])
def test_firmware_with_that_of_other_boards(host, uuid):
    """The cards tell them apart, in whatever order they are found; a bridge is none."""
    assert machine(host, uuid, eth0="52:54:00:00:00:0b", eth1="52:54:00:00:00:0a", xenbr0="00:00:00:00:00:01") == \
        uuid[:23].lower() + "-52540000000a"


def test_that_of_other_boards_and_no_card(host):
    assert machine(host, NOT_SET) == ""
