"""Where the host's log goes: memory, a server, a mounted directory."""

import re
import shutil
import subprocess
import time

import pytest

IN_MEMORY = "-n -D -L -O /var/log/messages -s 256 -b 1"


@pytest.fixture
def log(host):
    """A host with something in its log, and a disk that is mounted on /srv."""
    host.write("var/log/messages.0", "first\n")
    host.write("var/log/messages", "second\n")
    host.write("proc/mounts", f"rootfs / rootfs rw 0 0\n{host.top}/dev/vg0/srv {host.top}/srv ext4 rw 0 0\n"
               f"tmp {host.top}/run tmpfs rw 0 0\nnfs:/x {host.top}/run/x nfs rw 0 0\ntmp {host.top}/srv/tmp tmpfs rw 0 0\n")
    host.write("bin/syslogd", '#!/bin/sh\necho "$*" >"$FAKE/syslogd"\n')
    (host.top / "bin/syslogd").chmod(0o755)
    return host


def boot(host, conf):
    """What syslogd is started with, afterwards."""
    host.host_conf(conf.replace("/srv", f"{host.top}/srv").replace("/run", f"{host.top}/run"))
    host.run("boot/58-log")
    host.run("boot/sv/syslogd/run")
    return host.text("syslogd").rstrip().replace(str(host.top), "")


def test_in_memory(log):
    assert boot(log, "") == IN_MEMORY
    assert log.text("sv.log") == "" and log.events() == []


@pytest.mark.parametrize("server", ["192.0.2.5", "logs.example:5140", "[2001:db8::5]:514"])
def test_to_a_server(log, server):
    assert boot(log, f"syslog_server={server}\n") == f"{IN_MEMORY} -R {server}"
    assert log.text("sv.log") == f"-w 5 restart {log.top}/run/service/syslogd\n"
    assert log.text("var/log/messages") == "second\n"


def test_to_a_directory(log):
    assert boot(log, "log_dir=/srv/log/alpha\nsyslog_server=192.0.2.5\n") == \
        "-n -D -L -O /srv/log/alpha/messages -s 1024 -b 9 -R 192.0.2.5"
    # syslogd writes neither file meanwhile.
    assert [line.rsplit("/", 1)[0] for line in log.text("sv.log").splitlines()] == [
        f"-w 5 down {log.top}/run/service", f"-w 5 restart {log.top}/run/service"]
    assert log.text("srv/log/alpha/messages") == "first\nsecond\n"
    assert (log.top / "var/log/messages").resolve() == log.top / "srv/log/alpha/messages"
    assert log.marks() == []


def test_the_next_boot_goes_on(log):
    log.write("srv/log/messages", "of the boot before\n")
    boot(log, "log_dir=/srv/log\n")
    assert log.text("srv/log/messages") == "of the boot before\nfirst\nsecond\n"


@pytest.mark.parametrize("directory", ["/elsewhere", "/run/log", "/srv/tmp/log", "/srv2"])
def test_no_medium_is_mounted_there(log, directory):
    """Also one that is in the memory of a directory below a disk."""
    assert boot(log, f"log_dir={directory}\nsyslog_server=192.0.2.5\n") == f"{IN_MEMORY} -R 192.0.2.5"
    (mark,) = log.marks()
    assert mark.replace(str(log.top), "") == \
        f"log: {directory} is on no disk or share that fstab has mounted (log_dir); the log stays in memory"
    assert log.text("var/log/messages") == "second\n"


def test_a_directory_that_cannot_be_written(log):
    log.write("srv/log", "a file\n")
    assert boot(log, "log_dir=/srv/log\n") == IN_MEMORY
    (mark,) = log.marks()
    assert re.match("log: cannot write to /srv/log .log_dir.: \\S*mkdir: ", mark.replace(str(log.top), ""))
    assert mark.endswith("; the log stays in memory") and not (log.top / "var/log/messages").is_symlink()


def test_a_full_disk(log):
    (log.top / "srv/log").mkdir(parents=True)
    (log.top / "srv/log/messages").symlink_to("/dev/full")
    assert boot(log, "log_dir=/srv/log\n") == IN_MEMORY
    (mark,) = log.marks()
    assert "cannot write to" in mark and "No space left on device" in mark
    assert log.text("var/log/messages") == "second\n"


def test_a_file_that_can_only_be_read(log):
    """As on a disk that is mounted read-only."""
    (log.top / "srv/log").mkdir(parents=True)
    program = log.top / "srv/log/messages"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "100"]) as running:
        try:
            assert boot(log, "log_dir=/srv/log\n") == IN_MEMORY
        finally:
            running.kill()
    (mark,) = log.marks()
    assert "cannot write to" in mark and "Text file busy" in mark
    assert log.text("var/log/messages") == "second\n"


def test_a_file_that_cannot_be_opened(log):
    log.write("srv/log/messages/of", "another program\n")
    assert boot(log, "log_dir=/srv/log\n") == IN_MEMORY
    (mark,) = log.marks()
    assert re.match("log: cannot write to /srv/log .log_dir.: .*messages: ", mark.replace(str(log.top), "")), mark


def test_what_the_console_shows_is_logged(host):
    """The boot's lines when that is done, later ones at once."""
    host.write("bin/logger", '#!/bin/sh\n[ $# -gt 4 ] && shift 5 && echo "$*" >>"$FAKE/logged" || cat >>"$FAKE/logged"\n')
    (host.top / "bin/logger").chmod(0o755)
    host.write("say", f". {host.top}/usr/lib/xenith/lib.sh\nmark \"$1\"\n")
    host.run("say", "network xenbr0 192.0.2.10")
    assert host.text("logged") == ""
    host.write("run/xenith/network", "192.0.2.10\n")
    host.run("boot/80-ready")
    for _ in range(100):
        if host.text("logged").count("\n") == 2:
            break
        time.sleep(0.05)
    assert host.text("logged") == "network xenbr0 192.0.2.10\nready\n"
    host.run("say", "update 2 committed")
    for _ in range(100):
        if host.text("logged").count("\n") == 3:
            break
        time.sleep(0.05)
    assert host.text("logged").splitlines()[2:] == ["update 2 committed"]
    assert host.marks() == ["network xenbr0 192.0.2.10", "ready", "update 2 committed"]
