"""A USB stick on a BIOS machine, and a second one (a FAT partition) with many
configuration errors. Each error is reported, and everything else runs."""

import hashlib
import pathlib
import re

import pytest

import drives
import guests
import host
import served

# A guest behind dom0's NAT, and its requests to the outside.
BUSYBOX = "/bin/busybox"
BEHIND_DOM0 = "; ".join((
    BUSYBOX + " ip link set eth0 up", BUSYBOX + " ip addr add 10.9.0.2/24 dev eth0",
    BUSYBOX + " ip route add default via 10.9.0.129",
    BUSYBOX + " wget -q -T 60 -O - http://10.0.2.2:%d/", BUSYBOX + " sleep 9999"))

# The only error of these domain files is a missing part.
GUEST = """name = "%s"
type = "pvh"
kernel = "/config/images/hello/vmlinux"
ramdisk = "/config/images/hello/initrd.gz"
memory = 48
vif = [ "" ]
"""

FAULTY = {
    # By file name these come before the valid ones.
    "05-broken": GUEST % "broken" + 'vcpus = 1\nvif = [ "bridge=xenbr0"\nextra = "x"\n',
    "05-nokernel": (GUEST % "nokernel").replace("hello/vmlinux", "nothing/vmlinux"),
    "05-textkernel": (GUEST % "textkernel").replace("/config/images/hello/vmlinux", "/etc/passwd"),
    "05-nobridge": (GUEST % "nobridge").replace('[ "" ]', '[ "bridge=nobr7" ]'),
    "05-greedy": (GUEST % "greedy").replace("memory = 48", "memory = 60000"),
    # PCI passthrough is impossible: this machine has no IOMMU.
    "05-nodevice": (GUEST % "nodevice").replace("pvh", "pv") + 'pci = [ "03:00.0,seize=1" ]\n',
    "05-nameless": (GUEST % "x").replace('name = "x"\n', ""),
    # The name of one of the image's domains, which is started first.
    "zz-twin": GUEST % "hello-pv",
}


@pytest.fixture(scope="module")
def machine(boot, iso, identities, key, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    files = {"domains/%s.cfg" % name: text for name, text in FAULTY.items()}
    files["authorized_keys"] = "this is no key\n" + key.public
    tree = drives.write_tree(directory / "tree", files)
    drive = drives.partitioned_vfat(directory / "config.img", tree)
    machine = boot("bios-usb", iso, attach="usb", sticks=[drive]).wait_ready()
    host.wait_up(machine, "hello-pv", "hello-pvh")
    identities[machine.name] = host.identity(machine)
    return machine


def mark(machine, pattern):
    return [line for line in machine.marks() if re.search(pattern, line)]


def test_configuration_on_a_stick_is_found(machine):
    found = re.search(r"^[\d.]+ config drive (/dev/sd[a-z]1)$", machine.out("cat /run/xenith/boot.log"), re.M)
    assert found
    assert machine.out("awk '$2 == \"/run/xenith/sources/drive\" { print $1 }' /proc/mounts").strip() == found.group(1)


def test_broken_file_is_named_with_its_line(machine):
    assert mark(machine, r"config /config/domains/05-broken\.cfg:[89]: ")
    assert mark(machine, r"config /config/domains/05-nameless\.cfg:\d+: .*name")


def test_missing_kernel_is_named(machine):
    assert mark(machine, r"domain nokernel failed: .*05-nokernel\.cfg:3: kernel: "
                         r"/config/images/nothing/vmlinux does not exist")


def test_kernel_that_is_none_is_named(machine):
    assert mark(machine, r"domain textkernel failed: .*05-textkernel\.cfg:3: kernel: "
                         r"/etc/passwd is not a kernel that Xen can start")


def test_missing_bridge_is_named(machine):
    assert mark(machine, r"domain nobridge failed: .*nobr7")


def test_too_little_memory_is_named(machine):
    assert mark(machine, r"domain greedy failed: .*(memory|ram)")


def test_missing_iommu_is_named(machine):
    assert mark(machine, r"domain nodevice skipped: .*PCI device needs an IOMMU")


def test_name_that_is_taken_is_named(machine):
    assert mark(machine, r'config /config/domains/zz-twin\.cfg:\d+: name: "hello-pv" is already the name of the domain in')


@pytest.mark.parametrize("name", ["hello-pv", "hello-pvh"])
def test_the_others_run(machine, name):
    host.assert_hello(machine, name)


def test_nothing_is_left_of_the_faulty(machine):
    host.assert_running(machine, "hello-pv", "hello-pvh")
    left = machine.out("xenstore-ls /local/domain | grep -E 'nokernel|textkernel|nobridge|nodevice|greedy' || true")
    assert left == ""


def test_good_key_beside_a_bad_one(machine, key):
    done = key.ssh(machine.forwards["10.0.2.15", 22], "echo in")
    assert done.stdout == "in\n", done.stderr


class Page(served.Server):
    """A web page on this machine, at 10.0.2.2 in QEMU's network."""

    def serve(self, connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 19\r\n\r\nwords from outside\n")


def test_address_translation(machine):
    """There is no route to 10.9.0.2 outside: an answer shows that dom0 translated it."""
    page = Page()
    text = guests.pv("nat", 'panic=1 rdinit=%s -- sh -c "%s"' % (BUSYBOX, BEHIND_DOM0 % page.port), 40,
                     'vif = [ "script=vif-nat,ip=10.9.0.2" ]')
    machine.write("/tmp/nat.cfg", text)
    machine.out("xl create /tmp/nat.cfg")
    host.until(machine, "grep -aq '^words from outside' %s/guest-nat.log" % host.CONSOLES, 120)
    assert "10.9.0.2" in machine.out("iptables -t nat -S XENITH_NAT")
    machine.out("xl destroy nat")
    host.until(machine, "! iptables -t nat -S XENITH_NAT | grep 10.9.0.2")
    page.close()


def test_medium_is_known_by_its_identifier(machine):
    """The boot medium is the stick, not the other drive."""
    known = machine.out("cat /run/xenith/medium; blkid")
    device = re.search(r"^device (\S+)", known, re.M).group(1)
    assert device.startswith("/dev/sd")
    assert not re.search(r"^%s:.*XENITH-CFG" % device, known, re.M)


def test_stick_pulled_out(machine):
    """The boot stick is removed; the other one stays."""
    sticks = "ls -d /sys/bus/usb/drivers/usb-storage/*:* | wc -l"
    assert machine.out(sticks).strip() == "2"
    machine.qmp.execute("device_del", id="stick")
    host.until(machine, '[ "$(%s)" = 1 ]' % sticks, 30)
    for name in ("hello-pv", "hello-pvh"):
        host.assert_hello(machine, name)
    machine.out("sed s/hello-pvh/latecomer/ /config/domains/10-hello-pvh.cfg >/tmp/latecomer.cfg")
    host.create(machine, "/tmp/latecomer.cfg", "latecomer", hello="latecomer")
    host.assert_hello(machine, "latecomer")


def test_stick_was_not_written_to(machine, iso):
    def digest(path):
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    assert digest(machine.stick) == digest(iso)
