"""Boots an image and waits until the host and every configured domain are ready.

usage: smoke.py [--iso FILE] [--domains DIR] [--timeout S] [--memory MIB] [--junit FILE]

It tests a user's own configuration: docs/testing.md. Exits with 0 if all are ready, with
1 if not, and with 2 if the test cannot run.
"""

import argparse
import pathlib
import re
import signal
import sys
import time
import xml.etree.ElementTree as ET

import drives
import host
import tools
from bootlog import Boot
from console import FATAL, ConsoleError
from machine import MEMORY, Machine

TIMEOUT = 300   # total timeout of a boot in seconds
QUIET = 60      # seconds without a mark after which the host's boot log is read
TAIL = 20       # lines to show of the console of a domain that is not ready


class Attempt:
    """The result of one boot."""

    def __init__(self, machine, boot, error=""):
        self.boot = boot
        self.error = error or boot.hopeless     # of the host
        self.log = machine.console.log_path
        self.tail = machine.console.transcript.tail()
        ended = machine.console.ended
        self.aborted = ended and machine.console.end_signal() == signal.SIGABRT
        # QEMU did not start.
        self.impossible = ended and not self.aborted and boot.stage == "power-on"

    def ok(self):
        return not self.error and self.boot.ok()

    def why_again(self):
        """Why the boot is not conclusive about the image, if it is not."""
        if self.aborted:
            return "QEMU aborted"
        lost = [each.name for each in self.boot.lost()] if not self.error else []
        return lost and "the emulator may have lost " + ", ".join(lost)


def record(machine, boot):
    """The boot from the host's own log, if there is a shell to read it with: other
    messages may have damaged a mark on the console."""
    try:
        return boot.record(machine.out("cat /run/xenith/boot.log")) if boot.shell else boot
    except (ConsoleError, AssertionError):
        return boot


def read_consoles(machine, boot):
    try:
        for domain in boot.bad() if boot.shell else ():
            domain.console = machine.sh("tail -n %d %s/guest-%s.log" % (TAIL, host.CONSOLES, domain.name))[0]
    except (ConsoleError, AssertionError):
        pass


def follow(machine, timeout, say):
    """Follow a boot until its result is known: (boot, error of the host)."""
    boot = Boot()
    console = machine.console
    lines = console.transcript.lines
    seen = 0
    heard = time.monotonic()
    deadline = heard + timeout
    while True:
        ended = console.ended       # read before the last lines are parsed
        for seconds, line in lines[seen:]:
            seen += 1
            told = boot.read(seconds, line)
            if told:
                heard = time.monotonic()
                say("%7.1f s  %s" % (seconds, told))
        if boot.settled():
            return boot, ""
        fatal = FATAL.search(console.text)
        if fatal:
            time.sleep(2)       # for the rest of the message
            return boot, "the console says: " + fatal.group(0)
        if ended:
            return boot, "QEMU exited after: " + boot.stage
        now = time.monotonic()
        if now >= deadline:
            return timed_out(record(machine, boot), timeout)
        if now >= heard + QUIET:
            heard, seen = now, len(lines)
            boot = record(machine, boot)
        console.poll(lambda _, seen=seen: len(lines) > seen, 1)


def timed_out(boot, timeout):
    within = "not ready within %d s" % timeout
    for domain in boot.pending():
        domain.reason = domain.reason or within
    if boot.ready_at is None:
        return boot, "%s; last stage: %s" % (within, boot.stage)
    if not boot.told:
        return boot, "no list of domains to start within %d s" % timeout
    return boot, ""


def attempt(name, iso, timeout, say, **options):
    with Machine(name, str(iso), log_dir=str(drives.OUT / "test-logs"), services=(), **options) as machine:
        boot, error = follow(machine, timeout, say)
        if not machine.console.ended:
            read_consoles(machine, boot)
        return Attempt(machine, boot, error)


def smoke(iso, timeout, say, **options):
    """Boot, and retry once if the first boot is not conclusive about the image."""
    first = attempt("smoke", iso, timeout, say, **options)
    again = not first.ok() and first.why_again()
    if not again:
        return first
    say("smoke: %s; retrying the boot" % again)
    return attempt("smoke-again", iso, timeout, say, **options)


# --- reports ---------------------------------------------------------------------

def report(done, say):
    boot = done.boot
    for mistake in boot.mistakes:
        say("smoke: " + mistake)
    for domain in boot.bad():
        say("smoke: %s is not ready: %s" % (domain.name, domain.why()))
        for line in domain.console.splitlines():
            say("    " + line)
    if done.error:
        say("%s\nsmoke: the host: %s" % (done.tail, done.error))
    say("smoke: host %s; %d of %d domains ready%s" % (
        "not ready" if boot.ready_at is None else "ready", len(boot.domains) - len(boot.bad()),
        len(boot.domains), "" if done.ok() else "; console log: " + done.log))


def junit(done, path):
    """Write a JUnit report with the host and each domain as a test case."""
    boot = done.boot
    # (class, name, seconds, reason of the failure, details)
    cases = [("host", "host", boot.ready_at or 0, "\n".join(filter(None, [done.error, *boot.mistakes])),
              done.tail if done.error else "")]
    cases += [("domain", each.name, each.ready_at or each.seconds, "" if each.ok else each.why(), each.console)
              for each in boot.domains.values()]
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name="xenith", tests=str(len(cases)),
                          failures=str(sum(bool(why) for _, _, _, why, _ in cases)), errors="0", skipped="0",
                          time="%.1f" % max(seconds for _, _, seconds, _, _ in cases))
    for kind, name, seconds, why, more in cases:
        case = ET.SubElement(suite, "testcase", classname="xenith." + kind, name=name, time="%.1f" % seconds)
        if why:
            ET.SubElement(case, "failure", message=printable(why)).text = printable(more or why)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def printable(text):
    """Replace the characters that XML does not allow."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", text)


# --- the program -----------------------------------------------------------------

def arguments(words):
    parser = argparse.ArgumentParser(prog="./build.sh smoke", allow_abbrev=False)
    parser.add_argument("--iso", type=pathlib.Path, default=drives.OUT / "xenith.iso", metavar="FILE")
    parser.add_argument("--domains", type=pathlib.Path, metavar="DIR", help="becomes the configuration drive")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, metavar="S")
    parser.add_argument("--memory", type=int, default=MEMORY, metavar="MIB")
    parser.add_argument("--junit", type=pathlib.Path, metavar="FILE")
    return parser.parse_args(words)


def main(words):
    given = arguments(words)

    def say(text):
        print(text, flush=True)

    # SIGTERM must run the exit handlers, which stop QEMU.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        done = smoke(given.iso.resolve(), given.timeout, say, memory=given.memory,
                     config=given.domains and given.domains.resolve())
    except KeyboardInterrupt:
        return 130
    except tools.Missing as error:
        print("smoke: %s" % error, file=sys.stderr)
        return 2
    report(done, say)
    if given.junit:
        junit(done, given.junit)
    if done.impossible:
        return 2
    return 0 if done.ok() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
