"""The daemon as a whole: its command, its socket, its death and its successor."""

import contextlib
import itertools
import json
import os
import random
import select
import signal
import socket
import time

import pytest


def chain(host):
    host.domain("db")
    host.domain("app", 'requires = "db"')
    host.domain("web", 'requires = [ "app" ]')


def queue(host, *names):
    """Their creations wait as those of the real hypervisor do for others."""
    for name in names:
        (host.fake / ("queue-" + name)).touch()


def dequeue(host, *names):
    """Once they wait."""
    host.until_states(**{name: "creating" for name in names})
    for name in names:
        (host.fake / ("queue-" + name)).unlink()


def test_starts_in_order(host):
    chain(host)
    host.start()
    assert host.xenith("wait", "20").returncode == 0
    assert host.history() == ["create db", "create app", "create web"]
    marks = [mark for mark in host.timeline() if mark.startswith("domain")]
    assert marks == ["domain db started", "domain db ready", "domain app started",
                     "domain app ready", "domain web started", "domain web ready"]


def goes_on(host, *options):
    """A successor, whose creations take no time."""
    host.kill()
    host.ms = 20
    host.start(*options)


def console(host, name, line):
    with open(host.console / f"guest-{name}.log", "a", encoding="utf-8") as log:
        log.write(line + "\n")


@pytest.fixture
def ahead(host, tmp_path):
    """web is created, and waits for db, which boots."""
    disk = tmp_path / "disk"
    disk.write_bytes(b"old")
    host.domain("db", 'ready = "console:is up"')
    host.domain("web", 'requires = "db"', 'prebuild = "yes"', 'disk = [ "%s,raw,xvda,rw" ]' % disk)
    host.start()
    host.until_states(db="booting", web="built")
    host.disk = disk
    return host


def test_created_ahead(ahead):
    assert ahead.history(runs=True) == ["create db", "create web", "runs db"]
    assert ahead.xenith("wait", "1").returncode == 1
    console(ahead, "db", "is up")
    ahead.until_states(db="ready", web="ready")
    assert ahead.history(runs=True)[-1] == "runs web"
    marks = ahead.timeline()
    order = [marks.index(mark) for mark in ("creating db", "creating web", "built web", "domain db ready", "domain web started")]
    assert order == sorted(order) and marks.count("creating web") == 1


def test_a_disk_that_was_replaced_meanwhile(ahead):
    """It is created anew with the other one, once its turn has come."""
    new = ahead.disk.with_name("new")
    new.write_bytes(b"new")
    new.rename(ahead.disk)
    console(ahead, "db", "is up")
    ahead.until_states(web="ready")
    assert ahead.history() == ["create db", "create web", "destroyed web", "create web"]
    assert ahead.status()["web"]["restarts"] == 0


def test_a_file_that_is_edited_and_not_read_again(ahead):
    ahead.domain("web", 'requires = "db"', 'prebuild = "yes"', "memory = 99")
    console(ahead, "db", "is up")
    ahead.until_states(web="ready")
    assert ahead.history() == ["create db", "create web", "destroyed web", "create web"]


def test_a_creation_ahead_that_fails(host):
    """It is created in its turn, and nothing counts as a failure."""
    host.domain("db", 'ready = "console:is up"')
    host.domain("web", 'requires = "db"', 'prebuild = "yes"', 'restart = "no"')
    (host.fake / "refuse-web").write_text("no memory")
    host.start()
    host.until_states(db="booting", web="waiting")
    assert host.status()["web"]["reason"] == "not created ahead: no memory"
    (host.fake / "refuse-web").unlink()
    console(host, "db", "is up")
    host.until_states(web="ready")
    assert host.history() == ["create db", "create web"] and host.status()["web"]["restarts"] == 0


def test_a_file_that_is_edited_meanwhile(ahead):
    ahead.domain("web", 'requires = "db"', 'prebuild = "yes"', "memory = 99")
    ahead.ok("reload")
    ahead.until(lambda: ahead.history() == ["create db", "create web", "destroyed web", "create web"])
    ahead.until_states(web="built")


def test_a_daemon_that_ends_meanwhile(ahead):
    goes_on(ahead)
    ahead.until_states(db="booting", web="built")
    assert ahead.history()[-4:] == ["adopt db", "adopt web", "destroyed web", "create web"]
    assert ahead.status()["web"]["restarts"] == 0
    console(ahead, "db", "is up")
    ahead.until_states(web="ready")


def test_a_stop_meanwhile(ahead):
    ahead.ok("stop", "--wait", "web")
    assert ahead.history() == ["create db", "create web", "destroyed web"]
    assert ahead.states() == {"db": "booting", "web": "stopped"}


def test_starts_side_by_side(host):
    for number in range(8):
        host.domain("d%d" % number)
    host.ms = 60000
    host.start("-j", "8")
    host.until(lambda: set(host.states().values()) == {"creating"})
    goes_on(host, "-j", "8")
    assert host.xenith("wait", "20").returncode == 0


def test_no_more_at_a_time_than_allowed(host):
    for number in range(3):
        host.domain("d%d" % number)
    host.ms = 60000
    host.start("-j", "1")
    host.until(lambda: sorted(host.states().values()) == ["creating", "waiting", "waiting"])
    goes_on(host, "-j", "1")
    assert host.xenith("wait", "20").returncode == 0
    host.stop()
    host.start("-j", "auto")
    assert set(host.states().values()) == {"ready"}
    host.stop()
    with pytest.raises(AssertionError, match='"0" is not auto or a number from 1 to 1000'):
        host.start("-j", "0")
    host.daemon.wait()
    host.daemon.stderr.close()
    host.daemon = None


def test_stop_and_start(host):
    chain(host)
    host.start()
    host.until_states(web="ready")
    host.ok("stop", "--wait", "web")
    host.ok("stop", "db")
    host.until_states(db="stopped", app="blocked", web="stopped")
    assert host.history()[3:] == ["shutdown web", "destroyed web", "shutdown app",
                                  "destroyed app", "shutdown db", "destroyed db"]
    host.ok("start", "--wait", "web")
    assert host.states() == {"db": "ready", "app": "ready", "web": "ready"}


