"""Every kind of disk that dom0 can attach to a guest, with real I/O."""

import os
import re
import subprocess
import time

import pytest

import drives
import guests
import iscsi_target
import nfs_server
import nvme_target
import ports
import tools
from host import until

# Shell lines that guests run as init. WRITES mounts the disk, replaces the name on it, and
# powers off; STAYS keeps the guest running. /www is an existing directory.
BUSYBOX = "/bin/busybox"
WRITES = "; ".join((
    BUSYBOX + " mount -t devtmpfs dev /dev", BUSYBOX + " mount -t ext4 /dev/xvda /www",
    "read old </www/name; echo before: $old", "echo %s >/www/name", BUSYBOX + " umount /www",
    BUSYBOX + " poweroff -f"))
STAYS = BUSYBOX + " sleep 9999"
# A guest that mounts its disk repeatedly until that fails.
MOUNTS = "; ".join((
    BUSYBOX + " mount -t devtmpfs dev /dev",
    "while {0} mount -t ext4 /dev/xvda /www && {0} umount /www".format(BUSYBOX), "do echo mounted",
    BUSYBOX + " sleep 1", "done", "echo the disk is lost", STAYS))

# CHAP credentials of dom0 and of the iSCSI target: (user, secret).
OURS = ("alpha", "oursecretoursecret")
THEIRS = ("store", "theirsecrettheirs")
LOCKED = iscsi_target.NAME + ".locked"

HELLO = "/config/images/hello"

# The numbers of a guest's disks in xenstore and xl.
XVDB, XVDC = 51728, 51744

# More 512-byte sectors than fit into 32 bits.
LARGE = 3 << 40


def guest(name, line, disk):
    return guests.pv(name, 'panic=1 rdinit=%s -- sh -c "%s"' % (BUSYBOX, line), 40,
                     'autostart = "no"', 'ready = "created"', 'on_stop = "destroy"',
                     'disk = [ "%s" ]' % disk)


def writer(name, disk):
    return guest(name, WRITES % name, disk)


