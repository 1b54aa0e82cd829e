"""What the tests ask of a host that is up, in the words of its own tools."""

import json
import re

CONSOLES = "/var/log/xen/console"

# Under emulation a guest takes a minute from its creation to its first answer.
GUEST_UP = 150

# The emulation of SVM loses one start of a PVH or HVM guest in ten (docs/testing.md). So
# often at most a guest is waited for, or started.
LOST = 4


def domains(machine):
    """{name: state} of the domains that run, without dom0."""
    lines = machine.out("xl list").splitlines()[1:]
    found = {}
    for line in lines:
        name, domid = line.split()[:2]
        if domid != "0":
            found[name] = line.split()[4]
    return found


def assert_running(machine, *names):
    """These run and no others; one that the emulator has lost is on its way back."""
    until(machine, "[ \"$(xl list | awk 'NR > 2 { print $1 }' | sort | tr '\\n' ' ')\" = '%s ' ]"
          % " ".join(sorted(names)), GUEST_UP)


def details(machine):
    """{name: configuration} as libxl keeps it; without one that just restarts."""
    return {entry["config"]["c_info"]["name"]: entry["config"]
            for entry in json.loads(machine.out("xl list -l 2>/dev/null"))
            if entry.get("domid") != 0}


def address_of(machine, name, network="10[.]0[.]2[.]"):
    """The address that a hello guest says on its console that it has. One that was not
    given any in time says first which one it falls back to: that is of another network."""
    log = "%s/guest-%s.log" % (CONSOLES, name)
    said = machine.out(
        "n=0; until cat %s.1 %s 2>/dev/null | grep -a 'hello: %s up %s' | tail -n 1 | grep .; "
        "do n=$((n+1)); [ $n -lt %d ] || { tail %s; ls %s; exit 1; }; sleep 1; done"
        % (log, log, name, network, GUEST_UP, log, CONSOLES), GUEST_UP * 3 + 60)
    return re.search(r"hello: \S+ up (\d+\.\d+\.\d+\.\d+)", said).group(1)


def wait_up(machine, *names):
    """Wait until the guests have said that they are up. The emulation of SVM now
    and then kills a PVH guest in its first seconds, and domd starts it again: who
    looks before they are up may find one missing (docs/testing.md)."""
    for name in names:
        address_of(machine, name)


def ask(machine, address, tries=20):
    """What a guest answers to dom0 over HTTP, and wget's exit status."""
    said, status = machine.sh(
        "n=0; until wget -q -T 10 -O - http://%s/; do n=$((n+1)); "
        "[ $n -lt %d ] || exit 1; sleep 1; done" % (address, tries), tries * 11 + 40)
    return said.strip(), status


def answer(machine, address):
    """What a guest answers that must be there."""
    said, status = ask(machine, address)
    assert status == 0, "no answer from %s\n%s" % (address, said)
    return said


def assert_hello(machine, name, **options):
    """The guest is up: its console says so and it answers HTTP. Options as for address_of.
    One that the emulator loses after it was up is started again, and may have another
    address then: its console is asked anew."""
    for _ in range(LOST):
        address = address_of(machine, name, **options)
        said, status = ask(machine, address, tries=10)
        if status == 0:
            assert said == "hello from " + name
            return address
    raise AssertionError("%s says that it is up, and does not answer at %s" % (name, address))


def create(machine, path, name, hello):
    """Start a guest by hand, and wait until it says "hello: HELLO up". xl, which waits in
    the background, takes away what is left of one that the emulator loses."""
    log = "%s/guest-%s.log" % (CONSOLES, name)
    for _ in range(LOST):
        machine.sh("rm -f " + log)
        machine.out("xl create " + path, 600)
        until(machine, "grep -aq 'hello: %s up' %s || ! xl domid %s >/dev/null 2>&1" % (hello, log, name), 600)
        if there(machine, name):
            return
    raise AssertionError("%s was lost %d times" % (name, LOST))


def there(machine, name):
    return machine.sh("xl domid %s" % name)[1] == 0


def memory_used(machine):
    """MiB used in dom0; the RAM root counts, caches that can be given back not. What was
    freed stays on lists of each CPU for up to half a minute, and counts as used there."""
    machine.out("sleep 30", 60)
    values = dict(re.findall(r"(\w+):\s+(\d+) kB", machine.out("cat /proc/meminfo")))
    return (int(values["MemTotal"]) - int(values["MemAvailable"])) / 1024


def identity(machine):
    """What must be new with each boot."""
    found = {"boot_id": machine.out("cat /proc/sys/kernel/random/boot_id").strip()}
    for name, config in details(machine).items():
        found[name + " uuid"] = config["c_info"]["uuid"]
        for nic in config.get("nics", []):
            found[name + " mac"] = nic["mac"]
    key, status = machine.sh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key | grep ^ssh-")
    if status == 0:
        found["host key"] = key.split()[1]
    return found


def config_marks(machine):
    """What the console said about broken configuration."""
    return [mark for mark in machine.marks() if mark.startswith("Xenith: config")]


def until(machine, command, seconds=60):
    """Try the command once a second until it succeeds."""
    machine.out("n=0; until %s; do n=$((n+1)); [ $n -lt %d ] || exit 1; sleep 1; done" % (command, seconds),
                seconds * 3 + 60)


def assert_in_order(text, *patterns):
    """Each pattern is found in the text after the one before it."""
    position = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, position)
        assert found, "%r is not there after what precedes it in %r" % (pattern, patterns)
        position = found.end()
