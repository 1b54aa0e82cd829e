"""xenith, the command: what it takes, what it says, and how long it waits."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import tty

import pytest
from conftest import TOP


def xenith_in_background(host, *arguments):
    return subprocess.Popen([str(host.programs / "xenith"), "-s", str(host.socket),
                             "-l", str(host.console), *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_what_stops_all_takes_no_name(host):
    """Whoever writes `xenith shutdown web` means the domain."""
    host.domain("web")
    host.start()
    host.until_states(web="ready")
    done = host.xenith("shutdown", "web")
    assert done.returncode == 2
    assert done.stderr == 'xenith: shutdown: unexpected argument "web"; it takes [--limit]\n'
    assert host.states() == {"web": "ready"}
    assert host.xenith("log", "web", "db").returncode == 2
    assert host.xenith("metrics", "web").returncode == 2


@pytest.mark.parametrize("command", ["create", "remove", "save", "rollback", "update"])
def test_what_a_script_does_takes_no_option_before_it(host, command):
    done = host.xenith("--json", command, "web")
    assert done.returncode == 2
    assert done.stderr == \
        f"xenith: write the options of {command} after the command; see xenith {command} --help\n"


def test_wait_says_who_is_not_well(host):
    host.domain("a", 'restart = "no"')
    (host.fake / "refuse-a").write_text("the disk /dev/x does not exist")
    host.domain("b")
    host.start()
    done = host.xenith("wait", "20")
    assert done.returncode == 1
    assert done.stderr == "xenith: a is failed: the disk /dev/x does not exist\n"


def test_wait_says_who_is_on_its_way(host):
    host.domain("a")
    host.domain("b", 'requires = "a"')
    host.ms = 60000
    host.start()
    done = host.xenith("wait", "1")
    assert done.returncode == 1
    assert done.stderr == ("xenith: still changing state after 1 s\n"
                           "xenith: a is creating\nxenith: b is waiting\n")


def test_wait_for_domd_itself(host):
    """It may be about to start, and may be killed and started again."""
    host.domain("a")
    host.ms = 60000
    waiting = xenith_in_background(host, "wait", "30")
    time.sleep(0.5)
    assert waiting.poll() is None
    host.start()
    time.sleep(0.3)
    host.kill()
    time.sleep(0.3)
    assert waiting.poll() is None
    host.ms = 20
    host.start()
    _, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, errors
    assert host.states() == {"a": "ready"}


def test_domd_ends_while_a_domain_starts(host):
    host.domain("a", 'autostart = "no"')
    host.ms = 60000
    host.start()
    waiting = xenith_in_background(host, "start", "--wait", "a")
    host.until_states(a="creating")
    time.sleep(0.5)     # until it watches the events, which nobody else sees
    assert waiting.poll() is None
    host.kill()
    _, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert errors == 'xenith: domd closed the connection; "xenith wait 60" waits until it is back\n'


def test_without_a_domd(host):
    done = host.xenith("status")
    assert done.returncode == 1
    assert done.stderr == \
        "xenith: cannot reach domd at %s: No such file or directory\n" % host.socket
    assert host.xenith("wait", "0").stderr == done.stderr


def test_a_busy_domd_is_waited_for(host):
    host.domain("a")
    host.start()
    host.until_states(a="ready")
    host.daemon.send_signal(signal.SIGSTOP)
    asking = xenith_in_background(host, "status")
    said = asking.stderr.readline()
    host.daemon.send_signal(signal.SIGCONT)
    answer, errors = asking.communicate(timeout=60)
    assert asking.returncode == 0
    assert "ready" in answer
    assert said + errors == "xenith: status: domd is busy; waiting for its answer\n"


@pytest.mark.parametrize("answer, error", [
    ('{"v":1,"id":0,"ok":false,"error":"too many connections"}', "too many connections"),
    ('{"v":1,"ok":true}', "domd did not confirm that all domains are down"),
])
def test_shutdown_that_is_refused(host, answer, error):
    """The host's way down unmounts what the domains use once this has succeeded."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(host.socket))
    listener.listen()
    shutdown = xenith_in_background(host, "shutdown")
    domd = listener.accept()[0]
    domd.sendall(answer.encode() + b"\n")
    _, errors = shutdown.communicate(timeout=20)
    domd.close()
    listener.close()
    assert shutdown.returncode == 1
    assert errors == "xenith: shutdown: %s\n" % error


def played_domd(host, listener, *statuses):
    """A domd that begins a shutdown, answers STATUSES to those who ask, and says no more."""
    shutdown = xenith_in_background(host, "-t", "1", "shutdown")
    held = listener.accept()[0]
    for status in statuses:
        asking = listener.accept()[0]
        assert json.loads(asking.makefile().readline())["cmd"] == "status"
        asking.sendall(json.dumps({"v": 1, "ok": True, **status}).encode() + b"\n")
        asking.close()
    return shutdown, held


