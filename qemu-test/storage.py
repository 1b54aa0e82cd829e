"""The overhead of blkback: the same device with and without it.

dom0 attaches a logical volume and a file on another volume to itself, so that both runs
use one kernel, one processor and one disk, and differ only in blkfront and blkback. Each
figure is a pair of consecutive runs; on a machine that is not idle only the ratio is
meaningful. Also measures how long xl takes to create a domain with each kind of disk.
"""

import statistics
import subprocess

import drives
import guests
import iscsi_target
import nvme_target
import ports
import tools
from machine import Machine

KINDS = [("seq", "read"), ("seq", "write"), ("rand", "read"), ("rand", "write")]
SECONDS = 4


def rate(machine, device, pattern, way):
    return float(machine.out("/tmp/iobench %s %s %s %d" % (device, pattern, way, SECONDS)))


def ratios(machine, direct, target):
    """{"pattern way": (KiB/s without, KiB/s through blkback)}."""
    machine.out("modprobe xen-blkfront; xl block-attach 0 %s xvdz w && n=0; until [ -b /dev/xvdz ]; do usleep 100000; "
                "n=$((n+1)); [ $n -lt 300 ] || exit 1; done" % target, 120)
    found = {}
    for pattern, way in KINDS:
        pairs = [(rate(machine, direct, pattern, way), rate(machine, "/dev/xvdz", pattern, way))
                 for _ in range(3)]
        found["%s %s" % (pattern, way)] = sorted(pairs, key=lambda p: p[1] / p[0])[1]
    machine.out("xl block-detach 0 xvdz")
    return found


def creation(machine, name, disk, repeat=3):
    """The median time of `xl create` in seconds."""
    text = guests.pv(name, "quiet", 40, 'disk = [ "%s" ]' % disk)
    machine.out("cat >/tmp/%s.cfg <<'END'\n%sEND" % (name, text))
    times = []
    for _ in range(repeat):
        said = machine.out("t0=$(cut -d ' ' -f 1 /proc/uptime); xl create -q -e /tmp/%s.cfg && "
                           "t1=$(cut -d ' ' -f 1 /proc/uptime); echo $t0 $t1; xl destroy %s; "
                           "n=0; while xl domid %s >/dev/null 2>&1 && [ $n -lt 100 ]; do n=$((n+1)); usleep 100000; done"
                           % (name, name, name), 300)
        first, last = said.split()[-2:]
        times.append(float(last) - float(first))
    return statistics.median(times)


def measure(iso, scratch):
    export = scratch / "nbd.img"
    with open(export, "wb") as out:
        out.truncate(16 << 20)
    port = ports.free(1)[0]
    nvme = nvme_target.Target(bytearray(16 << 20))
    iscsi = iscsi_target.Target({0: bytearray(16 << 20)})
    tree = {"host.conf": "console_shell=yes\nautostart=no\n", "images/iobench": drives.cross_compiled(scratch / "iobench", "iobench.c")}
    drive = drives.partitioned_vfat(scratch / "config.img", drives.write_tree(scratch / "tree", tree))
    found = {"ratios": {}, "creation": {}}
    with subprocess.Popen([tools.find("qemu-nbd"), "-f", "raw", "-b", "127.0.0.1", "-p", str(port), "-e", "4", "-t",
                           str(export)]) as server:
        machine = Machine("storage", iso, drives=[drive], disk=1024)
        try:
            machine.wait_ready()
            machine.out("cp /config/images/iobench /tmp/ && chmod 755 /tmp/iobench && "
                        "pvcreate -q /dev/vdb && vgcreate -q vg0 /dev/vdb && "
                        "lvcreate -q -y -L 256M -n volume vg0 && lvcreate -q -y -L 320M -n store vg0 && "
                        "mkfs.ext4 -q /dev/vg0/store && mount /dev/vg0/store /mnt && "
                        "dd if=/dev/zero of=/mnt/file.img bs=1M count=256 && "
                        "qemu-img create -q -f qcow2 /mnt/disk.qcow2 16M && sync", 300)
            found["ratios"]["logical volume"] = ratios(machine, "/dev/vg0/volume", "phy:/dev/vg0/volume")
            found["ratios"]["raw file"] = ratios(machine, "/mnt/file.img", "file:/mnt/file.img")
            for name, disk in {
                    "volume": "/dev/vg0/volume,raw,xvda,rw", "file": "/mnt/file.img,raw,xvda,rw",
                    "qcow2": "/mnt/disk.qcow2,qcow2,xvda,rw",
                    "nbd": "vdev=xvda,access=rw,script=block-nbd,target=10.0.2.2:%d" % port,
                    "nvme": "vdev=xvda,access=rw,script=block-nvme,target=10.0.2.2:%d/%s"
                            % (nvme.port, nvme_target.NQN),
                    "iscsi": "vdev=xvda,access=rw,script=block-iscsi,target=iqn=%s,portal=10.0.2.2:%d,lun=0"
                             % (iscsi.name, iscsi.port)}.items():
                found["creation"][name] = creation(machine, name, disk)
        finally:
            machine.close()
            server.terminate()
            nvme.close()
            iscsi.close()
    return found


def report(found):
    lines = ["%-16s %-11s %10s %10s %6s" % ("blkback", "", "without", "through", "ratio")]
    for device, kinds in found["ratios"].items():
        for kind, (without, through) in kinds.items():
            lines.append("%-16s %-11s %7.1f MiB %7.1f MiB %6.2f"
                         % (device, kind, without / 1024, through / 1024, through / without))
    lines.append("")
    lines += ["xl create, disk: %-8s %5.1f s" % pair for pair in found["creation"].items()]
    return "\n".join(lines)