def empty_ext4(path):
    with open(path, "wb") as out:
        out.truncate(16 << 20)
    drives.run(drives.tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", str(path))
    return path


# A guest with its kernel and menu on its own volume.
INNER = "\n".join((
    'name = "inner"', 'type = "pv"', 'kernel = "/usr/libexec/xen/boot/grub-x86_64-xen.bin"',
    "memory = 96", 'autostart = "no"', 'ready = "console:hello: inner up"', "start_timeout = 600",
    'on_stop = "destroy"', 'vif = [ "mac=00:16:3e:00:74:01" ]',
    'disk = [ "/dev/vg0/outer,raw,xvda,rw" ]')) + "\n"


# A guest that mounts a directory of dom0.
SHARES = guests.pv(
    "shares", 'panic=1 rdinit=%s -- sh -c "%s"' % (BUSYBOX, "; ".join((
        "until {0} mount -t 9p -o trans=xen,version=9p2000.L files /www".format(BUSYBOX), "do {0} sleep 1".format(BUSYBOX), "done",
        "read old </www/old", "echo before: $old", "echo shares >/www/new", BUSYBOX + " umount /www",
        BUSYBOX + " poweroff -f"))),
    40, 'autostart = "no"', 'ready = "created"', 'on_stop = "destroy"',
    'p9 = [ "tag=files,path=/tmp/files,security_model=none" ]')


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An NBD server on this machine, at 10.0.2.2 in QEMU's network."""
    image = empty_ext4(tmp_path_factory.mktemp("nbd") / "export.img")
    os.truncate(image, LARGE)
    port = ports.free(1)[0]
    with subprocess.Popen([tools.find("qemu-nbd"), "-f", "raw", "-b", "127.0.0.1", "-p", str(port),
                           "-x", "web", "-e", "4", "-t", str(image)]) as process:
        yield port
        process.terminate()


@pytest.fixture(scope="module")
def subsystem(tmp_path_factory):
    """An NVMe/TCP subsystem on this machine; its namespace is an empty ext4."""
    image = empty_ext4(tmp_path_factory.mktemp("nvme") / "disk.img")
    target = nvme_target.Target(bytearray(image.read_bytes()))
    yield target
    target.close()


@pytest.fixture(scope="module")
def luns(tmp_path_factory):
    """An iSCSI target on this machine: LUN 0 is an empty ext4, LUN 5 is zeros."""
    image = empty_ext4(tmp_path_factory.mktemp("iscsi") / "disk.img")
    target = iscsi_target.Target({0: bytearray(image.read_bytes()), 5: bytearray(8 << 20)})
    yield target
    target.close()


@pytest.fixture(scope="module")
def locked():
    """An iSCSI target with mutual CHAP."""
    target = iscsi_target.Target({0: bytearray(8 << 20)}, OURS, THEIRS, LOCKED)
    yield target
    target.close()


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    """A directory of this machine over NFS, with an empty ext4 in a file."""
    directory = tmp_path_factory.mktemp("nfs")
    empty_ext4(directory / "web.img")
    share = nfs_server.Server(directory)
    yield share
    share.close()


@pytest.fixture(scope="module")
def machine(boot, iso, server, subsystem, luns, share, tmp_path_factory):
    directory = tmp_path_factory.mktemp("config")
    tree = {"host.conf": "console_shell=yes\nautostart=no\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n",
            "images/file.img": bytes(4096),
            "iscsi-secrets": "%s %s %s %s %s\n" % (LOCKED, *OURS, *THEIRS),
            "fstab": "10.0.2.2:/vm /vm nfs vers=3,proto=tcp,port=%d,mountport=%d,nolock\n" % (share.port, share.port),
            "domains/volume.cfg": writer("volume", "/dev/vg0/volume,raw,xvda,rw"),
            "domains/thin.cfg": writer("thin", "/dev/vg0/thin,raw,xvda,rw"),
            "domains/clone.cfg": writer("clone", "/dev/vg0/clone,raw,xvda,rw"),
            "domains/file.cfg": writer("file", "/mnt/file.img,raw,xvda,rw"),
            "domains/qcow2.cfg": writer("qcow2", "/mnt/disk.qcow2,qcow2,xvda,rw"),
            "domains/served.cfg": writer("served", "/mnt/served.qcow2,qcow2,xvda,rw"),
            "domains/keeps.cfg": guest("keeps", STAYS, "/mnt/served.qcow2,qcow2,xvda,rw"),
            "domains/nbd.cfg": writer("nbd", nbd_disk(server)),
            "domains/nvme.cfg": writer(
                "nvme", "vdev=xvda,access=rw,script=block-nvme,target=10.0.2.2:%d/%s"
                % (subsystem.port, nvme_target.NQN)),
            "domains/iscsi.cfg": writer("iscsi", iscsi_disk(luns)),
            "domains/nfs.cfg": writer("nfs", "/vm/web.img,raw,xvda,rw"),
            "domains/nfsqcow2.cfg": writer("nfsqcow2", "/vm/web.qcow2,qcow2,xvda,rw"),
            "domains/stays.cfg": guest("stays", STAYS, "/dev/vg0/volume,raw,xvda,rw"),
            "domains/mounts.cfg": guest("mounts", MOUNTS, "/dev/vg0/vanishes,raw,xvda,rw"),
            "domains/unreadable.cfg": guests.hello("unreadable", 40, "74:02", 'autostart = "no"').replace(
                HELLO + "/vmlinux", "/mnt/vmlinux"),
            "domains/inner.cfg": INNER,
            "domains/shares.cfg": SHARES,
            "domains/reads.cfg": guest("reads", STAYS, "/dev/vg0/thin,raw,xvda,ro")}
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree))
    started = boot("disks", iso, drives=[drive], disk=512).wait_ready()
    started.out("pvcreate -q /dev/vdb && vgcreate -q vg0 /dev/vdb")
    return started


def status(machine, name):
    return machine.out("xenith status %s | tail -n 1" % name)


def run(machine, name):
    """Start the domain and wait for its end; return what it read first."""
    machine.out("xenith start --wait %s" % name, 600)
    until(machine, "xenith status %s | grep -q 'guest powered off'" % name, 300)
    # When the domain is gone, its disk has been released.
    until(machine, "! xl domid %s >/dev/null 2>&1" % name)
    said = machine.out("grep -a before: /var/log/xen/console/guest-%s.log | tail -n 1" % name)
    return said.split("before:")[1].strip()


def written(machine, device, *options):
    return machine.out("mount %s %s /mnt && cat /mnt/name; umount /mnt"
                       % (" ".join(options), device), 60).strip()


