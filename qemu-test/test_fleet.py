"""docs/update-fleet.sh with installed hosts, over SSH: a bad update ends with the first host, and
a good one goes to all of them. One host runs at a time: the others are off until it is their
turn, and a connection to one that is off is tried again."""

import pytest

import ports
import tools
from console import Console
from drives import TOP
from machine import LEASES
from upgrades import CONF, Installed, WholeDisk

pytestmark = pytest.mark.slow

NAMES = ["canary", "alpha", "beta"]
LIMIT = 240     # seconds after its boot that a version has to become healthy
PATIENCE = 1800
SSH = """Host *
	HostName 127.0.0.1
	IdentityFile %s
	IdentitiesOnly yes
	BatchMode yes
	StrictHostKeyChecking no
	UserKnownHostsFile /dev/null
	LogLevel ERROR
	ConnectTimeout 10
	ConnectionAttempts %d
"""
EXIT = "#!/bin/busybox sh\nexit 1\n"


class Host(Installed):
    """An installed host that is reached by SSH at a port of its own, once it is up."""

    def __init__(self, boot, name, disk):
        super().__init__(boot, "fleet-" + name, disk)
        self.port = ports.free(1)[0]

    def open(self):
        said = self.machine.qmp.execute("human-monitor-command",
                                        command_line="hostfwd_add net tcp:127.0.0.1:%d-%s:22" % (self.port, LEASES[0]))
        assert not said, said


@pytest.fixture(scope="module")
def hosts(boot, updates, key, tmp_path_factory):
    found = {}
    for name in NAMES:
        disk = WholeDisk(tmp_path_factory.mktemp(name) / "disk")
        disk.configure(CONF % (20, LIMIT) + "hostname=%s\n" % name, {**updates.keys, "authorized_keys": key.public})
        found[name] = Host(boot, name, disk)
    return found


@pytest.fixture
def roll_out(hosts, key, updates, tmp_path):
    """roll_out(UPDATE): the script at work, as a Console."""
    config = tmp_path / "ssh"
    config.write_text("".join("Host %s\n\tPort %d\n" % (name, host.port) for name, host in hosts.items())
                      + SSH % (key.path, PATIENCE))
    started = []

    def start(path):
        started.append(Console(["/usr/bin/env", "SSH=%s -F %s" % (tools.find("ssh"), config), "PAUSE=3", "sh", str(TOP / "docs/update-fleet.sh"),
                                "-t", str(PATIENCE), updates.url(path), *NAMES], str(tmp_path / "script.log")))
        return started[0]

    yield start
    for script in started:
        script.close()


def told(script, line):
    """Waits for a line of the script."""
    script.wait(r"(?m)^%s\r?$" % line, idle=PATIENCE, cap=PATIENCE, fatal=None)


def status(script):
    assert script.wait_end(60)
    script.child.wait()
    return script.child.exitstatus


def test_a_bad_update_ends_with_the_canary(hosts, updates, roll_out):
    """The other hosts are not even asked."""
    canary = hosts["canary"]
    canary.up()
    canary.open()
    slot, old = canary.running()
    script = roll_out(updates.sign(updates.make("fleet.1", 1, init=EXIT)))
    told(script, "canary: fleet.1 is written; the host restarts")
    # The trial, and the boot after it.
    canary.restart()
    canary.restart().wait_ready()
    canary.open()
    told(script, "canary: fleet.1 did not become healthy; the host is back on the version before")
    told(script, "update-fleet.sh: stopped; not updated: alpha beta")
    assert status(script) == 1
    assert "alpha: " not in script.text and "beta: " not in script.text
    assert canary.running() == (slot, old) and canary.version()["failed"] == "fleet.1"
    canary.domains_up()


def test_one_host_after_the_other(hosts, updates, roll_out):
    script = roll_out(updates.sign(updates.make("fleet.2", 2)))
    for name, host in hosts.items():
        if not host.machine:
            assert "%s: " % name not in script.text
            host.up()
            host.open()
        told(script, "%s: fleet.2 is written; the host restarts" % name)
        host.restart().wait_ready()
        host.open()
        told(script, "%s: fleet.2 is committed" % name)
        assert host.machine.out("hostname").strip() == name
        assert host.running() == ("b", "fleet.2") and "failed" not in host.version()
        host.domains_up()
        host.machine.power_off()
    told(script, "3 hosts run the new version")
    assert status(script) == 0
