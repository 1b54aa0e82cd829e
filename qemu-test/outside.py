"""What the next boot would make of the disk of an installed host, read by programs of this
machine: the boot state by GRUB's own code, the slots by `slot`, the configuration by
e2fsck and the boot's own script. Nothing is mounted."""

import collections
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import drives
import reinstalled
import tools
from powercut import Cut, Image, cuts
from writelog import SECTOR, extents, sparse_copy

TOP = pathlib.Path(__file__).resolve().parents[1]
LIBRARY = TOP / "rootfs/usr/lib/xenith"
# The boot runs on a host where nothing is mounted and everything can be written.
BOOT = 'mount() { :; }; sync() { :; }; . "$0"'
SLOTS = ("a", "b")
# The files that a save stores (store/layer.sh).
LAYER = ("host.conf", "authorized_keys", "fstab", "iscsi-secrets", "domains/*.cfg", "network/*.conf", "network/firewall.rules",
         "ssh/*_host_key", "update-keys/*")


class Bad(Exception):
    """The disk is not what a boot needs."""


def slot_program(directory):
    """`slot`, from this machine's compiler."""
    source = TOP / "install/slot"
    subprocess.run([tools.find("make"), "-s", "-C", str(source), "OUT=" + os.path.relpath(directory, source)], check=True)
    return pathlib.Path(directory) / "slot"


def grub_pattern():
    """What install/grub.cfg takes for a complete boot state."""
    return re.search(r"regexp '(\^\[0-9\]\{8\}.*?)'", (TOP / "install/grub.cfg").read_text()).group(1)