def test_refusals_say_what_and_why(host):
    host.domain("a", 'needs = "hvm"')
    host.start()
    done = host.xenith("start", "a", "b")
    assert done.returncode == 1
    assert done.stderr == ("xenith: cannot start a: needs hvm, which this host lacks; "
                           "cannot start b: no such domain\n")
    assert host.states() == {"a": "skipped"}


def test_each_ends_in_its_state(host):
    host.domain("crash", 'restart_limit = 2', 'restart_delay = 1')
    host.domain("missing", "restart_delay = 60")
    (host.fake / "refuse-missing").write_text("the disk /dev/x does not exist")
    host.domain("once", 'restart = "no"')
    host.domain("dependent", 'requires = "once"')
    host.domain("reboots")
    host.domain("off")
    host.domain("hangs", "stop_timeout = 1")
    (host.fake / "hang-hangs").write_text("")
    host.domain("fine")
    host.start()
    host.until_states(fine="ready", off="ready", reboots="ready", dependent="ready", hangs="ready")
    host.poke("off", "poweroff")
    host.poke("reboots", "reboot")
    host.poke("once", "crash")
    host.ok("stop", "hangs")
    for number in (1, 2, 3):
        host.until(lambda: host.history().count("create crash") == number and host.states()["crash"] == "ready")
        host.poke("crash", "crash")
    host.until_states(crash="held", off="stopped", once="failed", dependent="blocked",
                      hangs="stopped", reboots="ready", fine="ready", missing="backoff")
    status = host.status()
    assert status["crash"]["reason"] == "guest crashed; held after 3 failures in 600 s"
    assert status["missing"]["reason"] == "the disk /dev/x does not exist"
    assert status["dependent"]["reason"] == "requires once, which is failed"
    assert status["hangs"]["reason"] == "no shutdown within 1 s; destroyed"
    assert status["off"]["reason"] == "guest powered off"
    assert status["reboots"]["restarts"] == 1
    assert host.history().count("create fine") == 1
    assert {"domain hangs stopped (forced)", "domain once failed: guest crashed",
            "domain missing failed: the disk /dev/x does not exist; it is restarted"} <= set(host.timeline())


def test_what_a_guest_makes_others_say_commands_no_terminal(host):
    """libxl, xl and QEMU repeat what a guest chose; its words reach consoles and logs."""
    host.domain("a", 'restart = "no"')
    (host.fake / "refuse-a").write_bytes(b"QEMU: \x1b]0;owned\a\xc2\x9b2J\xff bad\rdomain b ready" + b"x" * 500)
    host.start()
    host.until_states(a="failed")
    reason = host.status()["a"]["reason"]
    assert reason.startswith("QEMU: \\u001b]0;owned\\u0007\\u009b2J\\xff bad\\u000ddomain b readyx")
    assert len(reason) == 200 and reason.endswith("x...")
    assert "domain a failed: " + reason in host.timeline()
    assert reason in host.ok("status")


class Share:
    """A path that does not answer (domd/tests/preflight/dead_share.c), or does."""

    def __init__(self, path, dead=True):
        self.path = path
        if dead:
            os.mkfifo(path)
        else:
            path.touch()

    def dies(self):
        self.path.unlink()
        os.mkfifo(self.path)

    def is_replaced(self):
        """By one that answers. Whoever waits for the old one goes on to wait."""
        self.path.unlink()
        self.path.touch()

    def answers(self):
        """Somebody waits for it."""
        writer = os.open(self.path, os.O_WRONLY)
        self.is_replaced()
        os.close(writer)

    @property
    def reason(self):
        return "%s does not respond; the domain waits for it" % self.path


def test_a_dead_share_holds_its_own_domains_only(host):
    share = Share(host.fake / "share")
    host.domain("nas", 'disk = [ "%s,,xvda" ]' % share.path)
    host.domain("web", 'requires = "nas"')
    host.domain("fine", 'disk = [ "/dev/null,,xvda" ]', "restart_delay = 1")
    host.start()
    host.until_states(fine="ready", nas="blocked", web="blocked")
    reason = "%s/nas.cfg:2: disk: %s" % (host.config, share.reason)
    assert host.status()["nas"]["reason"] == reason
    assert "domain nas blocked: " + reason in host.timeline()
    assert "config " + reason not in host.timeline()
    # The others are looked after.
    host.poke("fine", "crash")
    host.until(lambda: host.status()["fine"]["restarts"] == 1)
    host.until_states(fine="ready")
    host.ok("restart", "--wait", "fine")
    done = host.xenith("reload")
    assert (done.returncode, done.stderr) == (1, reason + "\n")
    assert host.history().count("create nas") == 0
    # A successor is as well off: what is left behind keeps nothing from it.
    host.kill()
    host.start()
    host.until_states(fine="ready", nas="blocked", web="blocked")
    share.answers()
    host.until_states(nas="ready", web="ready")
    assert host.history().count("create nas") == 1


def test_a_share_that_dies_while_its_domain_runs(host):
    share = Share(host.fake / "share", dead=False)
    host.domain("nas", 'disk = [ "%s,,xvda" ]' % share.path, "restart_delay = 1")
    host.start()
    host.until_states(nas="ready")
    share.dies()
    done = host.xenith("restart", "nas")
    assert (done.returncode, done.stderr) == \
        (1, "xenith: cannot restart nas: %s/nas.cfg:2: disk: %s\n" % (host.config, share.reason))
    host.ok("status", "nas")
    assert host.states() == {"nas": "ready"}
    # libxl would wait for the disk in domd itself.
    host.poke("nas", "crash")
    host.until_states(nas="blocked")
    # Another share is mounted in its place, and somebody says so.
    share.is_replaced()
    host.ok("start", "nas")
    host.until_states(nas="ready")
    assert host.history().count("create nas") == 2


