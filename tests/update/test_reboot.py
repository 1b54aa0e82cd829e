"""xenith reboot --menu: the boot loader shows its menu once."""

import fcntl

import pytest

from conftest import LIBRARY, run


def reboot(host, *words, **environment):
    return host.run(f"{LIBRARY}/reboot", *words, **environment)


def menu(host, disk="sda"):
    lines = run(host.real_slot, "state", host.top / f"dev/{disk}2", text=True).splitlines()
    return dict(line.split("=", 1) for line in lines)["menu"]


def refused(host, *words, status=1, **environment):
    """The reason; the host runs on, with the boot state that it had."""
    before = host.snapshot()
    done = reboot(host, *words, **environment)
    assert done.returncode == status and done.stdout == "" and not host.text("rebooted")
    assert host.snapshot() == before
    return done.stderr.strip().replace(str(host.top), "")


def test_without_the_menu(host):
    before = host.snapshot()
    done = reboot(host)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.text("rebooted") == "reboot\n" and host.snapshot() == before


def test_with_the_menu(host):
    host.set("try=b", "pending=b", "failed=0.8")
    done = reboot(host, "--menu")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.text("rebooted") == "reboot\n" and menu(host) == "1"
    assert host.state() == {"slot": "a", "try": "b", "pending": "b", "failed": "0.8"}


def test_a_boot_loader_that_does_not_clear_it(host):
    """It cannot write, or does not know it: the boot does that."""
    host.set("menu=1")
    host.run("boot/65-update")
    assert menu(host) == ""


def test_both_disks_of_a_mirror(host):
    host.write("run/xenith/mirror", "disks=sda sdb\n")
    host.disk("sdb")
    for number in ("", 2, 3, 4):
        (host.top / f"dev/sdb{number}").write_bytes((host.top / f"dev/sda{number}").read_bytes())
    assert reboot(host, "--menu").returncode == 0
    assert (menu(host), menu(host, "sdb")) == ("1", "1")
    # One boot loader has cleared it, on its own disk.
    run(host.real_slot, "set", host.top / "dev/sdb2", "menu=")
    host.run("boot/65-update")
    assert (menu(host), menu(host, "sdb")) == ("", "")


def test_a_live_system(host):
    host.write("proc/cmdline", "xenith.medium=1234 quiet\n")
    assert refused(host, "--menu") == "xenith: cannot have the menu shown: this host runs from a live image, which " \
        "keeps nothing for its next boot: press Esc or hold Shift when GRUB starts"
    assert reboot(host).returncode == 0 and host.text("rebooted") == "reboot\n"


def test_a_disk_that_fails(host):
    said = refused(host, "--menu", BREAK="set")
    assert said.endswith("the boot state on /dev/sda2 cannot be written: slot: /dev/sda2: Input/output error")


def test_an_update_at_work(host):
    with open(host.top / "run/xenith/update.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "an update is at work" in refused(host, "--menu")


@pytest.mark.parametrize("words, wrong", [(["web"], "web"), (["--menu", "web"], "web"), (["--men"], "--men")])
def test_wrong_arguments(host, words, wrong):
    assert refused(host, *words, status=2) == f'xenith: reboot: unexpected argument "{wrong}"; it takes --menu or none'


def test_help(host):
    done = reboot(host, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: xenith reboot [--menu]\n")
    assert not host.text("rebooted")