@pytest.fixture
def listener(host):
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(60)
    listener.bind(str(host.socket))
    listener.listen()
    yield listener
    listener.close()


LEFT = {"domains": [{"name": "web", "state": "saving", "reason": "stopped on request"},
                    {"name": "db", "state": "stop-wait", "reason": ""},
                    {"name": "off", "state": "stopped", "reason": "saved"}]}


def test_shutdown_has_an_end_if_domd_goes_on_for_ever(host, listener):
    shutdown, held = played_domd(host, listener, {"down_limit_ms": 1500, **LEFT}, {"down_limit_ms": 1500, **LEFT},
                                 {"down_limit_ms": 1500, **LEFT})
    _, errors = shutdown.communicate(timeout=60)
    held.close()
    assert shutdown.returncode == 1
    assert errors == ("xenith: shutdown: some domains are still running after their time limits\n"
                      "xenith: web is saving: stopped on request\n"
                      "xenith: db is stop-wait\n")


def test_shutdown_waits_for_the_time_that_domains_have(host, listener):
    shutdown, held = played_domd(host, listener, {"down_limit_ms": 600000, **LEFT}, {"down_limit_ms": 0, **LEFT})
    held.sendall(b'{"v":1,"ok":true,"down":true}\n')
    asking = listener.accept()[0]
    asking.sendall(b'{"v":1,"ok":true,"domains":[{"name":"web","state":"stopped"}]}\n')
    _, errors = shutdown.communicate(timeout=60)
    asking.close()
    held.close()
    assert (shutdown.returncode, errors) == (0, "")


def test_shutdown_says_what_is_stuck(host, listener):
    shutdown = xenith_in_background(host, "shutdown")
    held = listener.accept()[0]
    held.sendall(b'{"v":1,"ok":true,"down":true}\n')
    asking = listener.accept()[0]
    asking.sendall(b'{"v":1,"ok":true,"domains":[{"name":"web","state":"stuck","reason":"its save hangs"}]}\n')
    _, errors = shutdown.communicate(timeout=60)
    asking.close()
    held.close()
    assert (shutdown.returncode, errors) == (1, "xenith: web is stuck: its save hangs\n")


NASTY = "\x1b[2J\x9b7m\x7f"
SHOWN = "\\u001b[2J\\u009b7m\\u007f"


@pytest.mark.parametrize("command, answer", [
    (["status"], {"ok": True, "domains": [{"name": "a", "state": "failed", "reason": NASTY}]}),
    (["status", "--json"], {"ok": True, "domains": [{"name": "a", "state": "failed", "reason": NASTY}]}),
    (["wait"], {"ok": True, "domains": [{"name": "a", "state": "failed", "reason": NASTY}]}),
    (["reload"], {"ok": True, "problems": [NASTY]}),
    (["start", "a"], {"ok": False, "error": NASTY}),
    (["shutdown"], {"ok": False, "error": NASTY}),
    (["metrics"], {"ok": True, "domains": [{"name": NASTY, "state": "by-hand"}]}),
])
def test_no_answer_commands_the_terminal(host, command, answer):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(host.socket))
    listener.listen()
    asking = xenith_in_background(host, *command)
    domds = [listener.accept()[0] for _ in range(2 if command == ["wait"] else 1)]
    for domd in domds:
        domd.sendall(json.dumps({"v": 1, "id": 0, **answer}, ensure_ascii=False).encode() + b"\n")
    output, errors = asking.communicate(timeout=20)
    for domd in domds:
        domd.close()
    listener.close()
    if command == ["metrics"]:          # whose labels have a spelling of their own
        output = output.replace("\\\\", "\\")
    assert SHOWN in output + errors
    assert not set(NASTY[:1] + "\x9b\x7f") & set(output + errors)
    if "--json" in command:
        assert json.loads(output)["domains"][0]["name"] == "a"


GUEST = b"one\r\n\ttwo \xe2\x82\xac\n\x1b]0;owned\x07\x9b2J\n" + "ä".encode() * 5000 + b"\nlogin: "


def test_log_to_a_terminal_is_shown(host):
    """A guest prints what it likes, and the log is read by root."""
    (host.console / "guest-a.log").write_bytes(GUEST)
    master, slave = os.openpty()
    tty.setraw(slave)                   # or the kernel would turn \n to \r\n
    showing = subprocess.Popen([str(host.programs / "xenith"), "-l", str(host.console), "log", "a"], stdout=slave)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # EIO is the end of it
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    assert showing.wait() == 0
    assert shown.decode() == "one\n\ttwo €\n\\u001b]0;owned\\u0007\\x9b2J\n" + "ä" * 5000 + "\nlogin: "


