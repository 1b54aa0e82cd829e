"""domd in the image: dependencies, readiness, ends of domains, and its own restart."""

import json
import re
import time

import pytest

import drives
import guests
import host
from tier import only_slow

# Guests whose init is a line of shell.
MISFITS = {
    "crasher": ("exit 1", 'ready = "console:never"', "restart_limit = 2"),
    "needy": ("/bin/busybox sleep 9999", guests.requires("crasher")),
    "hanger": ("while /bin/busybox sleep 9; do :; done",),
    "rebooter": ("/bin/busybox sleep 5; /bin/busybox reboot -f", 'ready = "created"'),
    "sleeper": ("/bin/busybox sleep 5; /bin/busybox poweroff -f", 'ready = "created"'),
    "renamed": ("exit 1", 'ready = "console:never"', 'on_crash = "rename-restart"',
                "restart_limit = 2", "restart_delay = 5"),
    "preserved": ("exit 1", 'ready = "console:never"', 'on_crash = "preserve"'),
    "slow": ("/bin/busybox sleep 20; /bin/busybox echo it is up; /bin/busybox sleep 9999", 'ready = "console:it is up"'),
    "dumped": ("exit 1", 'ready = "console:never"', 'on_crash = "coredump-destroy"', 'restart = "no"'),
}

# Dependencies in three levels: a; b and c; d to h.
NEEDS = {"a": "", "b": "a", "c": "a", "d": "b", "e": "b", "f": "c", "g": "c", "h": "b"}


def guest(name, *lines):
    return guests.hello(name, 48, "01:%02x" % (sum(name.encode()) % 256), 'on_crash = "destroy"', *lines)


def misfit(name, line, *lines):
    if not any(each.startswith("on_crash") for each in lines):
        lines = (*lines, 'on_crash = "destroy"')
    return guests.one_line(name, line, 40, 'autostart = "no"', "stop_timeout = 5", *lines)


def tree():
    domains = {name: guest(name, guests.says_it_is_up(name), guests.requires(needs))
               for name, needs in NEEDS.items()}
    domains.update({name: misfit(name, *what) for name, what in MISFITS.items()})
    domains["brief"] = guest("brief", 'autostart = "no"', 'ready = "created"', 'on_stop = "destroy"')
    domains["ahead"] = guest("ahead", 'autostart = "no"', guests.says_it_is_up("ahead"),
                             guests.requires("slow"), 'prebuild = "yes"')
    domains["keeper"] = guest("keeper", 'autostart = "no"', guests.says_it_is_up("keeper"),
                              'on_stop = "save"', 'save_to = "/var/lib/xen/save"')
    domains["nodisk"] = guest("nodisk", 'disk = [ "/dev/nothing,raw,xvda,rw" ]')
    domains["win"] = guest("win", 'needs = [ "/dev/nothing" ]')
    return {"host.conf": "console_shell=yes\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n",
            **{"domains/%s.cfg" % name: text for name, text in domains.items()}}


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree()))
    return boot("domd", iso, drives=[drive], disk=256).wait_ready()


def status(machine):
    return {each["name"]: each
            for each in json.loads(machine.out("xenith status --json 2>/dev/null"))["domains"]}


def wait_for(machine, condition, seconds=900):
    end = time.monotonic() + seconds
    while True:
        now = status(machine)
        if condition(now):
            return now
        assert time.monotonic() < end, now
        time.sleep(2)


def test_three_levels_in_order(machine):
    wait_for(machine, lambda now: all(now[name]["state"] == "ready" for name in NEEDS))
    log = machine.out("cat /run/xenith/boot.log")
    for name, needs in NEEDS.items():
        if needs:
            host.assert_in_order(log, r"domain %s ready" % needs, r"creating %s$" % name,
                                 r"domain %s started" % name, r"domain %s ready" % name)


def test_side_by_side(machine):
    """d to h start in parallel."""
    log = machine.out("cat /run/xenith/boot.log").splitlines()
    begun = [i for i, line in enumerate(log) if re.search(r" creating [d-h]$", line)]
    ready = [i for i, line in enumerate(log) if re.search(r"domain [d-h] ready$", line)]
    assert begun[1] < ready[0]


def test_no_xl_stays_behind(machine):
    assert machine.out("pgrep -x xl || echo none").strip() == "none"


def test_what_cannot_start_says_why(machine):
    now = status(machine)
    assert now["nodisk"]["state"] == "failed"
    assert "/dev/nothing does not exist" in now["nodisk"]["reason"]
    assert now["win"]["state"] == "skipped"


