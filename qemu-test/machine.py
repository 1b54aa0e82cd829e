"""One virtual machine: QEMU with a console, a control socket and a network.

With these flags Xen runs PV, PVH and HVM domains without hardware virtualisation
(docs/testing.md has the reason for each).
"""

import base64
import json
import os
import re
import shutil
import signal
import tempfile
import urllib.error
import urllib.request

import ports
import tools
from console import ANSWER, CAP, IDLE, Console, ConsoleError, Shell
from qmp import QMP, QMPError

QEMU = os.environ.get("XENITH_QEMU")
OVMF = "/usr/share/OVMF"

ACCELERATION = ["-accel", "tcg,thread=multi", "-smp", "2"]
# Time passes with the instructions that are executed, 125 million a second on the processor
# that executes them, and jumps ahead while all are idle: what a benchmark counts does not
# depend on this machine, nor on what else runs on it.
COUNTED = ["-accel", "tcg,thread=single", "-smp", "2", "-icount", "shift=3,sleep=off"]
MEMORY = 2048   # MiB
CPU = "qemu64,+svm,+npt,+rdrand"
CPU_WITHOUT_RDRAND = "qemu64,+svm,+npt"
XHCI = ["-device", "qemu-xhci,id=xhci"]

READY = r"Xenith: ready"
# Any of these shows that the firmware has found the medium.
SIGN_OF_LIFE = r"GRUB|\(XEN\)|Xen [0-9]+\.[0-9]+|PXELINUX|Linux version"

# QEMU's DHCP server assigns addresses from .15 upwards, in the order of the requests:
# dom0 first, then the domains.
LEASES = ["10.0.2.%d" % n for n in range(15, 25)]


