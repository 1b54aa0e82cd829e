"""Options for Xen and Linux: what host.conf sets is tried once, and kept or left."""

import pytest

from conftest import LIBRARY

CHANGE = "max_cstate=1\nlinux_options=quiet\n"
WORDS = "+max_cstate=1 +quiet"
TIMES = "health_time=20\nhealth_limit=60\n"


def stage(host, conf=CHANGE, **environment):
    """What save does after it has stored this host.conf."""
    host.host_conf(conf + TIMES)
    return host.run(f"{LIBRARY}/stage-options", **environment)


def staged(host, conf=CHANGE):
    done = stage(host, conf)
    assert done.returncode == 0, done.stderr
    return done.stderr


def tried(host, number="1"):
    """The boot loader tries them: it clears the mark before."""
    host.set("tryoptions=")
    host.write("proc/cmdline", f"xenith.slot=a xenith.options={number} xenith.config_drive=1234 quiet xenith.try=1\n")
    again(host)


def again(host):
    host.write("proc/uptime", "15.00 1.00\n")
    host.write("dev/console", "")
    (host.top / "run/xenith/options").unlink(missing_ok=True)


def back(host):
    """A boot with the committed options."""
    host.write("proc/cmdline", f"xenith.slot=a xenith.options={host.in_use()[0]} xenith.config_drive=1234 quiet\n")
    again(host)


def boot(host):
    done = host.run("boot/65-update")
    assert (done.returncode, done.stderr) == (0, "")
    return host.marks()


def judge(host):
    done = host.run(f"{LIBRARY}/trial")
    assert (done.returncode, done.stderr) == (0, "")
    return float(host.text("proc/uptime").split()[0])


def summary(host):
    found = dict(line.split("=", 1) for line in host.text("run/xenith/slots").splitlines())
    return found.get("options"), found.get("change")


# --- A change

def test_a_change_is_tried_at_the_next_boot(host):
    host.domain("web")
    assert staged(host) == f"the next boot tries other options: {WORDS}\n"
    assert host.in_use() == ("0", "1")
    assert host.options(0) == host.defaults
    xen, linux = host.options(1)
    assert xen == host.defaults[0].replace(" dom0-watchdog=600", " max_cstate=1 dom0-watchdog=600") and linux == "quiet"
    assert summary(host) == ("waits", WORDS)
    assert "domain web " in host.text("run/xenith/sources/drive/update/before")


def test_no_change(host):
    before = host.snapshot()
    assert staged(host, "hostname=other\n") == ""
    assert host.snapshot() == before and summary(host) == (None, None)


def test_the_same_change_twice(host):
    staged(host)
    before = host.snapshot()
    assert WORDS in staged(host)
    assert host.snapshot() == before


def test_a_change_that_is_taken_back(host):
    staged(host)
    assert staged(host, "") == ""
    assert host.in_use() == ("0", "")
    assert summary(host) == (None, None)


def test_another_change(host):
    staged(host)
    assert "+dom0_mem=1G,max:1G -dom0_mem=512M,max:512M\n" in staged(host, "dom0_mem=1G\n")
    assert host.in_use() == ("0", "1")
    assert "dom0_mem=1G,max:1G" in host.options(1)[0]
    assert host.options(0) == host.defaults


def test_after_a_commit_the_other_file_is_written(host):
    host.set("options=1")
    staged(host)
    assert host.in_use() == ("1", "0")
    assert host.options(1) == host.defaults


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_power_cut_while_it_is_written(host, cut):
    """The mark never stands for a file that is torn, or for something that nobody set."""
    staged(host, "dom0_mem=1G\n")
    esp = host.top / "dev/sda2"
    before = esp.read_bytes()
    number = 0
    while True:
        number += 1
        esp.write_bytes(before)
        done = stage(host, CUT_AT=str(number), CUT=cut)
        options, mark = host.in_use()
        assert options == "0" and host.options(0) == host.defaults
        if mark:
            assert host.options(1)[0] in (host.defaults[0].replace("512M", "1G"), host.defaults[0].replace(" dom0-watchdog", " max_cstate=1 dom0-watchdog"))
        if done.returncode == 0:
            break
    assert number > 5 and mark == "1"


@pytest.mark.parametrize("broken", ["set", "options"])
def test_a_disk_that_cannot_be_written(host, broken):
    done = stage(host, BREAK=broken)
    assert done.returncode == 1
    assert done.stderr.startswith("xenith: the boot loader keeps its options: ") and "Input/output error" in done.stderr
    assert host.in_use()[1] == ""


