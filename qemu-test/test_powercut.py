"""Power cuts of an installed host: from a recording of what its disk was told, and by kills
of QEMU."""

import random
import time

import pytest

import outside
from installed import PARTITIONS
from upgrades import CONF, DRIVE, Installed, WholeDisk
from writelog import Recording

POINTS = 10000
SOME = 400
KILLS = 30
NUMBERS = {"esp": 2, "a": 3, "b": 4, "config": 5}
PARTS = {name: PARTITIONS[name] for name in NUMBERS}
# The configuration changes in two files that belong together.
PAIR = "sed -i 's/^hostname=.*/hostname=h%(n)d/' /config/host.conf; echo '# %(n)d' >/config/domains/pair.cfg; xenith save -m %(n)d"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return outside.slot_program(tmp_path_factory.mktemp("slot"))


def check(recording, directory, program, points, seed, rounds=1):
    """Replays a recording; a failure names the seed and keeps the disks."""
    began = time.monotonic()
    size = recording.before.stat().st_size
    whole = size > PARTS["config"][0]
    result = outside.replay(recording, directory, program, points, seed, PARTS if whole else {"config": (0, size)},
                            NUMBERS if whole else {}, rounds=rounds)
    print("\n%s, seed %s: %s, in %.0f s" % (", ".join(name for _, name in recording.marks), seed, result, time.monotonic() - began))
    assert result.bad == [], "seed %s; the disks are %s/bad-*" % (seed, directory)
    return result


def test_some_power_cuts(recordings, program, tmp_path):
    """In what other tests have recorded; each operation has its share of the points."""
    if not recordings:
        pytest.skip("no test of this run has recorded a disk; run test_installed.py, test_install.py and test_persist.py as well")
    seed = str(random.randrange(1000000))
    share = SOME // sum(len(recording.marks) for recording in recordings.values()) + 1
    points = 0
    for name, recording in recordings.items():
        (tmp_path / name).mkdir()
        points += check(recording, tmp_path / name, program, share * len(recording.marks), seed).points
    assert points >= SOME


class Recorded(Installed):
    """A host whose disk is recorded, a recording for each boot."""

    def __init__(self, boot, name, disk, directory):
        super().__init__(boot, name, disk)
        self._directory = directory
        self.recordings = []

    def _record(self):
        directory = self._directory / str(len(self.recordings))
        directory.mkdir()
        self.recordings.append(Recording(self.disk.path, directory))
        return self.recordings[-1]

    def start(self):
        self.extra = self._record().options("disk")
        return super().start()

    def start_live(self, iso):
        """Power on, with a CD that is booted."""
        self.machine = self._boot(self._name + "-live", iso, extra=self._record().options("disk", boots=False))
        return self.machine

    def mark(self, name, **more):
        self.recordings[-1].mark(name, **more)


def operate(boot, iso, updates, directory):
    """The recordings of a first boot, saves, updates, a commit and rollbacks, and of
    installations over what these leave: an upgrade in place, and a new one."""
    disk = WholeDisk(directory / "disk")
    disk.configure(CONF % (3000, 3600))
    server = Recorded(boot, "powercut", disk, directory)
    machine = server.up()
    machine.out("sync")
    server.mark("first boot")
    for number in (1, 2, 3):
        machine.out(PAIR % {"n": number})
        server.mark("save %d" % number)
    machine.out(updates.command(updates.make("cut.1", 1)), 300)
    server.mark("update")
    machine.sh("reboot")
    machine = server.restart()
    machine.wait_ready()
    machine.out("sync")
    server.mark("the boot of a trial")
    machine.out("xenith update --commit")
    server.mark("commit")
    machine.out("xenith update --rollback")
    server.mark("rollback")
    machine.out("xenith rollback config")
    server.mark("rollback of the configuration")
    machine.out(updates.command(updates.make("cut.2", 2)), 300)
    server.mark("update of the other slot")
    machine.out("xenith update --rollback")
    server.mark("an update that is withdrawn")
    machine.power_off()
    machine = server.start_live(iso).wait_ready()
    machine.out("xenith install vda --yes vda --force 2>&1", 900)
    server.mark("upgrade in place")
    machine.out("xenith install vda --yes vda --erase --data none 2>&1", 900)
    server.mark("new installation", erases=True)
    machine.close()
    return server.recordings


@pytest.fixture(scope="module")
def operated(boot, iso, updates, tmp_path_factory):
    return operate(boot, iso, updates, tmp_path_factory.mktemp("operated"))


@pytest.mark.slow
def test_many_power_cuts(operated, program, tmp_path):
    """At each point of each operation."""
    points = 0
    for number, recording in enumerate(operated):
        (tmp_path / str(number)).mkdir()
        points += check(recording, tmp_path / str(number), program, POINTS // len(operated) + 1, "1", rounds=4).points
    assert points >= POINTS


# ---- kills of QEMU ----

# Saves and updates until the power is gone.
WORK = """n=$1
while :; do
	n=$((n + 1))
	sed -i "s/^hostname=.*/hostname=h$n/" /config/host.conf
	echo "# $n" >/config/domains/pair.cfg
	xenith save -m $n
	[ $((n % 3)) != 0 ] || { xenith update --rollback; $2; }
done
"""


@pytest.fixture(scope="module")
def victim(boot, tmp_path_factory):
    disk = WholeDisk(tmp_path_factory.mktemp("victim") / "disk")
    disk.configure(CONF % (3000, 3600))
    return Installed(boot, "victim", disk)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, KILLS + 1))
def test_a_kill(victim, updates, number):
    """In the middle of a save, an update or a boot; and the boot after it."""
    machine = victim.start()
    path = updates.make("kill.%d" % number, number)
    try:
        machine.wait_ready()
        name = machine.out("hostname").strip()
        if name.startswith("h"):
            # A file of comments only is no domain, and not in /config.
            assert machine.out("cat %s/domains/pair.cfg" % DRIVE).strip() == "# " + name[1:]
        for slot, (_, said) in victim.version().items():
            assert slot == "failed" or "damaged" not in said
        victim.domains_up()
        machine.write("/tmp/work", WORK)
        machine.out("setsid sh /tmp/work %d '%s' </dev/null >/tmp/work.log 2>&1 & sleep 0" % (100 * number, updates.command(path)))
        machine.out("sleep %.1f" % random.Random(number).uniform(1, 40))
    finally:
        machine.console.child.kill(9)
        machine.console.wait_end(30)
        machine.close()
        path.unlink()


@pytest.mark.slow
def test_the_boot_after_the_last_kill(victim):
    victim.up()

