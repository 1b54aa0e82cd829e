"""The smoke test's verdict on consoles, with a fake QEMU."""

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest

import drives
import machine as machine_module
import smoke
import tools
from bootlog import Boot
from conftest import CONTROL_SOCKET

# Prints a console, answers the control socket, and exits on request.
QEMU = """#!/usr/bin/python3
import json, os, pathlib, signal, socket, sys, threading, time
""" + CONTROL_SOCKET + """\
here = pathlib.Path(__file__).parent
(here / "pid").write_text(str(os.getpid()))
(here / "arguments").write_text(" ".join(sys.argv))
boots = here / "boots"
number = int(boots.read_text()) + 1 if boots.exists() else 1
boots.write_text(str(number))
def serve():
    peer = server.accept()[0].makefile("rw")
    for line in ['{"QMP": {}}', '{"return": {}}']:
        peer.write(line + "\\n")
        peer.flush()
    for line in peer:
        peer.write('{"return": {}}\\n')
        peer.flush()
        if "quit" in line:
            os._exit(0)
threading.Thread(target=serve, daemon=True).start()
text = here / ("console-%d" % number)
text = (text if text.exists() else here / "console-1").read_text()
for line in text.splitlines():
    if line == "ABORT":
        os.abort()
    if line == "EXIT":
        sys.exit(1)
    if line == "PAUSE":
        time.sleep(1)
        continue
    print(line, flush=True)
    time.sleep(0.001)
time.sleep(600)
"""

UP = """SeaBIOS (version 1.16.3)
GNU GRUB  version 2.14
Xenith: loading Xen
(XEN) Xen version 4.20.3
Xenith: init
Xenith: to start: db web
Xenith: network xenbr0 10.0.2.15
Xenith: domain db started
"""
GOOD = UP + """Xenith: ready
Xenith: domain db ready
Xenith: domain web started
xenith:~# Xenith: domain web ready
"""


@pytest.fixture
def played(tmp_path, monkeypatch, capsys):
    """played(CONSOLE, ...): (exit status, output) of a smoke test whose boots print these
    consoles, one each."""
    program = tmp_path / "qemu"
    program.write_text(QEMU)
    program.chmod(0o755)
    (tmp_path / "x.iso").write_bytes(b"")
    monkeypatch.setattr(machine_module, "QEMU", str(program))
    monkeypatch.setattr(drives, "OUT", tmp_path / "out")

    def run(*consoles, timeout=30, options=()):
        for number, text in enumerate(consoles, 1):
            (tmp_path / ("console-%d" % number)).write_text(text)
        status = smoke.main(["--iso", str(tmp_path / "x.iso"), "--timeout", str(timeout), *options])
        return status, capsys.readouterr().out
    return run


def boots(tmp_path):
    return int((tmp_path / "boots").read_text())


def assert_ended(tmp_path):
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(int((tmp_path / "pid").read_text()), 0)
            time.sleep(0.1)


def test_all_are_ready(played, tmp_path):
    status, said = played(GOOD)
    assert status == 0, said
    assert re.sub(r"(?m)^ +\d+\.\d s  ", "", said).splitlines() == [
        "boot loader", "loading Xen", "Xen", "init", "to start: db web", "network xenbr0 10.0.2.15",
        "domain db started", "host ready", "domain db ready", "domain web started", "domain web ready",
        "smoke: host ready; 2 of 2 domains ready"]
    # It stops at once, and leaves nothing running.
    assert boots(tmp_path) == 1
    assert_ended(tmp_path)


def test_host_that_is_never_ready(played):
    status, said = played(UP, timeout=2)
    assert status == 1
    assert "smoke: the host: not ready within 2 s; last stage: domain db started\n" in said
    assert "smoke: web is not ready: waiting: not ready within 2 s" in said


def test_host_that_stops(played):
    status, said = played(UP + "Kernel panic - not syncing: no init\nand this is why\n")
    assert status == 1
    assert "smoke: the host: the console says: Kernel panic - not syncing" in said
    assert "and this is why" in said


def test_host_without_domd(played):
    status, said = played("GRUB\nXenith: init\nXenith: domd does not answer: no domain is started\n")
    assert status == 1
    assert "smoke: the host: domd does not answer: no domain is started" in said