def test_stop_and_start_leave_the_others_alone(machine):
    before = status(machine)
    machine.out("xenith stop --wait h; xenith start h")
    after = wait_for(machine, lambda now: now["h"]["state"] == "ready")
    assert after["h"]["domid"] != before["h"]["domid"]
    assert after["d"]["domid"] == before["d"]["domid"]


@pytest.mark.slow
def test_created_ahead(machine):
    """Paused, and without a moment of the processor, until what it requires is ready."""
    machine.out("xenith start ahead")
    now = wait_for(machine, lambda now: now["ahead"]["state"] == "built")
    assert now["slow"]["state"] == "booting"
    listed = machine.out("xl list ahead").splitlines()[-1].split()
    assert listed[4:] == ["--p---", "0.0"]
    wait_for(machine, lambda now: now["ahead"]["state"] == "ready")
    host.assert_in_order(machine.out("cat /run/xenith/boot.log"), "creating ahead$", "built ahead$",
                         "domain slow ready", "domain ahead started", "domain ahead ready")
    host.assert_hello(machine, "ahead")
    machine.out("xenith stop --wait ahead slow")
    assert {status(machine)[name]["state"] for name in ("slow", "ahead")} == {"stopped"}


def test_misfits_end_as_documented(machine):
    before = status(machine)
    machine.out("xenith start needy hanger rebooter sleeper")
    now = wait_for(machine, lambda now: now["crasher"]["state"] == "held"
                   and now["sleeper"]["state"] == "stopped" and now["rebooter"]["restarts"] >= 1
                   and now["hanger"]["state"] == "ready")
    assert "guest crashed" in now["crasher"]["reason"]
    assert now["crasher"]["restarts"] == 2
    assert now["needy"]["state"] == "blocked" and "crasher" in now["needy"]["reason"]
    assert now["sleeper"]["reason"] == "guest powered off"
    assert now["sleeper"]["restarts"] == 0
    machine.out("xenith stop --wait needy crasher hanger rebooter")
    now = status(machine)
    assert now["hanger"]["state"] == "stopped"
    assert "no shutdown within 5 s; destroyed" in now["hanger"]["reason"]
    for name in NEEDS:
        assert (now[name]["domid"], now[name]["state"]) == (before[name]["domid"], "ready")


# Until domd runs again.
NEXT_DOMD = "until xenith status >/dev/null 2>&1; do sleep 1; done"


def kill_domd(machine):
    """Kill domd and wait for its successor."""
    machine.out("killall -9 domd; sleep 1; " + NEXT_DOMD)


def others(machine):
    """The domains that domd does not manage: {name: domid}."""
    return {name: each["domid"] for name, each in status(machine).items() if each["state"] == "by-hand"}


@pytest.mark.slow
def test_a_crashed_one_is_renamed(machine):
    """Each dead instance is kept under its own name for inspection, and a restarted domd
    distinguishes the instances with one UUID."""
    machine.out("xenith start renamed")
    wait_for(machine, lambda now: now["renamed"]["restarts"] >= 1 and now["renamed"]["domid"])
    kill_domd(machine)
    now = wait_for(machine, lambda now: now["renamed"]["state"] == "held")
    assert now["renamed"]["restarts"] == 2
    dead = others(machine)
    assert len(dead) == 3 and all(re.fullmatch(r"renamed-\d{8}T\d{6}Z", name) for name in dead), dead
    machine.out("".join("xl destroy %d; " % domid for domid in dead.values()), 120)
    assert "renamed" not in machine.out("xl list")


@pytest.mark.slow
def test_a_crashed_one_is_preserved(machine):
    machine.out("xenith start preserved")
    now = wait_for(machine, lambda now: now["preserved"]["state"] == "kept")
    kill_domd(machine)
    after = wait_for(machine, lambda now: now["preserved"]["state"] == "kept")
    assert after["preserved"]["domid"] == now["preserved"]["domid"]
    machine.out("xenith stop --wait preserved")
    assert "preserved" not in machine.out("xl list")


