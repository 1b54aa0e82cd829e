"""What dom0 does to create one PV domain with one network card: requests to xenstored,
processes, and CPU time.

domd creates the domain several times, and the median counts: requests are counted in
further creations, because xenstored's log costs CPU time itself. A domain is created when
it says on its console that it is up; the front ends have connected by then.

Two more domains require that one: how long after it they are ready, created in their turn
and created ahead (prebuild). Two have a disk as well, a device and a file. And how long the creation
takes while another guest computes, or floods xenstored with requests.

With `counted`, all times are those of processors that execute 125 million instructions a second
(machine.COUNTED), whatever this machine does meanwhile.
"""

import re
import statistics

import drives
import guests
from machine import Machine

NAME = "counted"
REQUIRING = {"in-turn": (), "ahead": ('prebuild = "yes"',)}
DISKS = {"device": "/dev/vdb", "file": "/tmp/disk.img"}
# What guests do beside a creation, as a line of shell. A request of the guest for its own name:
# type, number, transaction and length of the text, 32 bits each (docs/misc/xenstore.txt of
# Xen). The domain file and the shell each take one level of backslashes.
REQUEST = r"\\\\002\\\\0\\\\0\\\\0" + r"\\\\0" * 8 + r"\\\\005\\\\0\\\\0\\\\0" + r"name\\\\0"
BESIDE = {"computes": "while :; do :; done",
          "floods": "/bin/busybox mount -t devtmpfs dev /dev; exec 3<>/dev/xen/xenbus; "
                    "/bin/busybox cat <&3 >/dev/null & while :; do printf %s >&3; done" % REQUEST}
LOGGED = 3
# Seconds after the guest's answer, until dom0 is idle again.
SETTLE = 3
DAEMONS = ["domd", "xenstored", "xenconsoled"]
HZ = 100  # of /proc/stat, on every architecture of Linux that Xenith runs on

# Prints "NAME NUMBER..." lines. The shell starts the same programs each time.
SNAPSHOT = (
    "awk '$1 == \"processes\" { print \"forks\", $2 }' /proc/stat; "
    "xl list 0 | awk 'NR == 2 { print \"dom0\", $6 }'; "
    "for p in %s; do set -- $(cat /proc/$(pidof $p)/stat); shift 13; "
    "echo $p $1 $2 $3 $4; done" % " ".join(DAEMONS))


def parse_snapshot(text):
    """{name: [numbers]} from the output of SNAPSHOT."""
    found = {}
    for line in text.splitlines():
        name, *numbers = line.split()
        found[name] = [float(number) for number in numbers]
    return found


def snapshot(machine):
    return parse_snapshot(machine.out(SNAPSHOT))


def parse_requests(log, domid):
    """{"dom0": requests, "guest": requests, "kinds": {kind: requests of dom0}} from
    xenstored's log. Those that switch the log itself do not count."""
    found = {"dom0": 0, "guest": 0, "kinds": {}}
    for line in log.splitlines():
        words = line.split()
        if words[:2] != ["io:", "IN"] or len(words) < 7 or words[6] == "CONTROL":
            continue
        if words[3] == "(d%d)" % domid:
            found["guest"] += 1
        if words[3] == "(d0)":
            found["dom0"] += 1
            found["kinds"][words[6]] = found["kinds"].get(words[6], 0) + 1
    return found


def difference(before, after):
    """What was between two snapshots: processes and threads, and seconds of CPU."""
    def ticks(name, first, last):
        return sum(after[name][first:last]) - sum(before[name][first:last])

    found = {"processes": after["forks"][0] - before["forks"][0], "dom0": after["dom0"][0] - before["dom0"][0]}
    for name in DAEMONS:
        found[name] = ticks(name, 0, 2) / HZ
    found["children of domd"] = ticks("domd", 2, 4) / HZ
    return found


def idle_reading(found):
    """What dom0 does in the same time without a creation: the medians, which each creation's
    figures are without."""
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def without(idle, found):
    return {name: value - idle[name] for name, value in found.items()}


def start_of(name):
    return "xenith start --wait " + name


def one_creation(machine, command=start_of(NAME)):
    before = snapshot(machine)
    machine.out("%s >/dev/null; sleep %d" % (command, SETTLE))
    return before, snapshot(machine)


def guest_seconds(machine):
    """The CPU time of the guest, a few seconds after it is up."""
    return float(machine.out("xl list %s | awk 'NR == 2 { print $6 }'" % NAME))


def stop(machine):
    # What requires it would start with it the next time.
    machine.out("xenith stop --wait %s && sleep 1" % " ".join([*REQUIRING, NAME]))


def with_disk(machine, name, idle, times):
    """The CPU time of dom0 for each creation of a domain with a disk."""
    found = []
    for _ in range(times):
        found.append(without(idle, difference(*one_creation(machine, start_of(name))))["dom0"])
        machine.out("xenith stop --wait %s && sleep 1" % name)
    return found


def log_requests(machine, command):
    """Has xenstored write its log to /tmp/xenstored.log while the command runs."""
    machine.out("rm -f /tmp/xenstored.log; xenstore-control logfile /tmp/xenstored.log; "
                "xenstore-control log on; %s; xenstore-control log off" % command, 300)


def count_requests(machine):
    log_requests(machine, "%s >/dev/null; sleep %d" % (start_of(NAME), SETTLE))
    domid = int(machine.out("xl domid " + NAME))
    # Only what is counted goes over the serial line.
    log = machine.out("awk '$2 == \"IN\" { print $1, $2, $3, $4, $5, $6, $7 }' /tmp/xenstored.log")
    stop(machine)
    return parse_requests(log, domid)


