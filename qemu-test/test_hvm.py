"""HVM guests: firmware, a device model, and Linux with PV drivers in it."""

import pytest

import drives

MACS = {"cd": "00:16:3e:00:70:01", "disk": "00:16:3e:00:70:02"}


def hvm(name, disk, *lines):
    return "\n".join((
        'name = "%s"' % name, 'type = "hvm"', "memory = 112", 'vga = "none"', 'serial = "pty"',
        'autostart = "no"', 'ready = "console:hello: hvm-%s up"' % name, "start_timeout = 900",
        'on_stop = "destroy"',
        'vif = [ "mac=%s" ]' % MACS[name], "disk = [ %s ]" % disk, *lines)) + "\n"


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    tree = {"host.conf": "console_shell=yes\nautostart=no\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n",
            "domains/cd.cfg": hvm("cd", '"/config/images/cd.iso,raw,hdc,ro,cdrom"', 'boot = "d"'),
            "domains/disk.cfg": hvm("disk", '"/config/images/disk.iso,raw,hda,ro"')}
    for name in MACS:
        tree["images/%s.iso" % name] = drives.pc_image(
            directory / (name + ".iso"), "console=ttyS0 console=hvc0 hello.name=hvm-" + name)
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree), 64)
    return boot("hvm", iso, drives=[drive]).wait_ready()


def console(machine, name):
    return machine.out("cat /var/log/xen/console/guest-%s.log" % name, 60)


def device_model(machine, name):
    """Its process number and the user that it runs as."""
    number = machine.out("xenstore-read /local/domain/$(xl domid %s)/image/device-model-pid" % name).strip()
    return number, machine.out("awk '/^Uid/ { print $2 }' /proc/%s/status" % number).strip()


@pytest.mark.parametrize("name", MACS)
def test_boots_by_its_firmware(machine, name):
    """SeaBIOS, GRUB from its own CD or MBR, Linux, PV drivers, and HTTP over the bridge."""
    machine.out("xenith start --wait %s" % name, 1200)
    said = console(machine, name)
    assert "hello: hvm-%s up" % name in said
    # Linux says so when it has told the device model to take its disks and cards away.
    assert "unplug emulated" in said, said
    address = said.split("hello: hvm-%s up " % name)[1].split()[0]
    assert "hvm-" + name in machine.out("wget -qO - http://%s/" % address, 120)


def test_device_model_has_no_rights(machine):
    """It is a user of its own in an empty root: the default."""
    number, user = device_model(machine, "disk")
    domid = machine.out("xl domid disk").strip()
    assert int(user) == 131072 + int(domid)
    assert "passwd" not in machine.out("ls -R /proc/%s/root/ | head -n 30" % number)


def test_cd_is_ejected_and_inserted(machine):
    machine.out("xl cd-eject cd hdc", 120)
    assert "/config/images/cd.iso" not in machine.out("xenstore-ls /local/domain/$(xl domid cd)/device || "
                                                      "xl block-list cd")
    machine.out("xl cd-insert cd hdc /config/images/disk.iso", 120)


def test_device_model_that_dies(machine):
    """The guest may lose what it emulates; the host and the others go on."""
    number, _ = device_model(machine, "cd")
    machine.out("kill -9 %s" % number)
    assert "disk" in machine.out("xl list")
    machine.out("xenith stop --wait cd", 300)
    assert machine.out("xl domid cd 2>&1 || echo gone").strip().endswith("gone")
    assert machine.out("echo alive").strip() == "alive"
