"""What a save leaves, on real file systems."""
import re
import subprocess

import drives
from conftest import SECRETS, Host, domain


def saved(tmp_path, library, file_system):
    host = Host(tmp_path / "host", library, file_system)
    host.write("drive", "host.conf", "hostname=ours\n")
    host.boot()
    host.write("config", "domains/web.cfg", domain("web"))
    host.write("config", "iscsi-secrets", SECRETS)
    host.done("save")
    return host


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_fat(tmp_path, library):
    """The names of generations take one directory entry each: a long name takes several,
    which a power cut can part."""
    host = saved(tmp_path, library, "msdos")
    image = drives.vfat(tmp_path / "fat.img", host.top / "drive", mib=8)
    listing = output(drives.tool("mdir", "mtools"), "-i", image, "::/saved")
    assert sorted(re.findall(r"(?m)^(\d{8}) +(OK)? +\d+ [-\d]+ +[\d:]+ *$", listing)) == \
        [("00000001", ""), ("00000001", "OK"), ("00000002", ""), ("00000002", "OK")]
    other = Host(tmp_path / "other", library, "msdos")
    output(drives.tool("mcopy", "mtools"), "-s", "-n", "-i", image, "::/*", f"{other.top}/drive/")
    (other.top / "drive/iscsi-secrets").chmod(0o600)        # FAT has no modes
    assert other.boot() == []
    assert other.drive() == host.drive()
    assert "as found on the drive" in other.done("history")


def test_ext4(tmp_path, library):
    """Secrets, and what holds them, are for root only."""
    host = saved(tmp_path, library, "ext2/ext3")
    image = drives.ext4(tmp_path / "ext4.img", host.top / "drive", mib=8)
    modes = {}
    for directory in ("/", "/saved", "/domains"):
        listing = output(drives.tool("debugfs", "e2fsprogs"), "-R", f"ls -l {directory}", image)
        modes.update({name: mode for mode, name in re.findall(r"(?m)^ *\d+ +(\d+) .* (\S+)\s*$", listing)})
    assert modes["saved"] == "40700"
    assert modes["00000002"] == modes["iscsi-secrets"] == "100600"
    assert modes["web.cfg"] == "100644"
