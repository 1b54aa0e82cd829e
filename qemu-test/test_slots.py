"""GRUB of an installed disk chooses the slot by the boot state. A stub in the place of Xen
reports what was loaded, so no machine here runs longer than its boot loader."""

import re
import shutil
import signal

import pytest

import drives
import installed
import machine
import menu
import tools
from console import Console
from installed import Disk, block, config_uuid, manifest, options_file, slot_files
from tier import only_slow

A, B = "0.7", "0.8"     # the versions in the slots
ORDER = {A: "20261101000000", B: "20261102000000"}

OPTIONS = [options_file("dom0_mem=2G first", "quiet one"), options_file("dom0_mem=3G second", "quiet two")]


@pytest.fixture(scope="module")
def image(request):
    """A disk with a stub in both slots."""
    path = drives.OUT / "xenith.img"
    assert path.exists(), "%s: not built yet; run ./build.sh" % path
    return path


@pytest.fixture(scope="module")
def slots(tmp_path_factory):
    """The files of slots A and B."""
    kernel = installed.stub(tmp_path_factory.mktemp("stub"))

    def files(version):
        content = slot_files(kernel, version)
        return {**content, "manifest": manifest(content, version, ORDER[version])}
    return {"a": files(A), "b": files(B)}


@pytest.fixture(scope="module")
def pristine(image, slots, tmp_path_factory):
    disk = Disk(image, tmp_path_factory.mktemp("pristine") / "disk")
    for number, text in enumerate(OPTIONS):
        disk.replace("xenith/options%d" % number, text)
    for name, files in slots.items():
        disk.slot(name, files)
    return disk


def copy(disk, path):
    """The copy of a disk, with its holes."""
    drives.run("cp", "--sparse=always", str(disk.path), str(path))
    other = object.__new__(Disk)
    other.path = path
    return other


@pytest.fixture
def disk(pristine, tmp_path):
    return copy(pristine, tmp_path / "disk")


class Boot:
    """What the stub of one boot said."""

    def __init__(self, text):
        self.text = text
        found = re.search(r"STUB (.*?)\r?\nMODULE linux of (\S+) OPTIONS (.*?)\r?\nMODULE root of (\S+) OPTIONS", text)
        assert found, text[-3000:]
        self.xen, self.version, self.linux, root = found.groups()
        assert root == self.version
        self.words = dict(re.findall(r"xenith\.(\w+)=(\S*)", self.linux))

    @property
    def said(self):
        """The text with GRUB's line breaks undone."""
        return " ".join(self.text.split())

    @property
    def slot(self):
        slot = self.words["slot"]
        assert self.version == {"a": A, "b": B}[slot]
        return slot

    @property
    def tried(self):
        return "try" in self.words