def test_a_share_that_dies_before_a_crash(host):
    """Nobody has read the files since it died."""
    share = Share(host.fake / "share", dead=False)
    host.domain("nas", 'disk = [ "%s,,xvda" ]' % share.path, "restart_delay = 3")
    host.start()
    host.until_states(nas="ready")
    share.dies()
    host.poke("nas", "crash")
    host.until_states(nas="blocked")
    assert host.status()["nas"]["reason"].endswith(share.reason)
    share.answers()
    host.until_states(nas="ready")
    assert host.history().count("create nas") == 2


def test_what_cannot_be_saved_to_a_dead_share_is_shut_down(host):
    share = Share(host.fake / "share", dead=False)
    host.domain("nas", 'on_stop = "save"', 'save_to = "%s"' % share.path)
    (host.fake / "save-nas").write_text("10")
    host.start()
    host.until_states(nas="ready")
    time.sleep(2.5)                     # what it answered a moment ago is believed
    share.dies()
    host.ok("stop", "--wait", "nas")
    assert host.states() == {"nas": "stopped"}
    assert host.history()[1:] == ["shutdown nas", "destroyed nas"]


def test_waiting_for_the_builder_and_a_restore_are_no_failures(host):
    host.domain("slow", "start_timeout = 1", "restart_delay = 60")
    host.domain("saved", "start_timeout = 1")
    queue(host, "slow")
    (host.fake / "saved-saved").write_text("")
    host.ms = 1500
    host.start()
    dequeue(host, "slow")
    host.until_states(saved="ready", slow="backoff")
    assert host.history().count("create saved") == 1
    assert host.status()["slow"]["reason"] == "not created within 1 s"


def test_who_waits_for_the_builder_is_not_late(host):
    host.domain("late", "start_timeout = 3", "restart_delay = 60")
    queue(host, "late")
    host.start()
    host.until_states(late="creating")
    time.sleep(3.5)
    dequeue(host, "late")
    host.until_states(late="ready")
    assert host.history() == ["create late"]


def test_a_restore_has_an_end_if_nobody_looks(host):
    host.domain("saved", "start_timeout = 1", "stop_timeout = 1", 'restart = "no"')
    queue(host, "saved")
    (host.fake / "saved-saved").write_text("")
    host.ms = 30000
    host.start()
    dequeue(host, "saved")
    # Whoever asks domd wakes it.
    host.until(lambda: "domain saved failed: not restored within 2 s" in host.timeline())


def test_file_that_is_edited_before_its_turn(host):
    host.domain("edited", "start_timeout = 5")
    host.domain("broken", "start_timeout = 5")
    host.domain("gone")
    queue(host, "edited", "broken", "gone")
    host.start()
    host.until_states(edited="creating", broken="creating", gone="creating")
    host.domain("edited", 'restart = "no"')
    host.domain("broken", 'restart = "perhaps"')
    (host.config / "gone.cfg").unlink()
    dequeue(host, "edited", "broken", "gone")
    host.until_states(edited="ready", broken="failed")
    assert host.status()["edited"]["restart"] == "no"
    assert host.status()["edited"]["restarts"] == 0
    assert '"perhaps" is not no, on-failure or always' in host.status()["broken"]["reason"]
    host.until(lambda: "gone" not in host.states())
    assert host.history() == ["create edited"]


def test_shutdown_is_the_reverse(host):
    chain(host)
    host.start()
    host.until_states(web="ready")
    host.ok("shutdown")
    assert host.history()[3:] == ["shutdown web", "destroyed web", "shutdown app",
                                  "destroyed app", "shutdown db", "destroyed db"]
    assert host.xenith("start", "db").stderr == \
        "xenith: cannot start db: the host is going down\n"


def to_start(host):
    """The domains that the console is told of before any of them is started."""
    return [name for mark in host.timeline() if mark.startswith("to start: ") for name in mark.split()[2:]]


def test_autostart(host):
    chain(host)
    host.domain("other")
    host.domain("never", 'autostart = "no"')
    host.start("-a", "app,nobody,none")
    host.until_states(db="ready", app="ready", web="stopped", other="stopped", never="stopped")
    assert "autostart: no such domain: nobody" in host.timeline()
    assert "autostart: no such domain: none" in host.timeline()
    # With what they require.
    assert set(to_start(host)) == {"db", "app"}


def test_no_domains_at_all(host):
    host.start()
    assert host.ok("wait", "5") == ""
    assert host.status() == {}
    host.config.rmdir()
    host.ok("reload")
    host.ok("shutdown")
    assert host.timeline() == ["no domains to start", "all domains are down"]


def test_256_domains(host):
    for number in range(256):
        host.domain("d%d" % number, "requires = [ %s ]" % ", ".join(
            '"d%d"' % (number - back) for back in (16, 17, 31) if number >= back))
    host.ms = 1
    host.start("-j", "64", program="domd-plain")
    assert host.xenith("wait", "50").returncode == 0
    assert set(host.states().values()) == {"ready"}
    assert sorted(to_start(host)) == sorted(host.states())
    assert max(len(mark) for mark in host.timeline() if mark.startswith("to start: ")) < 200
    before = {name: each["domid"] for name, each in host.status().items()}
    host.kill()
    host.start("-j", "64", program="domd-plain")
    assert {name: each["domid"] for name, each in host.status().items()} == before
    host.ok("shutdown")
    assert set(host.states().values()) == {"stopped"}


def test_autostart_off(host):
    chain(host)
    host.start("-a", "no")
    assert set(host.states().values()) == {"stopped"}
    assert host.timeline() == ["domains are not started (autostart=no)"]