def test_domain_that_fails(played):
    """After a final failure nothing more is awaited."""
    status, said = played(UP + """Xenith: domain db failed: guest crashed; it is restarted
Xenith: domain db started
Xenith: ready
Xenith: domain db held: guest crashed; held after 2 failures in 600 s
Xenith: domain web blocked: requires db, which is held
""")
    assert status == 1
    assert "smoke: db is not ready: held: guest crashed; held after 2 failures in 600 s\n" in said
    assert "smoke: web is not ready: blocked: requires db, which is held\n" in said
    assert "smoke: host ready; 0 of 2 domains ready; console log: " in said
    assert "the host:" not in said


def test_domain_that_is_started_again(played):
    status, said = played(UP + """Xenith: ready
Xenith: domain db failed: guest rebooted before it was ready; it is restarted
Xenith: domain db started
Xenith: domain db ready
Xenith: domain web ready
""")
    assert status == 0, said


def test_domain_that_is_blocked_for_a_while(played):
    """It is awaited while its requirement may become ready, or is ready."""
    late = UP + """Xenith: ready
Xenith: domain db late: not ready (tcp:5432) within 60 s
Xenith: domain web blocked: requires db, which is late
"""
    status, said = played(late + """PAUSE
Xenith: domain db ready
PAUSE
Xenith: domain web started
PAUSE
Xenith: domain web ready
""")
    assert status == 0, said
    for more in ("", "Xenith: domain db ready\n"):
        status, said = played(late + more, timeout=2)
        assert status == 1
        assert "smoke: web is not ready: blocked: requires db, which is late" in said
        assert ("smoke: db is not ready: late: not ready (tcp:5432) within 60 s" in said) is (not more)


def test_domain_that_does_not_become_ready(played):
    status, said = played(UP + "Xenith: ready\nXenith: domain db ready\nXenith: domain web started\n", timeout=2)
    assert status == 1
    assert "smoke: web is not ready: started: not ready within 2 s" in said
    assert "smoke: host ready; 1 of 2 domains ready" in said


def test_domain_that_has_done_its_work(played):
    status, said = played(UP + """Xenith: ready
Xenith: domain db ready
Xenith: domain web ready
Xenith: domain web stopped
""")
    assert status == 0, said
    status, said = played(UP + "Xenith: ready\nXenith: domain db ready\nXenith: domain web stopped\n")
    assert status == 1
    assert "smoke: web is not ready: it stopped before it was ready\n" in said


def test_mistake_in_the_configuration(played):
    bad = "Xenith: config /config/host.conf:2: adress: there is no such key\n"
    status, said = played(GOOD.replace("Xenith: ready\n", bad + "Xenith: ready\n"))
    assert status == 1
    assert "smoke: config /config/host.conf:2: adress: there is no such key" in said
    warned = bad.replace("2: ", "2: warning: ")
    assert played(GOOD.replace("Xenith: ready\n", warned + "Xenith: ready\n"))[0] == 0


@pytest.mark.parametrize("mark", ["no domains to start", "domains are not started (autostart=no)"])
def test_no_domains(played, mark):
    status, said = played("GRUB\nXenith: init\nXenith: %s\nXenith: ready\n" % mark)
    assert status == 0
    assert said.endswith("smoke: host ready; 0 of 0 domains ready\n")


def test_domains_must_be_known(played):
    """The domains with marks may not be all domains."""
    status, said = played(GOOD.replace("Xenith: to start: db web\n", ""), timeout=2)
    assert status == 1
    assert "no list of domains to start within 2 s" in said


def test_qemu_that_aborts_is_started_once_more(played, tmp_path):
    status, said = played(UP + "ABORT\n", GOOD)
    assert status == 0
    assert boots(tmp_path) == 2
    assert "smoke: QEMU aborted; retrying the boot\n" in said


def test_guest_that_the_emulator_loses_is_tried_once_more(played, tmp_path):
    lost = GOOD.replace("domain db ready", "domain db failed: guest crashed").replace(
        "domain web started\n", "domain web blocked: requires db, which is failed\n").replace(
            "xenith:~# Xenith: domain web ready\n", "")
    status, said = played(lost, GOOD)
    assert status == 0, said
    assert boots(tmp_path) == 2
    assert "smoke: the emulator may have lost db; retrying the boot\n" in said
    (tmp_path / "boots").unlink()
    status, said = played(lost, lost)
    assert status == 1
    assert boots(tmp_path) == 2
    assert "smoke: db is not ready: failed: guest crashed\n" in said


def test_qemu_that_cannot_begin(played):
    status, said = played("qemu: cannot set up guest memory\nEXIT\n")
    assert status == 2
    assert "qemu: cannot set up guest memory" in said
    assert "QEMU exited after: power-on" in said


