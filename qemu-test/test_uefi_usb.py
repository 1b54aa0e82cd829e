"""A USB stick on a UEFI machine, and a second drive (a CD) whose host.conf has invalid
lines: they are reported, and the valid ones apply."""

import pytest

import drives
import host

pytestmark = pytest.mark.slow

HOST_CONF = """hostname=good-name
adress=192.0.2.1/24
parallel_starts=many
just words
shutdown_timeout=30
"""


@pytest.fixture(scope="module")
def machine(boot, iso, identities, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    tree = drives.write_tree(directory / "tree", {"host.conf": HOST_CONF})
    drive = drives.iso9660(directory / "config.iso", tree)
    machine = boot("uefi-usb", iso, attach="usb", firmware="uefi",
                   drives=[drive]).wait_ready()
    host.wait_up(machine, "hello-pv", "hello-pvh")
    identities[machine.name] = host.identity(machine)
    return machine


@pytest.mark.parametrize("line, word", [(2, "adress"), (3, "parallel_starts"), (4, "KEY=VALUE")])
def test_bad_line_is_named(machine, line, word):
    found = [mark for mark in host.config_marks(machine)
             if "host.conf:%d:" % line in mark and word in mark]
    assert found, host.config_marks(machine)


def test_good_lines_hold(machine):
    assert len(host.config_marks(machine)) == 3
    conf = machine.out("cat /config/host.conf").splitlines()
    assert "hostname=good-name" in conf
    assert "shutdown_timeout=30" in conf
    assert "parallel_starts=auto" in conf
    assert machine.out("hostname").strip() == "good-name"


@pytest.mark.parametrize("name", ["hello-pv", "hello-pvh"])
def test_domain_answers(machine, name):
    host.assert_hello(machine, name)


def test_console_closes_where_the_host_says_so(machine):
    """The last test of this machine: it leaves no shell."""
    machine.out("sed -i s/^console_shell=yes/console_shell=no/ /config/host.conf")
    machine.console.send("exit\r")
    machine.console.poll(lambda text: False, 5)
    since = machine.console.position()
    machine.console.send("\recho '<'open'>'\r\r")
    assert not machine.console.poll(lambda text: "<open>" in text[since:], 20)
