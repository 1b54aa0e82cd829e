"""Drives labelled XENITH-CFG, made without root and without mounting.

They are made with the build's own tools, if it has built them.
"""

import os
import pathlib
import re
import shutil
import struct
import subprocess

import tools

TOP = pathlib.Path(__file__).resolve().parents[1]
OUT = pathlib.Path(os.environ.get("XENITH_OUT", TOP / "out"))
CACHE = pathlib.Path(os.environ.get("XENITH_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "xenith")
LABEL = "XENITH-CFG"
MIB = 1 << 20


def package(name):
    """The files of a package of the last build, or None."""
    listing = OUT / "packages"
    if listing.exists():
        for line in listing.read_text().splitlines():
            first, path = line.split(" ", 1)
            if first == name:
                return pathlib.Path(path) / "root"
    return None


def tool(name, owner):
    """A tool from our package OWNER if it runs here, or else the host's."""
    root = package(owner)
    for directory in ("usr/sbin", "usr/bin", "sbin", "bin"):
        path = root / directory / name if root else None
        if path and path.exists() and _runs(path):
            return str(path)
    try:
        return tools.find(name)
    except tools.Missing as error:
        raise tools.Missing("%s, or ./build.sh package %s" % (error, owner)) from None


def _runs(path):
    """Whether a program runs here: its libraries may be only in the image."""
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=10, check=False)
        return done.returncode != 127       # musl's loader: library not found
    except OSError:
        return False


def cross_compiled(program, source, *options):
    """Compile a static program for dom0 or a guest, from a source file in this directory."""
    sysroot = package("musl")
    run(str(package("gcc") / "usr/bin/x86_64-linux-musl-gcc"), "-O2", "-static", "-isystem", str(sysroot / "usr/include"),
        "-B", str(sysroot / "usr/lib"), "-L", str(sysroot / "usr/lib"), *options,
        "-o", str(program), str(pathlib.Path(__file__).parent / source))
    return program


def hanging_kernel(program):
    """A PV kernel, for dom0 or a guest, that hangs in its first instruction."""
    return cross_compiled(program, "hang.S", "-nostdlib", "-no-pie", "-Wa,-mx86-used-note=no",
                          "-Wl,-Ttext-segment=0xffffffff80000000,--build-id=none")


def run(*command, binary=False, **environment):
    """Runs a command that must succeed; returns its output."""
    done = subprocess.run(command, capture_output=True, text=not binary, check=False,
                          env={**os.environ, **environment})
    assert done.returncode == 0, "%s: %s" % (" ".join(command), done.stderr)
    return done.stdout


def write_tree(directory, files):
    """Write FILES: {name: text, bytes, or a path to copy}."""
    for name, content in files.items():
        path = pathlib.Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pathlib.Path):
            shutil.copyfile(content, path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
    return pathlib.Path(directory)


def vfat(path, tree, mib=32):
    """A drive without partitions, with a FAT file system."""
    run(tool("mkfs.fat", "dosfstools"), "-n", LABEL, "-C", str(path), str(mib * 1024))
    for entry in sorted(pathlib.Path(tree).iterdir()):
        run(tool("mcopy", "mtools"), "-s", "-i", str(path), str(entry), "::/",
            MTOOLS_SKIP_CHECK="1")
    return str(path)


def partitioned_vfat(path, tree, mib=32):
    """A drive with a partition table and one FAT partition."""
    inner = str(path) + ".part"
    vfat(inner, tree, mib)
    with open(path, "wb") as disk, open(inner, "rb") as part:
        # MBR: one partition of type 0x0c that starts at sector 2048.
        entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x0c,
                            b"\xfe\xff\xff", 2048, mib * MIB // 512)
        disk.write(b"\0" * 446 + entry + b"\0" * 48 + b"\x55\xaa")
        disk.seek(2048 * 512)
        shutil.copyfileobj(part, disk)
    os.unlink(inner)
    return str(path)


def ext4(path, tree, mib=32, label=LABEL):
    # Without checksums, as docs/persistence.md says: a torn superblock is still a right one.
    run(tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-L", label,
        "-d", str(tree), str(path), "%dM" % mib)
    return str(path)


def configuration(directory, **files):
    """A drive with these files."""
    return ext4(directory / "config.img", write_tree(directory / "tree", files))


def uuid(path):
    """The UUID of the file system of a drive."""
    done = subprocess.run([tool("blkid", "util-linux"), "-p", "-s", "UUID", "-o", "value", str(path)],
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()


def iso9660(path, tree):
    assert str(path).endswith(".iso")
    run(tool("xorriso", "libisoburn"), "-no_rc", "-as", "mkisofs", "-quiet",
        "-V", LABEL, "-R", "-J", "-o", str(path), str(tree))
    return str(path)


GUEST_GRUB = """set timeout=0
if [ "$grub_platform" = pc ]; then
	serial --unit=0 --speed=115200
	terminal_input serial
	terminal_output serial
fi
echo "GRUB in the guest"
linux /vmlinuz %s
initrd /initrd.gz
boot
"""

# UEFI loads GRUB from the EFI partition; its menu is on the CD.
GUEST_EFI = """search --file --set=root /boot/grub/grub.cfg
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""


def bios_core(tree, *modules):
    """Put GRUB for a BIOS CD into TREE; return the options for xorriso."""
    grub = package("grub") / "usr/lib/grub/i386-pc"
    run(tool("grub-mkimage", "grub"), "-O", "i386-pc-eltorito", "-d", str(grub), "-p", "/boot/grub",
        "-o", str(tree / "boot/grub/bios.img"), "normal", "configfile", "linux", "iso9660", "biosdisk", *modules)
    return ["-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]


def bios_cd(path, files, menu):
    """A BIOS CD with GRUB, its menu MENU, and FILES."""
    tree = write_tree(path.with_suffix(".tree"), {**files, "boot/grub/grub.cfg": menu})
    core = bios_core(tree)
    run(tool("xorriso", "libisoburn"), "-no_rc", "-as", "mkisofs", "-quiet", "-r", "-o", str(path),
        *core, str(tree))
    shutil.rmtree(tree)
    return path


def pc_image(path, cmdline, kernel=None):
    """An image that a PC boots by BIOS or UEFI, as a CD or as a disk: GRUB, and the hello
    guest with its kernel or another one. GRUB for PV and PVH guests finds the menu, too."""
    assert str(path).endswith(".iso")
    path = pathlib.Path(path)
    grub = package("grub") / "usr/lib/grub"
    tree = write_tree(path.with_suffix(".tree"), {
        "vmlinuz": kernel or package("linux") / "boot/vmlinuz-domu",
        "initrd.gz": package("hello") / "images/hello/initrd.gz",
        "boot/grub/grub.cfg": GUEST_GRUB % cmdline})
    core = bios_core(tree, "echo", "serial", "terminal", "test", "part_msdos", "gzio")
    files = write_tree(path.with_suffix(".efi"), {"grub.cfg": GUEST_EFI})
    run(tool("grub-mkimage", "grub"), "-O", "x86_64-efi", "-d", str(grub / "x86_64-efi"), "-p", "/boot/grub",
        "-c", str(files / "grub.cfg"), "-o", str(files / "bootx64.efi"), "normal", "configfile", "linux",
        "echo", "search", "search_fs_file", "test", "iso9660", "part_msdos", "gzio")
    esp = files / "esp"
    run(tool("mkfs.fat", "dosfstools"), "-C", str(esp), "1440")
    for words in (("mmd", "::/EFI", "::/EFI/BOOT"), ("mcopy", str(files / "bootx64.efi"), "::/EFI/BOOT/BOOTX64.EFI")):
        run(tool(words[0], "mtools"), "-i", str(esp), *words[1:], MTOOLS_SKIP_CHECK="1")
    run(tool("xorriso", "libisoburn"), "-no_rc", "-as", "mkisofs", "-quiet", "-r", "-o", str(path),
        *core, "--grub2-boot-info", "--grub2-mbr", str(grub / "i386-pc/boot_hybrid.img"), "--mbr-force-bootable",
        "-append_partition", "2", "0xef", str(esp),
        "-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", str(tree))
    shutil.rmtree(tree)
    shutil.rmtree(files)
    return path


def bundle(netboot, copy, option):
    """A copy of the network boot bundle, with OPTION for Xen in every entry."""
    shutil.copytree(netboot, copy)
    menu = copy / "pxelinux.cfg/default"
    text, count = re.subn(r"(dom0_mem=\S+)", r"\1 " + option, menu.read_text())
    assert count
    menu.write_text(text)
    return copy


class EmptyDisk:
    """An empty disk with a serial number, and what happens to it in several machines. SECTOR:
    bytes of its sectors."""

    def __init__(self, path, name, sector=512):
        self.path, self.name, self.sector = path, name, sector
        with open(path, "wb") as out:
            out.truncate(2 << 30)

    def options(self, first=False, recording=None):
        """For QEMU; FIRST: the firmware boots it. RECORDING: what is written is recorded."""
        if recording:
            return recording.options("target", boots=first, serial=self.name)
        return ["-drive", "if=none,id=target,format=raw,cache=unsafe,file=%s" % self.path,
                "-device", "virtio-blk-pci,drive=target,serial=%s,logical_block_size=%d,physical_block_size=%d%s"
                % (self.name, self.sector, self.sector, ",bootindex=0" if first else "")]

    def table(self):
        return subprocess.run([tools.find("sfdisk"), "-d", str(self.path)], capture_output=True, text=True, check=True).stdout