def test_logical_volume_and_its_snapshot(machine):
    """A guest's writes are on the volume, not on its earlier snapshot."""
    machine.out("lvcreate -q -y -L 32M -n volume vg0 && mkfs.ext4 -q /dev/vg0/volume && "
                "mount /dev/vg0/volume /mnt && echo old >/mnt/name; umount /mnt && "
                "lvcreate -q -s -L 16M -n before vg0/volume", 300)
    assert run(machine, "volume") == "old"
    assert written(machine, "/dev/vg0/volume") == "volume"
    assert written(machine, "/dev/vg0/before", "-o", "ro") == "old"


def test_thin_volume_and_its_clone(machine):
    machine.out("lvcreate -q -y -L 64M --errorwhenfull y -T vg0/pool && lvcreate -q -V 1G -T vg0/pool -n thin && "
                "mkfs.ext4 -q /dev/vg0/thin", 300)
    assert run(machine, "thin") == ""
    machine.out("lvcreate -q -s -n clone vg0/thin")
    assert run(machine, "clone") == "thin"
    assert written(machine, "/dev/vg0/thin") == "thin"
    assert written(machine, "/dev/vg0/clone") == "clone"


@pytest.mark.slow
def test_kernel_and_menu_on_a_volume_of_the_guest(machine):
    """A volume group inside the volume, which dom0 does not scan."""
    machine.out("lvcreate -q -y -L 40M -n outer vg0; as_guest='--config devices{scan_lvs=1}'; "
                "pvcreate -q $as_guest /dev/vg0/outer && vgcreate -q $as_guest inner /dev/vg0/outer && "
                "lvcreate -q -y $as_guest -l 100%FREE -n root inner && mkfs.ext4 -q /dev/inner/root && "
                "mount /dev/inner/root /mnt && mkdir -p /mnt/boot/grub", 300)
    machine.out("cp %s/vmlinux %s/initrd.gz /mnt/boot/ && printf '%%s\\n' "
                "'linux /boot/vmlinux console=hvc0 hello.name=inner' 'initrd /boot/initrd.gz' boot "
                ">/mnt/boot/grub/grub.cfg; umount /mnt && vgchange -q --config 'devices{scan_lvs=1}' -an inner"
                % (HELLO, HELLO), 120)
    assert "inner" not in machine.out("vgs")
    machine.out("xenith start --wait inner", 900)
    assert "GRUB: (lvm/inner-root)/boot/grub/grub.cfg" in machine.out("xenith log inner")
    machine.out("xenith stop --wait inner && lvremove -q -y vg0/outer")


def test_file(machine):
    machine.out("lvcreate -q -y -L 48M -n store vg0 && mkfs.ext4 -q /dev/vg0/store && "
                "mount /dev/vg0/store /mnt && truncate -s 16M /mnt/file.img && "
                "mkfs.ext4 -q /mnt/file.img", 300)
    assert run(machine, "file") == ""
    assert run(machine, "file") == "file"
    machine.out("umount /mnt")


def test_qcow2(machine):
    """A format that only QEMU can serve, with a backing file that is not changed."""
    machine.out("mount /dev/vg0/store /mnt && cd /mnt && modprobe nbd && "
                "qemu-img create -q -f qcow2 base.qcow2 32M && qemu-nbd -c /dev/nbd0 base.qcow2 && "
                "until [ $(cat /sys/block/nbd0/size) != 0 ]; do usleep 100000; done; mkfs.ext4 -q /dev/nbd0 && qemu-nbd -d /dev/nbd0", 300)
    # The domain is reported as gone before QEMU has closed the image.
    until(machine, "! pgrep qemu-nbd")
    machine.out("cd /mnt && qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 disk.qcow2")
    base = machine.out("cd /mnt && sha256sum base.qcow2")
    assert run(machine, "qcow2") == ""
    assert run(machine, "qcow2") == "qcow2"
    assert machine.out("cd /mnt && sha256sum base.qcow2") == base


@pytest.mark.slow
@pytest.mark.parametrize("harm, reason", [
    ("truncate -s 100 /mnt/disk.qcow2", "disk.qcow2"), ("rm /mnt/base.qcow2", "base.qcow2")])
def test_qcow2_that_is_broken(machine, harm, reason):
    """The error names the file, and nothing is left behind."""
    machine.out("cp /mnt/disk.qcow2 /mnt/whole && %s" % harm)
    said = machine.out("xenith start --wait qcow2 2>&1 || :", 600)
    assert reason in said, said
    assert machine.out("xl list | grep -c qcow2 || :").strip() == "0"
    machine.out("mv /mnt/whole /mnt/disk.qcow2")