@pytest.mark.slow
def test_saved_and_restored(machine):
    """The guest resumes the same boot. It does not print again that it is up, but is
    ready, and its network works."""
    log = "/var/log/xen/console/guest-keeper.log"
    machine.out("mkdir -p /var/lib/xen/save; xenith start --wait keeper || "
                "{ tail %s; xl list; false; }" % log, 900)
    machine.out("xenith stop --wait keeper")
    now = status(machine)["keeper"]
    assert now["state"] == "stopped" and "/var/lib/xen/save is in memory" in now["reason"], now

    machine.out("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /var/lib/xen/save")
    machine.out("xenith start --wait keeper", 900)
    said = machine.out("grep 'keeper up' %s" % log).splitlines()
    machine.out("xenith stop --wait keeper", 600)
    assert machine.out("cd /var/lib/xen/save; ls keep*").split() == ["keeper.save", "keeper.save.json"]
    machine.out("xenith start --wait keeper", 900)
    assert status(machine)["keeper"]["state"] == "ready"
    assert machine.out("cd /var/lib/xen/save; ls keep* 2>/dev/null || echo none").split() == ["none"]
    assert machine.out("grep 'keeper up' %s" % log).splitlines() == said
    address = said[-1].split()[-1]
    assert host.answer(machine, address) == "hello from keeper"
    machine.out("xenith stop --wait keeper", 600)


@pytest.mark.slow
def test_killed_during_a_restore(machine):
    """Whenever domd is killed, the guest resumes once from its save, without a new boot."""
    log = "/var/log/xen/console/guest-keeper.log"
    said = machine.out("grep -c 'keeper up' %s" % log)
    interrupted = set()
    for n in range(12):
        machine.out("xenith start keeper; usleep %d" % (n * 150000))
        interrupted.add(status(machine)["keeper"]["state"])
        kill_domd(machine)
        wait_for(machine, lambda now: now["keeper"]["state"] == "ready")
        assert machine.out("xl list | grep -c '^keeper '").strip() == "1"
        machine.out("xenith stop --wait keeper", 600)
        assert machine.out("cd /var/lib/xen/save; ls keep*").split() == ["keeper.save", "keeper.save.json"]
    print("killed while", interrupted)
    assert "creating" in interrupted
    assert machine.out("grep -c 'keeper up' %s" % log) == said


@pytest.mark.slow
def test_core_dump_of_a_crashed_one(machine):
    """The dump is written to a disk, or the reason why not is reported."""
    machine.out("mkdir -p /var/lib/xen/dump; xenith start dumped")
    wait_for(machine, lambda now: now["dumped"]["state"] == "failed")
    assert "dumped: no core dump: /var/lib/xen/dump is in memory" in machine.out("tail -n 50 /var/log/messages")
    machine.out("mount -o bind /var/lib/xen/save /var/lib/xen/dump; xenith start dumped")
    wait_for(machine, lambda now: now["dumped"]["state"] == "failed")
    # The guest's memory as an ELF core, which gdb and crash read.
    assert machine.out("head -c 4 /var/lib/xen/dump/dumped") == "\x7fELF"
    assert int(machine.out("stat -c %s /var/lib/xen/dump/dumped")) > 40 << 20
    assert "dumped" not in machine.out("xl list")
    machine.out("rm /var/lib/xen/dump/dumped; umount /var/lib/xen/dump")


def test_the_command(machine):
    """xenith with real domains."""
    said, rc = machine.sh("xenith check 2>&1")
    assert rc == 1 and "/dev/nothing does not exist" in said and len(said.splitlines()) == 1, said
    assert "hello: a up" in machine.out("xenith log a")
    assert '"b" -> "a"' in machine.out("xenith graph --dot")
    machine.out("xenith events --follow >/tmp/events & echo $! >/tmp/follower; xenith restart --wait h", 900)
    host.until(machine, "grep -q 'h booting -> ready' /tmp/events")
    machine.out("kill $(cat /tmp/follower)")
    host.assert_in_order(machine.out("cat /tmp/events"), r"h shutdown -> destroying", r"h booting -> ready")
    machine.out("xenith disable h")
    assert not status(machine)["h"]["autostart"]
    machine.out("xenith enable h")
    # The error is reported again.
    said, rc = machine.sh("xenith reload 2>&1")
    assert rc == 1 and "nodisk.cfg" in said, said
    assert status(machine)["h"]["autostart"]


def test_metrics(machine):
    address = re.findall(r"hello: a up (\S+)", machine.out("xenith log a"))[-1]
    before = metrics(machine)
    machine.out("wget -q -T 60 -O - http://%s/" % address)
    after = metrics(machine)
    assert after['xenith_domain_vif_received_bytes_total{domain="a"}'] > before['xenith_domain_vif_received_bytes_total{domain="a"}'] > 0
    assert after['xenith_domain_cpu_seconds_total{domain="a"}'] > before['xenith_domain_cpu_seconds_total{domain="a"}'] > 0
    assert 0.9 < after["xenith_host_memory_bytes"] / (2 << 30) <= 1, after