def test_without_qemu(played, monkeypatch, capsys):
    monkeypatch.setattr(machine_module, "QEMU", None)
    monkeypatch.setattr(tools, "path_of", lambda name: None)
    assert smoke.main(["--iso", "/dev/null"]) == 2
    assert "install the Debian package qemu-system-x86" in capsys.readouterr().err


def test_junit(played, tmp_path):
    path = tmp_path / "report.xml"
    status, _ = played(GOOD, options=["--junit", str(path)])
    assert status == 0
    root = ET.parse(path).getroot()
    assert root.tag == "testsuites"
    suite, = root
    assert (suite.get("tests"), suite.get("failures")) == ("3", "0")
    assert [(each.get("classname"), each.get("name"), list(each)) for each in suite] == [
        ("xenith.host", "host", []), ("xenith.domain", "db", []), ("xenith.domain", "web", [])]
    # The fake console prints everything at once.
    assert all(float(each.get("time")) >= 0 for each in suite)


def test_junit_of_failures(played, tmp_path):
    path = tmp_path / "report.xml"
    status, _ = played(UP.replace("(XEN)", "\x01\x1b[1m<(XEN)") + "Xenith: config drive:0: two drives\nXenith: ready\n"
                       'Xenith: domain db ready\nXenith: domain web failed: <disk> "x" & y\n',
                       options=["--junit", str(path)])
    assert status == 1
    suite, = ET.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    found = {each.get("name"): each.find("failure") for each in suite}
    assert found["db"] is None
    assert found["web"].get("message") == 'failed: <disk> "x" & y'
    assert found["host"].get("message") == "config drive:0: two drives"


def test_the_end_of_the_console_is_in_the_report(played, tmp_path):
    path = tmp_path / "report.xml"
    played("GRUB\nwhat \x07 happened\n", timeout=1, options=["--junit", str(path)])
    failure = ET.parse(path).getroot().find(".//failure")
    assert "not ready within 1 s" in failure.get("message")
    assert "what ? happened" in failure.text


def test_memory_and_domains_reach_qemu(played, tmp_path):
    domains = tmp_path / "my domains"
    domains.mkdir()
    played(GOOD, options=["--memory", "4096", "--domains", str(domains)])
    said = (tmp_path / "arguments").read_text()
    assert " -m 4096 " in said
    assert '"driver": "vvfat"' in said and '"dir": "%s"' % domains in said and '"label": "XENITH-CFG"' in said
    assert "hostfwd" not in said


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_from_outside_ends_qemu(played, tmp_path, number, status):
    del played          # only its files are needed
    (tmp_path / "console-1").write_text(UP)
    process = subprocess.Popen(
        [sys.executable, "-B", str(drives.TOP / "qemu-test/smoke.py"), "--iso", str(tmp_path / "x.iso")],
        env={"PATH": "/usr/bin:/bin", "XENITH_QEMU": str(tmp_path / "qemu"), "XENITH_OUT": str(tmp_path / "out"),
             "HOME": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
        # What a shell starts in the background ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for line in process.stdout:
        if "domain db started" in line:
            break
    process.send_signal(number)
    process.stdout.close()
    assert process.wait(30) == status
    assert_ended(tmp_path)


# --- the host's boot log ---------------------------------------------------------

RECORD = """2.00 init
2.50 devices
3.00 config drive /dev/vda1
9.00 to start: db web
10.00 creating db
20.00 domain db started
25.00 ready
30.00 domain db ready
40.00 domain web ready
"""


def test_the_record_mends_what_was_damaged_on_the_console():
    boot = Boot()
    boot.read(12.0, "Xenith: init")
    boot.read(19.0, "Xeni(XEN) d1v0 something th: to start: db web")
    boot.read(35.0, "Xenith: re(XEN)ady")
    assert not boot.settled()
    boot = boot.record(RECORD)
    assert boot.ok(), (boot.mistakes, boot.domains)
    assert (boot.ready_at, boot.domains["web"].ready_at) == (35.0, 50.0)


def test_the_record_is_read_where_there_is_a_shell():
    class Played:
        @staticmethod
        def out(command):
            assert command == "cat /run/xenith/boot.log"
            return RECORD
    boot = Boot()
    boot.read(12.0, "Xenith: init")
    assert smoke.record(Played, boot) is boot
    boot.read(13.0, "Xenith. Press Enter here for a root shell: no password is asked, because")
    assert smoke.record(Played, boot).ok()