def test_log_to_a_pipe_is_the_log(host):
    (host.console / "guest-a.log").write_bytes(GUEST)
    done = subprocess.run([str(host.programs / "xenith"), "-l", str(host.console), "log", "a"],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout == GUEST


def played_xl(host, monkeypatch, text):
    """An xl that does that with a domain file, which is $4."""
    xl = host.fake / "xl"
    xl.write_text('#!/bin/sh\n[ "$1 $2 $3" = "-N create -q" ] || exit 9\n' + text)
    xl.chmod(0o755)
    monkeypatch.setenv("XENITH_XL", str(xl))


def test_check_asks_xl(host, monkeypatch):
    """What xl prints at a start, nobody sees at boot."""
    host.domain("a")
    host.domain("b", 'memory = "much"')
    host.domain("c")
    played_xl(host, monkeypatch, """case $(cat "$4") in
*'"a"'*) echo 'WARNING: ignoring "vncviewer" option.' >&2; echo '{}' ;;
*'"c"'*) echo "Unknown on_crash action" >&2; echo "no more" >&2; exit 1 ;;
*) echo asked in vain >&2 ;;
esac
""")
    done = host.xenith("check", str(host.config))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        '%s/b.cfg:2: memory: "much" is not a number from 1 to %d' % (host.config, (2**63 - 1) // 2048),
        '%s/a.cfg:0: warning: xl: WARNING: ignoring "vncviewer" option.' % host.config,
        "%s/c.cfg:0: xl: Unknown on_crash action" % host.config,
        "%s/c.cfg:0: xl: no more" % host.config]
    # One file, and none of another host, of which this xl knows nothing.
    assert host.ok("check", str(host.config / "a.cfg")).count("\n") == 1
    (host.config.parent / "tree/domains").mkdir(parents=True)
    (host.config.parent / "tree/domains/c.cfg").write_text('name = "c"\n')
    assert host.ok("check", "--config", str(host.config.parent / "tree")) == ""


def test_check_hands_xl_what_it_can_read(host, monkeypatch):
    (host.config / "a.cfg").write_bytes(b'\xef\xbb\xbfname = "a"\r\n# end')
    played_xl(host, monkeypatch, 'printf \'name = "a"\\n# end\\n\' | cmp - "$4" >&2\n')
    assert host.ok("check", str(host.config)) == ""


def test_check_whose_xl_is_not_there(host, monkeypatch):
    host.domain("a")
    monkeypatch.setenv("XENITH_XL", str(host.fake / "none"))
    done = host.xenith("check", str(host.config))
    assert done.returncode == 1
    assert done.stdout == "%s/a.cfg:0: cannot start %s/none: No such file or directory\n" % (host.config, host.fake)


def played_scripts(host, monkeypatch, **scripts):
    """Scripts of the host, which do that."""
    for name, text in scripts.items():
        script = host.fake / name.replace("_", "-")
        script.write_text("#!/bin/sh\n" + text)
        script.chmod(0o755)
    monkeypatch.setenv("XENITH_SCRIPTS", str(host.fake))


def test_status_of_a_mirror(host, monkeypatch):
    """By its text and its status, which is another one than that of a failure."""
    run = host.fake / "mirrored"
    text = (TOP / "rootfs/usr/lib/xenith/degraded").read_text()
    played_scripts(host, monkeypatch, degraded=text.replace("/run/xenith", str(run)).replace("/sys/class/block", str(run)))
    for name in ("sda", "sdb"):
        (run / name).mkdir(parents=True)
    (run / "mirror").write_text("disks=sda sdb\n")
    host.start()
    assert "degraded" not in host.ok("status")
    (run / "sdb").rmdir()
    for words, text in ((["status"], "\nThe mirror is degraded: the disk sdb is gone\n"), (["status", "--json"], "")):
        done = host.xenith(*words)
        assert done.returncode == 4 and text in done.stdout and ("degraded" in done.stdout) == bool(text)
    (run / "mirror").write_text("disks=sda\ndegraded=only sda is in use\n")
    assert "\nThe mirror is degraded: only sda is in use\n" in host.xenith("status").stdout


def test_status_of_a_host_that_waits_for_a_reboot(host, monkeypatch):
    """The table of all domains ends with it; other answers are domd's alone."""
    host.domain("web", 'autostart = "no"')
    host.start()
    played_scripts(host, monkeypatch, boot_pending='echo "reboot pending: why\033"; echo no >&2\n')
    assert host.ok("status").endswith("\n\nreboot pending: why\\u001b\n")
    for words in (["status", "web"], ["status", "--json"]):
        assert "pending" not in host.ok(*words)
    played_scripts(host, monkeypatch, boot_pending="exit 1\n")
    assert "pending" not in host.ok("status")


def test_reload_applies_the_settings_of_the_host(host, monkeypatch):
    host.start()
    played_scripts(host, monkeypatch, apply_host="echo reboot pending\n")
    assert host.ok("reload") == "reboot pending\n"
    played_scripts(host, monkeypatch, apply_host="echo host.conf:3: wrong >&2; exit 1\n")
    done = host.xenith("reload")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "host.conf:3: wrong\n")