def metrics(machine):
    lines = machine.out("xenith metrics").splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_console(machine):
    """Input arrives in the guest; Ctrl-] leaves."""
    machine.out("true")
    since = machine.console.position()
    machine.console.send("xenith console a\r")
    machine.console.send("\r")
    machine.console.wait(r"built-in shell", since)
    # xl needs it in a separate read.
    since = machine.console.position()
    machine.console.send("\x1d")
    machine.console.wait(r"xenith:/root# ", since)
    assert machine.out("echo back").strip() == "back"


def completed(machine, *pieces):
    """Type pieces that end in a tab, wait for each completion, and delete the line."""
    for typed, expected in pieces:
        since = machine.console.position()
        machine.console.send(typed + "\t")
        machine.console.wait(re.escape(expected), since)
    machine.console.send("\x15\r")


def test_tab_completes_commands_and_domains(machine):
    """The shell completes the words of xenith and xl."""
    machine.out("true")
    completed(machine, ("xenith gr", "graph "), ("--do", "--dot "))
    completed(machine, ("xenith status nod", "nodisk "))
    completed(machine, ("xl domi", "domid "), ("Dom", "Domain-0 "))
    completed(machine, ("cat /etc/inittab; ls /etc/initt", "/etc/inittab "))


def boots(machine):
    """{name: how often its console has said that it is up}."""
    return {name: int(machine.out("cat {0}.1 {0} 2>/dev/null | grep -ac 'hello: {1} up'; :".format(
        "%s/guest-%s.log" % (host.CONSOLES, name), name))) for name in NEEDS}


@pytest.mark.parametrize("stop, start, begun, times", [
    ("b", "d e h", "bdeh", 5),
    *only_slow(("b c a", "d e f g h", "abcdefgh", 50), mark=pytest.mark.slow)])
def test_killed_during_a_start(machine, stop, start, begun, times):
    """No domain is lost or started twice, and running ones keep running."""
    before = boots(machine)
    machine.out("xenith stop --wait " + stop, 900)
    machine.out("xenith start " + start)
    machine.out("n=0; while [ $n -lt %d ]; do killall -9 domd; n=$((n+1)); "
                "usleep $((200000 + n * 37000 %% 900000)); done; %s" % (times, NEXT_DOMD), 600)
    wait_for(machine, lambda now: all(now[name]["state"] == "ready" for name in NEEDS))
    names = machine.out("xl list | awk 'NR > 1 { print $1 }'").split()
    assert sorted(names) == ["Domain-0"] + sorted(NEEDS)
    assert boots(machine) == {name: before[name] + (name in begun) for name in NEEDS}


def test_memory(machine):
    """The figure for docs/figures.md."""
    print(machine.out("grep -E '^(VmRSS|RssAnon)' /proc/$(pidof domd)/status"))


def test_no_process_is_left(machine):
    """domd and libxl leave no zombie."""
    host.until(machine, "! grep -l '^[0-9]* ([^)]*) Z' /proc/[0-9]*/stat 2>/dev/null")


def usage(machine):
    """(memory in kB, descriptors) of domd, and of xenstored."""
    return [tuple(int(word) for word in machine.out(
        "p=$(pidof %s); awk '/^VmRSS/ { print $2 }' /proc/$p/status; ls /proc/$p/fd | wc -l"
        % name).split()) for name in ("domd", "xenstored")]


@pytest.mark.slow
def test_cycles_leave_nothing_behind(machine):
    """500 domains are created and destroyed; the first ones may still fill caches."""
    machine.out("xenith stop --wait h")
    seen = []
    for cycles in (100, 200, 200):
        machine.out("n=0; while [ $n -lt %d ]; do n=$((n+1)); "
                    "xenith start --wait brief && xenith stop --wait brief || exit 1; done" % cycles, 7200)
        seen.append(usage(machine))
        print("after %d cycles more: domd %s, xenstored %s (kB, descriptors)" % (cycles, *seen[-1]))
    for before, after in zip(seen[0], seen[-1]):
        assert after[0] <= before[0] * 1.05 + 64
        assert after[1] <= before[1]
    machine.out("xenith start h")
    wait_for(machine, lambda now: now["h"]["state"] == "ready")


def test_power_off_is_the_reverse(machine):
    since = machine.console.position()
    machine.out("(sleep 1; xenith poweroff) >/dev/null 2>&1 &")
    machine.wait_off(600)
    said = machine.console.text[since:]
    host.assert_in_order(said, r"domain h stopped", r"stopping domain b", r"stopping domain a",
                         r"domain a stopped", r"Xenith: power off")
