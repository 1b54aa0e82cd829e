"""A fake machine made of files: /sys, /proc and /run, and programs that act on them."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
sys.path += [str(TOP / "qemu-test"), str(TOP / "tests/domd")]

from busybox import SHELL, fill, in_its_shell  # noqa: E402

LIBRARY = "usr/lib/xenith"
SCRIPTS = ["30-config", "40-host", "50-network", "55-volumes", "57-mounts", "58-log", "80-ready", "rcK", "sv/mirror/run", "sv/syslogd/run", "sv/watchdog/finish", "sv/watchdog/run", "udhcpc"]

INSTALL = ["slots.sh", "identity.sh"]

# Something has appeared.
UEVENT = "echo $(($(cat $FAKE/sys/kernel/uevent_seqnum) + 1)) >$FAKE/sys/kernel/uevent_seqnum"


class Host:
    def __init__(self, top):
        self.top = top
        for directory in ("bin", "boot", "config", "dev", "etc/xen", LIBRARY, "proc", "run/xenith/log",
                          "run/xenith/sources/image", "run/service", "sys/block", "sys/class/block",
                          "sys/class/net", "sys/class/tty/console", "sys/kernel", "var/log"):
            (top / directory).mkdir(parents=True)
        for path, text in (("proc/uptime", "1.00 1.00\n"), ("proc/cmdline", "root=/dev/ram0 quiet\n"), ("proc/mounts", ""),
                           ("sys/class/tty/console/active", "console\n"), ("sys/kernel/uevent_seqnum", "100\n"),
                           ("etc/xen/xl.conf", 'vif.default.bridge="xenbr0"\n')):
            (top / path).write_text(text)
        self.write("sys/class/block/loop0/size", "0\n")
        fill(top / "bin", HERE / "fake")
        # The scripts use absolute paths: run copies with the fake machine's paths.
        for source, target in [(TOP / "bootscripts" / name, "boot/" + name) for name in SCRIPTS] + \
                [(TOP / "install" / name, f"{LIBRARY}/{name}") for name in INSTALL] + \
                [(path, path.relative_to(TOP / "rootfs")) for path in (TOP / "rootfs" / LIBRARY).rglob("*") if path.is_file()]:
            text = re.sub(r"(?<![\w}*.$/-])/(?=(?:sys|proc|run|dev|etc|var/log|usr/lib/xenith|usr/share/xenith)/(?!null)|usr/lib/xenith\b|(?:config|root)\b)",
                          f"{top}/", source.read_text())
            # A console is appended to.
            text = text.replace(f'>"{top}/dev/$console"', f'>>"{top}/dev/$console"')
            (top / target).parent.mkdir(parents=True, exist_ok=True)
            (top / target).write_text(in_its_shell(text))
            (top / target).chmod(0o755)

    def run(self, script, *words, **environment):
        done = subprocess.run(
            [*SHELL, self.top / script, *words], text=True, capture_output=True, timeout=60, check=False,
            env={"PATH": f"{self.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                 "FAKE": str(self.top), "XENITH_DRIVE": f"{self.top}/run/xenith/sources/drive",
                 "XENITH_RUN_DIR": f"{self.top}/run/xenith", "XENITH_NET_SYS": f"{self.top}/sys/class/net",
                 "XENITH_RESOLV_CONF": f"{self.top}/run/resolv.conf", "XENITH_SERVICES": f"{self.top}/run/service",
                 "XENITH_CONFIG": f"{self.top}/config",
                 "XENITH_MOUNTS": f"{self.top}/proc/mounts", **environment})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def forget(self):
        """What a boot finds no more of the one before."""
        shutil.rmtree(self.top / "run/xenith/merged", ignore_errors=True)

    def write(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():       # an applet
            file.unlink()
        file.write_text(text)

    def text(self, path):
        file = self.top / path
        return file.read_text() if file.exists() else ""

    def marks(self):
        return [line.removeprefix("Xenith: ") for line in self.text("dev/console").splitlines()]

    def events(self):
        return [line.split(" ", 1)[1] for line in self.text("run/xenith/boot.log").splitlines()]

    def host_conf(self, text=""):
        """Write the merged configuration."""
        self.write("host.conf", text)
        with open(self.top / "config/host.conf", "w", encoding="utf-8") as out:
            subprocess.run(["awk", "-f", self.top / LIBRARY / "host-conf.awk", self.top / "host.conf"],
                           stdout=out, check=True)

    def conf(self):
        return dict(line.split("=", 1) for line in self.text("config/host.conf").splitlines())

    # --- Disks

    def disk(self, name, label=None, uuid=None, files=None, at=None):
        """Add a disk or partition with a file system; `at`: only after so many waits."""
        place = f"$FAKE/sys/class/block/{name}"
        script = [f"mkdir -p {place}"]
        part = re.fullmatch(r"(sd[a-z]|vd[a-z])\d", name)
        if part:
            # A link, as all of them are: the partition is below its disk.
            real = f"$FAKE/sys/devices/{part[1]}/{name}"
            script = [f"mkdir -p {real}", f"echo 1 >{real}/partition", f"ln -s {real} {place}"]
        script += [f"echo 2048 >$FAKE/sys/class/block/{name}/size", UEVENT]
        if label:
            script.append(f"echo '{self.top}/dev/{name}: LABEL=\"{label}\" UUID=\"{uuid}\" TYPE=\"vfat\"'"
                          f" >>$FAKE/file-systems")
        for path, text in (files or {}).items():
            self.write(f"content/{name}/{path}", text)
        self.at(at, "\n".join(script))

    def at(self, number, commands):
        """Run commands at the script's wait number NUMBER, or now."""
        if number is None:
            subprocess.run(["sh", "-c", commands], env={**os.environ, "FAKE": str(self.top)}, check=True)
        else:
            self.write(f"at/{number}", self.text(f"at/{number}") + commands + "\n")

    def waits(self):
        return len(self.text("waits"))

    # --- Network cards

    def card(self, name, index, mac="", link=True, kind="1", device=True, wireless=False):
        directory = f"sys/class/net/{name}"
        self.write(f"{directory}/ifindex", f"{index}\n")
        self.write(f"{directory}/address", (mac or f"52:54:00:00:00:{index:02x}") + "\n")
        self.write(f"{directory}/type", f"{kind}\n")
        self.write(f"{directory}/carrier", "0\n")
        if device:
            (self.top / directory / "device").mkdir()
        if wireless:
            (self.top / directory / "phy80211").mkdir()
        if link:
            self.write(f"cables/{name}", "")

    def service(self, name):
        self.write(f"run/service/{name}/down", "")
        self.write(f"run/service/{name}/supervise/ok", "")

    def addresses(self, interface="xenbr0"):
        return self.text(f"addresses/{interface}").splitlines()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)
