"""The boot after an update: the trial, its verdict, and what the boot says of it."""

import fcntl
import time

import pytest

from conftest import LIBRARY

GOOD = {"slot": "b", "try": "", "pending": "", "failed": ""}
BACK = {"slot": "a", "try": "", "pending": "", "failed": "2"}


@pytest.fixture
def trial(host, maker):
    """The host after the update to 2 was given and the boot loader has booted it."""
    def begin(*domains, conf="health_time=20\nhealth_limit=60\n"):
        host.host_conf(conf)
        for name in domains:
            host.domain(name)
        host.updated(maker.update("2", 20))
        # The boot loader clears the mark before it boots the slot.
        host.set("try=")
        host.boot("b", "xenith.try=1")
        host.write("proc/uptime", "15.00 1.00\n")
        return host
    return begin


def judge(host):
    done = host.run(f"{LIBRARY}/trial")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.calls()[-1] == "sv down trial"
    return float(host.text("proc/uptime").split()[0])


def boot(host):
    done = host.run("boot/65-update")
    assert (done.returncode, done.stderr) == (0, "")
    return host.marks()


def test_healthy(trial):
    host = trial("web")
    assert 35 <= judge(host) <= 40
    assert host.state() == GOOD
    assert host.marks() == ["update 2 committed"]
    assert not host.text("rebooted")


def test_a_domain_that_needs_its_time(trial):
    host = trial("web", "db")
    (host.top / "ready/web").unlink()
    host.write("at/50", "touch $FAKE/ready/web")
    assert 70 <= judge(host) <= 75
    assert host.state() == GOOD


def test_a_domain_that_does_not_come_back(trial, maker):
    host = trial("web", "db")
    (host.top / "ready/web").unlink()
    assert 60 <= judge(host) <= 65
    assert host.state() == BACK
    assert host.marks() == ["update 2 failed: domain web is not ready; the host restarts with 1"]
    assert "reboot" in host.text("rebooted")
    # The next boots know the reason; an update that is tried again has none yet.
    for _ in range(2):
        host.boot("a")
        host.write("dev/console", "")
        assert boot(host) == ["update 2 has failed on this host: domain web is not ready"]
    assert "\nreason=domain web is not ready\n" in host.text("run/xenith/slots")
    assert "failed before: 2: domain web is not ready\n" in host.updated("--list")
    host.updated(maker.update("2", 20), "--force")
    assert not (host.top / "run/xenith/sources/drive/update/failed").exists()


def test_the_reason_when_the_drive_takes_nothing(trial):
    """The host goes back all the same."""
    host = trial("web")
    (host.top / "ready/web").unlink()
    host.write("read-only", "")
    judge(host)
    assert host.state() == BACK and "reboot" in host.text("rebooted")
    assert "cannot write the reason to the drive" in host.text("run/xenith/boot.log")


def test_one_that_was_not_ready_before_is_not_asked_for(trial, host):
    host.domain("old", ready=False)
    trial("web")
    judge(host)
    assert host.state() == GOOD


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_one_whose_file_has_changed_is_not_asked_for(trial, change):
    host = trial("web")
    (host.top / "ready/web").unlink()
    if change == "edited":
        host.domain("web", "memory = 64\n", ready=False)
    else:
        (host.top / "config/domains/web.cfg").unlink()
    judge(host)
    assert host.state() == GOOD


def test_one_whose_file_this_version_does_not_accept(trial):
    """The file is unchanged, but this version finds no domain of that name."""
    host = trial("web")
    (host.top / "ready/web").unlink()
    host.write("rejects", "")
    judge(host)
    assert host.state() == BACK
    assert host.marks() == ["update 2 failed: domain web is not ready: this version does not accept its file; the host restarts with 1"]


def test_without_the_configuration_drive(trial):
    """The version does not find the disk, or cannot read it: nothing is required, and nobody can log in."""
    host = trial("web")
    (host.top / "config/domains/web.cfg").unlink()
    host.write("proc/mounts", "")
    (host.top / "run/xenith/sources/drive/update/before").unlink()
    assert 60 <= judge(host) <= 65
    assert host.state() == BACK
    assert host.marks() == ["update 2 failed: the configuration drive is not in use; the host restarts with 1"]


