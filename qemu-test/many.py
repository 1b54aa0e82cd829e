"""Does a domain cost dom0 more when there are many? The CPU time of dom0 for each of 8, 32
and 64 PV domains with one network card and one disk, started by domd in one boot.

Time passes with the instructions that are executed (machine.COUNTED): with so many guests on
two emulated processors, seconds measure the emulator, which forgets its translations of
addresses at each switch from one guest to another. What dom0 does anyway is subtracted, for
as long as the guests' own boots take.

QEMU's DHCP server has addresses for 16; the others take the static one of their command line.
"""

import creation
import drives
import guests
from machine import Machine

COUNTS = 8, 32, 64
MEMORY = 5120   # MiB of the machine
SETTLE = 5      # seconds, until dom0 is idle again
LONG = 7200     # seconds of this machine, at most, for a command
IDLE = 60       # seconds in which dom0 does nothing else

NAMES = ["d%02d" % number for number in range(1, max(COUNTS) + 1)]


def domain(number, name):
    text = guests.hello(name, 40, "00:%02x" % number, 'autostart = "no"', guests.says_it_is_up(name),
                        'disk = [ "/tmp/%s.img,raw,xvda,rw" ]' % name, start_timeout=36000)
    return text.replace("hello.name=" + name, "hello.name=%s hello.address=10.0.2.%d/24" % (name, 100 + number))


def idle_rates(machine):
    """What a snapshot costs, and what dom0 does anyway in each second."""
    first, second = creation.snapshot(machine), creation.snapshot(machine)
    alone = creation.difference(first, second)
    machine.out("sleep %d" % IDLE, 600)
    with_sleep = creation.difference(second, creation.snapshot(machine))
    return alone, {name: (value - alone[name]) / IDLE for name, value in with_sleep.items()}


def start(machine, names, idle):
    """The figures of dom0 while it starts these domains, and the seconds until the last is ready."""
    alone, rates = idle
    before = creation.snapshot(machine)
    seconds = machine.timed("xenith start --wait %s >/dev/null" % " ".join(names), LONG)
    machine.out("sleep %d" % SETTLE)
    found = creation.difference(before, creation.snapshot(machine))
    machine.out("xenith stop --wait %s >/dev/null; sleep %d" % (" ".join(names), SETTLE), LONG)
    return dict(((name, value - alone[name] - rates[name] * (seconds + SETTLE)) for name, value in found.items()),
                seconds=seconds)


def measure(iso, scratch):
    """{count: figures}"""
    tree = drives.write_tree(scratch / "many", {
        "host.conf": "autostart=no\n",
        **{"domains/%s.cfg" % name: domain(number, name) for number, name in enumerate(NAMES, 1)}})
    drive = drives.ext4(scratch / "many.img", tree)
    with Machine("bench-many", str(iso), drives=[drive], memory=MEMORY, counted=True,
                 log_dir=str(drives.OUT / "test-logs")) as machine:
        machine.wait_ready()
        machine.out("cd /tmp && truncate -s 1M %s" % " ".join(name + ".img" for name in NAMES))
        idle = idle_rates(machine)
        # Unmeasured: it reads everything from the medium into the cache.
        start(machine, NAMES[:2], idle)
        return {count: start(machine, NAMES[:count], idle) for count in COUNTS}


def report(found):
    names = ["dom0", "children of domd", *creation.DAEMONS]
    lines = ["%-10s %10s" % ("domains", "seconds") + "".join(" %18s" % name for name in names)]
    first = found[min(found)]
    for count, figures in found.items():
        each = [figures[name] / count for name in names]
        lines.append("%-10d %10.1f" % (count, figures["seconds"]) + "".join(" %18.3f" % value for value in each))
    lines.append("CPU seconds for each domain; of dom0, against %d domains: %s" % (min(found), ", ".join(
        "%d: %.2f" % (count, figures["dom0"] / count / (first["dom0"] / min(found))) for count, figures in found.items())))
    return "\n".join(lines)