def seconds_behind(machine, name):
    """From the time when what the domain requires is ready until it is itself."""
    lines = int(machine.out("wc -l </run/xenith/boot.log"))
    machine.out("%s >/dev/null" % start_of(name), 300)
    log = machine.out("tail -n +%d /run/xenith/boot.log" % (lines + 1))
    ready = {who: float(when) for when, who in re.findall(r"(?m)^(\S+) domain (\S+) ready$", log)}
    stop(machine)
    return ready[name] - ready[NAME]


def flood(machine, name):
    """The requests of a guest in one second."""
    log_requests(machine, "sleep 3")
    domid = machine.out("xl domid " + name)
    return int(machine.out("grep -c 'IN .*(d%s)' /tmp/xenstored.log" % domid)) / 3


def seconds_beside(machine):
    """{what another guest does: seconds until the domain is ready}"""
    found = {}
    for name in (None, *BESIDE):
        if name:
            machine.out("%s >/dev/null; sleep 3" % start_of(name), 300)
        found[name or "alone"] = machine.timed("%s >/dev/null" % start_of(NAME), 300)
        machine.out("xenith stop --wait %s" % NAME)
        if name == "floods":
            found["requests"] = flood(machine, name)
        if name:
            machine.out("xenith stop --wait %s; sleep 1" % name, 300)
    return found


def domain(name, mac, *lines):
    return guests.hello(name, 40, mac, 'autostart = "no"', guests.says_it_is_up(name), *lines)


def tree(directory):
    """The configuration with all these domains, of which none starts by itself."""
    files = {NAME: domain(NAME, "00:01")}
    for number, (name, lines) in enumerate(REQUIRING.items(), 2):
        files[name] = domain(name, "00:0%d" % number, guests.requires(NAME), *lines)
    for number, (name, path) in enumerate(DISKS.items(), 4):
        files[name] = domain(name, "00:0%d" % number, 'disk = [ "%s,raw,xvda,rw" ]' % path)
    files.update({name: guests.one_line(name, line, 40, 'autostart = "no"', 'ready = "created"', "stop_timeout = 1")
                  for name, line in BESIDE.items()})
    return drives.write_tree(directory, {
        "host.conf": "autostart=no\n", **{"domains/%s.cfg" % name: text for name, text in files.items()}})


def measure(iso, scratch, times, counted=False):
    """The figures of one image, in one boot: of so many creations."""
    drive = drives.ext4(scratch / "create.img", tree(scratch / "create"))
    with Machine("bench-create", str(iso), drives=[drive], disk=16, counted=counted,
                 log_dir=str(drives.OUT / "test-logs")) as machine:
        machine.wait_ready()
        machine.out("truncate -s 16M %s" % DISKS["file"])
        # Unmeasured: it reads everything from the medium into the cache.
        one_creation(machine)
        stop(machine)
        idle = idle_reading([difference(*one_creation(machine, "xenith status " + NAME)) for _ in range(LOGGED)])
        runs = []
        for _ in range(times):
            runs.append(without(idle, difference(*one_creation(machine))))
            runs[-1]["the guest's own boot"] = guest_seconds(machine)
            stop(machine)
        disks = {name: with_disk(machine, name, idle, min(LOGGED, times)) for name in DISKS}
        behind = {name: [] for name in REQUIRING}
        for _ in range(min(LOGGED, times)):
            for name, seconds in behind.items():
                seconds.append(seconds_behind(machine, name))
        beside = [seconds_beside(machine) for _ in range(min(LOGGED, times))]
        return {"runs": runs, "idle": idle, "disks": disks, "behind": behind, "beside": beside,
                "requests": [count_requests(machine) for _ in range(min(LOGGED, times))]}


def rows(found):
    """[(what, median, smallest, largest)]"""
    def row(what, values):
        return what, statistics.median(values), min(values), max(values)

    names = [name for name in found["runs"][0] if name != "processes"]
    return [
        row("requests of dom0 to xenstored", [one["dom0"] for one in found["requests"]]),
        row("requests of the guest", [one["guest"] for one in found["requests"]]),
        row("processes and threads started", [run["processes"] for run in found["runs"]]),
        *(row("CPU seconds, %s" % ("dom0 as Xen counts it" if name == "dom0" else name),
              [run[name] for run in found["runs"]]) for name in names),
        *(row("CPU seconds of dom0, with a %s" % name, seconds) for name, seconds in found["disks"].items()),
        *(row("s after what it requires, %s" % name, seconds) for name, seconds in found["behind"].items()),
        row("s to create, alone", [one["alone"] for one in found["beside"]]),
        *(row("s to create, another guest %s" % name, [one[name] for one in found["beside"]]) for name in BESIDE),
        row("requests of that guest in a second", [one["requests"] for one in found["beside"]])]


def report(found):
    """The table, from {name of an image: measure(...)}."""
    lines = ["%-36s" % "one PV domain, one vif: medians"
             + "".join(" %26s" % name for name in found)]
    columns = [rows(figures) for figures in found.values()]
    for entries in zip(*columns):
        lines.append("%-36s" % entries[0][0] + "".join(
            " %8.2f (%6.2f to %6.2f)" % entry[1:] for entry in entries))
    return "\n".join(lines)