def test_mistakes_do_not_stop_the_others(host):
    host.domain("a", "memory 512")
    host.domain("b", 'kernel = "/nowhere/vmlinuz"')
    host.domain("c", 'autostrat = "no"')
    host.domain("d", 'kernel = "/etc/passwd"')
    host.start()
    host.until_states(b="failed", c="ready", d="failed")
    marks = host.timeline()
    assert any(mark.startswith("config %s/a.cfg:2: " % host.config) for mark in marks), marks
    assert "domain b failed: %s/b.cfg:2: kernel: /nowhere/vmlinuz does not exist" \
        % host.config in marks
    assert "domain d failed: %s/d.cfg:2: kernel: /etc/passwd is not a kernel that Xen can start: " \
        "an ELF file (vmlinux) or a bzImage (vmlinuz) is needed" % host.config in marks
    assert "config %s/c.cfg:2: warning: autostrat: neither xl nor domd knows this key " \
        "(autostart?)" % host.config in marks


def test_reload(host):
    host.domain("a")
    host.domain("b")
    host.start()
    host.until_states(a="ready", b="ready")
    host.domain("a", "priority = 7")
    host.domain("c")
    (host.config / "b.cfg").unlink()
    host.ok("reload")
    status = host.status()
    assert status["a"]["stale"] and status["a"]["priority"] == 7
    assert status["b"]["state"] == "ready"
    assert status["c"]["state"] == "stopped"
    host.ok("stop", "--wait", "b")
    assert "b" not in host.status()
    host.ok("restart", "--wait", "a")
    assert not host.status()["a"]["stale"]


def test_reload_with_mere_warnings_is_done(host):
    host.domain("a")
    host.start()
    host.domain("a", "autostrat = 1")
    done = host.xenith("reload")
    assert "warning: autostrat" in done.stderr and done.returncode == 0
    host.domain("a", "memory 512")
    assert host.xenith("reload").returncode == 1


def test_a_file_that_is_taken_away(host):
    host.domain("a", 'autostart = "no"')
    host.domain("b")
    host.start()
    host.until_states(b="ready")
    (host.config / "a.cfg").unlink()
    host.ok("reload")
    assert host.states() == {"b": "ready"}


def test_a_file_that_is_broken_takes_nothing_away(host):
    """What was read before counts on; it is not started from the file."""
    host.domain("a")
    host.domain("b")
    host.start()
    host.until_states(a="ready", b="ready")
    host.ok("stop", "--wait", "b")
    host.domain("a", "memory 512")
    host.domain("b", "memory 512")
    assert "a.cfg:2" in host.xenith("reload").stderr
    assert host.states() == {"a": "ready", "b": "failed"}
    assert "b.cfg:2: " in host.xenith("start", "b").stderr
    host.poke("a", "crash")
    host.until(lambda: host.status()["a"]["restarts"] == 1)
    host.until_states(a="ready")
    host.domain("a", "memory = 512")
    host.domain("b", "memory = 512")
    host.ok("reload")
    assert host.states() == {"a": "ready", "b": "stopped"}


def test_several_are_stopped_in_their_order(host):
    host.domain("a")
    host.domain("b", 'after = "a"')
    host.start()
    host.until_states(a="ready", b="ready")
    host.ok("stop", "--wait", "a", "b")
    assert [line for line in host.history() if line.startswith(("shut", "dest"))] == [
        "shutdown b", "destroyed b", "shutdown a", "destroyed a"]


