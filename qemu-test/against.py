"""Xenith against Debian with Debian's Xen and its xendomains: the same eight PV guests, from
power-on to the first and to the last answer. Both hosts are in QEMU, one after the other.

Debian starts them as on a user's machine: GRUB on the disk loads its Xen and kernel, systemd
its services, and xendomains the files in /etc/xen/auto. Only GRUB does not wait for a key,
which would be five seconds more.
"""

import shutil

import debian
import drives
import guests
from answers import Answers
from fleet import FREE
from machine import Machine

GRUB = """set timeout=0
menuentry "Debian with Xen" {
	search --no-floppy --fs-uuid --set=root @UUID@
	multiboot2 /boot/xen.gz com1=115200,8n1 console=com1
	module2 /vmlinuz root=UUID=@UUID@ ro quiet console=hvc0
	module2 --nounzip /initrd.img
}
"""
INTERFACES = """auto lo xenbr0
iface lo inet loopback
iface xenbr0 inet dhcp
	bridge_ports regex e.*
	bridge_fd 0
"""


def guest(number, name, *lines):
    return guests.hello(name, 40, "00:%02x" % number, *lines)


def debian_files(directory):
    """What an administrator of that Debian would write, and the guests' kernel."""
    files = {"boot/grub/grub.cfg": GRUB, "etc/network/interfaces": INTERFACES, "etc/hostname": "debian\n",
             "etc/fstab": "UUID=@UUID@ / ext4 errors=remount-ro 0 1\n"}
    for number, name in enumerate(FREE, 1):
        files["etc/xen/auto/%d-%s.cfg" % (number, name)] = guest(number, name)
    drives.write_tree(directory, files)
    shutil.copytree(drives.package("hello") / "images/hello", directory / "config/images/hello")
    return directory


def xenith_files(directory):
    files = {"domains/10-hello-pvh.cfg": "# not here\n", "domains/20-hello-pv.cfg": "# not here\n"}
    for number, name in enumerate(FREE, 1):
        files["domains/%d-%s.cfg" % (number, name)] = guest(number, name, guests.says_it_is_up(name))
    return drives.write_tree(directory, files)


def times(machine):
    answers = Answers(machine, FREE).wait()
    return {"first": min(answers.values()), "last": max(answers.values())}


def measure(iso, scratch):
    """{host: seconds}; None if Debian's packages cannot be fetched."""
    disk = debian.disk(scratch / "debian.img", "host", debian_files(scratch / "debian"))
    if not disk:
        return None
    options = ["-drive", "if=none,id=debian,format=raw,cache=unsafe,file=%s" % disk,
               "-device", "virtio-blk-pci,drive=debian,bootindex=0"]
    log = {"log_dir": str(drives.OUT / "test-logs")}
    drive = drives.ext4(scratch / "xenith.img", xenith_files(scratch / "xenith"))
    with Machine("bench-xenith", iso, drives=[drive], **log) as machine:
        found = {"Xenith": times(machine)}
    with Machine("bench-debian", "", attach="disk", extra=options, **log) as machine:
        found["Debian"] = times(machine)
    return found


def report(found):
    if not found:
        return debian.WHY
    lines = ["%-26s %8s %8s" % ("8 PV guests, s from power-on", "first", "last")]
    for name, seconds in found.items():
        lines.append("%-26s %8.1f %8.1f" % (name, seconds["first"], seconds["last"]))
    lines.append("%-26s %8.2f %8.2f" % ("ratio", *(
        found["Xenith"][which] / found["Debian"][which] for which in ("first", "last"))))
    return "\n".join(lines)