class Reader:
    """Reads the files of an Image. What was read once is known by the image's keys."""

    def __init__(self, image, program, numbers):
        self.image = image
        self._program = program
        self._numbers = numbers         # {part: number in the GPT}
        self._fstest = drives.tool("grub-fstest", "grub")
        self._editenv = drives.tool("grub-editenv", "grub")
        self._pattern = re.compile(grub_pattern())
        self._known = {}
        self._layers = {}
        self.checked = collections.Counter()

    def _once(self, kind, parts, read):
        key = (kind, *parts, *(self.image.keys[part] for part in parts))
        if key not in self._known:
            self.checked[kind] += 1
            try:
                self._known[key] = read()
            except Bad as bad:
                self._known[key] = bad
        found = self._known[key]
        if isinstance(found, Bad):
            raise found
        return found

    # ---- the boot state ----

    def state(self):
        """The boot state that GRUB uses; {key: value}. None: the disk has none."""
        if "esp" not in self._numbers:
            return None
        return self._once("state", ("rest", "esp"), self._state)

    def _state(self):
        found = [state for state in map(self._grub_state, (0, 1)) if state]
        if not found:
            raise Bad("GRUB finds no complete boot state")
        state = max(found, key=lambda state: state["seq"])
        done = subprocess.run([str(self._program), "state", str(self.image.file("esp"))], capture_output=True, text=True, check=False)
        ours = dict(line.split("=", 1) for line in done.stdout.splitlines())
        if ours != {key: value for key, value in state.items() if key != "end"}:
            raise Bad("GRUB reads the boot state %s, and slot %s %s" % (state, ours, done.stderr))
        return state

    def _cat(self, name):
        """A file of the EFI partition, read by GRUB."""
        name = "(loop0,gpt%d)/%s" % (self._numbers["esp"], name)
        done = subprocess.run([self._fstest, str(self.image.file("disk")), "cat", name], capture_output=True, check=False)
        if done.returncode:
            raise Bad("GRUB cannot read %s: %s" % (name, done.stderr.decode()))
        return done.stdout

    def _grub_state(self, number):
        """A file of the boot state, or None if it is not complete."""
        path = self.image.directory / "block"
        path.write_bytes(self._cat("xenith/state%d" % number))
        listed = subprocess.run([self._editenv, str(path), "list"], capture_output=True, check=False)
        values = dict(line.split("=", 1) for line in listed.stdout.decode("latin-1").splitlines() if "=" in line)
        words = [values.get(key, "") for key in ("seq", "slot", "try", "options", "tryoptions", "end")]
        # The request for the menu has a line only if there is one.
        return {"menu": "", **values} if not listed.returncode and self._pattern.search(",".join(words)) else None

    # ---- the boot loader ----

    def loader(self):
        """The reinstalled.Loader of the disk."""
        return self._once("loader", ("rest", "esp"), self._loader)

    def _loader(self):
        def cat(name):
            try:
                return self._cat(name)
            except Bad:
                return None
        return reinstalled.Loader(reinstalled.find_bios(self.image.file("disk")), cat("EFI/BOOT/BOOTX64.EFI"), cat("grub/grub.cfg"))

    def linux_finds_partitions(self):
        return self._once("table", ("rest",), lambda: reinstalled.linux_finds_partitions(self.image.file("disk")))

    def looks_installed(self):
        """Whether `xenith install` would upgrade the disk, or leave it as it is."""
        return self.linux_finds_partitions() and self._once("finish", ("esp",), self._looks_installed)

    def _looks_installed(self):
        return any(not subprocess.run([str(self._program), "cat", str(self.image.file("esp")), name], capture_output=True, check=False).returncode
                   for name in ("xenith/state0", "xenith/medium"))

    # ---- the slots ----

    def check_slot(self, name):
        """Fails unless the slot is what its manifest says."""
        self._once("slot", (name,), lambda: self._check_slot(name))

    def _check_slot(self, name):
        done = subprocess.run([str(self._program), "check", str(self.image.file(name))], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Bad("slot %s: %s" % (name, done.stderr.strip()))

    def manifest(self, name):
        """The manifest of a slot that is what it says."""
        self.check_slot(name)
        return self._once("manifest", (name,), lambda: subprocess.run(
            [str(self._program), "cat", str(self.image.file(name)), "manifest"], capture_output=True, check=True).stdout)

    # ---- the configuration ----

    def configuration(self):
        """The configuration that the boot uses: {path: content}."""
        return self._once("configuration", ("config",), self._configuration)

    def _configuration(self):
        copy = self.image.directory / "checked"
        sparse_copy(self.image.file("config"), copy)
        done = subprocess.run([tools.find("e2fsck"), "-f", "-p", str(copy)], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise Bad("e2fsck -p ends with %d: %s" % (done.returncode, done.stdout + done.stderr))
        tree = self.image.directory / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        subprocess.run([tools.find("debugfs"), "-R", "rdump / %s" % tree, str(copy)], capture_output=True, check=True)
        key = digest(tree)
        if key not in self._layers:
            self._layers[key] = self._layer(tree)
        return self._layers[key]

    def _layer(self, tree):
        (self.image.directory / "mounts").write_text("none %s ext4 rw 0 0\n" % tree)
        busybox = tools.find("busybox")
        done = subprocess.run(
            [busybox, "sh", "-c", BOOT, str(LIBRARY / "config-newest"), str(self.image.directory / "copy")],
            capture_output=True, text=True, check=False, env={
                "PATH": os.environ["PATH"], "XENITH_DRIVE": str(tree), "XENITH_MOUNTS": str(self.image.directory / "mounts"),
                "XENITH_RUN_DIR": str(self.image.directory / "run")})
        if done.returncode:
            raise Bad("config-newest fails: " + done.stderr)
        chosen = pathlib.Path(done.stdout.strip())
        return {str(path.relative_to(chosen)): path.read_bytes()
                for pattern in LAYER for path in chosen.glob(pattern) if path.is_file()}


def digest(tree):
    """A hash of all files below a directory."""
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        total.update(b"%s\0%d\0" % (str(path.relative_to(tree)).encode(), path.is_file()))
        if path.is_file():
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.digest()


class Judge:
    """Says whether a boot after a cut has the host as it was before an operation or after
    it. MARKS are (position, name): the operation NAME had returned at that position. Those in
    ERASING have installed the disk anew."""

    def __init__(self, reader, log, marks, erasing=()):
        self._reader = reader
        self._log = log
        self._marks = marks
        self._erasing = erasing
        self._flushed = []          # per position: that of the last flush before it
        self._states = []           # (position, state): each as of that position
        self._layers = []           # the configuration before, and after each operation
        self._systems = []          # the same, with all else that a firmware starts
        flushed = 0
        for position, entry in enumerate([None, *log.entries]):
            if entry and entry.flush:
                flushed = position
            self._flushed.append(flushed)
        self._history()

    def _history(self):
        """What a host without a power cut would have found at each position."""
        image = self._reader.image
        wanted = [0, *(position for position, _ in self._marks)]
        for position in range(self._marks[-1][0] + 1):
            image.go(Cut(position, "everything"))
            state = self._known_state()
            if not self._states or self._states[-1][1] != state:
                self._states.append((position, state))
            if position in wanted:
                self._layers += wanted.count(position) * [self._reader.configuration()]
                if self._erasing:
                    self._systems += wanted.count(position) * [self._system()]

    def _system(self):
        loader = self._reader.loader()
        if not all(loader):
            raise Bad("before or after %s the disk does not boot by BIOS and by UEFI" % ", ".join(self._erasing))
        return reinstalled.read_system(self._reader)

    def _known_state(self):
        """None if it is lost, or is one from before the last one."""
        try:
            state = self._reader.state()
        except Bad:
            return None
        newest = max((known["seq"] for _, known in self._states if known), default="")
        return state if state and state["seq"] >= newest else None

    def check(self, cut):
        """Fails with Bad if a boot after the cut has lost something."""
        number = sum(position < cut.position for position, _ in self._marks)
        if number < len(self._marks) and self._marks[number][1] in self._erasing:
            wrong = reinstalled.fault(self._reader, *self._systems[number:number + 2])
            if wrong:
                raise Bad(wrong)
            return
        self._check_state(cut)
        self._check_configuration(cut, number)

    def _check_state(self, cut):
        state = self._reader.state()
        if state is None:
            return
        # What was flushed is certain, and what an operation had done when it returned.
        least = max([self._flushed[cut.position], *(position for position, _ in self._marks if position < cut.position)])
        ends = [position for position, _ in self._states[1:]] + [cut.position + 1]
        allowed = [known for (position, known), end in zip(self._states, ends) if end > least and position <= cut.position]
        if state not in allowed:
            raise Bad("the boot state is %s, and none of %s" % (state, allowed))
        for slot in {state["slot"], state["try"]} - {""}:
            self._reader.check_slot(slot)

    def _check_configuration(self, cut, number):
        allowed = self._layers[number:number + 2]
        layer = self._reader.configuration()
        if layer in allowed:
            return
        different = [sorted(path for path in {*layer, *other} if layer.get(path) != other.get(path)) for other in allowed]
        raise Bad("the configuration is neither that before %s nor that after it: they differ in %s"
                  % (self._marks[number][1] if number < len(self._marks) else "the last operation", different))


class Result:
    """What a replay has seen."""

    def __init__(self):
        self.points = 0
        self.images = set()
        self.bad = []
        self.checked = {}

    def __str__(self):
        return "%d points, %d different images; checked: %s" % (
            self.points, len(self.images), ", ".join("%d times the %s" % (n, kind) for kind, n in self.checked.items()))


def replay(recording, directory, program, count, seed, parts, numbers, worst=3, rounds=1, also=None):
    """Checks COUNT power cuts or more during the operations of a recording; PARTS and
    NUMBERS as in install/layout, or only `config` for a configuration drive. ALSO is called
    with each Image, and raises Bad. Two cuts may leave the same disk: up to ROUNDS times there
    are more of them, until COUNT disks are different. It stops at WORST bad ones, which are
    kept as DIRECTORY/bad-N."""
    log = recording.log()
    image = Image(recording.before, log, directory, parts, apart=SLOTS)
    slots = [(start // SECTOR, (start + size) // SECTOR) for start, size in (parts[name] for name in SLOTS if name in parts)]
    result = Result()

    def in_slot(entry):
        return any(first <= entry.sector < end for first, end in slots)

    try:
        reader = Reader(image, program, numbers)
        judge = Judge(reader, log, recording.marks, recording.erasing)
        result.checked = reader.checked
        begin = 0
        share = count // len(recording.marks) + 1
        for position, name in recording.marks:
            known = len(result.images)
            for turn in range(rounds):
                for cut in cuts(log, begin, position, share, "%s, %s, %d" % (seed, name, turn), in_slot):
                    image.go(cut)
                    result.points += 1
                    result.images.add(image.key)
                    try:
                        judge.check(cut)
                        if also:
                            also(image)
                    except Bad as bad:
                        result.bad.append("%s, %s: %s" % (name, cut, bad))
                        keep(image, parts, directory / ("bad-%d" % len(result.bad)))
                        if len(result.bad) >= worst:
                            return result
                if len(result.images) - known >= share:
                    break
            begin = position
        return result
    finally:
        image.close()


def keep(image, parts, path):
    """The whole disk in one file."""
    sparse_copy(image.file("disk"), path)
    for name in set(SLOTS) & parts.keys():
        with open(path, "r+b") as disk, open(image.file(name), "rb") as part:
            size = parts[name][1]
            for start, end in extents(part, size):
                part.seek(start)
                disk.seek(parts[name][0] + start)
                disk.write(part.read(end - start))