def test_an_update_after_a_trial_was_given_up(trial, maker):
    """It is written over what runs, and is on no trial before it has been booted."""
    host = trial()
    host.updated("--rollback")
    for _ in range(2):
        assert "3 is in slot b, and is tried at the next boot" in host.updated(maker.update("3", 30))
    listed = host.updated("--list")
    assert "\nb     3                    30                   tried at the next boot\n" in listed and "the running system is in no slot" in listed
    assert "the running system is in no slot: slot b" in host.refused("--commit")
    assert "\nrunning=\n" in "\n" + host.text("run/xenith/slots")
    judge(host)
    assert host.state() == {"slot": "a", "try": "b", "pending": "b", "failed": "2"}
    assert "4 is in slot b" in host.updated(maker.update("4", 40))
    assert "4 is not tried: the next boot is 1" in host.updated("--rollback")
    assert host.updated("--rollback") == "the next boot is 1 (slot a) already\n"
    assert host.state() == BACK


def test_an_update_after_a_rollback(trial, maker):
    """That is withdrawn: it has not failed."""
    host = trial()
    judge(host)
    host.updated("--rollback")
    host.updated(maker.update("3", 30))
    assert "3 is not tried: the next boot is 1" in host.updated("--rollback")
    assert host.state() == {"slot": "a", "try": "", "pending": "", "failed": ""}


def test_health_must_last(trial):
    """It breaks in the last moment, and comes back too late."""
    host = trial("web")
    host.write("at/34", "rm $FAKE/ready/web")
    host.write("at/62", "touch $FAKE/ready/web")
    judge(host)
    assert host.state() == BACK


def test_health_begins_anew(trial):
    host = trial("web")
    host.write("at/30", "rm $FAKE/ready/web")
    host.write("at/44", "touch $FAKE/ready/web")
    assert 65 <= judge(host) <= 70
    assert host.state() == GOOD


@pytest.mark.parametrize("how, reason", [
    ("rm $FAKE/run/xenith/network", "the network is down"),
    ("echo none >$FAKE/run/xenith/network", "the network is down"),
    ("echo 192.168.144.1 >$FAKE/run/xenith/network", "the network is down"),
    ("echo 0 >$FAKE/sys/class/net/eth0/carrier", "no network card has a link"),
    (": >$FAKE/answers", "the router 192.0.2.1 does not answer"),
    ("touch $FAKE/no-domd", "domd does not answer: xenith: domd does not answer within 30 s"),
    ("echo 9.00 init >$FAKE/run/xenith/boot.log", "the boot is not finished"),
])
def test_what_the_host_itself_needs(trial, how, reason):
    host = trial("web")
    host.write("at/20", how)
    judge(host)
    assert host.state() == BACK
    assert host.marks() == [f"update 2 failed: {reason}; the host restarts with 1"]


def test_what_was_not_there_before_is_not_asked_for(trial, host):
    host.write("run/xenith/network", "192.168.144.1\n")
    host.write("sys/class/net/eth0/carrier", "0\n")
    host.write("answers", "")
    trial()
    judge(host)
    assert host.state() == GOOD


def test_health_command(trial):
    host = trial()
    check = host.top / "check"
    check.write_text('#!/bin/sh\n[ "$1" = "a b" ] && [ -e "$FAKE/well" ] || { echo "the pool is degraded" >&2; exit 1; }\n')
    check.chmod(0o755)
    host.host_conf(f"health={check} 'a b'\nhealth_time=20\nhealth_limit=60\n")
    host.write("well", "")
    judge(host)
    assert host.state() == GOOD
    host.set("slot=a", "pending=b")
    (host.top / "well").unlink()
    judge(host)
    assert host.state() == BACK
    assert host.marks()[-1] == \
        f"update 2 failed: health={check} 'a b' has failed: the pool is degraded; the host restarts with 1"


def test_health_url(trial):
    """As it is written: one sign of equality at its end, as of base64, is not lost."""
    host = trial()
    host.host_conf("health=http://127.0.0.1:1/health/MTI=\nhealth_time=20\nhealth_limit=60\n")
    judge(host)
    assert host.state() == BACK
    assert "health=http://127.0.0.1:1/health/MTI= has failed: wget: can't connect" in host.marks()[-1]


def test_the_user_decides_first(trial):
    host = trial("web")
    host.updated("--commit")
    assert judge(host) == 15
    assert host.state() == GOOD and host.marks() == []


