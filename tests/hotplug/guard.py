"""The filter of a card: as it was set, and as guard.awk writes it."""
import subprocess

from network import BUSYBOX, NET


def filters(machine):
    """{device: the filter that was set}"""
    found = {}
    for line in machine.text("tc.batch").splitlines(True):
        found.setdefault(line.split()[3], []).append(line)
    return {device: "".join(lines) for device, lines in found.items()}


def program(device, addresses, link=""):
    return subprocess.run([BUSYBOX, "awk", "-v", f"device={device}", "-v", "mac=00:16:3e:01:02:03",
                           "-v", f"addresses={addresses}", "-v", f"link={link}", "-f", str(NET / "guard.awk")],
                          check=True, capture_output=True, text=True).stdout


GUARDED = "xenbr0\tkind\tbridge\nxenbr0\tBridge.AntiSpoofing\tyes\n"

# Why a card cannot be guarded, and what its message says.
UNGUARDED = {"tc": "the kernel says no", "ip": "10.0.0.700", "mac": "MAC address is missing"}


def cannot_be_guarded(machine, failure):
    if failure == "tc":
        (machine.top / "tc.fails").write_text("batch\n")
    elif failure == "ip":
        machine.write("backend/vif/3/0", {"ip": "10.0.0.700"})
    else:
        machine.forget("backend/vif/3/0/mac")