def nbd_disk(port):
    return "vdev=xvda,access=rw,script=block-nbd,target=10.0.2.2:%d/web" % port


def test_directory(machine):
    """9pfs: QEMU serves a directory, and exits with the guest."""
    machine.out("mkdir -p /tmp/files && echo here >/tmp/files/old")
    assert run(machine, "shares") == "here"
    assert machine.out("cat /tmp/files/new").strip() == "shares"
    until(machine, "! pgrep -f qemu-system")


def test_nbd_export(machine, server):
    assert run(machine, "nbd") == ""
    assert run(machine, "nbd") == "nbd"
    device = attach(machine, nbd_disk(server))
    assert int(machine.out("blockdev --getsize64 %s" % device)) == LARGE
    machine.out("xl block-detach 0 xvda")
    # The connection is closed with the guest.
    until(machine, "! ls /sys/block/nbd*/pid 2>/dev/null")


@pytest.mark.slow
def test_nbd_export_that_is_not_there(machine, server):
    said = machine.out("xl block-attach 0 'vdev=xvda,access=rw,script=block-nbd,"
                       "target=10.0.2.2:%d/other' 2>&1 || :" % server, 120)
    assert "has no export 'other'" in said or "cannot connect to the NBD server" in said


def test_nvme_namespace(machine, subsystem):
    assert run(machine, "nvme") == ""
    assert run(machine, "nvme") == "nvme"
    assert b"nvme\n" in subsystem.disk
    until(machine, "[ -z \"$(nvme-tcp list)\" ]")
    assert machine.out("ls /dev/nvme*n1 2>/dev/null || echo none").strip() == "none"


def iscsi_disk(target, lun=0, device="xvda"):
    return ("vdev=%s,access=rw,script=block-iscsi,target=iqn=%s,portal=10.0.2.2:%d,lun=%d"
            % (device, target.name, target.port, lun))


def attach(machine, disk):
    """Attach the disk to dom0 itself and wait for the front end's device."""
    device = re.search(r"vdev=(\w+)", disk).group(1)
    machine.out("modprobe xen-blkfront; xl block-attach 0 '%s'" % disk)
    until(machine, "[ -b /dev/%s ]" % device)
    return "/dev/" + device


def detach(machine, *devices):
    for device in devices:
        machine.out("xl block-detach 0 %s" % device.replace("/dev/", ""))


def wait_for_no_session(machine):
    until(machine, "[ -z \"$(iscsi-tcp list)\" ]")
    assert machine.out("ls /sys/class/iscsi_session /var/lib/iscsi/nodes").split() == [
        "/sys/class/iscsi_session:", "/var/lib/iscsi/nodes:"]


def test_iscsi_lun(machine, luns):
    assert run(machine, "iscsi") == ""
    assert run(machine, "iscsi") == "iscsi"
    assert b"iscsi\n" in luns.disks[0]
    wait_for_no_session(machine)


@pytest.mark.slow
def test_iscsi_luns_share_a_session_that_comes_back(machine, luns):
    """A write survives an outage of the target; the sessions survive a restart of iscsid."""
    logins = luns.logins
    first = attach(machine, iscsi_disk(luns, 0, "xvdp"))
    second = attach(machine, iscsi_disk(luns, 5, "xvdq"))
    assert machine.out("iscsi-tcp list | wc -l").strip() == "1"
    assert luns.logins == logins + 1

    # A new iscsid takes over the old one's sessions.
    machine.out("kill -9 $(pidof iscsid)")
    until(machine, "pidof iscsid")
    luns.close()
    machine.out("yes xenith | head -c 1048576 >/tmp/data; "
                "(dd if=/tmp/data of=%s bs=64k oflag=direct; echo $? >/tmp/written) >/dev/null 2>&1 &" % second)
    until(machine, "iscsi-tcp list | grep -q FAILED")
    assert machine.out("cat /tmp/written 2>/dev/null || echo waits").strip() == "waits"
    luns.open()
    until(machine, "[ -s /tmp/written ]", 120)
    assert machine.out("cat /tmp/written").strip() == "0"
    assert bytes(luns.disks[5][:1 << 20]) == (b"xenith\n" * 149797)[:1 << 20]

    detach(machine, first)
    assert "LOGGED_IN" in machine.out("iscsi-tcp list")
    assert machine.out("dd if=%s bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/data && echo same"
                       % second, 120).strip() == "same"
    detach(machine, second)
    wait_for_no_session(machine)


