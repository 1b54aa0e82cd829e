"""Queries and checks on a running host, through its own tools."""

import json
import re

CONSOLES = "/var/log/xen/console"

# Seconds; under emulation a guest takes a minute from its creation to its first answer.
GUEST_UP = 300

# Attempts to start a guest: the emulation of SVM loses one start of a PVH or HVM guest in
# ten (docs/testing.md).
LOST = 4


def domains(machine):
    """{name: state} of the running domains, without dom0."""
    lines = machine.out("xl list").splitlines()[1:]
    found = {}
    for line in lines:
        name, domid = line.split()[:2]
        if domid != "0":
            found[name] = line.split()[4]
    return found


def assert_running(machine, *names):
    """Exactly these domains run, after a wait for one that the emulator lost and domd
    restarts."""
    until(machine, "[ \"$(xl list | awk 'NR > 2 { print $1 }' | sort | tr '\\n' ' ')\" = '%s ' ]"
          % " ".join(sorted(names)), GUEST_UP)


def details(machine):
    """{name: configuration} as libxl has it; a domain that restarts just now is missing."""
    return {entry["config"]["c_info"]["name"]: entry["config"]
            for entry in json.loads(machine.out("xl list -l 2>/dev/null"))
            if entry.get("domid") != 0}


def address_of(machine, name, network="10[.]0[.]2[.]"):
    """The address that a hello guest prints on its console. A guest whose DHCP timed out
    prints a fallback address of another network first."""
    log = "%s/guest-%s.log" % (CONSOLES, name)
    said = machine.out(
        "n=0; until cat %s.1 %s 2>/dev/null | grep -a 'hello: %s up %s' | tail -n 1 | grep .; "
        "do n=$((n+1)); [ $n -lt %d ] || { tail %s; ls %s; exit 1; }; sleep 1; done"
        % (log, log, name, network, GUEST_UP, log, CONSOLES), GUEST_UP * 3 + 60)
    return re.search(r"hello: \S+ up (\d+\.\d+\.\d+\.\d+)", said).group(1)


def wait_up(machine, *names):
    """Wait until the guests print that they are up. The emulation of SVM sometimes kills a
    PVH guest in its first seconds, and domd restarts it: before that, one may be missing
    (docs/testing.md)."""
    for name in names:
        address_of(machine, name)


def ask(machine, address, tries=20):
    """(a guest's HTTP answer to dom0, wget's exit status)"""
    said, status = machine.sh(
        "n=0; until wget -q -T 10 -O - http://%s/ 2>/tmp/wget.said; do n=$((n+1)); "
        "[ $n -lt %d ] || { cat /tmp/wget.said; exit 1; }; sleep 1; done" % (address, tries), tries * 11 + 40)
    return said.strip(), status


def answer(machine, address):
    """The HTTP answer of a guest that must be up."""
    said, status = ask(machine, address)
    assert status == 0, "no HTTP answer from %s\n%s" % (address, said)
    return said


def assert_hello(machine, name, **options):
    """The guest is up: its console says so and it answers HTTP. Options as for address_of.
    A guest that the emulator loses after it was up is restarted, maybe with another
    address, so each attempt reads the console again."""
    for _ in range(LOST):
        address = address_of(machine, name, **options)
        said, status = ask(machine, address, tries=10)
        if status == 0:
            assert said == "hello from " + name
            return address
    raise AssertionError("no HTTP answer from %s at %s, although its console says that it is up" % (name, address))


def assert_hello_outside(machine, name):
    """The same, and it also answers a client outside of the host."""
    for _ in range(LOST):
        address = assert_hello(machine, name)
        said = machine.http(address, 30)
        if said is not None:
            assert said.strip() == "hello from " + name
            return
    raise AssertionError("no HTTP answer from %s at %s to a client outside, although it answers dom0" % (name, address))


def create(machine, path, name, hello):
    """Start a guest with xl, and wait until it prints "hello: HELLO up". The background xl
    cleans up after a guest that the emulator loses."""
    log = "%s/guest-%s.log" % (CONSOLES, name)
    for _ in range(LOST):
        machine.sh("rm -f " + log)
        machine.out("xl create " + path, 600)
        until(machine, "grep -aq 'hello: %s up' %s || ! xl domid %s >/dev/null 2>&1" % (hello, log, name), 600)
        if there(machine, name):
            return
    raise AssertionError("cannot start %s: lost by the emulator %d times" % (name, LOST))


def there(machine, name):
    return machine.sh("xl domid %s" % name)[1] == 0


def memory_now(machine):
    """MiB used in dom0, with the RAM root and without reclaimable caches."""
    values = dict(re.findall(r"(\w+):\s+(\d+) kB", machine.out("cat /proc/meminfo")))
    return (int(values["MemTotal"]) - int(values["MemAvailable"])) / 1024


def memory_used(machine):
    """The same, settled: freed pages stay on per-CPU lists, and count as used, for half a
    minute, or more if dom0 has work. The figure is the one that four more do not undercut."""
    samples = [memory_now(machine)]
    while len(samples) < 5 or min(samples[-4:]) < min(samples[:-4]) - 0.1:
        machine.out("sleep 5")
        samples.append(memory_now(machine))
    return min(samples)


def host_key(machine):
    """The public key of the SSH server, without the comment, in which dropbearkey puts the
    present name of the host; None if there is no key."""
    key, status = machine.sh("for key in /etc/dropbear /config/ssh; do key=$key/dropbear_ed25519_host_key; [ ! -f $key ] ||"
                             " { dropbearkey -y -f $key | grep ^ssh-; break; }; done | grep .")
    return None if status else key.split()[1]


def identity(machine):
    """The identifiers that must be new with each boot."""
    found = {"boot_id": machine.out("cat /proc/sys/kernel/random/boot_id").strip()}
    for name, config in details(machine).items():
        found[name + " uuid"] = config["c_info"]["uuid"]
        for nic in config.get("nics", []):
            found[name + " mac"] = nic["mac"]
    key = host_key(machine)
    if key:
        found["host key"] = key
    return found


def config_marks(machine):
    """The marks about an invalid configuration."""
    return [mark for mark in machine.marks() if mark.startswith("Xenith: config")]


def until(machine, command, seconds=60):
    """Retry the command every second until it succeeds."""
    machine.out("n=0; until %s; do n=$((n+1)); [ $n -lt %d ] || exit 1; sleep 1; done" % (command, seconds),
                seconds * 3 + 60)


def assert_in_order(text, *patterns):
    """Each pattern is found in the text after the one before it."""
    position = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, position)
        assert found, "%r does not follow its predecessor in %r" % (pattern, patterns)
        position = found.end()
