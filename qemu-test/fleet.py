"""Compares four ways to start eight domains, in one boot: time and CPU.

domd starts them first with dependencies, in three levels, each domain when its
requirements are ready; then without any. Only the latter compares with a loop of
`xl create` and upstream's xendomains script, which know no dependencies and start one
domain after the other. A domain is up when it answers HTTP to an outside client, which
costs dom0 nothing.
"""

import os
import pathlib
import re
import subprocess
import sys

import drives
import guests
from answers import Answers
from machine import Machine

# Dependencies in three levels: one; two and three; the others.
NEEDS = {"one": "", "two": "one", "three": "one", "four": "two", "five": "two",
         "six": "three", "seven": "three", "eight": "two"}

# The same eight domains without dependencies.
FREE = ["free-" + name for name in NEEDS]

# Files that upstream's installation would write.
SETTINGS = """XENDOMAINS_AUTO=/tmp/auto
XENDOMAINS_CREATE_USLEEP=5000000
XENDOMAINS_RESTORE=false
XENDOMAINS_SAVE=
"""
PATHS = "sbindir=/usr/sbin\nbindir=/usr/bin\nXEN_LOCK_DIR=/tmp\n"


def tarball():
    """The source of Xen, which has upstream's xendomains."""
    recipe = (pathlib.Path(__file__).parents[1] / "hypervisor/xen/sources").read_text(encoding="utf-8")
    name = re.search(r"(\S+/)?(\S+\.orig\.tar\.\w+)", recipe).group(2)
    places = pathlib.Path(os.environ.get("XENITH_SOURCES", drives.CACHE / "sources")), drives.CACHE / "sources"
    for place in places:
        if (place / name).exists():
            return place / name
    sys.exit("bench: cannot find %s, which has upstream's xendomains, in %s; run ./build.sh fetch bench" % (
        name, " or ".join(map(str, places))))


def xendomains():
    """Upstream's script, from the tarball that Xen is built from."""
    text = subprocess.run(
        ["tar", "-xOf", str(tarball()), "--wildcards", "*/tools/hotplug/Linux/xendomains.in"],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    for name, path in (("XEN_SCRIPT_DIR", "/config/images/bench"),
                       ("CONFIG_DIR", "/config/images"), ("CONFIG_LEAF_DIR", "bench")):
        text = text.replace("@%s@" % name, path)
    # Upstream gives the settings file the script's name.
    return text.replace("/config/images/bench/xendomains", "/config/images/bench/settings")


def tree(directory):
    files = {"host.conf": "autostart=no\n",
             "domains/10-hello-pvh.cfg": "# not here\n", "domains/20-hello-pv.cfg": "# not here\n",
             "images/bench/bash": pathlib.Path("/bin/bash-static"),
             "images/bench/xendomains": xendomains(),
             "images/bench/settings": SETTINGS, "images/bench/hotplugpath.sh": PATHS}
    for number, (name, needs) in enumerate(NEEDS.items(), 1):
        files["domains/%d-%s.cfg" % (number, name)] = guests.hello(
            name, 40, "00:%02x" % number, 'autostart = "no"', guests.says_it_is_up(name),
            guests.requires(needs))
        files["domains/free-%s.cfg" % name] = guests.hello(
            "free-" + name, 40, "00:%02x" % number, 'autostart = "no"',
            guests.says_it_is_up("free-" + name))
    return drives.write_tree(directory, files)


# {way: (names of its domains, command)}
WAYS = {
    "xendomains": (NEEDS, "mkdir -p /tmp/auto; rm -f /tmp/xendomains; "
                          "ln -sf /config/domains/[1-8]-*.cfg /tmp/auto/; "
                          "cp /config/images/bench/bash /tmp/bash; chmod 755 /tmp/bash; "
                          "/tmp/bash /config/images/bench/xendomains start"),
    "xl create, one by one": (
        NEEDS, "for file in /config/domains/[1-8]-*.cfg; do xl create -q $file; done"),
    "domd": (NEEDS, "xenith start " + " ".join(NEEDS)),
    "domd, without an order": (FREE, "xenith start " + " ".join(FREE)),
}


def cpu(machine):
    """CPU time in seconds: (of dom0, of all guests)."""
    used = [(line.split()[1], float(line.split()[5]))
            for line in machine.out("xl list").splitlines() if re.match(r"\S+ +[0-9]", line)]
    return (sum(time for number, time in used if number == "0"),
            sum(time for number, time in used if number != "0"))


def clear(machine):
    """Stop all domains, also those that domd does not manage."""
    machine.out("xenith stop --wait %s >/dev/null 2>&1; "
                "for d in $(xl list | awk 'NR > 1 && $2 != 0 { print $1 }'); do xl destroy $d; done; "
                "n=0; while [ $(xl list | wc -l) -gt 2 ]; do n=$((n+1)); [ $n -lt 60 ] || exit 1; "
                "sleep 1; done; sleep 5" % " ".join([*NEEDS, *FREE]), 600)


def one_way(machine, way):
    """Start all domains; return the seconds to the first and the last answer, and of
    dom0's and the guests' CPU time."""
    names, command = WAYS[way]
    used, _ = cpu(machine)
    # In the background: the console stays usable.
    machine.out("(%s) >/tmp/way.log 2>&1 </dev/null & sleep 0" % command)
    began = machine.console.transcript.now()
    times = Answers(machine, names).wait()
    dom0, theirs = cpu(machine)
    return {"first": min(times.values()) - began, "last": max(times.values()) - began,
            "cpu": dom0 - used, "guests": theirs}


def measure(iso, scratch):
    """{way: figures}, all in one boot."""
    drive = drives.ext4(scratch / "fleet.img", tree(scratch / "fleet"))
    with Machine("bench-fleet", iso, drives=[drive], log_dir=str(drives.OUT / "test-logs")) as machine:
        machine.wait_ready()
        found = {}
        # An unmeasured first run: it reads everything from the medium into the cache.
        for way in ("xl create, one by one", *WAYS):
            found[way] = one_way(machine, way)
            resident = machine.out("ps -o comm,rss | awk '$1 == \"xl\" || $1 == \"domd\"'")
            found[way]["resident"] = resident.split("\n")
            clear(machine)
        return found


def report(found):
    """The table of times. No way can reduce the guests' share: under emulation they boot
    on the machine's two CPUs, as dom0 does."""
    lines = ["%-26s %8s %8s %10s %10s" % (
        "8 domains, seconds to", "first", "last", "dom0's CPU", "guests'")]
    for way, figures in found.items():
        lines.append("%-26s %8.1f %8.1f %10.1f %10.1f" % (
            way, figures["first"], figures["last"], figures["cpu"], figures["guests"]))
    for ours in ("domd", "domd, without an order"):
        for way in ("xendomains", "xl create, one by one"):
            lines.append("%s is %.2f times as fast as %s, with %.2f of its CPU time in dom0" % (
                ours, found[way]["last"] / found[ours]["last"], way,
                found[ours]["cpu"] / found[way]["cpu"]))
    return "\n".join(lines)
