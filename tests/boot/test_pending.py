"""Whether the host runs with the boot options of host.conf, and what `xenith reload` applies."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DEFAULTS = "dom0_mem=512M,max:512M dom0_max_vcpus=1-4 ucode=scan"
BASE = "com1=115200,8n1 console=com1,vga"
DISK = "console=tty0 console=hvc0 xenith.slot=a xenith.config_drive=0c7f1e5a-5f0e-4c57-9f0a-3f2f1f8a6a11"
MEDIUM = "xenith.medium=XENITH_1 console=tty0 console=hvc0"


@pytest.fixture
def pending(host):
    """What boot-pending prints on a host that runs with these options."""
    def call(conf, xen="", linux="", menu="", started=DISK, edit=()):
        host.host_conf()
        host.write("run/xenith/merged/host.conf", host.text("config/host.conf"))
        host.host_conf(conf)
        for line in edit:
            host.write("config/host.conf", re.sub(r"(?m)^%s=.*" % line.split("=")[0].strip(), line, host.text("config/host.conf")))
        host.write("run/xenith/xen-command-line", f"{BASE} {DEFAULTS} {xen} {menu}\n")
        host.write("proc/cmdline", f"{started} {linux}\n")
        return host.run("usr/lib/xenith/boot-pending", XENITH_CMDLINE=f"{host.top}/proc/cmdline",
                        XENITH_MENU=str(TOP / "iso/menu"))
    return call


@pytest.mark.parametrize("conf, xen, linux", [
    ("", "", ""),
    ("", "", "xenith.try=1"),
    # Xen adds these to dom0's.
    ("xen_options=noapic acpi=off\n", "noapic acpi=off", "noapic acpi=off"),
    ("preset=safe\nwatchdog=yes\n", "max_cstate=1 msi=no iommu=no dom0-watchdog=600", "pci=nomsi nomodeset"),
    ("linux_options=a=(b) quiet\n", "", "a=(b) quiet"),
])
def test_nothing_is_pending(pending, conf, xen, linux):
    assert pending(conf, xen, linux) == ""


def test_options_that_changed(pending):
    assert pending("smt=no\ndom0_mem=1G\npcie_aspm=off\n", "max_cstate=1", "quiet") == \
        "reboot pending: host.conf changes the options of Xen: +dom0_mem=1G,max:1G +smt=no -dom0_mem=512M,max:512M " \
        "-max_cstate=1; of Linux: +pcie_aspm=off -quiet\n"
    assert pending("nomodeset=yes\n") == "reboot pending: host.conf changes the options of Linux: +nomodeset\n"
    assert pending("watchdog=yes\n") == "reboot pending: host.conf changes the options of Xen: +dom0-watchdog=600\n"


def test_saved_options_are_reported_elsewhere(pending, host):
    host.write("run/xenith/slots", "running=a\ncommitted=a\noptions=waits\nchange=+smt=no\n")
    assert pending("smt=no\n") == ""
    host.write("run/xenith/slots", "running=a\ncommitted=a\n")
    assert "reboot pending" in pending("smt=no\n")


def test_entry_of_the_menu_that_was_chosen(pending):
    """Its options are no change of host.conf; the same ones of an older host.conf are."""
    safe = "max_cstate=1 msi=no iommu=no"
    assert pending("", menu=safe + " dom0-watchdog=0", linux="pci=nomsi nomodeset xenith.watchdog=no xenith.entry=safe") == ""
    assert pending("smt=no\n", menu=safe + " dom0-watchdog=0", linux="pci=nomsi nomodeset xenith.watchdog=no xenith.entry=safe") \
        == "reboot pending: host.conf changes the options of Xen: +smt=no\n"
    assert pending("", safe, "pci=nomsi nomodeset") == \
        "reboot pending: host.conf changes the options of Xen: -max_cstate=1 -msi=no -iommu=no; of Linux: -pci=nomsi -nomodeset\n"
    assert pending("", menu="smt=no spec-ctrl=ssbd,unpriv-mmio,lock-harden", linux="xenith.entry=hardened") == ""


def test_boot_without_the_saved_configuration(pending):
    assert pending("smt=no\n", "max_cstate=1", "xenith.config=ignore xenith.entry=noconfig") == ""
    assert pending("smt=no\n", "max_cstate=1", "xenith.config_drive=any xenith.entry=otherconfig") == ""


def test_options_whose_trial_is_reported(host, pending):
    host.write("run/xenith/slots", "running=a\noptions=\n")
    assert pending("smt=no\n") != ""
    host.write("run/xenith/slots", "running=a\noptions=failed\n")
    assert pending("smt=no\n") == ""


def test_medium(pending):
    """A reboot changes nothing there. A boot entry that was edited is no change of host.conf, and the watchdog of
    the boot is the image's."""
    assert pending("smt=no\nnomodeset=yes\n", started=MEDIUM) == \
        "no effect: host.conf changes the options of Xen: +smt=no; of Linux: +nomodeset; this host was started from a " \
        "medium, whose menu sets them: build an image with this host.conf, or install the host\n"
    assert pending("dom0_mem=1G\n", started=MEDIUM).startswith(
        "no effect: host.conf changes the options of Xen: +dom0_mem=1G,max:1G -dom0_mem=512M,max:512M; this host")
    assert pending("", "loglvl=all", "quiet", started=MEDIUM) == ""
    assert pending("watchdog=yes\n", started=MEDIUM) == ""


def test_file_that_was_edited(pending):
    """By hand, in memory: a line with an error is not used."""
    assert pending("", "smt=no", edit=["smt = off", "sched_gran=thread"]) == ""
    assert pending("", edit=["smt = off", "sched_gran=thread"]).endswith("options of Xen: +smt=no\n")


def test_host_whose_xen_could_not_be_asked(host):
    host.host_conf("smt=no\n")
    host.write("proc/cmdline", DISK + "\n")
    assert host.run("usr/lib/xenith/boot-pending", XENITH_CMDLINE=f"{host.top}/proc/cmdline") == ""


def test_reload(host):
    host.host_conf("hostname=rack7\n")
    host.service("dropbear")
    (host.top / "root").mkdir()
    host.write("hostname", "xenith\n")
    host.run("usr/lib/xenith/apply-host")
    assert host.text("hostname") == "rack7\n"
    assert host.text("etc/hosts").endswith("127.0.1.1 rack7\n")
    # Nothing is applied of a file with an error.
    host.write("config/host.conf", host.text("config/host.conf").replace("=rack7\n", "=rack8\n").replace("\nsmt=\n", "\nsmt=9\n"))
    for program in ("apply-host", "check-host"):
        with pytest.raises(AssertionError):
            host.run(f"usr/lib/xenith/{program}")
    assert host.text("hostname") == "rack7\n"