def test_iscsi_with_chap(machine, locked):
    """Mutual CHAP; the secrets are in no log and no process list."""
    device = attach(machine, iscsi_disk(locked, 0, "xvdp"))
    machine.out("echo proven >%s; sync" % device)
    assert locked.disks[0].startswith(b"proven\n")
    assert locked.algorithms[-1] == "7"
    found = machine.out("grep -l -e '%s' -e '%s' -r /var/log /proc/[0-9]*/cmdline 2>/dev/null || echo none"
                        % (OURS[1][:-1] + "[t]", THEIRS[1][:-1] + "[s]"), 120)
    assert found.strip() == "none"
    detach(machine, device)
    wait_for_no_session(machine)


@pytest.mark.slow
@pytest.mark.parametrize("device, secrets, reason", [
    ("xvds", "* alpha notthesecretatall", "the target rejects the credentials; correct /config/iscsi-secrets"),
    ("xvdt", "* alpha %s store notthesecretatall" % OURS[1], "cannot log in to")])
def test_iscsi_with_wrong_secrets(machine, locked, device, secrets, reason):
    """The error names the target, and nothing is left behind."""
    machine.out("cp -p /config/iscsi-secrets /tmp/secrets; echo '%s' >/config/iscsi-secrets" % secrets)
    said = machine.out("xl block-attach 0 '%s' 2>&1 || :" % iscsi_disk(locked, 0, device))
    machine.out("cp -p /tmp/secrets /config/iscsi-secrets")
    assert "daemon.err block-iscsi: backend/vbd/0/" in machine.out("cat /var/log/messages")
    assert reason in said and LOCKED in said and "10.0.2.2, port %d" % locked.port in said, said
    wait_for_no_session(machine)


@pytest.mark.slow
def test_iscsi_lun_that_is_not_there(machine, luns):
    said = machine.out("xl block-attach 0 '%s' 2>&1 || :" % iscsi_disk(luns, 7, "xvdu"))
    assert "%s at 10.0.2.2:%d has no LUN 7" % (iscsi_target.NAME, luns.port) in said, said
    wait_for_no_session(machine)


def test_file_on_nfs(machine, share):
    """fstab mounts the share; the guest's writes are in the file on the server."""
    assert " /vm nfs " in machine.out("grep ' /vm ' /proc/mounts")
    assert run(machine, "nfs") == ""
    assert run(machine, "nfs") == "nfs"
    machine.out("sync")
    with open(share.handles[0] + "/web.img", "rb") as image:
        assert b"nfs\n" in image.read()


@pytest.mark.slow
def test_qcow2_on_nfs(machine, share):
    """The same with the server's name in place of its address."""
    machine.out("echo 10.0.2.2 store >>/etc/hosts && mkdir -p /mnt/by-name && "
                "mount -t nfs -o vers=3,proto=tcp,port=%d,mountport=%d,nolock store:/vm /mnt/by-name && "
                "qemu-img convert -q -f raw -O qcow2 /mnt/by-name/web.img /vm/web.qcow2 && umount /mnt/by-name"
                % (share.port, share.port), 120)
    run(machine, "nfsqcow2")
    assert run(machine, "nfsqcow2") == "nfsqcow2"
    machine.out("sync")
    with open(share.handles[0] + "/web.qcow2", "rb") as image:
        assert b"nfsqcow2\n" in image.read()


def test_second_writer_is_refused(machine):
    machine.out("xenith start --wait stays", 600)
    said = machine.out("xenith start --wait volume 2>&1 || :", 600)
    assert "in use by domain" in said or "same writable disk" in said or "stays" in said, said
    refused = machine.out("xl block-attach 0 phy:/dev/vg0/volume xvdz w 2>&1 || :")
    assert "in use by domain" in refused, refused
    # The device below it is in use, too; others on that device are not.
    refused = machine.out("xl block-attach 0 phy:/dev/vdb xvdh w 2>&1 || :")
    assert "cannot attach /dev/vdb: it is in use by" in refused, refused
    machine.out("xl block-attach 0 phy:/dev/vg0/thin xvdi w && xl block-detach 0 xvdi")