def test_a_change_during_the_trial_of_an_update(host, maker):
    """The list of what must be healthy stays; the change is tried once the update is committed."""
    host.domain("web")
    host.host_conf(TIMES)
    host.updated(maker.update("2", 20))
    host.set("try=")
    host.boot("b", "xenith.options=0 xenith.try=1")
    again(host)
    before = host.text("run/xenith/sources/drive/update/before")
    (host.top / "ready/web").unlink()
    done = stage(host)
    assert (done.returncode, done.stderr) == (1, "xenith: the boot loader keeps its options: an update is on trial until it is committed\n")
    assert host.text("run/xenith/sources/drive/update/before") == before and host.in_use() == ("0", "")
    host.write("at/40", "touch $FAKE/ready/web")
    assert judge(host) >= 60
    assert host.marks() == ["update 2 committed", f"options of host.conf: the next boot tries {WORDS}"]
    # Their trial has a list of its own.
    assert "options " in host.text("run/xenith/sources/drive/update/before") and "domain web " in host.text("run/xenith/sources/drive/update/before")


def test_a_change_during_a_trial_that_is_ended_by_hand(host, maker):
    host.host_conf(TIMES)
    host.updated(maker.update("2", 20))
    host.set("try=")
    host.boot("b", "xenith.options=0 xenith.try=1")
    again(host)
    assert stage(host).returncode == 1
    assert host.updated("--commit") == f"2 is committed (slot b)\nthe next boot tries other options: {WORDS}\n"
    assert host.in_use() == ("0", "1") and host.text("run/xenith/sources/drive/update/before").startswith("options ")


def test_an_update_during_their_trial(host, maker):
    """Its list would lack what does not run because of them."""
    host.domain("web")
    staged(host)
    tried(host)
    (host.top / "ready/web").unlink()
    assert "other options for Xen and Linux are on trial" in host.refused(maker.update("2", 20))
    judge(host)
    assert host.in_use()[0] == "0" and "reboot" in host.text("rebooted")


def test_a_drive_that_cannot_be_written(host):
    """The list of what ran is missing; the options are tried all the same."""
    host.write("read-only", "")
    staged(host)
    assert host.in_use() == ("0", "1")


def test_a_live_image(host):
    host.write("proc/cmdline", "xenith.medium=1 quiet\n")
    before = host.snapshot()
    assert staged(host) == ""
    assert host.snapshot() == before


# --- The trial

def test_a_trial_that_is_healthy(host):
    host.domain("web")
    staged(host)
    tried(host)
    assert boot(host) == [f"options on trial: {WORDS}: committed after 20 s of health, and given up after 60 s"]
    assert summary(host) == ("trial", WORDS)
    assert 35 <= judge(host) <= 40
    assert host.in_use() == ("1", "") and host.state()["slot"] == "a"
    assert host.marks()[-1] == f"options committed: {WORDS}"
    assert summary(host) == (None, None) and not host.text("rebooted")
    # From then on they are the ones before.
    back(host)
    assert boot(host) == [] and judge(host) == 15


def test_the_status_is_right_once_the_console_says_so(host):
    host.domain("web")
    staged(host)
    tried(host)
    boot(host)
    run = host.top / "run/xenith"
    with open(host.top / LIBRARY / "lib.sh", "a", encoding="utf-8") as library:
        library.write(f'mark() {{ event "$*"; cp {run}/slots "{run}/slots at $*"; }}\n')
    judge(host)
    told = host.text(f"run/xenith/slots at options committed: {WORDS}")
    assert "committed=a\n" in told and "options=" not in told


def test_a_trial_that_fails(host):
    host.domain("web")
    staged(host)
    (host.top / "ready/web").unlink()
    tried(host)
    boot(host)
    assert 60 <= judge(host) <= 65
    assert host.marks()[-1] == f"options failed: {WORDS}: domain web is not ready; the host restarts with the ones before"
    assert "reboot" in host.text("rebooted")
    for _ in range(2):
        back(host)
        assert boot(host) == ["options of host.conf failed: they did not become healthy; this boot has the ones before: " + WORDS]
        assert summary(host) == ("failed", WORDS)
        assert host.in_use() == ("0", "")
        assert judge(host) == 15
    # Another change is tried again.
    staged(host, "max_cstate=2\n")
    assert host.in_use() == ("0", "1") and summary(host) == ("waits", "+max_cstate=2")


def test_a_trial_that_hangs(host):
    """It ends without a verdict."""
    staged(host)
    tried(host)
    back(host)
    assert "options of host.conf failed" in boot(host)[0]


def test_a_boot_that_did_not_try_them(host):
    """Somebody chose another entry, or the boot loader cannot write."""
    staged(host)
    back(host)
    assert boot(host) == [f"options of host.conf: this boot has not tried them, the next one does: {WORDS}"]
    assert host.in_use() == ("0", "1") and judge(host) == 15


def test_a_list_that_was_made_for_something_else(host):
    """Of an update long ago: what it asks for may be gone by now."""
    host.write("run/xenith/sources/drive/update/before", "network address\ndomain web 1234\n")
    host.write("read-only", "")
    staged(host)
    (host.top / "run/xenith/network").unlink()
    tried(host)
    judge(host)
    assert host.in_use() == ("1", "")