@pytest.fixture
def start(tmp_path):
    """Starts a machine from disks, of which number FIRST is booted."""
    opened = []

    def run(firmware, *disks, readonly=False, first=0):
        command = [machine.QEMU or tools.find("qemu-system-x86_64"), "-accel", "tcg", "-m", "512", "-display", "none",
                   "-monitor", "none", "-no-reboot", "-nic", "none", "-serial", "stdio",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        if firmware == "bios":
            command += ["-machine", "pc"]
        else:
            variables = tmp_path / "vars.fd"
            shutil.copyfile(tools.need_file(machine.OVMF + "/OVMF_VARS_4M.fd", "ovmf"), variables)
            command += ["-machine", "q35", "-drive", "if=pflash,format=raw,readonly=on,file=%s/OVMF_CODE_4M.fd" % machine.OVMF,
                        "-drive", "if=pflash,format=raw,file=%s" % variables]
        for number, each in enumerate(disks):
            command += ["-drive", "if=none,id=disk%d,format=raw,cache=unsafe,readonly=%s,file=%s"
                        % (number, "on" if readonly else "off", each.path),
                        "-device", "virtio-blk-pci,drive=disk%d,bootindex=%d" % (number, number != first)]
        console = Console(command, str(tmp_path / "console"))
        opened.append(console)
        return console
    yield run
    for console in opened:
        # A machine that waits for a key ends by itself never, and on a busy one not at once.
        console.child.kill(signal.SIGKILL)
        console.wait_end(60)
        console.close()


@pytest.fixture
def boot(start):
    def run(firmware, *disks, **options):
        console = start(firmware, *disks, **options)
        console.wait(r"STUB ENDS|no slot can\s+be\s+booted")
        if "STUB ENDS" in console.text:
            assert console.wait_end(60)
        return Boot(console.text)
    return run


FIRMWARE = ["bios", "uefi"]
both = pytest.mark.parametrize("firmware", FIRMWARE)
# UEFI starts the same GRUB, for which one of each kind of test is enough in the first tier.
mostly_bios = pytest.mark.parametrize("firmware", ["bios", *only_slow("uefi", mark=pytest.mark.slow)])


def first_and_slow(first, *others):
    """The first case in both tiers, the others only in the second."""
    return [first, *only_slow(*others, mark=pytest.mark.slow)]


# ---- the committed slot ----

@mostly_bios
@pytest.mark.parametrize("states, slot", [
    ((block(7), block(6, "b")), "a"),
    ((block(9, "b"), block(10, "a")), "a"),
    ((block(99, "a"), block(100, "b")), "b"),
    ((block(7), block(8, "b", end="0")), "a"),
    ((b"\0" * 512 + block(9, "b")[512:], block(8)), "a"),
], ids=["first", "second", "digits", "torn", "zero"])
def test_the_newer_complete_state_counts(boot, disk, firmware, states, slot):
    disk.states(*states)
    found = boot(firmware, disk)
    assert (found.slot, found.tried) == (slot, False)
    assert found.words["config_drive"] == config_uuid(disk)
    assert found.words["options"] == "0"
    assert "first" in found.xen and "dom0_mem=2G" in found.xen and "quiet one" in found.linux
    # A committed slot costs no write.
    assert [disk.read("xenith/state%d" % number) for number in (0, 1)] == list(states)


@pytest.mark.parametrize("newer", first_and_slow("a", "b"))
def test_both_states_lost(boot, disk, slots, newer):
    """Then the newer manifest counts."""
    if newer == "a":
        content = {name: data for name, data in slots["a"].items() if name != "manifest"}
        disk.slot("a", {**content, "manifest": manifest(content, A, "20261103000000")})
    disk.states(block(5, end=""), b"\xff" * 1024)
    found = boot("bios", disk)
    assert (found.slot, found.tried) == (newer, False)


def test_a_state_lost_and_the_newer_slot_damaged(boot, disk, slots):
    disk.states(b"\0" * 1024, b"\0" * 1024)
    disk.slot("b", {**slots["b"], "initrd": b"other"})
    assert boot("bios", disk).slot == "a"


# ---- trials ----

@both
def test_a_slot_is_tried_once(boot, disk, firmware):
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    found = boot(firmware, disk)
    assert (found.slot, found.tried) == ("b", True)
    # GRUB cleared the mark before, in the newer file and nowhere else.
    assert disk.read("xenith/state0") == block(3)
    assert disk.state(1) == {"seq": "00000004", "slot": "a", "try": "", "pending": "b", "failed": "", "options": "0",
                             "tryoptions": "", "end": "1"}
    assert disk.read("xenith/state1")[512:] == b"#" * 512
    found = boot(firmware, disk)
    assert (found.slot, found.tried) == ("a", False)


def test_options_are_tried_once(boot, disk):
    disk.states(block(3, tryoptions="1"), block(2))
    found = boot("bios", disk)
    assert (found.slot, found.tried, found.words["options"]) == ("a", True, "1")
    assert "dom0_mem=3G" in found.xen and "quiet two" in found.linux
    assert disk.state(0)["tryoptions"] == ""
    found = boot("bios", disk)
    assert (found.slot, found.tried, "dom0_mem=2G" in found.xen) == ("a", False, True)


def test_a_slot_and_options_together(boot, disk):
    disk.states(block(3, tryoptions="1", **{"try": "b"}), block(2))
    found = boot("bios", disk)
    assert (found.slot, found.tried, "dom0_mem=3G" in found.xen) == ("b", True, True)
    assert (disk.state(0)["try"], disk.state(0)["tryoptions"]) == ("", "")


@mostly_bios
def test_a_disk_that_cannot_be_written(boot, disk, firmware):
    """The mark would stay and the trial never end, so there is none."""
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    before = disk.read("xenith/state1")
    found = boot(firmware, disk, readonly=True)
    assert (found.slot, found.tried) == ("a", False)
    assert "the trial of slot b cannot be noted on the disk" in found.said
    assert disk.read("xenith/state1") == before


# ---- damaged slots ----

def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


DAMAGE = {
    "xen": lambda files: {"xen.gz": files["xen.gz"][:100]},
    "linux": lambda files: {"vmlinuz": flipped(files["vmlinuz"])},
    "root": lambda files: {"initrd": flipped(files["initrd"])},
    "menu": lambda files: {"grub.cfg": flipped(files["grub.cfg"]).replace(b"xenith", b"xeniht")},
    "manifest": lambda files: {"manifest": files["manifest"][:-30]},
    "hash": lambda files: {"manifest": files["manifest"].replace(b"file initrd", b"file inirtd")},
}


@pytest.mark.parametrize("kind", first_and_slow(*DAMAGE))
def test_a_damaged_slot_on_trial(boot, disk, slots, kind):
    disk.slot("b", {**slots["b"], **DAMAGE[kind](slots["b"])})
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    found = boot("bios", disk)
    assert (found.slot, found.tried) == ("a", False)
    assert "slot b is not booted" in found.said
    # dom0 learns of it: the mark is gone, and nobody has judged the slot.
    assert (disk.state(1)["try"], disk.state(1)["pending"]) == ("", "b")


@both
def test_a_damaged_committed_slot(boot, disk, slots, firmware):
    disk.slot("a", {**slots["a"], **DAMAGE["root"](slots["a"])})
    disk.states(block(3), block(4))
    found = boot(firmware, disk)
    assert (found.slot, found.tried) == ("b", False)
    assert "SHA-256 differs from the manifest" in found.said


def test_an_empty_slot_on_trial(boot, pristine, image, slots, tmp_path):
    disk = Disk(image, tmp_path / "disk")
    disk.slot("a", slots["a"])
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    assert boot("bios", disk).slot == "a"


def test_no_slot_is_good(start, disk, slots):
    """Nothing is started, and above all not a part of a slot."""
    for name in ("a", "b"):
        disk.slot(name, {**slots[name], **DAMAGE["root"](slots[name])})
    console = start("bios", disk)
    console.wait(r"no\s+slot\s+can\s+be\s+booted")
    assert not console.poll(lambda text: "STUB " in text, 15)


# ---- options ----

@pytest.mark.parametrize("text", first_and_slow(options_file("dom0_mem=9G", "", end=""), b"\0" * 4096,
                                               options_file("dom0_mem=9G", "x" * 30)[:60].ljust(4096, b"#")), ids=["end", "zero", "torn"])
def test_a_torn_file_of_options(boot, disk, text):
    """The slot's own options are used, of which these slots have none."""
    disk.replace("xenith/options0", text)
    found = boot("bios", disk)
    assert (found.slot, found.words["options"]) == ("a", "none")
    assert "dom0_mem" not in found.xen and "x" * 10 not in found.linux


# ---- another disk ----

@mostly_bios
@pytest.mark.parametrize("first", [0, 1])
def test_another_disk_with_the_same_labels(boot, disk, pristine, tmp_path, firmware, first):
    """GRUB reads and writes the disk that the firmware booted, and no other."""
    other = copy(pristine, tmp_path / "other")
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    other.states(block(90), block(91, options="1", **{"try": "a", "pending": "a"}))
    with open(other.path, "r+b") as image:
        image.seek(installed.PARTITIONS["config"][0] + 1024 + 0x68)
        image.write(bytes(range(16)))
    disks = [disk, other] if first == 0 else [other, disk]
    found = boot(firmware, *disks, first=first)
    assert (found.slot, found.tried, "dom0_mem=2G" in found.xen) == ("b", True, True)
    assert found.words["config_drive"] == config_uuid(disk) != config_uuid(other)
    assert (disk.state(1)["try"], other.state(1)["try"]) == ("", "a")


# ---- the menu ----

@pytest.mark.parametrize("entry, slot, xen, linux", first_and_slow(
    ("other", "b", "com1=115200", "console=tty0"),
    ("serial", "a", "console=com1 dom0_mem=2G", "console=hvc0"),
    ("safe", "a", "msi=no iommu=no", "nomodeset"),
    ("presets>low-latency", "a", "max_cstate=1 cpufreq=xen:performance", "pcie_aspm=off"),
    ("noautostart", "a", "dom0_mem=2G", "xenith.autostart=off")))
def test_an_entry_of_the_menu(boot, disk, entry, slot, xen, linux):
    """A choice is no trial and clears no mark."""
    disk.states(block(3), block(4, **{"try": "b", "pending": "b"}))
    # Keys on a slow machine may choose another one.
    text = disk.read("grub/grub.cfg")
    assert text.count(b"set default=0\n") == 1
    disk.put("grub/grub.cfg", text.replace(b"set default=0\n", b"set default='%s'\n" % entry.encode()))
    found = boot("bios", disk)
    assert (found.slot, found.tried) == (slot, False)
    assert xen in found.xen and linux in found.linux
    assert disk.state(1)["try"] == "b"


@mostly_bios
def test_the_menu_once(boot, start, disk, firmware):
    """Asked for by `xenith reboot --menu`; the next boot has none."""
    disk.states(block(3), block(4, menu="1"))
    console = start(firmware, disk)
    console.wait("presets")
    # Of the first entry.
    console.send("\r")
    console.wait("STUB ENDS")
    assert console.wait_end(60)
    assert "press Esc" not in console.text
    assert disk.state(1) == {**disk.state(0), "seq": "00000004", "menu": ""}
    found = boot(firmware, disk)
    assert found.slot == "a" and "press Esc or hold Shift for the menu" in found.said
    assert "presets" not in found.said


def test_the_menu_of_a_disk_that_cannot_be_written(start, disk):
    """It comes at each boot then, and costs a minute, but not the boot."""
    disk.states(block(3, menu="1"), block(2))
    console = start("bios", disk, readonly=True)
    console.wait("presets")
    console.send("\r")
    console.wait("STUB ENDS")
    assert Boot(console.text).slot == "a"


@both
def test_a_key_shows_the_menu(start, disk, firmware):
    disk.states(block(3), block(2))
    console = start(firmware, disk)
    menu.show(console, firmware, lambda: console.send("\x1b"))
    assert "the other slot" in " ".join(console.text.split())
