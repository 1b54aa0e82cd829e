"""The unmodified image, from a CD on a BIOS machine.

The last tests depend on their order: the medium is ejected, then the machine is shut
down.
"""

import json
import pathlib
import re
import time

import pytest

import guests
import host
from tier import only_slow

TOP = pathlib.Path(__file__).resolve().parents[1]

HELLO = ["hello-pv", "hello-pvh"]


@pytest.fixture(scope="module")
def machine(boot, iso, identities):
    machine = boot("bios-cd", iso).wait_ready()
    host.wait_up(machine, *HELLO)
    identities[machine.name] = host.identity(machine)
    return machine


def test_boot_says_where_it_is(machine):
    for name in HELLO:
        host.assert_in_order(machine.console.text, r"Xenith: init",
                             r"Xenith: domain %s started" % name, r"Xenith: ready")
    # The lease is taken in the background: before or after the host is ready.
    host.assert_in_order(machine.console.text, r"Xenith: init",
                         r"Xenith: network xenbr0 10\.0\.2\.15")


def test_boot_is_clean(machine):
    # The emulator sometimes loses a PVH guest early in its boot: docs/testing.md.
    bad = [mark for mark in machine.marks() if ("failed" in mark or "config " in mark)
           and not re.search(r"hello-pvh failed: (guest rebooted|.* before it was ready)", mark)]
    assert bad == []
    kernel = machine.out("dmesg")
    assert not re.search(r"Call Trace|BUG:|Oops|WARNING:", kernel)
    xen = machine.out("xl dmesg")
    assert not re.search(r"Assertion|panic|Xen call trace", xen, re.I)


def test_xen_is_as_configured(machine):
    info = machine.out("xl info")
    assert re.search(r"^xen_version\s*: 4\.", info, re.M)
    assert re.search(r"^xen_caps\s*: .*xen-3\.0-x86_64 .*hvm-3\.0-x86_64", info, re.M)
    # SILO is the default: domains may communicate with dom0, not with each other.
    assert "silo" in machine.out("xl dmesg").lower()


def test_domains_run(machine):
    host.assert_running(machine, *HELLO)
    kinds = {name: config["c_info"]["type"] for name, config in host.details(machine).items()}
    assert kinds == {"hello-pv": "pv", "hello-pvh": "pvh"}


@pytest.mark.parametrize("name", HELLO)
def test_hello_answers(machine, name):
    """Its console says that it is up, and it answers HTTP from dom0 and from outside."""
    host.assert_hello_outside(machine, name)


def test_bridge(machine):
    ports = machine.out("ls /sys/class/net/xenbr0/brif").split()
    assert len([port for port in ports if port.startswith("vif")]) == 2
    assert len(ports) == 3          # with the network card
    assert "10.0.2.15" in machine.out("ip addr show dev xenbr0")


def test_configuration_is_in_sight(machine):
    assert machine.out("ls /config/domains").split() == ["10-hello-pvh.cfg", "20-hello-pv.cfg"]
    assert "hostname=xenith" in machine.out("cat /config/host.conf").splitlines()
    machine.out("test -s /config/images/hello/vmlinux")


def test_the_image_says_what_it_is_made_of(machine):
    """Its bill of materials, the licences of what it holds, and the versions."""
    assert int(machine.out("grep -c '\"purl\"' /usr/share/xenith/xenith.spdx.json")) > 30
    # pxelinux and its licences are only in the netboot bundle.
    named = {path.parent.name for path in TOP.glob("*/*/license-files")} - {"syslinux"}
    assert set(machine.out("ls /usr/share/licenses").split()) == named | {"README"}
    assert machine.out("find /usr/share/licenses -type f -size 0").split() == []
    version = json.loads(machine.out("xenith version --json"))
    assert version["release"] and version["xen"].startswith("4.") and version["linux"].startswith("6.")


def test_root_is_in_ram(machine):
    mounts = machine.out("cat /proc/mounts").splitlines()
    assert any(line.split()[1:3] == ["/", "overlay"] for line in mounts)
    assert not [line for line in mounts if line.startswith(("/dev/sr", "/dev/sd", "/dev/vd"))]


def test_what_is_logged_is_in_the_log(machine):
    """The log has messages of the kernel and of logger."""
    machine.out("logger -t test hello there")
    host.until(machine, "grep -q 'test: hello there' /var/log/messages")
    assert "kernel: " in machine.out("cat /var/log/messages")


def test_the_clock_is_right(machine):
    """Xen has read the real-time clock, which shows the seconds of this machine's."""
    before = time.time()
    clock = int(machine.out("date -u +%s"))
    assert before - 10 < clock < time.time() + 10


def test_memory_used(machine):
    """The README's figure: with two running domains and the RAM root."""
    used = host.memory_used(machine)
    print("memory used in dom0: %.1f MiB" % used)
    assert used <= 64


def test_no_password_opens_anything(machine):
    for line in machine.out("cat /etc/shadow").splitlines():
        assert line.split(":")[1] in ("*", "!", "!*"), line


def test_nothing_listens_without_keys(machine):
    assert machine.out("netstat -lnt | tail -n +3") == ""
    assert not machine.sh("pidof dropbear")[0]


@pytest.mark.parametrize("program", [
    "xl vcpu-list", "xl cpupool-list", "xl sched-credit2", "xl getenforce || true",
    "xentop -b -i 1", "xenpm get-cpu-topology", "xen-cpuid -p", "xen-livepatch list",
    "xenstore-ls /local/domain/0", "xentrace --help", "xenalyze --help",
    "xenwatchdogd -h || true", "flask-get-bool -h || true", "brctl show",
    "mkfs.ext4 -V", "mkfs.vfat --help", "blkid -V"])
