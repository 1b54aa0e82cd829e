"""The drivers in docs/hardware.md are enabled in dom0's kernel."""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]

# Drivers whose symbol does not end with their name.
SYMBOLS = {
    "asix": "USB_NET_AX8817X", "atlantic": "AQTION", "bnxt_en": "BNXT", "cdc_ether": "USB_NET_CDCETHER",
    "dm_mod": "BLK_DEV_DM", "dm_thin_pool": "DM_THIN_PROVISIONING", "ena": "ENA_ETHERNET",
    "i6300esb": "I6300ESB_WDT", "ipmi_devintf": "IPMI_DEVICE_INTERFACE", "md_mod": "BLK_DEV_MD",
    "mptsas": "FUSION_SAS", "mptspi": "FUSION_SPI", "nfs": "NFS_FS", "nfsv3": "NFS_V3", "nfsv4": "NFS_V4",
    "r8152": "USB_RTL8152", "sr_mod": "BLK_DEV_SR", "sym53c8xx": "SCSI_SYM53C8XX_2", "tg3": "TIGON3",
    "virtio_scsi": "SCSI_VIRTIO", "vmw_pvscsi": "VMWARE_PVSCSI"}


def asked_for():
    """{symbol: y or m} of the fragments of dom0's kernel."""
    text = "".join(path.read_text() for directory in ("common", "dom0")
                   for path in sorted((TOP / "kernel-configs" / directory).glob("*.config")))
    return dict(re.findall(r"(?m)^CONFIG_(\w+)=([ym])$", text))


def promised():
    """(driver, y or m) from the last column of each table of drivers, and from sentences
    that list them."""
    page = (TOP / "docs/hardware.md").read_text()
    cells = [row.rsplit("|", 2)[1] for table in re.findall(r"(?m)^\|[^\n]*\| Driver \|\n\|.*\n((?:\|.*\n)+)", page)
             for row in table.splitlines()]
    cells += re.findall(r"(?m)^Volumes on top: ([^.]+)\.$", page)
    cells += [sentence + " (built in)" for sentence in re.findall(r"UHCI \(([^)]+)\)", page)]
    for cell in cells:
        for driver in re.findall(r"`([^`]+)`", cell):
            yield driver.replace("-", "_"), "y" if "(built in)" in cell else "m"


def symbols_of(driver, symbols):
    """The symbol with its name, or those that end with it."""
    name = SYMBOLS.get(driver, driver.upper())
    return [name] if name in symbols else [symbol for symbol in symbols if symbol.endswith("_" + name)]


def test_every_driver_is_asked_for():
    symbols = asked_for()
    drivers = dict(promised())
    assert {"ahci", "mptsas", "e1000", "dm_crypt", "xhci_hcd", "iTCO_wdt"} <= set(drivers)
    assert {driver: asked for driver, asked in drivers.items()
            if {symbols[symbol] for symbol in symbols_of(driver, symbols)} != {asked}} == {}


def test_no_exception_is_one_without_need():
    symbols = asked_for()
    assert [driver for driver in SYMBOLS if driver.upper() in symbols
            or any(symbol.endswith("_" + driver.upper()) for symbol in symbols)] == []
