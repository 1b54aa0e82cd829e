"""Xenith against Debian with Debian's Xen and its xendomains: the same eight PV guests, from
power-on to the first and to the last answer. Both hosts are in QEMU, one after the other;
first with guests that have our kernel, then with guests that have Debian's for virtual machines.

Debian starts them as on a user's machine: GRUB on the disk loads its Xen and kernel, systemd
its services, and xendomains the files in /etc/xen/auto. Only GRUB does not wait for a key,
which would be five seconds more.
"""

import gzip
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


# {whose kernel: (MiB of a guest, MiB of the host, kernel and ramdisk below /config/images)}
KINDS = {"our kernel": (40, 2048, "hello/vmlinux", "hello/initrd.gz"),
         "Debian's cloud kernel": (160, 3072, "cloud/vmlinuz", "cloud/initrd.gz")}


def guest(kind, number, name, *lines):
    memory, _, kernel, ramdisk = KINDS[kind]
    return guests.hello(name, memory, "00:%02x" % number, *lines, kernel=kernel, ramdisk=ramdisk)


def images(directory, scratch):
    """The guests' kernels and ramdisks; False if Debian's cannot be fetched."""
    cloud = debian.cloud(scratch / "kernel")
    if not cloud:
        return False
    ours = drives.package("hello") / "images/hello"
    shutil.copytree(ours, directory / "hello")
    (directory / "cloud").mkdir()
    shutil.copyfile(cloud / "vmlinuz", directory / "cloud/vmlinuz")
    # The ramdisk of the hello guest; what comes later in it replaces what came before.
    init = cloud / "init"
    init.write_text((drives.TOP / "image/hello/files/init").read_text().replace(
        "exec ", "insmod /xen-netfront.ko\nuntil [ -e /sys/class/net/eth0 ]; do usleep 50000; done\nexec "))
    listing = cloud / "list"
    listing.write_text("file /init %s 0755 0 0\nfile /xen-netfront.ko %s/xen-netfront.ko 0644 0 0\n" % (init, cloud))
    more = drives.run(str(drives.package("linux") / "usr/bin/gen_init_cpio"), str(listing), binary=True)
    (directory / "cloud/initrd.gz").write_bytes(
        gzip.compress(gzip.decompress((ours / "initrd.gz").read_bytes()) + more, mtime=0))
    return True


def debian_files(directory, kind, images_of_guests):
    """What an administrator of that Debian would write, and the guests' kernels."""
    files = {"boot/grub/grub.cfg": GRUB, "etc/network/interfaces": INTERFACES, "etc/hostname": "debian\n",
             "etc/fstab": "UUID=@UUID@ / ext4 errors=remount-ro 0 1\n"}
    for number, name in enumerate(FREE, 1):
        files["etc/xen/auto/%d-%s.cfg" % (number, name)] = guest(kind, number, name)
    drives.write_tree(directory, files)
    shutil.copytree(images_of_guests, directory / "config/images")
    return directory


def xenith_files(directory, kind, images_of_guests):
    files = {"domains/10-hello-pvh.cfg": "# not here\n", "domains/20-hello-pv.cfg": "# not here\n"}
    for number, name in enumerate(FREE, 1):
        files["domains/%d-%s.cfg" % (number, name)] = guest(kind, number, name, guests.says_it_is_up(name))
    drives.write_tree(directory, files)
    shutil.copytree(images_of_guests / "cloud", directory / "images/cloud")
    return directory


def times(machine):
    answers = Answers(machine, FREE).wait()
    return {"first": min(answers.values()), "last": max(answers.values())}


def measure(iso, scratch):
    """{whose kernel: {host: seconds}}; None if Debian's packages cannot be fetched."""
    found = {}
    (scratch / "images").mkdir()
    if not images(scratch / "images", scratch):
        return None
    for number, (kind, (_, memory, *_)) in enumerate(KINDS.items()):
        work = scratch / str(number)
        work.mkdir()
        disk = debian.disk(work / "debian.img", "host", debian_files(work / "debian", kind, scratch / "images"))
        if not disk:
            return None
        options = ["-drive", "if=none,id=debian,format=raw,cache=unsafe,file=%s" % disk,
                   "-device", "virtio-blk-pci,drive=debian,bootindex=0"]
        settings = {"log_dir": str(drives.OUT / "test-logs"), "memory": memory}
        drive = drives.ext4(work / "xenith.img", xenith_files(work / "xenith", kind, scratch / "images"))
        with Machine("bench-xenith-%d" % number, iso, drives=[drive], **settings) as machine:
            found[kind] = {"Xenith": times(machine)}
        with Machine("bench-debian-%d" % number, "", attach="disk", extra=options, **settings) as machine:
            found[kind]["Debian"] = times(machine)
        shutil.rmtree(work)
    return found


def report(found):
    if not found:
        return debian.WHY
    lines = []
    for kind, hosts in found.items():
        lines.append("%-44s %8s %8s" % ("8 PV guests with %s, s from power-on" % kind, "first", "last"))
        for name, seconds in hosts.items():
            lines.append("%-44s %8.1f %8.1f" % (name, seconds["first"], seconds["last"]))
        lines.append("%-44s %8.2f %8.2f" % ("ratio", *(
            hosts["Xenith"][which] / hosts["Debian"][which] for which in ("first", "last"))))
    return "\n".join(lines)