def test_tools_run(machine, program):
    """Every program finds its libraries."""
    output, status = machine.sh(program)
    assert status == 0, output
    assert "Error loading shared library" not in output
    assert "not found" not in output


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["credit", "credit2", "rtds", "arinc653", "null"])
def test_schedulers(machine, scheduler):
    """Each scheduler can run a CPU pool, which borrows a CPU of dom0."""
    machine.out("xl cpupool-cpu-remove Pool-0 1")
    try:
        machine.out("xl cpupool-create 'name=\"try\"' 'sched=\"%s\"' 'cpus=[\"1\"]'" % scheduler)
        assert re.search(r"try\s+\d+\s+%s" % scheduler, machine.out("xl cpupool-list"))
    finally:
        machine.sh("xl cpupool-destroy try")
        machine.out("xl cpupool-cpu-add Pool-0 1")


@pytest.mark.parametrize("service", [
    "mdev", "xenconsoled", *only_slow("syslogd", "klogd", "consolelog", "udhcpc", "acpid", mark=pytest.mark.slow)])
def test_service_is_restarted(machine, service):
    """After SIGKILL a service runs again with another PID."""
    machine.out(
        "old=$(cat /run/service/%s/supervise/pid); kill -9 $old; n=0; "
        "until new=$(cat /run/service/%s/supervise/pid) && [ -n \"$new\" ] && [ \"$new\" != $old ] "
        "&& sv status /run/service/%s | grep ^run:; "
        "do n=$((n+1)); [ $n -lt 20 ] || exit 1; sleep 1; done" % (service, service, service))


def test_old_console_logs_make_room(machine):
    """On the small file system of the logs the oldest is removed first, and none in use."""
    machine.out("cd %s; head -c 3400000 /dev/zero >guest-b.log.1; sleep 1; "
                "head -c 3400000 /dev/zero >guest-a.log.1; touch -c -d @0 guest-b.log.1" % host.CONSOLES)
    host.until(machine, "[ ! -e %s/guest-b.log.1 ]" % host.CONSOLES)
    machine.out("sleep 11; cd %s; ls guest-a.log.1 guest-hello-pv.log && rm guest-a.log.1" % host.CONSOLES)


def test_domains_outlive_the_restarts(machine):
    for name in HELLO:
        host.assert_hello(machine, name)


# A guest whose init only floods its console.
SHOUTER = guests.one_line("shouter", "while :; do echo %s; done" % ("0123456789" * 12), 48)


def test_guest_console_is_bounded(machine):
    """A guest that floods its console cannot fill dom0's memory with the log."""
    machine.write("/tmp/shouter.cfg", SHOUTER)
    machine.out("xl create /tmp/shouter.cfg")
    log = host.CONSOLES + "/guest-shouter.log"
    try:
        # The log was rotated at its limit.
        machine.out("n=0; until [ -s %s.1 ] && [ -s %s ]; do n=$((n+1)); [ $n -lt 120 ] || exit 1; "
                    "sleep 1; done" % (log, log), 240)
        sizes = machine.out("for n in 1 2 3 4 5; do sleep 3; du -sk %s; done" % host.CONSOLES)
        assert max(int(line.split()[0]) for line in sizes.splitlines()) <= 8 * 1024, sizes
    finally:
        machine.out("xl destroy shouter")
    host.assert_hello(machine, "hello-pvh")


# A guest whose init counts on its console, and then waits. It starts no program.
COUNTER = guests.one_line(
    "counter", "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo line $i %s; done; read x" % ("0123456789" * 7), 48)


@pytest.mark.slow
def test_slow_reader_of_a_console_misses_nothing(machine):
    """While the terminal is full, xenconsoled keeps both it and the output."""
    machine.write("/tmp/counter.cfg", COUNTER)
    machine.out("xl create /tmp/counter.cfg")
    try:
        # The shell reads each character alone, and waits now and then.
        machine.out("""xl console counter </dev/null 2>&1 | while read -r word number rest; do
            [ "$word" = line ] || continue
            n=$((${n:-0} + 1))
            [ "$number" = "$n" ] || { echo "line $number follows $((n - 1))"; break; }
            [ $((n % 250)) -ne 0 ] || sleep 1
            [ "$n" -lt 4000 ] || { echo complete; break; }
        done >/tmp/counted &""")
        host.until(machine, "[ -s /tmp/counted ]", 300)
        assert machine.out("cat /tmp/counted").strip() == "complete"
    finally:
        machine.out("xl destroy counter")


def test_medium_taken_out(machine):
    """After boot nothing needs the CD, not even a new domain."""
    machine.qmp.execute("blockdev-open-tray", id="cd", force=True)
    machine.qmp.execute("blockdev-remove-medium", id="cd")
    machine.sh("dd if=/dev/sr0 of=/dev/null bs=2048 count=1")   # dom0 notices
    for name in HELLO:
        host.assert_hello(machine, name)
    machine.out("sed s/hello-pv/latecomer/ /config/domains/20-hello-pv.cfg >/tmp/latecomer.cfg; "
                "xl create /tmp/latecomer.cfg", 120)
    host.assert_hello(machine, "latecomer")


def test_shutdown_from_inside(machine):
    """Domains are stopped before power-off: xl's own first, then domd's in parallel."""
    late = ["stopping domain latecomer", "domain latecomer stopped"] if "latecomer" in host.domains(machine) else []
    since = machine.console.position()
    machine.console.send("poweroff\r")
    machine.wait_off()
    said = machine.console.text[since:]
    for name in HELLO:
        host.assert_in_order(said, *late, r"stopping domain %s\b" % name, "domain %s stopped" % name,
                             "Xenith: power off")
    assert "forced" not in said
