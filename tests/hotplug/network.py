"""dom0's network for one test: a namespace of this machine's kernel, with bridges and veth
pairs in the place of guests' interfaces, and the program hotplug in it."""
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.append(str(TOP / "qemu-test"))

import tools  # noqa: E402
from busybox import BUSYBOX, fill  # noqa: E402
from xenstored import Xenstored  # noqa: E402

NET = TOP / "rootfs/usr/lib/xenith/network"
SOURCE = TOP / "hotplug"
OUT = TOP / "out/hotplug"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]

# Netlink's numbers, for what the program asked.
NEWLINK, SETLINK, DELLINK, GETLINK = 16, 19, 17, 18
AF_BRIDGE, IFLA_MASTER, IFLA_AF_SPEC, IFF_UP = 7, 10, 26, 1
PVID, UNTAGGED, RANGE_BEGIN, RANGE_END = 2, 4, 8, 16


def build(target):
    """Build the program; returns its path below out/."""
    subprocess.run([tools.find("make"), "-s", "-C", str(SOURCE), f"OUT={os.path.relpath(OUT, SOURCE)}", target],
                   check=True)
    return OUT / {"all": "hotplug", "recorded": "san/hotplug", "played": "san/played"}[target]


def possible():
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0


class Network:
    def __init__(self, top, program):
        self.top = top
        self.store = Xenstored()
        self.peers = 0
        for directory in ("bin", "scripts", "run/networks"):
            (top / directory).mkdir(parents=True)
        fill(top / "bin", HERE / "fake")
        for name in ("vif-bridge", "vif-antispoof", "vif-route", "vif-nat"):
            (top / "scripts" / name).symlink_to(program)
        # It is in its namespace once it has said so.
        self.holder = subprocess.Popen([*NAMESPACE, "sh", "-c", "echo; exec sleep 600"],
                                       stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-U", "-n", "--preserve-credentials"]

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()
        self.holder.stdout.close()
        self.store.close()

    # --- The device's keys

    def write(self, path, values):
        self.store.write(path, values)

    def read(self, path):
        return self.store.read(path)

    def forget(self, path):
        self.store.forget(path)

    # --- The machine

    def ip(self, *words):
        done = subprocess.run([*self.enter, tools.find("ip"), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def tap(self, name):
        """A guest's interface. A real tap needs a device that containers do not have."""
        self.peers += 1
        self.ip("link", "add", name, "type", "veth", "peer", "name", f"peer{self.peers}")

    def bridge(self, name, mtu=1500, *words):
        self.ip("link", "add", name, "mtu", str(mtu), "type", "bridge", *words)

    def link(self, name):
        """What the kernel says of an interface, or None."""
        found = [link for link in json.loads(self.ip("-j", "-d", "link", "show")) if link["ifname"] == name]
        return found[0] if found else None

    def text(self, name):
        path = self.top / name
        return path.read_text() if path.exists() else ""

    def setting(self, path):
        """A setting of the kernel, in the namespace."""
        return subprocess.run([*self.enter, "cat", f"/proc/sys/net/{path}"], capture_output=True, text=True,
                              check=True).stdout.strip()

    def messages(self):
        """(type, family, flags of the link that are changed, attributes) of what the program
        asked the kernel about links."""
        for line in self.text("netlink.log").splitlines():
            data = bytes.fromhex(line)
            kind = struct.unpack_from("=H", data, 4)[0]
            if kind in (NEWLINK, SETLINK, DELLINK):
                family, _, _, _, flags, _ = struct.unpack_from("=BBHiII", data, 16)
                yield kind, family, flags, dict(attributes(data[32:]))

    def vlans(self):
        """The changes of VLANs, as bridge(8) takes them."""
        for kind, family, _, found in self.messages():
            if family != AF_BRIDGE:
                continue
            text = "add" if kind == SETLINK else "del"
            for _, info in attributes(found[IFLA_AF_SPEC]):
                flags, vlan = struct.unpack("=HH", info[:4])
                text += f"-{vlan}" if flags & RANGE_END else f" {vlan}"
            yield text + " pvid" * bool(flags & PVID) + " untagged" * bool(flags & UNTAGGED)

    # --- What libxl does

    def start(self, script, *arguments, **environment):
        env = {
            "PATH": f"{self.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "FAKE": str(self.top),
            "XENSTORED_PATH": self.store.path,
            "HOTPLUG_RUN": f"{self.top}/run",
            "HOTPLUG_NET": str(NET),
            "XENITH_RUN_DIR": f"{self.top}/run",
            **environment,
        }
        return subprocess.Popen([*self.enter, str(self.top / "scripts" / script), *arguments], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, script, *arguments, **environment):
        process = self.start(script, *arguments, **environment)
        process.out, process.err = process.communicate(timeout=60)
        return process


def attributes(data):
    """(type, content) of each attribute of netlink."""
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        yield kind, data[4:size]
        data = data[(size + 3) & ~3:]
