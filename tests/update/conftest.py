"""An installed host made of files: a disk with its partitions, the configuration, a domd,
and the programs that an update calls. `slot`, `minisign` and BusyBox are the real ones."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
sys.path.append(str(TOP / "qemu-test"))

import drives  # noqa: E402
import loaders  # noqa: E402
import tools  # noqa: E402
from busybox import BUSYBOX, fill, in_its_shell  # noqa: E402
from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401

LIBRARY = "usr/lib/xenith"
INSTALL = ["update", "reboot", "trial", "slots.sh", "follow.sh", "options.sh", "stage-options", "signature.sh", "update-file.sh",
           "before.sh", "boot-loader.sh", "ustar.awk", "manifest.awk"]
MINISIGN = tools.find("minisign")
FILES = ["xen.gz", "vmlinuz", "initrd", "grub.cfg"]
IMAGE_SIZE = 2560 << 10      # about the least for FAT16


def run(*words, **kwargs):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **kwargs).stdout


def fat(path, size, files):
    """A FAT16 file system with these files, {path: bytes}."""
    path.unlink(missing_ok=True)
    with open(path, "wb") as out:
        out.truncate(size)
    run(drives.tool("mkfs.fat", "dosfstools"), "--invariant", "-F", "16", "-s", "1", path)
    env = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    for directory in sorted({str(each) for name in files for each in Path(name).parents} - {"."}):
        run(drives.tool("mmd", "mtools"), "-i", path, "::" + directory, env=env)
    for name, content in files.items():
        run(drives.tool("mcopy", "mtools"), "-i", path, "-", "::" + name, input=content, env=env)


def state_block(**values):
    keys = {"seq": "00000001", "slot": "a", "try": "", "pending": "", "failed": "", "options": "0",
            "tryoptions": "", "end": "1", **values}
    text = "# GRUB Environment Block\n" + "".join("%s=%s\n" % item for item in keys.items())
    return text.encode().ljust(1024, b"#")


class Maker:
    """Makes slots and updates with the programs of the build, each version once."""

    def __init__(self, top):
        self.top = top
        self.keys = {}
        self.made = {}

    def key(self, name):
        """The public key of a pair without a password."""
        if name not in self.keys:
            run(MINISIGN, "-G", "-W", "-s", self.top / f"{name}.key", "-p", self.top / f"{name}.pub")
            self.keys[name] = self.top / f"{name}.pub"
        return self.keys[name]

    def slot(self, version, order, text=""):
        """The directory with manifest and slot.img of a version."""
        made = self.top / f"{version}-{order}-{len(text)}"
        if not made.exists():
            made.mkdir()
            for name in FILES:
                (made / name).write_bytes(f"{name} of {version} {text}\n".encode() * 999)
            (made / "manifest").write_bytes(run("sh", TOP / "install/manifest.sh", version, str(order), *FILES, cwd=made))
            fat(made / "slot.img", IMAGE_SIZE, {name: (made / name).read_bytes() for name in [*FILES, "manifest"]})
        return made

    def loader(self, name, **sizes):
        """The boot loader of a version."""
        return self.once("loader-" + name, lambda path: loaders.Loader(path, name, **sizes))

    def disk(self):
        """A disk with the boot loader of version 1."""
        path = self.top / "disk"
        self.once("disk", lambda path: loaders.make_disk(path, self.loader("1")))
        return path

    def once(self, name, make):
        if name not in self.made:
            self.made[name] = make(self.top / name)
        return self.made[name]

    def update(self, version, order, key="one", comment=None, legacy=False, **kwargs):
        """Like `build.sh sign`; key None: unsigned."""
        slot = self.slot(version, order, **kwargs)
        work = self.top / "pack"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        shutil.copy(slot / "slot.img", work)
        (work / "manifest").write_bytes(run("sh", TOP / "install/update-manifest.sh", slot / "manifest", work / "slot.img"))
        if key:
            self.sign(work / "manifest", key, comment or f"xenith {version}", legacy)
        path = self.top / f"{slot.name}-{key}-{comment}-{legacy}.update".replace(" ", "-")
        path.write_bytes(run("sh", TOP / "install/pack.sh", work))
        return path

    def sign(self, file, key, comment, legacy=False):
        self.key(key)
        run(MINISIGN, "-S", *(["-l"] if legacy else []), "-s", self.top / f"{key}.key", "-m", file, "-t", comment)


class Host:
    """Version 1 in slot a, which runs and is committed, and 0.9 in slot b."""

    def __init__(self, top, maker, slot_program):
        self.top = top
        self.maker = maker
        self.real_slot = slot_program
        for directory in ("bin", "boot", "config/domains", "config/update-keys", "dev", LIBRARY, "proc",
                          "run/xenith/sources/drive/domains", "run/service/trial", "sys/class/block",
                          "sys/class/net/xenbr0/brif/eth0", "sys/class/net/eth0", "sys/class/tty/console", "ready"):
            (top / directory).mkdir(parents=True)
        fill(top / "bin", HERE / "fake")
        (top / "bin/minisign").symlink_to(MINISIGN)
        self.real("bootscripts/65-update", "boot/65-update")
        for name in INSTALL:
            self.real(f"install/{name}", f"{LIBRARY}/{name}")
        for path in (TOP / "rootfs" / LIBRARY).rglob("*"):
            if path.is_file():
                self.real(path.relative_to(TOP), path.relative_to(TOP / "rootfs"))
        (top / LIBRARY / "slot").symlink_to(top / "bin/slot-at")
        for path, text in (("proc/uptime", "100.00 1.00\n"), ("proc/meminfo", "MemAvailable:     400000 kB\n"),
                           ("sys/class/tty/console/active", "console\n"), ("sys/class/net/eth0/carrier", "1\n"),
                           ("run/xenith/boot.log", "9.00 init\n12.00 ready\n"), ("run/xenith/network", "192.0.2.10\n"),
                           ("route", "default via 192.0.2.1 dev xenbr0\n"), ("answers", "192.0.2.1\n")):
            self.write(path, text)
        self.disk("sda")
        shutil.copy(maker.disk(), top / "dev/sda")
        self.has_loader("1")
        self.boot("a")
        self.write("proc/mounts", f"/dev/sda5 {top}/run/xenith/sources/drive ext4 ro,relatime 0 0\n")
        self.host_conf()
        shutil.copy(maker.key("one"), top / "config/update-keys")
        for name, slot in (("sda3", maker.slot("1", 10)), ("sda4", maker.slot("0.9", 9))):
            self.device(name, (slot / "slot.img").read_bytes(), 3 << 20)
        self.state_blocks(state_block(), state_block(seq="00000000"))
        # Those of a host.conf without any, as after an installation.
        self.defaults = self.options_of("config/host.conf")
        for number in (0, 1):
            self.put_options(number, self.defaults)

    def real(self, source, target):
        """A program of the tree, with the paths of this host."""
        text = re.sub(r"(?<![\w}*.$/-])/(?=(?:sys|proc|run|dev)/(?!null)|usr/(?:lib|share)/xenith\b|config\b)",
                      f"{self.top}/", (TOP / source).read_text())
        text = text.replace(f'>"{self.top}/dev/$console"', f'>>"{self.top}/dev/$console"')
        (self.top / target).parent.mkdir(parents=True, exist_ok=True)
        (self.top / target).write_text(in_its_shell(text))
        (self.top / target).chmod(0o755)

    def disk(self, name):
        for number, label in enumerate(["xenith-bios", "xenith-esp", "xenith-a", "xenith-b", "XENITH-CFG"], 1):
            real = self.top / f"sys/devices/{name}/{name}{number}"
            real.mkdir(parents=True)
            (real / "partition").write_text(f"{number}\n")
            (real / "uevent").write_text(f"DEVTYPE=partition\nPARTNAME={label}\n")
            (self.top / f"sys/class/block/{name}{number}").symlink_to(real)
        (self.top / f"sys/class/block/{name}").symlink_to(self.top / f"sys/devices/{name}")

    def boot(self, slot, more=""):
        self.write("proc/cmdline", f"xenith.slot={slot} xenith.config_drive=1234 quiet {more}\n")

    def device(self, name, content, size):
        path = self.top / "dev" / name
        with open(path, "wb") as out:
            out.write(content)
            out.truncate(size)

    def state_blocks(self, one, two):
        loader = self.maker.loader("1")
        fat(self.top / "dev/sda2", IMAGE_SIZE, {"xenith/state0": one, "xenith/state1": two,
                                             "xenith/options0": b"#" * 4096, "xenith/options1": b"#" * 4096,
                                             "EFI/BOOT/BOOTX64.EFI": loader.efi, "grub/grub.cfg": loader.menu})

    def has_loader(self, name):
        """The running version brings this one."""
        link = self.top / "usr/share/xenith/loader"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(self.maker.loader(name).directory)

    def boots_with(self, name, disk="sda"):
        """Whether BIOS and UEFI start the boot loader of this version."""
        loader = self.maker.loader(name)
        esp = self.top / f"dev/{disk}2"
        files = [run(self.real_slot, "cat", esp, path) for path in ("EFI/BOOT/BOOTX64.EFI", "grub/grub.cfg")]
        return files == [loader.efi, loader.menu] and loaders.by_bios(self.top / "dev" / disk) == (loader.boot[:440], loader.core)

    def options_of(self, settings):
        """What Xen and Linux get of these settings."""
        return [run("sh", TOP / "rootfs" / LIBRARY / "boot-options", program, self.top / settings, text=True).strip()
                for program in ("xen", "linux")]

    def put_options(self, number, words):
        run(self.real_slot, "options", self.top / "dev/sda2", str(number), *words)

    def options(self, number):
        """[Xen's, Linux's], or None if the file is torn."""
        done = subprocess.run([self.real_slot, "options", self.top / "dev/sda2", str(number)], capture_output=True, text=True, check=False)
        return [line.split("=", 1)[1] for line in done.stdout.splitlines()] if not done.returncode else None

    def in_use(self):
        """The committed file of options, and the one to try."""
        lines = run(self.real_slot, "state", self.top / "dev/sda2", text=True).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return values["options"], values["tryoptions"]

    def set(self, *words):
        run(self.real_slot, "set", self.top / "dev/sda2", *words)

    def state(self):
        lines = run(self.real_slot, "state", self.top / "dev/sda2", text=True).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return {key: values[key] for key in ("slot", "try", "pending", "failed")}

    def slot_is(self, name, version):
        """Whether the slot holds this version, complete."""
        device = self.top / "dev" / {"a": "sda3", "b": "sda4"}[name]
        done = subprocess.run([self.real_slot, "check", device], capture_output=True, check=False)
        return not done.returncode and f"\nversion {version}\n" in run(self.real_slot, "cat", device, "manifest", text=True)

    def snapshot(self):
        """Everything that an update may change on the disk."""
        return {path.name: path.read_bytes() for path in (self.top / "dev").iterdir() if path.name.startswith("sd")}

    def write(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def text(self, path):
        file = self.top / path
        return file.read_text() if file.exists() else ""

    def host_conf(self, text="", this_boot=""):
        """The drive's, and what the kernel's command line changes of it."""
        drive = "run/xenith/sources/drive/host.conf"
        self.write(drive, text)
        self.write("command-line", this_boot)
        with open(self.top / "config/host.conf", "w", encoding="utf-8") as out:
            subprocess.run(["awk", "-v", "installed=1", "-f", TOP / "rootfs" / LIBRARY / "host-conf.awk", self.top / drive,
                            self.top / "command-line"], stdout=out, check=True)

    def domain(self, name, text="", ready=True):
        self.write(f"config/domains/{name}.cfg", f'name = "{name}"\n{text}')
        if ready:
            self.write(f"ready/{name}", "")
        else:
            (self.top / f"ready/{name}").unlink(missing_ok=True)

    def environment(self, **more):
        return {"PATH": f"{self.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "FAKE": str(self.top),
                "SLOT": str(self.real_slot), "BUSYBOX": BUSYBOX,
                "XENITH_DRIVE": f"{self.top}/run/xenith/sources/drive", "XENITH_RUN_DIR": f"{self.top}/run/xenith",
                "XENITH_CONFIG": f"{self.top}/config", "XENITH_MOUNTS": f"{self.top}/proc/mounts", **more}

    def start(self, program, *words, **environment):
        (self.top / "calls").write_text("")
        return subprocess.Popen([BUSYBOX, "sh", self.top / program, *map(str, words)], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True, env=self.environment(**environment))

    def run(self, program, *words, **environment):
        with self.start(program, *words, **environment) as process:
            out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def update(self, *words, **environment):
        return self.run(f"{LIBRARY}/update", *words, **environment)

    def updated(self, *words):
        done = self.update(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refused(self, *words, status=1, **environment):
        """The reason; nothing has changed, and nothing is left behind."""
        before = self.snapshot()
        done = self.update(*words, **environment)
        assert done.returncode == status, done
        assert self.snapshot() == before
        assert not (self.top / "run/xenith/update.work").exists()
        return done.stderr.strip().splitlines()[-1].replace(str(self.top), "").removeprefix("xenith: ")

    def marks(self):
        return [line.removeprefix("Xenith: ") for line in self.text("dev/console").splitlines()]

    def calls(self):
        return self.text("calls").splitlines()


@pytest.fixture(scope="session")
def maker(tmp_path_factory):
    return Maker(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def slot_program(tmp_path_factory):
    """The program of the tree, from the host's compiler."""
    out = tmp_path_factory.mktemp("slot") / "slot"
    run("cc", "-O1", "-o", out, *sorted((TOP / "install/slot").glob("*.c")), "-lsodium")
    return out


@pytest.fixture
def host(tmp_path, maker, slot_program):
    return Host(tmp_path, maker, slot_program)
