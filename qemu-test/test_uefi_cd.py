"""A CD on a UEFI machine, and a user's configuration on a second drive (ext4): other
domains, another host name, SSH keys; the log goes to a server and to a disk. The processor has
no random numbers. Shut down by the power button."""

import re
import socket
import subprocess

import pytest

import drives
import host
from machine import CPU_WITHOUT_RDRAND


@pytest.fixture(scope="module")
def syslog():
    """A socket that gets what the host logs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        yield server


@pytest.fixture(scope="module")
def log_disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "disk.img"
    drives.run(drives.tool("mke2fs", "e2fsprogs"), "-q", "-t", "ext4", str(path), "32M")
    return path


@pytest.fixture(scope="module")
def machine(boot, iso, identities, key, syslog, log_disk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    hello = drives.package("hello")
    tree = drives.write_tree(directory / "tree", {
        "host.conf": "hostname=rack-7\nshutdown_timeout=40\nlog_dir=/srv/log/rack-7\nsyslog_server=10.0.2.2:%d\n"
                     % syslog.getsockname()[1],
        "fstab": "/dev/vdb /srv/log ext4 noatime 0 0\n",
        "authorized_keys": key.public,
        # An empty file removes the image's domain of the same name.
        "domains/20-hello-pv.cfg": "# not here\n",
        "domains/50-own.cfg": """
            name = "own"
            type = "pv"
            kernel = "/config/images/mine/vmlinux"
            ramdisk = "/config/images/mine/initrd.gz"
            cmdline = "console=hvc0 quiet hello.name=own hello.address=192.168.144.13/24"
            memory = 48
            vif = [ "mac=00:16:3e:00:00:07" ]
            """,
        "images/mine/vmlinux": hello / "images/hello/vmlinux",
        "images/mine/initrd.gz": hello / "images/hello/initrd.gz",
    })
    drive = drives.ext4(directory / "config.img", tree)
    machine = boot("uefi-cd", iso, firmware="uefi", cpu=CPU_WITHOUT_RDRAND, drives=[drive],
                   extra=["-drive", "if=virtio,format=raw,file=%s" % log_disk]).wait_ready()
    host.wait_up(machine, "hello-pvh", "own")
    identities[machine.name] = host.identity(machine)
    return machine


def test_random_numbers_without_rdrand(machine):
    """The host has made some itself before it creates a domain: docs/boot.md."""
    assert "rdrand" not in machine.out("grep -m 1 ^flags /proc/cpuinfo")
    made = re.search(r"\[ *([\d.]+)\] random: crng init done", machine.out("dmesg"))
    creating = re.search(r"(?m)^([\d.]+) creating ", machine.out("cat /run/xenith/boot.log"))
    assert float(made[1]) < float(creating[1])


def test_firmware_is_uefi(machine):
    assert "EFI" in machine.out("xl dmesg; dmesg | grep -i efi")


def test_drive_was_used(machine):
    assert machine.out("hostname").strip() == "rack-7"
    conf = machine.out("cat /config/host.conf").splitlines()
    assert "shutdown_timeout=40" in conf
    assert "bridge=xenbr0" in conf              # the image's value, not overridden
    assert host.config_marks(machine) == []


def test_domains_of_image_and_drive_together(machine):
    host.assert_running(machine, "hello-pvh", "own")
    assert machine.out("readlink /config/images/mine").strip().endswith("/drive/images/mine")


@pytest.mark.parametrize("name", ["hello-pvh", "own"])
def test_domain_answers(machine, name):
    host.assert_hello(machine, name)


def test_domain_file_is_followed(machine):
    nics = host.details(machine)["own"]["nics"]
    assert nics[0]["mac"] == "00:16:3e:00:00:07"


def test_log(machine, syslog):
    """From the first message on the disk, and also in its usual place."""
    machine.out("logger -t test to all three")
    for path in ("/srv/log/rack-7/messages", "/var/log/messages"):
        host.until(machine, "grep -q 'test: to all three' " + path)
    # What was logged before the disk was mounted is there, too.
    assert "syslogd started" in machine.out("head -n 1 /srv/log/rack-7/messages")
    assert machine.sh("grep -q ' kernel: ' /srv/log/rack-7/messages")[1] == 0
    while b"test: to all three" not in syslog.recv(4096):
        pass


def test_ssh_with_the_key(machine, key):
    done = key.ssh(machine.forwards["10.0.2.15", 22], "hostname; xl list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rack-7\n")
    assert "own" in done.stdout


def test_ssh_with_another_key_is_refused(machine, other_key):
    done = other_key.ssh(machine.forwards["10.0.2.15", 22], "true")
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_ssh_with_a_password_is_refused(machine, other_key):
    """The server does not offer password authentication at all."""
    done = other_key.ssh(machine.forwards["10.0.2.15", 22], "true",
                         "-o", "PubkeyAuthentication=no",
                         "-o", "PreferredAuthentications=password,keyboard-interactive")
    assert done.returncode != 0
    assert "Permission denied (publickey)" in done.stderr


def test_ssh_server_is_restarted(machine, key):
    machine.out("p=$(cat /run/service/dropbear/supervise/pid); kill -9 $p; while [ -e /proc/$p ]; do usleep 50000; done")
    host.until(machine, "netstat -lnt | grep -q ':22 '")
    done = key.ssh(machine.forwards["10.0.2.15", 22], "echo back")
    assert done.stdout == "back\n", done.stderr


def test_power_button(machine):
    since = machine.console.position()
    machine.power_button()
    machine.wait_off()
    said = machine.console.text[since:]
    # Without dependencies between them they stop in parallel.
    for name in ("hello-pvh", "own"):
        host.assert_in_order(said, "stopping domain " + name, "domain %s stopped" % name,
                             "Xenith: power off")
    assert "forced" not in said


def test_log_is_on_the_disk(machine, log_disk):
    """Which was unmounted."""
    def ask(request):
        return subprocess.run([drives.tool("debugfs", "e2fsprogs"), "-R", request, str(log_disk)],
                              capture_output=True, text=True, check=True).stdout
    assert machine.console.ended
    assert "clean" in ask("stats -h") and "needs_recovery" not in ask("stats -h")
    said = ask("cat /rack-7/messages")
    assert "syslogd started" in said and " kernel: " in said and "test: to all three" in said
