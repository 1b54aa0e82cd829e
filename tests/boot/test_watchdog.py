"""The service that feeds the host's watchdogs: when it is started, and with which devices."""
import pytest


@pytest.fixture
def service(host):
    """The service's program writes its arguments."""
    for path, text in (("usr/lib/xenith/watchdog", f'echo "$*" >{host.top}/started'),
                       ("bin/modprobe", f'echo "$*" >>{host.top}/modprobe')):
        host.write(path, f"#!/bin/sh\n{text}\n")
        (host.top / path).chmod(0o755)
    host.write("proc/self/oom_score_adj", "0\n")
    return host


def started(service, conf):
    service.host_conf(conf)
    service.run("boot/sv/watchdog/run")
    assert service.text("proc/self/oom_score_adj") == "-1000\n"
    return service.text("started").replace(f"{service.top}/", "/").split()


@pytest.mark.parametrize("conf, limit", [("", "0"), ("watchdog=no\n", "0"), ("watchdog=on\n", "300"),
                                         ("watchdog=45\n", "45")])
def test_limit(service, conf, limit):
    assert started(service, conf) == [limit]


def test_devices(service):
    for name in ("watchdog0", "watchdog1"):
        service.write(f"sys/class/watchdog/{name}/dev", "")
    (service.top / "dev/watchdog").symlink_to("/dev/null")
    assert started(service, "watchdog=yes\n") == ["300", "/dev/watchdog0", "/dev/watchdog1"]
    assert service.text("modprobe") == ""


def test_board_controller(service):
    """Its driver has to be loaded by name, and its device is in no class."""
    service.write("sys/module/ipmi_si/refcnt", "1\n")
    (service.top / "dev/watchdog").symlink_to("/dev/null")
    assert started(service, "watchdog=yes\n") == ["300", "/dev/watchdog"]
    assert service.text("modprobe") == "-q ipmi_watchdog\n"


def test_no_device_is_touched_without_need(service):
    service.write("sys/class/watchdog/watchdog0/dev", "")
    service.write("sys/module/ipmi_si/refcnt", "1\n")
    assert started(service, "watchdog=no\n") == ["0"]
    assert service.text("modprobe") == ""


@pytest.mark.parametrize("status, said", [("3", "down {top}/run/service/watchdog\n"), ("0", ""), ("1", ""), ("-1", "")])
def test_end(service, status, said):
    """0 is `sv restart` as well."""
    service.run("boot/sv/watchdog/finish", status, "0")
    assert service.text("sv.log") == said.format(top=service.top)


@pytest.mark.parametrize("capabilities, said", [("control_d\n", "up watchdog\n"), ("", ""), (None, "")])
def test_start(service, capabilities, said):
    """Only in a dom0; also with watchdog=no, because Xen may watch the boot."""
    service.host_conf()
    service.service("watchdog")
    if capabilities is not None:
        service.write("proc/xen/capabilities", capabilities)
    service.run("boot/40-host")
    assert service.text("sv.log") == said
