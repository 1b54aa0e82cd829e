"""A fake dom0 made of files, for the scripts of disks: a xenstore, /sys and /proc, and programs that act on them
(fake/, and play.c for the program hotplug)."""
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "qemu-test"))

import network  # noqa: E402
from busybox import SHELL, fill  # noqa: E402
from tier import first_cases as pytest_collection_modifyitems  # noqa: E402, F401

SCRIPTS = HERE.parents[1] / "rootfs/etc/xen/scripts"


# Those that are a link to the program, and what the others call of it.
PROGRAM = ("block", "block-qemu", "block-use")


class Dom0:
    def __init__(self, top, program):
        self.top = top
        self.program = program
        for d in ("store", "sys/class/net", "sys/block", "proc/self", "run/networks", "bin"):
            (top / d).mkdir(parents=True)
        (top / "proc/self/mountinfo").touch()
        fill(top / "bin", HERE / "fake")
        (top / "block-use").symlink_to(program)

    # --- The store

    def write(self, path, values):
        for key, value in values.items():
            self._node(f"{path}/{key}").mkdir(parents=True, exist_ok=True)
            (self._node(f"{path}/{key}") / "=").write_text(str(value))

    def read(self, path):
        try:
            return (self._node(path) / "=").read_text()
        except FileNotFoundError:
            return None

    def forget(self, path):
        (self._node(path) / "=").unlink()

    def _node(self, path):
        return self.top / "store" / (path[1:] if path.startswith("/") else f"local/domain/0/{path}")

    # --- The machine

    def interface(self, name):
        (self.top / "sys/class/net" / name).mkdir()

    def block_device(self, path, number):
        with open(self.top / "devices", "a") as f:
            f.write(f"{path} {number}\n")

    def mount(self, number, place, state="rw"):
        """number is MAJOR:MINOR in decimal, as in mountinfo."""
        with open(self.top / "proc/self/mountinfo", "a") as f:
            f.write(f"36 35 {number} / {place} rw,noatime shared:1 - ext4 /dev/x {state},relatime\n")

    def below(self, low, high, partition=False):
        """Stack device high on low (MAJOR:MINOR in decimal), as a partition or as a mapping."""
        numbers = self.top / "sys/dev/block"
        numbers.mkdir(parents=True, exist_ok=True)
        for number in (low, high):
            if not (numbers / number).exists():
                real = (numbers / low).resolve() / high if partition and number == high else \
                    self.top / f"sys/devices/{number}"
                real.mkdir(parents=True)
                (real / "dev").write_text(f"{number}\n")
                (numbers / number).symlink_to(real)
        if partition:
            (numbers / high / "partition").write_text("1\n")
            return
        for at, kind, other in ((low, "holders", high), (high, "slaves", low)):
            (numbers / at / kind).mkdir(exist_ok=True)
            (numbers / at / kind / other).symlink_to((numbers / other).resolve())

    def text(self, name):
        path = self.top / name
        return path.read_text() if path.exists() else ""

    def loops(self):
        """The backing file of each loop device."""
        return {p.parents[1].name: p.read_text().strip() for p in self.top.glob("sys/block/*/loop/backing_file")}

    # --- What libxl does

    def start(self, script, *args, **environment):
        env = {
            "PATH": f"{self.top}/bin:/usr/bin:/bin",
            "FAKE": str(self.top),
            "HOTPLUG_SYS": f"{self.top}/sys",
            "HOTPLUG_PROC": f"{self.top}/proc",
            "HOTPLUG_RUN": f"{self.top}/run",
            "XENITH_RUN_DIR": f"{self.top}/run",
            "HOTPLUG_USE": f"{self.top}/block-use",
            "XENBUS_BASE_PATH": "backend",
            **environment,
        }
        command = [str(SCRIPTS / script), *args]
        return subprocess.Popen(
            command if script in PROGRAM else [*SHELL, *command],
            executable=self.program if script in PROGRAM else None,
            env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, script, *args, **environment):
        process = self.start(script, *args, **environment)
        process.out, process.err = process.communicate(timeout=60)
        return process


@pytest.fixture(scope="session")
def played():
    """The program, in a machine of files (play.c)."""
    return network.build("played")


@pytest.fixture
def dom0(tmp_path, played):
    return Dom0(tmp_path, played)


@pytest.fixture(scope="session")
def hotplug():
    """The program, with what it asks the kernel recorded (record.c)."""
    return network.build("recorded")


@pytest.fixture
def host(tmp_path, hotplug):
    """A dom0 with a network of its own."""
    if not network.possible():
        pytest.skip("no network namespace can be made here")
    machine = network.Network(tmp_path, hotplug)
    yield machine
    machine.close()