def test_a_state_that_cannot_be_written_at_once(trial):
    host = trial()
    host.write("at/50", 'rm "$FAKE/usr/lib/xenith/slot"; ln -s "$SLOT" "$FAKE/usr/lib/xenith/slot"')
    done = host.run(f"{LIBRARY}/trial", BREAK="set")
    assert done.returncode == 0
    assert host.state() == GOOD
    assert "cannot be committed: slot: " in host.text("run/xenith/boot.log")


def test_going_back_needs_no_state(trial):
    """The disk takes no writes any more: the next boot gives the verdict."""
    host = trial("web")
    (host.top / "ready/web").unlink()
    host.run(f"{LIBRARY}/trial", BREAK="set")
    assert "reboot" in host.text("rebooted")
    host.boot("a")
    host.write("dev/console", "")
    assert boot(host) == ["update 2 failed: it did not become healthy; this is 1 again"]
    assert host.state() == BACK


def test_a_boot_that_stops_before_there_is_a_configuration(trial):
    host = trial("web")
    (host.top / "config/host.conf").unlink()
    host.write("run/xenith/boot.log", "9.00 init\n")
    host.write("proc/mounts", "")
    host.write("proc/uptime", "1100.00 1.00\n")
    assert 1200 <= judge(host) <= 1205
    assert host.state() == BACK
    assert host.marks() == ["update 2 failed: the boot is not finished; the host restarts with 1"]


def test_a_boot_that_checks_a_file_system(trial):
    """It is given the time that the check takes."""
    host = trial("web")
    host.write("run/xenith/boot.log", "9.00 init\n")
    host.write("run/xenith/checking", "200\n")
    host.write("at/150", "rm $FAKE/run/xenith/checking; echo 150.00 check of /dev/sdb1 took 100 s >>$FAKE/run/xenith/boot.log")
    host.write("at/155", "echo 155.00 ready >>$FAKE/run/xenith/boot.log")
    assert judge(host) >= 175
    assert host.state() == GOOD


def test_a_check_that_hangs(trial):
    host = trial("web")
    host.write("run/xenith/boot.log", "9.00 init\n")
    host.write("run/xenith/checking", "200\n")
    assert 200 <= judge(host) <= 205
    assert host.state() == BACK


def test_disks_that_come_late(trial):
    host = trial()
    (host.top / "sys/class/block").rename(host.top / "late")
    host.write("at/30", "mv $FAKE/late $FAKE/sys/class/block")
    assert 50 <= judge(host) <= 55
    assert host.state() == GOOD


@pytest.mark.parametrize("tried", [True, False])
def test_a_disk_that_never_comes(trial, tried):
    host = trial()
    host.boot("b", "xenith.try=1" if tried else "")
    (host.top / "sys/class/block").rename(host.top / "late")
    assert 60 <= judge(host) <= 65
    assert bool(host.text("rebooted")) == tried


@pytest.mark.parametrize("first, counts", [("update 2", True), ("", True), ("update 1.5", False), ("options 1234", False)])
def test_what_the_list_was_made_for(trial, first, counts):
    """An installer leaves that of an earlier update; older versions do not say what it is for."""
    host = trial()
    host.write("run/xenith/sources/drive/update/before", f"{first}\nnetwork address\n".lstrip())
    host.write("run/xenith/network", "none\n")
    judge(host)
    assert host.state() == (BACK if counts else GOOD)


def test_a_trial_that_the_administrator_ends_meanwhile(trial, host):
    """During the last look, whose verdict would have been a good one."""
    trial(conf=f"health_time=20\nhealth_limit=60\nhealth={host.top}/bin/healthy\n")
    host.write("bin/healthy", '#!/bin/sh\nread -r up _ <"$FAKE/proc/uptime"\n'
               f'[ "${{up%.*}}" -lt 35 ] || "$BUSYBOX" sh {host.top}/{LIBRARY}/update --rollback\n')
    (host.top / "bin/healthy").chmod(0o755)
    assert 35 <= judge(host) <= 40
    assert host.state() == BACK
    assert host.marks() == []