@pytest.mark.slow
def test_second_writer_of_what_qemu_serves_is_refused(machine):
    """The second writer is another guest, started by hand, or dom0 with a loop device,
    which would see a raw disk."""
    machine.out("mountpoint -q /mnt || mount /dev/vg0/store /mnt; "
                "qemu-img convert -O qcow2 /mnt/file.img /mnt/served.qcow2 && xenith start --wait keeps", 600)
    used = r"/mnt/served.qcow2: it is in use by domain \d+ \(keeps\)"
    for command in ("xl create /config/domains/served.cfg", "xl block-attach 0 file:/mnt/served.qcow2 xvdn w"):
        refused = machine.out("%s 2>&1 || :" % command)
        assert re.search(used, refused), refused
    assert machine.out("xl list | grep -c served || :").strip() == "0"
    # A running guest that was refused a disk does not get it, though QEMU saw it first.
    machine.out("cp /mnt/served.qcow2 /mnt/other.qcow2 && xl block-attach 0 file:/mnt/other.qcow2 xvdn w")
    refused = machine.out("xl block-attach keeps format=qcow2,vdev=xvdc,access=rw,target=/mnt/other.qcow2 2>&1 || :")
    assert "/mnt/other.qcow2: it is in use by domain 0 (Domain-0)" in refused, refused
    assert not attached(machine, "keeps", XVDC)
    until(machine, "! ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q 'other.qcow2$'")
    machine.out("xl block-detach 0 xvdn && rm /mnt/other.qcow2")
    machine.out("xenith stop --wait keeps")
    assert run(machine, "served") == "file"


def attached(machine, name, device):
    return str(device) in machine.out("xl block-list %s" % name).split()


@pytest.mark.slow
def test_disk_of_qemu_for_a_guest_without_one(machine):
    """A PV guest that was started without a QEMU cannot get such a disk later."""
    refused = machine.out("xl block-attach stays format=qcow2,vdev=xvdc,access=rw,target=/mnt/served.qcow2 2>&1 || :")
    assert "device model required but not running" in refused, refused
    assert not attached(machine, "stays", XVDC)


@pytest.mark.slow
def test_what_a_guest_was_refused_is_free_again(machine):
    """After a refused disk or network card the guest can get another under that name."""
    machine.out("xl block-attach 0 phy:/dev/vg0/thin xvdi w")
    refused = machine.out("xl block-attach stays phy:/dev/vg0/thin xvdb w 2>&1 || :")
    assert "/dev/vg0/thin: it is in use by domain 0 (Domain-0)" in refused, refused
    assert not attached(machine, "stays", XVDB)
    machine.out("xl block-detach 0 xvdi && xl block-attach stays phy:/dev/vg0/thin xvdb w")
    wait_for_state(machine, 4)
    machine.out("xl block-detach stays xvdb")
    refused = machine.out("xl network-attach stays bridge=nowhere 2>&1 || :")
    assert "nowhere" in refused, refused
    # The list has only its heading.
    assert len(machine.out("xl network-list stays").splitlines()) == 1


@pytest.mark.slow
def test_second_writer_by_another_name_is_refused(machine, server):
    disk = "vdev=xvdm,access=rw,script=block-nbd,target=%s:%d/web"
    machine.out("cp /etc/hosts /tmp/hosts; echo 10.0.2.2 store >>/etc/hosts")
    device = attach(machine, disk % ("10.0.2.2", server))
    refused = machine.out("xl block-attach stays '%s' 2>&1 || :" % disk % ("store", server))
    assert "store:%d/web: it is in use by domain 0 (Domain-0)" % server in refused, refused
    detach(machine, device)
    machine.out("cp /tmp/hosts /etc/hosts")


@pytest.mark.slow
@pytest.mark.parametrize("disk", [
    "vdev=xvdj,access=rw,script=block-nbd,target=10.0.2.2:%d/web",
    "vdev=xvdk,access=rw,script=block-nvme,target=10.0.2.2:%d/" + nvme_target.NQN,
    "vdev=xvdl,access=rw,script=block-iscsi,target=iqn=" + iscsi_target.NAME + ",portal=10.0.2.2:%d,lun=0"],
    ids=["nbd", "nvme", "iscsi"])
def test_server_that_is_not_there(machine, disk):
    """The error comes at once and names the server; other disks are not delayed."""
    port = ports.free(1)[0]
    refused = machine.out("xl block-attach 0 '%s' 2>&1 || :" % disk % port)
    assert "cannot reach the server 10.0.2.2, port %d" % port in refused, refused
    assert "refused" in refused, refused