def test_stale_is_what_runs_and_not_what_the_file_says(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.domain("a", "priority = 7")
    host.ok("reload")
    assert host.status()["a"]["stale"]
    host.poke("a", "reboot")        # goes on with what it had
    host.until(lambda: host.status()["a"]["restarts"] == 1)
    host.until_states(a="ready")
    assert host.status()["a"]["stale"]
    host.kill()
    host.start()
    assert host.status()["a"]["stale"]
    host.domain("a")
    host.ok("reload")
    assert not host.status()["a"]["stale"]


def test_what_was_saved_has_its_own_disks(host, tmp_path):
    """The file was edited between the save and the restore; so says its successor."""
    old, new = tmp_path / "old.img", tmp_path / "new.img"
    for disk in (old, new):
        disk.write_text("")
    host.domain("a", 'disk = [ "%s,raw,xvda,rw" ]' % new, 'autostart = "no"', "restart_delay = 60")
    host.domain("b", 'disk = [ "%s,raw,xvda,rw" ]' % old, 'autostart = "no"')
    (host.fake / "saved-a").write_text(str(old))
    host.start()
    host.ok("start", "--wait", "a")
    for _ in range(2):
        assert host.status()["a"]["stale"]
        host.ok("start", "b")
        host.until_states(a="ready", b="blocked")
        assert host.status()["b"]["reason"] == "disk %s is in use by domain a" % old
        host.kill()
        host.start()
    host.ok("stop", "--wait", "a")
    host.until_states(b="ready")
    host.ok("start", "a")
    host.until_states(a="backoff", b="ready")
    assert host.status()["a"]["reason"] == \
        "disk %s is in use by domain b, and the save of this domain writes to it" % old


def test_no_two_with_one_uuid(host):
    """A file that was copied; and one that somebody started by hand."""
    host.domain("a", 'uuid = "6cd29f5d-0001"', 'autostart = "no"', "restart_delay = 3")
    host.domain("b", 'uuid = "6CD29F5D0001"', "restart_delay = 60")
    for name in "ab":
        (host.fake / ("uuid-" + name)).write_text("6cd29f5d-0001")
    host.start()
    host.until_states(a="stopped", b="ready")
    assert "config %s/b.cfg:2: warning: uuid: domain a has the same UUID; only one of them can run at a time" \
        % host.config in host.timeline()
    host.ok("start", "a")
    host.until_states(a="backoff", b="ready")
    assert host.status()["a"]["reason"] == \
        "domain b runs with the same UUID, 6cd29f5d-0001; change or remove one of them"
    host.ok("stop", "--wait", "a", "b")
    host.ok("start", "--wait", "a")
    host.poke("a", "reboot")            # its own is no other
    host.until(lambda: host.status()["a"]["restarts"] == 1)
    host.until_states(a="ready")
    host.ok("stop", "--wait", "a")
    (host.fake / "dom-9").write_text("hand 6cd29f5d-0001 runs\n")
    host.until_states(hand="by-hand")
    host.ok("start", "b")
    host.until_states(b="backoff")
    assert host.status()["b"]["reason"].startswith("domain hand runs with the same UUID")


def test_by_hand_is_left_alone(host):
    host.domain("a")
    (host.fake / "dom-7").write_text("hand some-uuid runs\n")
    host.start()
    host.until_states(a="ready", hand="by-hand")
    assert host.xenith("stop", "hand").stderr == \
        "xenith: cannot stop hand: it was started by hand, and domd does not manage it\n"
    (host.fake / "dom-8").write_text("later other-uuid runs\n")
    host.until_states(later="by-hand")
    # One of a name that is configured is not started a second time.
    host.ok("stop", "--wait", "a")
    (host.fake / "dom-9").write_text("a third-uuid runs\n")
    host.until_states(a="by-hand")
    assert "does not manage it" in host.xenith("start", "a").stderr
    # The host takes them down first.
    host.ok("shutdown")
    assert host.history()[-1].startswith("destroyed ")
    assert not list(host.fake.glob("dom-*"))


def test_destroyed_while_nobody_looked(host):
    host.domain("a")
    host.domain("b", 'restart = "always"')
    host.start()
    host.until_states(a="ready", b="ready")
    host.kill()
    for path in host.fake.glob("dom-*"):
        path.unlink()
    host.start()
    host.until_states(a="stopped", b="ready")
    assert host.status()["a"]["reason"] == "destroyed by another program"
    assert host.status()["b"]["restarts"] == 1
    assert host.history().count("create a") == 1


def test_by_hand_spoils_what_was_saved(host, tmp_path):
    host.domain("a", 'autostart = "no"', 'save_to = "%s"' % tmp_path)
    host.domain("b", 'autostart = "no"', 'save_to = "%s"' % tmp_path)
    for name in "ab":
        (tmp_path / (name + ".save")).write_text("memory")
        (tmp_path / (name + ".save.json")).write_text("{}")
    host.start()
    (host.fake / "dom-9").write_text("a third-uuid runs\n")
    host.until_states(a="by-hand", b="stopped")
    assert sorted(path.name for path in tmp_path.glob("*.save*")) == [
        "a.save.failed", "a.save.failed.json", "b.save", "b.save.json"]
    assert ("domain a was started by hand; its save is obsolete, and is kept as %s/a.save.failed"
            % tmp_path) in host.timeline()
    # While domd is down, too; but not if it has forgotten what it did itself.
    host.kill()
    (host.fake / "dom-10").write_text("b fourth-uuid runs\n")
    journal = (host.run / "domd.json").read_text()
    (host.run / "domd.json").write_text("nonsense")
    host.start()
    host.until_states(b="by-hand")
    assert (tmp_path / "b.save").exists()
    host.kill()
    (host.run / "domd.json").write_text(journal)
    host.start()
    host.until_states(b="by-hand")
    assert (tmp_path / "b.save.failed").exists()


# --- its death ----------------------------------------------------------------

def test_a_successor_adopts(host):
    chain(host)
    host.start()
    host.until_states(web="ready")
    before = {name: each["domid"] for name, each in host.status().items()}
    host.kill()
    host.start()
    assert {name: each["domid"] for name, each in host.status().items()} == before
    assert set(host.states().values()) == {"ready"}
    assert [line for line in host.history() if line.startswith("create")] == \
        ["create db", "create app", "create web"]


@pytest.mark.parametrize("remains", ["dying", "dead"])
def test_a_successor_adopts_what_runs_and_not_its_remains(host, remains):
    """The instance before a reboot has the same UUID, and may be slow to go."""
    (host.fake / "dom-1").write_text("other some-uuid runs\n")
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.kill()
    runs = (host.fake / "dom-2").read_text()
    (host.fake / "dom-1").write_text(runs.replace(" runs", " " + remains))
    host.start()
    assert host.states() == {"a": "ready"}
    assert host.status()["a"]["domid"] == 2
    # Without another, it is what is left of ours.
    host.kill()
    (host.fake / "dom-1").write_text(runs.replace(" runs", " dying"))
    (host.fake / "dom-2").unlink()
    host.start()
    host.until_states(a="ready")
    assert host.history() == ["adopt other", "create a", "adopt a", "adopt a", "destroyed a",
                              "create a"]


def test_what_came_to_run_unnoticed_goes_on(host):
    """Killed between the end of a creation and its note in the journal."""
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.kill()
    journal = json.loads((host.run / "domd.json").read_text())
    journal["domains"][0].update(state="creating", was_ready=False)
    (host.run / "domd.json").write_text(json.dumps(journal))
    host.start()
    host.until_states(a="ready")
    assert host.history() == ["create a", "adopt a"]


def test_history_survives(host):
    host.domain("a", "restart_limit = 1", "restart_delay = 1")
    host.domain("b")
    host.start()
    host.until_states(a="ready", b="ready")
    host.poke("a", "crash")
    host.until(lambda: host.status()["a"]["restarts"] == 1)
    host.until_states(a="ready")
    host.kill()
    host.start()
    assert host.status()["a"]["restarts"] == 1
    host.poke("a", "crash")
    host.until_states(a="held")
    host.ok("stop", "--wait", "b")
    host.kill()
    host.start()
    assert host.states() == {"a": "held", "b": "stopped"}


def test_a_successor_starts_nothing_that_was_stopped(host):
    chain(host)
    host.start()
    host.until_states(web="ready")
    host.ok("stop", "--wait", "db")
    host.until_states(db="stopped", app="blocked", web="blocked")
    host.kill()
    host.start()
    host.until_states(db="stopped", app="blocked", web="blocked")
    host.ok("start", "db")
    host.until_states(db="ready", app="ready", web="ready")


def test_a_successor_starts_nothing_that_was_held(host):
    host.domain("zdb", "restart_limit = 0")
    host.domain("app", 'requires = "zdb"')
    host.domain("zzz", 'requires = "zdb"')
    host.start()
    host.until_states(zdb="ready", app="ready", zzz="ready")
    host.poke("zdb", "crash")
    host.until_states(zdb="held", app="blocked", zzz="blocked")
    host.kill()
    host.start()
    host.until_states(zdb="held", app="blocked", zzz="blocked")
    assert host.history().count("create zdb") == 1


@pytest.mark.parametrize("what, end", [("poweroff", "stopped"), ("crash", "failed")])
@pytest.mark.parametrize("gone", [False, True])
def test_what_was_being_removed_has_its_end(host, what, end, gone):
    """Killed between the death of a domain and its removal."""
    host.domain("a", 'restart = "no"')
    host.start()
    host.until_states(a="ready")
    (host.fake / "stay-a").write_text("")
    host.poke("a", what)
    host.until_states(a="destroying")
    host.kill()
    (host.fake / "stay-a").unlink()
    if gone:
        (host.fake / "dom-1").unlink()
    host.start()
    host.until_states(a=end)
    assert host.history().count("create a") == 1
    assert host.status()["a"]["reason"] == \
        {"poweroff": "guest powered off", "crash": "guest crashed"}[what]


def test_an_unfinished_stop_keeps_its_order(host):
    host.domain("a")
    host.domain("b", 'after = "a"')
    (host.fake / "hang-b").write_text("")
    host.start()
    host.until_states(a="ready", b="ready")
    shutdown = host.connect()
    shutdown.sendall(b'{"v":1,"cmd":"shutdown"}\n')
    host.until_states(a="stop-wait", b="shutdown")
    host.kill()
    host.start()
    host.until_states(a="stop-wait", b="shutdown")
    assert "shutdown a" not in host.history()
    shutdown.close()


def saved_domain(host, after):
    """Begins to stop a domain whose save takes so many ms."""
    host.domain("a", 'on_stop = "save"', 'save_to = "%s"' % host.run)
    (host.fake / "save-a").write_text(str(after))
    (host.fake / "stay-a").write_text("")
    host.start()
    host.until_states(a="ready")
    host.ok("stop", "a")


def test_a_save_that_was_cut_off_is_begun_again(host):
    saved_domain(host, 60000)
    host.until_states(a="saving")
    host.kill()
    (host.fake / "save-a").write_text("0")
    (host.fake / "stay-a").unlink()
    host.start()
    host.until_states(a="stopped")
    assert host.history() == ["create a", "adopt a", "resume a", "destroyed a"]
    assert host.status()["a"]["reason"] == "saved to %s" % host.run


def test_a_save_that_is_complete_is_kept(host):
    """Killed between the save and the removal: the guest does not go on."""
    saved_domain(host, 0)
    host.until_states(a="destroying")
    host.kill()
    (host.fake / "stay-a").unlink()
    host.start()
    host.until_states(a="stopped")
    assert host.history() == ["create a", "adopt a", "destroyed a"]


def test_what_somebody_else_saves_is_left_alone(host):
    """xl save, while domd is replaced."""
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.kill()
    dom = host.fake / "dom-1"
    dom.write_text(dom.read_text().replace(" runs", " suspended"))
    host.start()
    host.until_states(a="ready")
    assert host.history() == ["create a", "adopt a"]


def test_nothing_is_started_blindly(host):
    """If the running domains cannot be listed, nothing can be known to be missing."""
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.kill()
    (host.fake / "blind-").write_text("")
    with pytest.raises(AssertionError, match="running domains"):
        host.start()
        host.until(lambda: False)   # its socket may be there for a moment
    (host.fake / "blind-").unlink()
    host.daemon.wait()
    host.daemon.stderr.close()
    host.start()
    assert host.states() == {"a": "ready"}
    assert host.history().count("create a") == 1


def test_upgrade_in_place(host):
    """SIGTERM ends it without touching a domain."""
    chain(host)
    host.start()
    host.until_states(web="ready")
    host.stop()
    host.start()
    assert set(host.states().values()) == {"ready"}
    assert "shutdown" not in " ".join(host.history())


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again(host, seed):
    """No domain is lost and none started twice, whenever it is killed."""
    rng = random.Random(seed)
    for number in range(8):
        needs = ', '.join('"d%d"' % other for other in range(number) if rng.random() < 0.25)
        host.domain("d%d" % number, "requires = [ %s ]" % needs)
    host.ms = 100
    for _ in range(10):
        host.start("-j", "3")
        time.sleep(rng.random() * 0.3)
        host.kill()
    host.start("-j", "3")
    assert host.xenith("wait", "20").returncode == 0
    assert set(host.states().values()) == {"ready"}
    names = [file.read_text().split()[0] for file in host.fake.glob("dom-*")]
    assert sorted(names) == ["d%d" % number for number in range(8)]
    # Replays what happened: there is never a second one of a name, and what
    # came to run is left alone.
    there = set()
    running = set()
    for line in host.history(runs=True):
        what, name = line.split()
        if what == "create":
            assert name not in there, line
            there.add(name)
        elif what == "runs":
            running.add(name)
        elif what == "destroyed":
            assert name not in running, line
            there.discard(name)
    assert running


def test_only_one_at_a_time(host):
    host.domain("a")
    host.start()
    first = host.daemon
    with pytest.raises(AssertionError, match="another domd is running"):
        host.start()
        host.until(lambda: host.daemon.poll() is not None and False)
    host.daemon.stderr.close()
    host.daemon = first


# --- its socket ---------------------------------------------------------------

def ask(client, line):
    client.sendall(line if isinstance(line, bytes) else (json.dumps(line) + "\n").encode())
    return json.loads(client.makefile().readline())


def test_protocol(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    client = host.connect()
    assert ask(client, {"v": 1, "id": 7, "cmd": "stop", "names": ["x"]}) == \
        {"v": 1, "id": 7, "ok": False, "error": "cannot stop x: no such domain"}
    assert ask(client, {"v": 2, "cmd": "status"})["error"].startswith("unsupported protocol version")
    assert ask(client, b"rubbish\n")["error"] == "not a JSON object"
    assert ask(client, {"v": 1, "cmd": "status"})["domains"][0]["name"] == "a"
    # Several in one go are answered in their order.
    client.sendall(b"".join(b'{"v":1,"id":%d,"cmd":"status"}\n' % n for n in range(1, 101)))
    answers = client.makefile()
    assert [json.loads(answers.readline())["id"] for _ in range(100)] == list(range(1, 101))


def events(host):
    """What happens from now on, a line each."""
    client = host.connect()
    assert ask(client, {"v": 1, "cmd": "events"})["ok"]
    return client.makefile()


def test_events(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    lines = events(host)
    host.ok("stop", "a")
    seen = []
    while not seen or seen[-1]["to"] != "stopped":
        seen.append(json.loads(lines.readline()))
    assert [each["to"] for each in seen] == ["stop-wait", "shutdown", "destroying", "stopped"]
    assert {each["domain"] for each in seen} == {"a"}


def test_device_model_that_complains(host):
    """The guest of one whose firmware is missing is late, and the log says why."""
    host.domain("a", 'ready = "tcp:1"', 'address = "127.0.0.1"', "start_timeout = 1")
    (host.fake / "says-a").write_text("rom: file linuxboot_dma.bin: error Failed to open file")
    host.start()
    host.until_states(a="late")
    host.until(lambda: host.status()["a"]["reason"] == (
        "not ready (tcp:1) within 1 s; device model (QEMU): "
        "rom: file linuxboot_dma.bin: error Failed to open file"))
    assert "domain a: device model (QEMU): rom: file linuxboot_dma.bin: error Failed to open file" \
        in host.timeline()


def test_device_model_that_ends(host):
    """It is said, and shown as long as the instance lasts; the guest goes on."""
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    lines = events(host)
    host.poke("a", "qemu")
    event = json.loads(lines.readline())
    said = "device model (QEMU) has exited: last words"
    assert (event["from"], event["to"], event["reason"]) == ("ready", "ready", said)
    assert "domain a: " + said in host.timeline()
    assert host.status()["a"]["reason"] == said and host.states() == {"a": "ready"}
    assert said in host.ok("status")
    assert host.history() == ["create a"]
    host.ok("restart", "a")
    host.until(lambda: host.history()[-1] == "create a" and len(host.history()) > 1)
    host.until_states(a="ready")
    assert host.status()["a"]["reason"] == ""


def test_bad_clients_harm_nobody(host):
    for number in range(4):
        host.domain("d%d" % number)
    host.start()
    rng = random.Random(1)
    stalled = host.connect()                # asks, and never reads an answer
    stalled.setblocking(False)
    try:
        while True:
            stalled.send(b'{"v":1,"cmd":"status"}\n' * 50)
    except BlockingIOError:
        pass
    followers = [host.connect() for _ in range(3)]
    for follower in followers:              # follow, and do not read
        follower.sendall(b'{"v":1,"cmd":"events"}\n')
    for _ in range(50):                     # send rubbish, and hang up
        client = host.connect()
        try:
            client.sendall(rng.randbytes(rng.randrange(20000)) + b"\n")
        except OSError:
            pass
        client.close()
    long_line = host.connect()
    with pytest.raises(OSError):
        for _ in range(1000):
            long_line.sendall(b"x" * 1000)
    # Too many: some are told so. Which, depends on how soon those before are gone.
    crowd = [host.connect() for _ in range(40)]
    told, _, _ = select.select(crowd, [], [], 60)
    assert "too many" in json.loads(told[0].makefile().readline())["error"]
    for client in crowd:
        client.close()
    host.until(lambda: host.xenith("status").returncode == 0, 60)
    assert len(host.status()) == 4
    for client in followers + [stalled]:
        client.close()


def test_limit_of_a_shutdown(host):
    """The timeouts along the longest chain, and a minute for each removal; nothing stops."""
    host.domain("db", "stop_timeout = 30")
    host.domain("web", "stop_timeout = 20", 'requires = [ "db" ]')
    host.domain("off", "stop_timeout = 600", 'autostart = "no"')
    host.start("-a", "yes")
    host.until_states(db="ready", web="ready")
    assert host.ok("shutdown", "--limit") == "%d\n" % (30 + 20 + 2 * 60)
    assert host.states() == {"db": "ready", "web": "ready", "off": "stopped"}
    host.kill()
    done = host.xenith("shutdown", "--limit")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot reach domd" in done.stderr


def test_shutdown_does_not_wait_for_a_domd_that_hangs(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.daemon.send_signal(signal.SIGSTOP)
    done = host.xenith("-t", "1", "shutdown")
    host.daemon.send_signal(signal.SIGCONT)
    assert done.returncode == 3
    assert done.stderr == "xenith: no answer from domd within 1 s\n"


def test_shutdown_waits_for_a_domain_that_takes_long(host):
    """As long as domd answers, it is for the domain's own timeout to end it."""
    host.domain("a", "stop_timeout = 6")
    (host.fake / "hang-a").write_text("")
    host.start()
    host.until_states(a="ready")
    host.ok("-t", "3", "shutdown")
    assert host.states()["a"] == "stopped"


def test_descriptors_and_memory_stay_flat(host):
    host.domain("a", 'restart = "always"')
    host.ms = 1
    host.start(program="domd-plain")
    proc = "/proc/%d/" % host.daemon.pid

    def figures():
        descriptors = len(os.listdir(proc + "fd"))
        with open(proc + "status", encoding="ascii") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return descriptors, memory

    def cycle(count):
        for _ in range(count):
            host.ok("stop", "--wait", "a")
            host.ok("start", "--wait", "a")

    host.until_states(a="ready")
    cycle(20)
    idle = min(figures()[0] for _ in range(20) if not time.sleep(0.05))     # the last client has hung up
    before = figures()
    cycle(60)
    host.until(lambda: figures()[0] <= idle)
    after = figures()
    print("descriptors %d -> %d, memory %d -> %d KiB" % (before[0], after[0], before[1], after[1]))
    assert after[0] == idle
    assert after[1] - before[1] < 128


def test_memory_with_32_domains(host):
    for number in range(32):
        host.domain("d%d" % number, 'after = [ "d%d" ]' % (number - 1) if number else "")
    host.ms = 1
    host.start(program="domd-plain")
    assert host.xenith("wait", "30").returncode == 0
    with open("/proc/%d/smaps_rollup" % host.daemon.pid, encoding="ascii") as rollup:
        kib = {line.split(":")[0]: int(line.split()[1]) for line in rollup if " kB" in line}
    print("32 domains: Rss %d KiB, Pss %d KiB, private %d KiB"
          % (kib["Rss"], kib["Pss"], kib["Private_Clean"] + kib["Private_Dirty"]))
    assert kib["Private_Dirty"] < 4096


# --- the command --------------------------------------------------------------

def test_status_is_a_table(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    lines = host.ok("status").splitlines()
    assert lines[0].split() == ["DOMAIN", "STATE", "DOMID", "FOR", "RESTARTS"]
    assert lines[1].split()[:3] == ["a", "ready", "1"]


def test_metrics(host):
    host.domain("a")
    host.domain("b", 'autostart = "no"')
    host.start()
    host.until_states(a="ready")
    text = host.ok("metrics")
    assert 'xenith_domain_state{domain="a",state="ready"} 1' in text
    assert 'xenith_domain_state{domain="b",state="stopped"} 1' in text
    assert 'xenith_domain_cpu_seconds_total{domain="a"} 1.5' in text
    assert 'xenith_domain_memory_bytes{domain="a"} 67108864' in text
    assert 'xenith_domain_cpu_seconds_total{domain="b"}' not in text
    assert "xenith_host_memory_bytes 1073741824" in text
    # What is not known is not zero.
    assert "xenith_domain_vbd_read_bytes_total{" not in text
    assert "xenith_domain_vif_sent_bytes_total{" not in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_check_and_graph_need_no_daemon(host):
    chain(host)
    assert host.ok("check", str(host.config)) == ""
    host.domain("db", 'after = "web"')
    done = host.xenith("check", str(host.config))
    assert done.returncode == 1
    assert "%s/db.cfg:2: after: dependency cycle: db -> web -> app -> db" % host.config in done.stdout
    host.domain("db")
    assert host.ok("graph", str(host.config)).splitlines() == [
        "1", "   db", "2", "   app: requires db", "3", "   web: requires app"]
    assert '"web" -> "app";' in host.ok("graph", "--dot", str(host.config))


def test_enable_lasts_until_the_next_boot(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    assert "until the next boot" in host.ok("disable", "a")
    host.kill()
    host.start()
    assert host.status()["a"]["autostart"] is False
    assert host.states() == {"a": "ready"}


def test_log(host):
    (host.console / "guest-a.log.1").write_text("one\n")
    (host.console / "guest-a.log").write_text("two\n")
    assert host.ok("log", "a") == "one\ntwo\n"
    assert "cannot read" in host.xenith("log", "b").stderr
    assert host.xenith("log", "../a").returncode == 2


def test_console_probe(host):
    host.domain("a", 'ready = "console:^login: *$"')
    host.domain("b", 'requires = "a"')
    (host.console / "guest-a.log").write_text("login: \n")      # of an earlier life
    host.start()
    host.until_states(a="booting", b="waiting")
    time.sleep(0.2)
    assert host.states()["a"] == "booting"
    with open(host.console / "guest-a.log", "a", encoding="ascii") as log:
        log.write("booting\r\nlog")
        log.flush()
        time.sleep(0.1)
        assert host.states()["a"] == "booting"
        log.write("in: ")
    host.until_states(a="ready", b="ready")


def test_console_probe_goes_on_after_a_kill(host):
    """What an earlier instance said does not make the one that was adopted ready."""
    host.domain("a", 'ready = "console:^up$"')
    log = host.console / "guest-a.log"
    log.write_text("up\n")
    host.start()
    host.until_states(a="booting")
    host.kill()
    with log.open("a", encoding="ascii") as lines:
        lines.write("meanwhile\n")
    host.start()
    host.until_states(a="booting")
    time.sleep(0.3)
    assert host.states()["a"] == "booting"
    host.kill()
    with log.open("a", encoding="ascii") as lines:
        lines.write("up\n")
    host.start()
    host.until_states(a="ready")


def serve(handler):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(20)
    import threading
    threading.Thread(target=handler, args=(listener,), daemon=True).start()
    return listener.getsockname()[1]


def test_tcp_and_http_probes(host):
    answers = [b"HTTP/1.1 503 not yet\r\n\r\n", b"nonsense\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n"]
    asked = []

    def web(listener):
        with contextlib.suppress(TimeoutError):         # nobody asks any more
            for answer in itertools.chain(answers, itertools.repeat(answers[-1])):
                conn, _ = listener.accept()
                asked.append(conn.recv(1000))
                conn.sendall(answer)
                conn.close()

    port = serve(web)
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))           # nobody listens there yet
    host.domain("h", 'address = "127.0.0.1"', 'ready = "http:%d/up?x=1"' % port)
    host.domain("t", 'address = "127.0.0.1"', 'ready = "tcp:%d"' % closed.getsockname()[1])
    host.start()
    host.until_states(h="ready", t="booting")
    assert len(asked) >= 4      # more if we are so slow that domd gives one up
    assert asked[0].startswith(b"GET /up?x=1 HTTP/1.0\r\nHost: h\r\n")
    closed.listen()
    host.until_states(t="ready")
    closed.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket is root's")
def test_ping_probe(host):
    host.domain("p", 'address = "127.0.0.1"', 'ready = "ping"')
    host.domain("q", 'address = "240.0.0.1"', 'ready = "ping"', "start_timeout = 1")
    host.start()
    host.until_states(p="ready", q="late")