def test_a_verdict_waits_for_another_program(trial):
    """That may copy the disk: the state does not change meanwhile."""
    host = trial()
    with open(host.top / "run/xenith/update.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with host.start(f"{LIBRARY}/trial") as process:
            while float(host.text("proc/uptime").split()[0]) < 45:
                assert process.poll() is None
                time.sleep(0.05)
            assert host.state()["pending"] == "b"
            fcntl.flock(lock, fcntl.LOCK_UN)
            process.communicate(timeout=60)
    assert host.state() == GOOD


def test_an_ordinary_boot_needs_no_trial(host):
    assert judge(host) == 100
    assert host.marks() == [] and not host.text("rebooted")
    host.write("proc/cmdline", "xenith.medium=1 quiet\n")
    assert judge(host) == 100


# --- What the boot does first

def test_boot_of_a_trial(trial):
    host = trial()
    assert boot(host) == ["update 2 on trial: committed after 20 s of health, and given up after 60 s"]
    assert "pending=b" in host.text("run/xenith/slots")


def test_boot_after_a_trial_that_ended_in_a_hang(trial):
    host = trial()
    host.boot("a")
    assert boot(host) == ["update 2 failed: it did not become healthy; this is 1 again"]
    assert host.state() == BACK
    assert "failed=2" in host.text("run/xenith/slots")
    # Said once.
    host.write("dev/console", "")
    assert boot(host) == []


def test_boot_without_the_trial(trial):
    """The boot loader could not clear the mark, or somebody chose the other slot."""
    host = trial()
    host.set("try=b")
    host.boot("a")
    assert boot(host) == ["update 2 was not tried: this is slot a, without a trial; the next boot tries it"]
    assert host.state() == {"slot": "a", "try": "b", "pending": "b", "failed": ""}


def test_a_slot_that_was_chosen_in_the_menu(trial):
    """It is on no trial: that comes at the next boot."""
    host = trial()
    host.set("try=b")
    host.boot("b")
    assert boot(host) == ["update 2 was not tried: this is slot b, without a trial; the next boot tries it"]
    assert judge(host) == 15
    assert host.state() == {"slot": "a", "try": "b", "pending": "b", "failed": ""}
    assert "on trial" not in host.updated("--list")


def test_a_slot_that_was_chosen_after_its_trial_has_failed(trial):
    host = trial()
    host.boot("b")
    assert boot(host) == ["update 2 failed: it did not become healthy; this is 2, without a trial"]
    assert host.state() == BACK
    assert judge(host) == 15


def test_boot_with_a_lost_state(host):
    host.state_blocks(b"x" * 1024, b"y" * 1024)
    host.boot("b")
    (mark,) = boot(host)
    assert mark.startswith("update: cannot read the boot state on /dev/sda2 (slot: ".replace("/dev", f"{host.top}/dev"))
    assert mark.endswith("): slot b is committed anew")
    assert host.state() == GOOD


def damage(host, device="sda3"):
    """Of the slot's files; the manifest stays."""
    path = host.top / "dev" / device
    data = bytearray(path.read_bytes())
    data[data.rindex(b"initrd of ")] ^= 1
    path.write_bytes(data)


def test_the_committed_slot_is_damaged(host, maker):
    """The boot loader has started the other one. The next update overwrites the damaged one."""
    damage(host)
    host.boot("b")
    assert boot(host) == ["update: slot a is damaged: slot b, with 0.9, is committed in its place; "
                          "xenith update FILE writes the damaged one"]
    assert host.state() == GOOD
    host.updated(maker.update("2", 20))
    assert host.slot_is("a", "2") and host.slot_is("b", "0.9")
    assert host.state() == {"slot": "b", "try": "a", "pending": "a", "failed": ""}


def test_the_committed_slot_is_damaged_and_nothing_can_be_written(host):
    damage(host)
    host.boot("b")
    host.run("boot/65-update", BREAK="set")
    assert host.marks() == ["update: slot a is damaged, and slot b cannot be committed: slot: /dev/sda2: Input/output error"
                            .replace("/dev", f"{host.top}/dev")]
    assert host.state() == {**GOOD, "slot": "a"}


def test_a_good_slot_that_was_not_chosen_stays_committed(host):
    host.boot("b")
    assert boot(host) == []
    assert host.state() == {**GOOD, "slot": "a"}


def test_boot_of_a_live_image(host):
    host.write("proc/cmdline", "xenith.medium=1 quiet\n")
    assert boot(host) == []
    assert host.calls() == []


def test_an_ordinary_boot(host):
    assert boot(host) == []
    assert host.text("run/xenith/slots").startswith("running=a\ncommitted=a\ntry=\npending=\nfailed=\nreason=\nversion_a=1\n")