def test_attached_and_detached_while_it_runs(machine):
    machine.out("lvcreate -q -y -L 8M -n hot vg0 && xl block-attach stays phy:/dev/vg0/hot xvdb w")
    wait_for_state(machine, 4)
    refused = machine.out("xl block-attach 0 phy:/dev/vg0/hot xvdy w 2>&1 || :")
    assert "in use by domain" in refused, refused
    machine.out("xl block-detach stays xvdb && lvremove -q -y vg0/hot")
    machine.out("xenith stop --wait stays")


def wait_for_line(machine, name, line):
    until(machine, "grep -aq '^%s' /var/log/xen/console/guest-%s.log" % (line, name), 120)


@pytest.mark.slow
def test_volume_that_vanishes(machine):
    """Only its guest gets errors; it is released with the guest; a start of the domain
    without it fails with the reason."""
    machine.out("lvcreate -q -y -L 16M -n vanishes vg0 && mkfs.ext4 -q /dev/vg0/vanishes")
    machine.out("xenith start --wait mounts && xenith start --wait reads", 600)
    wait_for_line(machine, "mounts", "mounted")
    machine.out("dmsetup wipe_table vg0-vanishes")
    wait_for_line(machine, "mounts", "the disk is lost")
    assert machine.out("xl list | grep -cE '^(mounts|reads) '").strip() == "2"
    machine.out("xenith stop --wait mounts; xenith stop --wait reads")
    until(machine, "! xl domid mounts 2>/dev/null")
    machine.out("lvchange -q -an vg0/vanishes && lvremove -q -y vg0/vanishes")
    said = machine.out("xenith start --wait mounts 2>&1 || :")
    assert "/dev/vg0/vanishes does not exist" in said, said


@pytest.mark.slow
def test_kernel_on_a_bad_sector(machine):
    """In the middle of the file, between the headers. Its domain is not created, for a reason
    that names the file; domd goes on."""
    machine.out("lvcreate -q -y -L 48M -n kernels vg0 && mkfs.ext4 -q -O ^has_journal /dev/vg0/kernels && "
                "mount /dev/vg0/kernels /mnt && cp %s/vmlinux /mnt/ && umount /mnt && set -- $(dmsetup table vg0-kernels) && "
                "printf '0 32768 linear %%s %%s\\n32768 2048 error\\n34816 63488 linear %%s %%s\\n' "
                "$4 $5 $4 $(($5 + 34816)) | dmsetup reload vg0-kernels && "
                "dmsetup resume vg0-kernels && mount -o ro /dev/vg0/kernels /mnt" % HELLO, 120)
    domd = machine.out("pidof domd")
    said, status = machine.sh("xenith start --wait unreadable 2>&1", 300)
    assert status and re.search(r"'/mnt/vmlinux' at offset \d+: I/O error", said), said
    assert machine.out("pidof domd") == domd
    machine.out("umount /mnt && lvremove -q -y vg0/kernels")


def wait_for_state(machine, state):
    """Wait for a state of the second disk of the domain `stays`."""
    for _ in range(60):
        listed = machine.out("xl block-list stays").splitlines()
        if any(re.match(r"%d\s" % XVDB, line) and line.split()[3] == str(state) for line in listed):
            return
        time.sleep(1)
    raise AssertionError(listed)


def test_created_cloned_and_removed(machine):
    """A guest on a thin volume, created from a directory, cloned, and removed again."""
    before = machine.out("lvs --noheadings -o lv_name vg0; ls /config/domains")
    machine.out("mkdir -p /tmp/tree && echo mine >/tmp/tree/name && "
                "xenith create made --from /tmp/tree --size 48M --memory 40M --type pv "
                "--kernel %s/vmlinux --ramdisk %s/initrd.gz --extra hello.name=made "
                "--storage vg0/pool --start" % (HELLO, HELLO), 600)
    wait_for_line(machine, "made", "hello: made up")
    assert "running" in status(machine, "made") or "ready" in status(machine, "made")
    machine.out("xenith create copy --clone-of made")
    assert written(machine, "/dev/vg0/copy") == "mine"
    refused = machine.out("xenith remove made --yes 2>&1 || :")
    assert "made is running" in refused
    machine.out("xenith stop --wait made && xenith remove made --yes && xenith remove copy --yes")
    assert machine.out("lvs --noheadings -o lv_name vg0; ls /config/domains") == before


