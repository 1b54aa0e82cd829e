"""How long an administrator waits: for the boot from each medium, an installation, a save, an
update and a rollback."""

import statistics

import drives
from machine import READY, Machine
from upgrades import Updates

BOOTS = {
    "CD, BIOS": {}, "CD, UEFI": {"firmware": "uefi"},
    "USB stick, BIOS": {"attach": "usb"}, "USB stick, UEFI": {"attach": "usb", "firmware": "uefi"},
    "network, BIOS": {"attach": "net"}, "network, UEFI": {"attach": "net", "firmware": "uefi"},
}
DISKS = {"disk, BIOS": "bios", "disk, UEFI": "uefi"}
TIMES = 3
PATIENCE = 1800     # seconds for a command


def machine_of(name, medium, **options):
    return Machine("upkeep-" + "".join(filter(str.isalnum, name)), medium, log_dir=str(drives.OUT / "test-logs"), **options)


def ready(machine):
    """Seconds from power-on until the boot scripts are done."""
    machine.wait_ready()
    return machine.console.transcript.time_of(READY)


def disk_seconds(machine):
    """How long the first disk has worked, by Documentation/block/stat.rst of Linux."""
    return int(machine.out("awk '{ print $10 }' /sys/block/vda/stat")) / 1000


def on_the_host(machine, updates):
    """{what: [seconds]} on an installed host, which keeps its version."""
    found = {"save": [], "update": [], "rollback of an update": [], "rollback of the configuration": []}
    update = updates.command(updates.make("measured", 1))
    for number in range(TIMES):
        machine.out("sed -i 's/^ntp=.*/ntp=192.0.2.%d/' /config/host.conf" % (100 + number))
        found["save"].append(machine.timed("xenith save -m measured", PATIENCE))
        found["update"].append(machine.timed(update, PATIENCE))
        found["rollback of an update"].append(machine.timed("xenith update --rollback", PATIENCE))
        found["rollback of the configuration"].append(machine.timed("xenith rollback config", PATIENCE))
    return found


def measure(iso, scratch):
    """{what: [seconds]}; the network's boots are those of the build's bundle."""
    found = {}
    for name, options in BOOTS.items():
        medium = str(drives.OUT / "netboot") if options.get("attach") == "net" else iso
        with machine_of(name, medium, **options) as machine:
            found["boot: " + name] = [ready(machine)]
    disk = drives.EmptyDisk(scratch / "disk.img", "target")
    with machine_of("install", iso, extra=disk.options()) as machine:
        machine.wait_ready()
        busy = disk_seconds(machine)
        found["install"] = [machine.timed("xenith install vda --yes vda", PATIENCE)]
        found["install: the disk works"] = [disk_seconds(machine) - busy]
        machine.power_off()
    (scratch / "updates").mkdir()
    updates = Updates(scratch / "updates")
    try:
        for name, firmware in DISKS.items():
            with machine_of(name, "none", attach="disk", firmware=firmware, extra=disk.options(first=True)) as machine:
                found["boot: " + name] = [ready(machine)]
                if firmware == "bios":
                    found.update(on_the_host(machine, updates))
                machine.power_off()
    finally:
        updates.close()
    return found


def report(found):
    lines = ["%-32s %8s %8s %8s" % ("seconds", "fastest", "median", "slowest")]
    for name, values in found.items():
        lines.append("%-32s %8.1f %8.1f %8.1f" % (name, min(values), statistics.median(values), max(values)))
    return "\n".join(lines)
