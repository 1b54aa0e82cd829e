"""Does a domain cost dom0 more when there are many? The CPU time of dom0 for each of 8, 32
and 64 PV domains with one network card, started by domd in one boot.

QEMU's DHCP server has addresses for 16; the others take the static one of their command line.
"""

import creation
import drives
import guests
from machine import Machine

COUNTS = 8, 32, 64
MEMORY = 5120   # MiB of the machine
SETTLE = 5      # seconds, until dom0 is idle again

NAMES = ["d%02d" % number for number in range(1, max(COUNTS) + 1)]


def domain(number, name):
    text = guests.hello(name, 40, "00:%02x" % number, 'autostart = "no"', guests.says_it_is_up(name),
                        'disk = [ "/tmp/%s.img,raw,xvda,rw" ]' % name)
    return text.replace("hello.name=" + name, "hello.name=%s hello.address=10.0.2.%d/24" % (name, 100 + number))


def start(machine, names):
    """The figures of dom0 while it starts these domains, and the seconds until the last is ready."""
    before = creation.parse_snapshot(machine.out(creation.SNAPSHOT))
    seconds = machine.timed("xenith start --wait %s >/dev/null" % " ".join(names), 1800)
    machine.out("sleep %d" % SETTLE)
    found = creation.difference(before, creation.parse_snapshot(machine.out(creation.SNAPSHOT)))
    machine.out("xenith stop --wait %s >/dev/null; sleep %d" % (" ".join(names), SETTLE), 1800)
    return dict(found, seconds=seconds)


def measure(iso, scratch):
    """{count: figures}"""
    tree = drives.write_tree(scratch / "many", {
        "host.conf": "autostart=no\n",
        **{"domains/%s.cfg" % name: domain(number, name) for number, name in enumerate(NAMES, 1)}})
    drive = drives.ext4(scratch / "many.img", tree)
    with Machine("bench-many", str(iso), drives=[drive], memory=MEMORY,
                 log_dir=str(drives.OUT / "test-logs")) as machine:
        machine.wait_ready()
        machine.out("cd /tmp && truncate -s 1M %s" % " ".join(name + ".img" for name in NAMES))
        # Unmeasured: it reads everything from the medium into the cache.
        start(machine, NAMES[:2])
        return {count: start(machine, NAMES[:count]) for count in COUNTS}


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
