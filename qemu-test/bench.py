#!/usr/bin/python3
"""Boots the image several times, prints the measurements, and draws a boot.

usage: bench.py [--boots N] [--iso FILE] [--no-fleet] [--no-storage]
       bench.py --many [--iso FILE]
       bench.py --upkeep [--iso FILE]
       bench.py --create [--counted] [--times N] [--iso FILE] [--against FILE]
       bench.py --against-debian [--iso FILE]

Prints a table of the stages of the boot, the memory used in dom0, the size of the
image, the time that several tools take to start eight domains, and the overhead of
blkback; writes out/boot.svg (the boot with the median total) and out/bench.json (all
measurements). With --create it prints what dom0 does to create one domain instead, for
one image, or for two, one after the other, and with --counted in a machine whose time passes
with the instructions that it executes; with --many, what each of many domains costs
dom0; with --upkeep, how long boots, an installation, saves and updates take; with
--against-debian, how long the image and a Debian with Debian's Xen take to have eight guests
running.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile

import against
import creation
import drives
import fleet
import host
import many
import storage
import timeline
import upkeep
from answers import Answers
from machine import Machine
from timeline import parse_boot_log

# The upper limits that the project sets itself: s, MiB, MiB.
LIMITS = {"answers": 45, "memory": 64, "iso": 48}


def stages(transcript, log, answers):
    """The stages of a boot: {name: seconds after power-on}, in order.

    The console has the times of GRUB, Xen and init; the host's boot log, which counts
    from the kernel's start, is aligned with it at init.
    """
    init = transcript.time_of(r"Xenith: init")
    offset = init - next(up for up, event in log if event == "init")

    def when(pattern):
        return next((up + offset for up, event in log if re.match(pattern, event)), None)

    found = {
        "GRUB": transcript.time_of(r"GRUB|Xenith"),
        "Xen": transcript.time_of(r"\(XEN\)|Xen \d+\.\d+"),
        "kernel": offset,
        "init": init,
        "network": when(r"network "),
        "ready": when(r"ready$"),
    }
    for name in sorted(answers):
        found[name + " creating"] = when(r"creating %s$" % re.escape(name))
        found[name + " started"] = when(r"domain %s started$" % re.escape(name))
        found[name + " answers"] = answers[name]
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def rows(found):
    """The rows for timeline.draw, from stages()."""
    out = []

    def add(label, kind, start, end):
        if start in found and end in found:
            out.append((label, kind, found[start], found[end]))

    found = {"power-on": 0.0, **found}
    add("firmware", "firmware", "power-on", "GRUB")
    add("GRUB", "loader", "GRUB", "Xen")
    add("Xen", "xen", "Xen", "kernel")
    add("kernel", "kernel", "kernel", "init")
    add("init to ready", "host", "init", "ready")
    add("network", "host", "network", "network")
    for label in found:
        if label.endswith(" answers"):
            name = label[:-len(" answers")]
            add(name + ": create", "domain", name + " creating", name + " started")
            add(name + ": boot", "domain", name + " started", label)
    return out


def one_boot(iso, number):
    with Machine("bench-%d" % number, iso, log_dir=str(drives.OUT / "test-logs")) as machine:
        machine.wait_alive()
        machine.console.wait(r"Xenith: domain \S+ started")
        names = ["hello-pv", "hello-pvh"]
        answers = Answers(machine, names).wait()
        machine.wait_ready()
        log = parse_boot_log(machine.out("cat /run/xenith/boot.log"))
        found = stages(machine.console.transcript, log, answers)
        return {"stages": found, "total": max(answers.values()),
                "memory": host.memory_used(machine)}


def limit(name, value):
    return "" if value <= LIMITS[name] else "   MORE THAN %d" % LIMITS[name]


def report(boots, iso_size):
    """The table of boot stages and limits."""
    lines = ["%-22s %8s %8s %8s" % ("seconds from power-on", "fastest", "median", "slowest")]
    for name in sorted(boots[0]["stages"], key=boots[0]["stages"].get):
        values = [boot["stages"][name] for boot in boots if name in boot["stages"]]
        lines.append("%-22s %8.1f %8.1f %8.1f"
                     % (name, min(values), statistics.median(values), max(values)))
    total = statistics.median(boot["total"] for boot in boots)
    memory = statistics.median(boot["memory"] for boot in boots)
    size = iso_size / (1 << 20)
    lines += [
        "",
        "both domains answer    %6.1f s    (at most %d)%s"
        % (total, LIMITS["answers"], limit("answers", total)),
        "memory used in dom0    %6.1f MiB  (at most %d)%s"
        % (memory, LIMITS["memory"], limit("memory", memory)),
        "size of the ISO        %6.1f MiB  (at most %d)%s"
        % (size, LIMITS["iso"], limit("iso", size)),
    ]
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boots", type=int, default=3)
    parser.add_argument("--iso", type=pathlib.Path, default=drives.OUT / "xenith.iso")
    parser.add_argument("--no-fleet", action="store_true", help="only the boot")
    parser.add_argument("--no-storage", action="store_true", help="skip the disks")
    parser.add_argument("--many", action="store_true", help="only dom0's work for each of many domains")
    parser.add_argument("--upkeep", action="store_true", help="only boots from each medium, installation, save, update")
    parser.add_argument("--create", action="store_true", help="only the work for one domain")
    parser.add_argument("--times", type=int, default=8, help="creations, for --create")
    parser.add_argument("--counted", action="store_true", help="for --create: time by instructions")
    parser.add_argument("--against", type=pathlib.Path, help="another image, for --create")
    parser.add_argument("--against-debian", action="store_true", help="only eight guests, here and on Debian")
    options = parser.parse_args(arguments)
    for alone, part in ((options.against_debian, against), (options.many, many), (options.upkeep, upkeep)):
        if alone:
            with tempfile.TemporaryDirectory(prefix="xenith-bench-") as scratch:
                print(part.report(part.measure(str(options.iso), pathlib.Path(scratch))))
            return
    if options.create:
        one_domain([options.iso] + ([options.against] if options.against else []), options.times,
                   options.counted)
        return
    if not options.no_fleet:
        fleet.tarball()     # before the boots, in case it is missing
    boots = []
    for number in range(1, options.boots + 1):
        boots.append(one_boot(str(options.iso), number))
        print("boot %d of %d: %.1f s" % (number, options.boots, boots[-1]["total"]),
              file=sys.stderr, flush=True)
    size = os.path.getsize(options.iso)
    found = {"iso": size, "boots": boots}
    keep(found)
    print(report(boots, size))
    picture(boots)
    # Results are written after each part, in case the next one fails.
    for name, part, left_out in (("fleet", fleet, options.no_fleet),
                                 ("storage", storage, options.no_storage)):
        if not left_out:
            with tempfile.TemporaryDirectory(prefix="xenith-bench-") as scratch:
                found[name] = part.measure(str(options.iso), pathlib.Path(scratch))
            keep(found)
            print("\n" + part.report(found[name]))


def one_domain(images, times, counted):
    found = {}
    for number, iso in enumerate(images):
        with tempfile.TemporaryDirectory(prefix="xenith-bench-") as scratch:
            found["against" if number else "image"] = creation.measure(
                iso, pathlib.Path(scratch), times, counted)
        (drives.OUT / "create.json").write_text(json.dumps(found, indent=1) + "\n")
    print(creation.report(found))


def keep(found):
    (drives.OUT / "bench.json").write_text(json.dumps(found, indent=1) + "\n")


def picture(boots):
    median = sorted(boots, key=lambda boot: boot["total"])[(len(boots) - 1) // 2]
    path = drives.OUT / "boot.svg"
    path.write_text(timeline.draw(
        rows(median["stages"]),
        "Xenith: power-on to both domains answering, %.1f s (QEMU, software emulation)"
        % median["total"]))
    print("\ndiagram of the boot: %s" % path)


if __name__ == "__main__":
    main(sys.argv[1:])
