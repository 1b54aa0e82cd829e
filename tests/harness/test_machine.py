"""QEMU's command line, and a Machine with a fake QEMU."""

import os
import stat
import textwrap

import pytest

import machine as machine_module
from conftest import CONTROL_SOCKET
from console import ConsoleError
from machine import Machine

QEMU = """\
#!/usr/bin/python3
# Plays QEMU: a control socket, a console, and a power button that works.
import json, os, socket, sys, time
""" + CONTROL_SOCKET + """\
print("GRUB loading.", flush=True)
print("Xenith: init", flush=True)
with open({aborted!r}, "a") as aborted:
    if aborted.tell() < {aborts}:
        aborted.write("x")
        aborted.flush()
        os.abort()
if {ready}:
    print("Xenith: ready", flush=True)
peer = server.accept()[0].makefile("rw")
def tell(what):
    peer.write(json.dumps(what) + "\\n")
    peer.flush()
tell({{"QMP": {{}}}})
for line in peer:
    command = json.loads(line)["execute"]
    tell({{"event": "SOMETHING"}})
    if command == "nonsense":
        tell({{"error": {{"desc": "no such command"}}}})
        continue
    tell({{"return": {{}}}})
    if command == "system_powerdown":
        print("Xenith: power off", flush=True)
    if command in ("quit", "system_powerdown"):
        break
"""


@pytest.fixture
def qemu(tmp_path, monkeypatch):
    def install(ready=True, aborts=0):
        """ABORTS: the number of times that it aborts first."""
        program = tmp_path / "qemu"
        program.write_text(textwrap.dedent(QEMU).format(
            ready=ready, aborts=aborts, aborted=str(tmp_path / "aborted")))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(machine_module, "QEMU", str(program))
    return install


def command_line(tmp_path, **options):
    medium = tmp_path / "a,b.iso"
    medium.write_bytes(b"medium")
    with Machine("try", str(medium), log_dir=str(tmp_path / "logs"), **options):
        return (tmp_path / "logs/try.command").read_text()


def test_up_and_off(qemu, tmp_path):
    qemu()
    with Machine("try", "/dev/null", log_dir=str(tmp_path)) as machine:
        machine.wait_ready()
        assert machine.marks() == ["Xenith: init", "Xenith: ready"]
        machine.power_button()
        machine.wait_off(10)
    assert not os.path.exists(machine.scratch)


def test_never_ready(qemu, tmp_path):
    qemu(ready=False)
    with Machine("try", "/dev/null", log_dir=str(tmp_path)) as machine:
        machine.console.wait("Xenith: init")
        with pytest.raises(ConsoleError, match="ready.*no output for 1 s"):
            machine.wait_ready(idle=1)


def test_emulator_that_aborts_is_started_once_more(qemu, tmp_path):
    qemu(aborts=1)
    with Machine("try", "/dev/null", log_dir=str(tmp_path)) as machine:
        machine.wait_ready()
        assert machine.marks() == ["Xenith: init", "Xenith: ready"]
    assert "Xenith: ready" not in (tmp_path / "try.log").read_text()
    assert "Xenith: ready" in (tmp_path / "try-again.log").read_text()


def test_emulator_that_aborts_always(qemu, tmp_path):
    qemu(aborts=2)
    with Machine("try", "/dev/null", log_dir=str(tmp_path)) as machine:
        with pytest.raises(ConsoleError, match="the machine has stopped"):
            machine.wait_ready()


def test_control_errors_are_told(qemu, tmp_path):
    qemu()
    with Machine("try", "/dev/null", log_dir=str(tmp_path)) as machine:
        with pytest.raises(machine_module.QMPError, match="no such command"):
            machine.qmp.execute("nonsense")


def test_missing_qemu_is_named(monkeypatch, tmp_path):
    import pexpect
    monkeypatch.setattr(machine_module, "QEMU", "/nowhere/qemu")
    with pytest.raises(pexpect.ExceptionPexpect, match="/nowhere/qemu"):
        Machine("try", "/dev/null", log_dir=str(tmp_path))


def test_cd(qemu, tmp_path):
    qemu()
    line = command_line(tmp_path)
    assert "media=cdrom" in line and "a,,b.iso" in line
    assert "-cpu qemu64,+svm,+npt,+rdrand" in line and "tcg,thread=multi" in line


def test_usb_is_a_copy(qemu, tmp_path):
    qemu()
    line = command_line(tmp_path, attach="usb")
    assert "usb-storage" in line and "stick.img" in line and "a,,b.iso" not in line


@pytest.mark.parametrize("attach", ["usb", "cd"])
def test_sticks(qemu, tmp_path, attach):
    """All sticks are on one controller, with the boot stick, if any."""
    qemu()
    line = command_line(tmp_path, attach=attach, sticks=["/a,b.img", "/c.img"])
    assert line.count("qemu-xhci") == 1 and line.count("bootindex=0") == 1
    for number, path in enumerate(("/a,,b.img", "/c.img")):
        assert "id=more%d,format=raw,readonly=on,file=%s " % (number, path) in line
        assert "usb-storage,bus=xhci.0,drive=more%d," % number in line


def test_no_nic(qemu, tmp_path):
    qemu()
    assert "-nic none" in command_line(tmp_path, nic=False)


def test_forwards_are_on_the_loopback_only(qemu, tmp_path):
    qemu()
    line = command_line(tmp_path)
    forwards = [word for word in line.split(",") if word.startswith("hostfwd=")]
    assert forwards
    assert all(word.startswith("hostfwd=tcp:127.0.0.1:") for word in forwards)
