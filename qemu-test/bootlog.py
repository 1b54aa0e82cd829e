"""The state of a boot: the stage of the host, and the state of each domain.

Parsed from the lines of the console, or from the host's boot log, which has the same
marks (docs/boot.md lists them).
"""

import re

from timeline import parse_boot_log

# Stages before init, which print no marks.
STAGES = {"boot loader": r"GRUB", "Xen": r"\(XEN\) Xen version"}

STATES = "started|ready|late|failed|skipped|blocked|held|kept|stuck|stopped"
# domd's suffix of a failure that is followed by a restart.
AGAIN = "; it is restarted"
# States that are not final.
PENDING = {"waiting", "started", "late", "stopping", "restarting"}

# Marks after which no domain can start.
HOPELESS = ("domd does not answer", "this is not a Xen dom0", "xenstored does not answer",
            "xen-init-dom0 failed", "cannot go on")

# Failures that may be the emulator's fault.
LOST = re.compile(r"guest (rebooted|crashed)( before it was ready)?(; held after 1 failures.*)?$")


class Domain:
    def __init__(self, name):
        self.name = name
        self.state = "waiting"
        self.reason = ""
        self.seconds = 0.0          # time of the last mark
        self.ready_at = None
        self.console = ""           # the end of its console log, if readable

    def change(self, seconds, state, reason=""):
        self.seconds, self.state, self.reason = seconds, state, reason
        if state == "ready":
            self.ready_at = seconds

    @property
    def ok(self):
        """Ready, or stopped by itself after it was ready."""
        return self.state == "ready" or (self.state == "stopped" and self.ready_at is not None)

    @property
    def requirement(self):
        """The name of the domain that blocks it, if any."""
        found = re.match(r"requires (\S+), which is ", self.reason)
        return found.group(1) if found and self.state == "blocked" else None

    def why(self):
        if self.state == "stopped":
            return "it stopped before it was ready"
        return self.state + (": " + self.reason if self.reason else "")


class Boot:
    def __init__(self):
        self.stage = "power-on"     # the last one seen
        self.stages = set()
        self.init_at = None
        self.ready_at = None
        self.told = False           # whether the domains to start are known
        self.hopeless = ""          # why no domain can start
        self.mistakes = []          # of the configuration
        self.domains = {}
        self.shell = False          # whether the console has a root shell

    def read(self, seconds, line):
        """Parse a line of the console; return the event to report, or None."""
        if "Press Enter here for a root shell" in line:
            self.shell = True
        mark = re.search(r"Xenith: (.*\S)", line)
        if mark:
            return self.mark(seconds, mark.group(1))
        for name, pattern in STAGES.items():
            if name not in self.stages and self.init_at is None and re.search(pattern, line):
                self.stages.add(name)
                self.stage = name
                return name
        return None

    def mark(self, seconds, text):
        self.stage = text
        words = text.split()
        if text == "init":
            self.init_at = seconds
        elif text == "ready":
            self.ready_at = seconds
            return "host ready"
        elif text.startswith("to start: "):
            self.told = True
            for name in words[2:]:
                self._domain(name)
        elif text.startswith(("no domains to start", "domains are not started")):
            self.told = True
        elif text.startswith(HOPELESS):
            self.hopeless = text
        elif re.match(r"config .*:\d+: (?!warning: )|autostart: ", text):
            self.mistakes.append(text)
        elif text.startswith("stopping domain "):
            self._domain(words[2]).change(seconds, "stopping")
        else:
            change = re.match(r"domain (\S+) (%s)(?: \(forced\))?(?:: (.*))?$" % STATES, text)
            if change:
                self._change(seconds, *change.groups(default=""))
        return text

    def _domain(self, name):
        return self.domains.setdefault(name, Domain(name))

    def _change(self, seconds, name, state, reason):
        if reason.endswith(AGAIN):
            state, reason = "restarting", reason[:-len(AGAIN)]
        self._domain(name).change(seconds, state, reason)

    def record(self, text):
        """The same boot from the host's boot log, in which no mark is damaged."""
        log = parse_boot_log(text)
        began = next((up for up, event in log if event == "init"), None)
        if began is None or self.init_at is None:
            return self
        whole = Boot()
        whole.shell = self.shell
        for up, event in log:
            whole.mark(up - began + self.init_at, event)
        return whole

    # --- evaluation ------------------------------------------------------------

    def pending(self):
        """The domains whose state is not final. A blocked domain starts when its
        requirement is ready, unless that has failed for good."""
        def goes_on(domain):
            other = self.domains.get(domain.requirement)
            return domain.state in PENDING or (other is not None and (other.state == "ready" or goes_on(other)))
        return [each for each in self.domains.values() if goes_on(each)]

    def settled(self):
        return bool(self.hopeless) or (self.ready_at is not None and self.told and not self.pending())

    def bad(self):
        return [each for each in self.domains.values() if not each.ok]

    def ok(self):
        return self.settled() and not self.hopeless and not self.mistakes and not self.bad()

    def lost(self):
        """The domains that the emulator may have lost, if there is no other failure."""
        bad = self.bad()
        lost = [each for each in bad if each.state in ("failed", "held") and LOST.match(each.reason)]
        names = {each.name for each in bad}
        others = [each for each in bad if each not in lost and each.requirement not in names]
        return [] if others or self.mistakes or self.hopeless or self.pending() else lost