@pytest.mark.slow
def test_created_from_an_image(machine):
    """HVM guests with a copy of the image, a cloud-init seed, and a screen that is reachable
    only through SSH; two are created at once; after removal nothing is left."""
    machine.out("mkdir -p /mnt && mountpoint -q /mnt || mount /dev/vg0/store /mnt; mkdir -p /mnt/made && "
                "qemu-img create -q -f qcow2 /mnt/made/from.qcow2 3M && "
                "dropbearkey -t ed25519 -f /tmp/private | grep ^ssh- >/tmp/key", 120)
    before = machine.out("ls /mnt/made /config/domains; losetup -a; lvs --noheadings -o lv_name vg0")
    for name in ("desk", "shop"):
        machine.out("(xenith create %s --from /mnt/made/from.qcow2 --memory 64M --type hvm --ssh-key /tmp/key "
                    "--storage /mnt/made >/tmp/%s.said 2>&1; echo $? >>/tmp/%s.said) &" % ((name,) * 3))
    for name in ("desk", "shop"):
        until(machine, "grep -qx '[0-9]*' /tmp/%s.said" % name, 300)
        assert machine.out("tail -n 1 /tmp/%s.said" % name).strip() == "0", machine.out("cat /tmp/%s.said" % name)
    machine.out("xenith start desk")
    # QEMU listens on the VNC socket; the seed is one of its disks.
    until(machine, "grep -q ' 00010000 .* /run/xen/vnc-desk' /proc/net/unix", 300)
    assert int(machine.out("xl block-list desk | wc -l")) == 3
    # The guest has no system that handles a shutdown request.
    machine.out("xl destroy desk; xenith stop --wait desk; xenith remove desk --yes && xenith remove shop --yes")
    assert machine.out("ls /mnt/made /config/domains; losetup -a; lvs --noheadings -o lv_name vg0") == before
    machine.out("rm -r /mnt/made")


@pytest.mark.slow
def test_nothing_is_left_of_what_cannot_be_created(machine):
    before = machine.out("lvs --noheadings -o lv_name vg0; ls /config/domains")
    said = machine.out("xenith create big --size 10G --kernel %s/vmlinux --storage vg0 2>&1 || :" % HELLO)
    assert "cannot create the volume /dev/vg0/big" in said and "insufficient" in said, said
    said = machine.out("xenith create web --from /etc/passwd 2>&1 || :")
    assert "unknown format" in said, said
    assert machine.out("lvs --noheadings -o lv_name vg0; ls /config/domains") == before


@pytest.mark.slow
def test_snapshots_are_not_removed_with_their_origin(machine):
    machine.out("mkdir -p /tmp/tree && xenith create origin --from /tmp/tree --size 48M --memory 40M --type pv "
                "--kernel %s/vmlinux --storage vg0 && lvcreate -q -s -L 4M -n later vg0/origin" % HELLO, 300)
    said = machine.out("xenith remove origin --yes 2>&1 || :")
    assert "the volume vg0/origin is kept: its snapshots would be removed with it: later" in said, said
    machine.out("lvs vg0/later && lvremove -q -y vg0/origin")


def test_volumes_are_activated_at_boot(machine):
    """Snapshots, too, even with LVM's skip flag; but not volumes with autoactivation off."""
    machine.out("lvcreate -q -V 16M -T vg0/pool -n left && lvchange -q --setautoactivation n vg0/left && "
                "lvchange -q -k y vg0/clone", 120)
    # A mounted volume keeps the group active.
    machine.out("cd / && umount /mnt && vgchange -q -an vg0 && test ! -e /dev/vg0/volume && test ! -e /dev/vg0/clone")
    machine.out("sh /etc/boot/55-volumes")
    after = set(machine.out("ls /dev/vg0").split())
    assert {"volume", "before", "store", "thin", "clone"} <= after
    assert "left" not in after
    machine.out("lvremove -q -y vg0/left")


@pytest.mark.slow
def test_thin_pool_that_is_full(machine):
    """A guest that fills the pool gets an I/O error; the host keeps running."""
    machine.out("lvcreate -q -V 1G -T vg0/pool -n big")
    said = machine.out("dd if=/dev/zero of=/dev/vg0/big bs=1M count=128 conv=fsync 2>&1 || :")
    assert "No space left" in said or "error" in said, said
    assert machine.out("echo alive").strip() == "alive"
    machine.out("lvremove -q -y vg0/big")