def test_check_of_the_settings_of_the_host(host, monkeypatch):
    """Not with a directory, which is another host's."""
    played_scripts(host, monkeypatch, check_host="echo host.conf:3: wrong >&2; exit 1\n")
    done = host.xenith("check")
    assert (done.returncode, done.stdout) == (1, "host.conf:3: wrong\n")
    assert host.ok("check", str(host.config)) == ""


def test_warnings_are_no_failure_of_a_check(host):
    host.domain("a", "autostrat = 1")
    assert "warning: autostrat" in host.ok("check", str(host.config))


def test_graph_of_nothing(host):
    nowhere = str(host.config / "nowhere")
    for command in ("graph", "check"):
        done = host.xenith(command, nowhere)
        assert done.returncode == 1
        assert done.stderr == "xenith: %s: cannot read %s: No such file or directory\n" \
            % (command, nowhere)


def test_log_is_followed_into_the_next(host):
    log = host.console / "guest-a.log"
    log.write_text("one\n")
    following = xenith_in_background(host, "log", "--follow", "a")
    assert following.stdout.readline() == "one\n"
    with open(log, "a", encoding="ascii") as old:
        log.rename(host.console / "guest-a.log.1")
        old.write("two\n")              # xenconsoled has not been told yet
    log.write_text("three\n" * 3)
    assert [following.stdout.readline() for _ in range(3)] == ["two\n", "three\n", "three\n"]
    following.kill()
    following.communicate()


def test_completion(host):
    def complete(*words):
        return subprocess.run([str(host.programs / "xenith"), "-s", str(host.socket),
                               "complete", *words], capture_output=True, text=True,
                              check=True).stdout.split()

    assert complete("st") == ["status", "start", "stop"]
    usage = subprocess.run([str(host.programs / "xenith"), "--help"], capture_output=True, text=True, check=True)
    assert set(complete("")) == {line.split()[0] for line in usage.stdout.splitlines()[1:]}
    assert complete("start", "") == ["--wait"]      # nobody to ask
    assert complete("version", "--") == ["--json"]
    host.domain("web")
    host.domain("db")
    host.start()
    assert complete("start", "") == ["--wait", "db", "web"]
    assert complete("status", "web", "--j") == ["--json"]
    assert complete("log", "w") == ["web"]
    assert complete("check", "") == ["--config"]
    assert complete("file") == []                   # those are for scripts
    assert complete("nonsense", "") == []


def test_manual_page_and_usage_are_complete(programs):
    usage, *commands = subprocess.run([str(programs / "xenith"), "--help"], capture_output=True,
                                      text=True, check=True).stdout.splitlines()
    page = (TOP / "man/xenith.1").read_text()
    parts = dict(re.findall(r"^\.SH ([A-Z ]+)\n(.*?)(?=^\.SH|\Z)", page, re.M | re.S))
    headings = " ".join(re.findall(r"^\.TP\n(.*)", parts["COMMANDS"], re.M))
    for line in commands:
        assert re.search(r"\b%s\b" % line.split()[0], headings), line
    # Those that take a value; the others belong to a command each.
    source = (TOP / "domd/xenith/main.c").read_text()
    for letter in re.findall(r"(\w):", re.search(r'getopt_long\(argc, argv, "(.*?)"', source)[1]):
        assert "[-%s " % letter in usage
        assert "\\-%s" % letter in parts["SYNOPSIS"] and "\\-%s" % letter in parts["OPTIONS"]
    for other in (TOP / "man").glob("*.[1-8]"):
        assert other.name == "xenith.1" or other.stem in parts["SEE ALSO"]


def test_version_needs_no_domd(host):
    """Here it runs on another system: none of it is Xenith's, and Linux is this machine's."""
    lines = host.ok("version").splitlines()
    assert lines[0] == "Xenith (unknown)"
    assert lines[2] == "Linux  " + os.uname().release
    assert lines[-1] == "Open advisories: the list is not in this image"
    said = json.loads(host.ok("version", "--json"))
    assert said["linux"] == os.uname().release
    assert said["advisories"] is None
    assert host.xenith("version", "web").returncode == 2