def test_no_change_during_a_trial(host):
    """The file on trial must stay what it is; the change follows at the end."""
    staged(host)
    tried(host)
    boot(host)
    done = stage(host, "max_cstate=2\n")
    assert (done.returncode, done.stderr) == (
        1, "xenith: the boot loader keeps its options: other options are on trial until they are committed\n")
    assert "max_cstate=1" in host.options(1)[0]
    judge(host)
    assert host.in_use() == ("1", "0")
    assert "max_cstate=1" in host.options(1)[0] and "max_cstate=2" in host.options(0)[0]
    assert host.marks()[-2:] == [f"options committed: {WORDS}", "options of host.conf: the next boot tries +max_cstate=2 -max_cstate=1 -quiet"]


def test_the_user_commits(host):
    staged(host)
    tried(host)
    boot(host)
    assert "the options on trial are committed\n" in host.updated("--commit")
    assert host.in_use() == ("1", "") and judge(host) == 15


def test_together_with_an_update(host, maker):
    host.domain("web")
    staged(host)
    host.updated(maker.update("2", 20))
    host.set("try=", "tryoptions=")
    host.write("proc/cmdline", "xenith.slot=b xenith.options=1 xenith.config_drive=1234 xenith.try=1\n")
    again(host)
    assert [mark.split(":")[0] for mark in boot(host)] == ["update 2 on trial"]
    judge(host)
    assert host.state() == {"slot": "b", "try": "", "pending": "", "failed": ""} and host.in_use() == ("1", "")
    assert host.marks()[-2:] == ["update 2 committed", f"options committed: {WORDS}"]


@pytest.mark.parametrize("later", ["options", "update"])
def test_an_update_keeps_what_its_trial_requires(host, maker, later):
    """The options are staged and taken back before the restart, after the update or before it."""
    host.domain("web")
    if later == "update":
        staged(host)
    host.updated(maker.update("2", 20))
    if later == "options":
        staged(host)
    staged(host, "")
    host.set("try=")
    host.write("proc/cmdline", "xenith.slot=b xenith.options=0 xenith.config_drive=1234 xenith.try=1\n")
    again(host)
    (host.top / "ready/web").unlink()
    assert judge(host) >= 60
    assert host.state()["failed"] == "2" and "domain web is not ready" in host.marks()[-1]


def test_options_keep_what_their_trial_requires(host, maker):
    """An update is given as well, and not tried."""
    host.domain("web")
    staged(host)
    host.updated(maker.update("2", 20))
    host.updated("--rollback")
    tried(host)
    (host.top / "ready/web").unlink()
    assert judge(host) >= 60 and "domain web is not ready" in host.marks()[-1]


# --- What the boot finds

def test_a_drive_that_was_edited_elsewhere(host):
    host.host_conf(CHANGE)
    back(host)
    assert boot(host) == [f"options of host.conf: this boot has not tried them, the next one does: {WORDS}"]
    assert host.in_use() == ("0", "1") and host.options(1)[1] == "quiet"


def test_the_command_line_is_for_one_boot(host):
    """The menu's safe entry has no watchdog: neither the boot nor a save makes that stay."""
    assert "dom0-watchdog=600" in host.defaults[0].split()
    host.host_conf("", this_boot="watchdog=no\n")
    before = host.snapshot()
    assert boot(host) == []
    done = host.run(f"{LIBRARY}/stage-options")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.snapshot() == before


@pytest.mark.parametrize("why", ["no drive", "ignored", "another drive"])
def test_a_configuration_that_was_not_read(host, why):
    host.set("options=1")
    host.host_conf(CHANGE)
    back(host)
    if why == "no drive":
        host.write("proc/mounts", "")
    else:
        word = "xenith.config=ignore" if why == "ignored" else "xenith.config_drive=any"
        host.write("proc/cmdline", "%s %s\n" % (host.text("proc/cmdline").strip(), word))
    before = host.snapshot()
    assert boot(host) == []
    done = host.run(f"{LIBRARY}/stage-options")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.snapshot() == before


def test_a_committed_file_that_is_torn(host):
    """The boot loader took the slot's own options; the next boot has host.conf's again."""
    file = host.top / "dev/sda2"
    data = file.read_bytes()
    at = data.index(("xen=" + host.defaults[0]).encode())
    file.write_bytes(data[:at] + b"#" + data[at + 1:])
    assert host.options(0) is None
    host.write("proc/cmdline", "xenith.slot=a xenith.options=none xenith.config_drive=1234 quiet\n")
    again(host)
    boot(host)
    assert host.in_use() == ("0", "1")
    tried(host)
    judge(host)
    assert host.in_use() == ("1", "")
