"""The disk of an installed host whose slots hold a stub instead of Xen (grub_stub.S), so
that a machine runs no more than its boot loader. All else on it is the build's."""

import gzip
import hashlib
import os
import pathlib
import re
import subprocess

import drives

TOP = pathlib.Path(__file__).resolve().parents[1]
MIB = 1 << 20
SECTOR = 512
BLOCK = 1024


def partitions():
    """{name: (offset, size)} of the partitions with a size, by install/layout."""
    done = subprocess.run(["sh", str(TOP / "install/partitions.sh"), str(TOP / "install/layout")],
                          capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[1]: (int(row[2]) * SECTOR, int(row[3]) * SECTOR) for row in rows if row[3] != "-"}


PARTITIONS = partitions()


def block(seq, slot="a", end="1", menu=None, **values):
    """A file of the boot state. The request for the menu is behind the end."""
    keys = {"seq": "%08d" % seq, "slot": slot, "try": "", "pending": "", "failed": "",
            "options": "0", "tryoptions": "", **values, "end": end}
    if menu is not None:
        keys["menu"] = menu
    text = "# GRUB Environment Block\n" + "".join("%s=%s\n" % item for item in keys.items())
    return text.encode().ljust(BLOCK, b"#")


def options_file(xen, linux, end="1"):
    return ("# GRUB Environment Block\nxen=%s\nlinux=%s\nend=%s\n" % (xen, linux, end)).encode().ljust(4096, b"#")


def stub(directory):
    """The kernel, compressed as Xen is."""
    program = drives.cross_compiled(directory / "stub", "grub_stub.S", "-m32", "-nostdlib", "-Wa,-mx86-used-note=no",
                                    "-Wl,-Ttext-segment=0x200000,-m,elf_i386,--build-id=none")
    return gzip.compress(program.read_bytes(), mtime=0)


def slot_files(kernel, version):
    """The files of a slot, by the build's own scripts; the stub prints the first lines."""
    done = subprocess.run(["sh", str(TOP / "iso/boot-menu.sh"), "slot", "/nonexistent"],
                          capture_output=True, check=True)
    return {"xen.gz": kernel, "vmlinuz": b"linux of %s\n" % version.encode() + os.urandom(20000),
            "initrd": b"root of %s\n" % version.encode() + os.urandom(50000), "grub.cfg": done.stdout}


def manifest(files, version, order):
    return ("xenith-manifest 1\nversion %s\norder %s\n" % (version, order) + "".join(
        "file %s %d %s\n" % (name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items())).encode()


class Disk:
    """A copy of xenith.img, without the data that GRUB does not read."""

    def __init__(self, image, path):
        self.path = pathlib.Path(path)
        kept = [(0, PARTITIONS["esp"][0] + PARTITIONS["esp"][1]), (PARTITIONS["config"][0], 4 * MIB)]
        size = image.stat().st_size
        with open(image, "rb") as source, open(path, "wb") as target:
            target.truncate(size)
            for start, length in kept + [(size - MIB, MIB)]:
                self._copy(source, target, start, length)

    @staticmethod
    def _copy(source, target, start, length):
        """Leaves holes where there are zeros."""
        for at in range(start, start + length, 1 << 16):
            source.seek(at)
            data = source.read(min(1 << 16, start + length - at))
            if data.strip(b"\0"):
                target.seek(at)
                target.write(data)

    def _mtool(self, name, *arguments):
        done = subprocess.run([drives.tool(name, "mtools"), "-i", "%s@@%d" % (self.path, PARTITIONS["esp"][0]), *arguments],
                              capture_output=True, check=False,
                              env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, name):
        """A file of the EFI system partition."""
        return self._mtool("mtype", "::/" + name)

    def replace(self, name, data):
        """Overwrites a file of the EFI system partition where it is."""
        old = self.read(name)
        assert len(old) == len(data)
        start, size = PARTITIONS["esp"]
        with open(self.path, "r+b") as disk:
            clusters = re.findall(r"<(\d+)(?:-\d+)?>", self._mtool("mshowfat", "::/" + name).decode())
            assert len(clusters) == 1, clusters         # in one piece
            disk.seek(start)
            boot = disk.read(SECTOR)
            reserved, tables = int.from_bytes(boot[14:16], "little"), boot[16]
            data_start = (reserved + tables * int.from_bytes(boot[36:40], "little")) * SECTOR
            disk.seek(start + data_start + (int(clusters[0]) - 2) * boot[13] * SECTOR)
            assert disk.read(len(old)) == old
            disk.seek(-len(old), os.SEEK_CUR)
            disk.write(data)

    def put(self, name, data):
        """Replaces a file of the EFI system partition, which may get another place."""
        source = self.path.with_suffix(".put")
        source.write_bytes(data)
        self._mtool("mcopy", "-o", str(source), "::/" + name)

    def states(self, first, second):
        self.replace("xenith/state0", first)
        self.replace("xenith/state1", second)

    def state(self, number):
        """The keys of a file of the boot state."""
        lines = self.read("xenith/state%d" % number).decode("latin-1").split("\n")
        return dict(line.split("=") for line in lines if "=" in line)

    def slot(self, name, files):
        """Writes a slot; FILES of None leaves it empty."""
        if files is None:
            return
        image = self.path.with_suffix(".slot")
        image.unlink(missing_ok=True)
        drives.run(drives.tool("mkfs.fat", "dosfstools"), "-C", "-F", "16", "-s", "8", str(image), "20480")
        for each, data in files.items():
            source = self.path.with_suffix(".file")
            source.write_bytes(data)
            drives.run(drives.tool("mcopy", "mtools"), "-i", str(image), str(source), "::/" + each, MTOOLS_SKIP_CHECK="1")
        with open(image, "rb") as source, open(self.path, "r+b") as target:
            target.seek(PARTITIONS[name][0])
            target.write(source.read(2 * MIB))


def config_uuid(disk):
    """The UUID of the configuration's file system."""
    with open(disk.path, "rb") as image:
        image.seek(PARTITIONS["config"][0] + 1024 + 0x68)
        text = image.read(16).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