class Machine:
    """A machine that boots MEDIUM under FIRMWARE.

    medium    the path of the boot medium
    attach    how it is attached: cd, usb, net (a TFTP directory) or
              kernel (a Multiboot kernel given to QEMU itself; no boot loader)
    firmware  bios or uefi
    drives    paths of further disks; a .iso becomes a CD
    sticks    paths of further USB sticks
    disk      size in MiB of an empty, writable disk after these
    nic       whether it has a network card
    bootfile  the boot file that DHCP announces to machines and guests
    append    attach=kernel: the command line; modules: the initrd argument
    cpu       the processor and its features, as a QEMU option
    memory    in MiB
    config    a directory that becomes the configuration drive, by QEMU's virtual FAT
    services  ports of the host and its domains that are forwarded to this machine
    counted   whether time passes with the instructions (COUNTED)
    """

    def __init__(self, name, medium, attach="cd", firmware="bios", drives=(),
                 sticks=(), disk=0, nic=True, bootfile=None, append="", modules="",
                 log_dir=None, cpu=CPU, memory=MEMORY, config=None, services=(22, 80), counted=False, extra=()):
        self.name = name
        self.firmware = firmware
        self.scratch = tempfile.mkdtemp(prefix="xenith-test-")
        self.forwards = {}      # (guest address, port) -> port on 127.0.0.1
        self._qmp = None
        self._shell = None
        self._iso_count = 0
        command = [QEMU or tools.find("qemu-system-x86_64"), *(COUNTED if counted else ACCELERATION), "-cpu", cpu, "-m", str(memory),
                   "-display", "none", "-monitor", "none", "-no-reboot",
                   "-chardev", "stdio,id=console,signal=off",
                   "-serial", "chardev:console",
                   "-qmp", "unix:%s/qmp,server=on,wait=off" % self.scratch]
        command += self._firmware(firmware)
        command += self._medium(medium, attach, append, modules)
        for drive in drives:
            command += self._drive(drive)
        if config:
            command += ["-blockdev", json.dumps({"driver": "vvfat", "node-name": "config", "dir": str(config),
                                                 "label": "XENITH-CFG", "read-only": True}),
                        "-device", "virtio-blk-pci,drive=config"]
        if sticks and attach != "usb":
            command += XHCI
        for number, stick in enumerate(sticks):
            command += self._stick(number, stick)
        if disk:
            command += self._disk(disk)
        command += self._network(nic, firmware, attach, medium, bootfile, services)
        command += list(extra)
        self._command = command
        self._log_dir = log_dir
        if log_dir:
            os.makedirs(log_dir, exist_ok=True)
            with open(os.path.join(log_dir, name + ".command"), "w",
                      encoding="utf-8") as out:
                out.write(" ".join(command) + "\n")
        self._start(name)

    def _start(self, name):
        log = os.path.join(self._log_dir, name + ".log") if self._log_dir else None
        self.console = Console(self._command, log)

    def _firmware(self, firmware):
        if firmware == "bios":
            return ["-machine", "pc"]
        # The firmware writes to the variable store: each machine gets a copy.
        variables = os.path.join(self.scratch, "vars.fd")
        shutil.copyfile(tools.need_file(OVMF + "/OVMF_VARS_4M.fd", "ovmf"), variables)
        return ["-machine", "q35",
                "-drive", "if=pflash,format=raw,readonly=on,file=%s/OVMF_CODE_4M.fd" % OVMF,
                "-drive", "if=pflash,format=raw,file=" + variables]

    def _medium(self, medium, attach, append, modules):
        if attach == "cd":
            return ["-drive", "if=none,id=medium,media=cdrom,readonly=on,file=" + comma(medium),
                    "-device", "ide-cd,drive=medium,id=cd,bus=ide.1,bootindex=0"]
        if attach == "usb":
            # A writable copy, as a real stick is: tests check that the boot does not
            # change it.
            self.stick = os.path.join(self.scratch, "stick.img")
            shutil.copyfile(medium, self.stick)
            return ["-drive", "if=none,id=medium,format=raw,file=" + comma(self.stick),
                    *XHCI, "-device", "usb-storage,drive=medium,id=stick,removable=on,bootindex=0"]
        if attach == "kernel":
            return ["-kernel", medium, "-append", append, "-initrd", modules]
        return []               # the network: see _network

    def _drive(self, path):
        if path.endswith(".iso"):
            # ide.0 is free on both chipsets: the boot CD is on ide.1.
            return ["-drive", "if=none,id=cfg,media=cdrom,readonly=on,file=" + comma(path),
                    "-device", "ide-cd,drive=cfg,bus=ide.0"]
        return ["-drive", "if=virtio,format=raw,readonly=on,file=" + comma(path)]

    def _stick(self, number, path):
        return ["-drive", "if=none,id=more%d,format=raw,readonly=on,file=%s" % (number, comma(path)),
                "-device", "usb-storage,bus=xhci.0,drive=more%d,id=stick%d,removable=on" % (number, number)]

    def _disk(self, mib):
        path = os.path.join(self.scratch, "disk.img")
        with open(path, "wb") as out:
            out.truncate(mib << 20)
        return ["-drive", "if=virtio,format=raw,cache=unsafe,file=" + comma(path)]

    def _network(self, nic, firmware, attach, medium, bootfile, services):
        if not nic:
            return ["-nic", "none"]
        user = "user,id=net"
        if attach == "net":
            bootfile = "pxelinux.0" if firmware == "bios" else "grub/bootx64.efi"
            user += ",tftp=" + comma(medium)
        if bootfile:
            user += ",bootfile=" + comma(bootfile)
        reached = [(a, p) for a in LEASES for p in services]
        self.forwards = dict(zip(reached, ports.free(len(reached))))
        for (address, port), forward in self.forwards.items():
            user += ",hostfwd=tcp:127.0.0.1:%d-%s:%d" % (forward, address, port)
        model = "virtio-net-pci" if firmware == "bios" else "e1000e"
        first = ",bootindex=0" if attach == "net" else ""
        return ["-netdev", user, "-device", model + ",netdev=net,id=nic" + first]

    # --- waiting -----------------------------------------------------------

    def wait_alive(self):
        self.console.wait(SIGN_OF_LIFE)

    def wait_ready(self, idle=IDLE, cap=CAP):
        """Wait for the host; retry the boot once if QEMU aborts (docs/testing.md)."""
        try:
            self._wait_ready(idle, cap)
        except ConsoleError:
            if self.console.end_signal() != signal.SIGABRT:
                raise
            self.console.close()
            self._start(self.name + "-again")
            self._wait_ready(idle, cap)
        return self

    def _wait_ready(self, idle, cap):
        """Wait for a sign of life first, so that a bad medium fails early."""
        self.wait_alive()
        self.console.wait(r"Xenith: init", idle=idle, cap=cap)
        self.console.wait(READY, idle=idle, cap=cap)

    def marks(self):
        """Every mark of the boot scripts, in order."""
        return re.findall(r"Xenith: .*", self.console.text)

    # --- acting ------------------------------------------------------------

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = QMP(os.path.join(self.scratch, "qmp"))
        return self._qmp

    def sh(self, command, timeout=ANSWER):
        """Run a command as root in dom0; (output, exit status)."""
        if self._shell is None:
            self._shell = Shell(self.console)
        return self._shell.run(command, timeout)

    def out(self, command, timeout=ANSWER):
        """The output of a command that must succeed."""
        output, status = self.sh(command, timeout)
        assert status == 0, "%s: status %d\n%s" % (command, status, output)
        return output

    def timed(self, command, timeout=ANSWER):
        """The seconds that a command takes, which must succeed."""
        began = self.console.transcript.now()
        self.out(command, timeout)
        return self.console.transcript.now() - began

    def write(self, path, text):
        """Write a small file in dom0 (the shell takes lines of 1,000 characters)."""
        packed = base64.b64encode(text.encode()).decode()
        self.out("echo %s | base64 -d >%s" % (packed, path))

    def written(self, node):
        """Bytes that the machine has written to the disk whose -blockdev has that name."""
        return next(device["stats"]["wr_bytes"] for device in self.qmp.execute("query-blockstats")
                    if device.get("node-name") == node)

    def http(self, address, timeout=5):
        """The HTTP answer of the guest at ADDRESS to this machine, or None."""
        url = "http://127.0.0.1:%d/" % self.forwards[address, 80]
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return answer.read().decode("utf-8", "replace")
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def power_button(self):
        self.qmp.execute("system_powerdown")

    def wait_off(self, timeout=CAP, last="power off"):
        """Wait until the machine has powered off or rebooted; QEMU exits on both. `last`
        is the host's last mark."""
        self.console.wait("Xenith: " + last, cap=timeout)
        if not self.console.wait_end(60):
            raise ConsoleError("the machine printed \"%s\" but still runs after 60 s\n" % last
                               + self.console.transcript.tail())

    def power_off(self):
        """Shuts the host down, and ends QEMU."""
        self.sh("poweroff")
        self.wait_off()
        self.close()

    def close(self):
        if not self.console.ended:
            try:
                self.qmp.execute("quit")
                self.console.wait_end(10)
            except (OSError, ValueError, QMPError):
                pass            # close() below kills it
        if self._qmp:
            self._qmp.close()
        self.console.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def comma(path):
    """Double each comma, which escapes it in a value of a QEMU option."""
    return path.replace(",", ",,")
