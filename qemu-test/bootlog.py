"""What a boot has said so far: how far the host is, and what became of each domain.

Read from the console's lines, or from the host's own record of the same marks
(docs/boot.md lists them).
"""

import re

from timeline import parse_boot_log

# What is seen of a boot before init, beside the marks of the boot loader.
STAGES = {"boot loader": r"GRUB", "Xen": r"\(XEN\) Xen version"}

STATES = "started|ready|late|failed|skipped|blocked|held|kept|stuck|stopped"
# What domd adds to a failure that is not the last word.
AGAIN = "; it is started again"
# More is to be expected of these.
PENDING = {"waiting", "started", "late", "stopping", "restarting"}

# Without these no domain comes up.
HOPELESS = ("domd does not answer", "this is not a Xen dom0", "xenstored does not answer",
            "xen-init-dom0 failed", "cannot go on")

# The emulator may have lost a guest that ended so.
LOST = re.compile(r"it (rebooted itself|crashed)( before it was ready)?(; held after 1 failures.*)?$")


class Domain:
    def __init__(self, name):
        self.name = name
        self.state = "waiting"
        self.reason = ""
        self.seconds = 0.0          # when it was last heard of
        self.ready_at = None
        self.console = ""           # the end of its own console, where that can be read

    def change(self, seconds, state, reason=""):
        self.seconds, self.state, self.reason = seconds, state, reason
        if state == "ready":
            self.ready_at = seconds

    @property
    def ok(self):
        """Ready, or it was and has ended by itself since."""
        return self.state == "ready" or (self.state == "stopped" and self.ready_at is not None)

    @property
    def requirement(self):
        """The name of the domain that it is blocked by, if any."""
        found = re.match(r"requires (\S+), which is ", self.reason)
        return found.group(1) if found and self.state == "blocked" else None

    def why(self):
        if self.state == "stopped":
            return "it has ended before it was ready"
        return self.state + (": " + self.reason if self.reason else "")


class Boot:
    def __init__(self):
        self.stage = "power-on"     # the last that was seen
        self.stages = set()
        self.init_at = None
        self.ready_at = None
        self.told = False           # which domains are to be started
        self.hopeless = ""          # why none can be
        self.mistakes = []          # in the configuration
        self.domains = {}
        self.shell = False          # at the console

    def read(self, seconds, line):
        """Take in a line of the console; what a person is told of it, or None."""
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
        elif text.startswith(("no domain is to be started", "domains are not started")):
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
        """The same boot by the host's record of it, in which no mark is damaged."""
        log = parse_boot_log(text)
        began = next((up for up, event in log if event == "init"), None)
        if began is None or self.init_at is None:
            return self
        whole = Boot()
        whole.shell = self.shell
        for up, event in log:
            whole.mark(up - began + self.init_at, event)
        return whole

    # --- what is made of it ----------------------------------------------------

    def pending(self):
        """The domains of which more is to be expected. One that is blocked goes on when
        the other is ready, unless that has failed for good."""
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
        """The domains that the emulator may have lost, if nothing else is wrong."""
        bad = self.bad()
        lost = [each for each in bad if each.state in ("failed", "held") and LOST.match(each.reason)]
        names = {each.name for each in bad}
        others = [each for each in bad if each not in lost and each.requirement not in names]
        return [] if others or self.mistakes or self.hopeless or self.pending() else lost
