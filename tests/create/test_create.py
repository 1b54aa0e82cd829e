"""xenith create and remove: all or nothing, with a fake host made of files."""
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

import built
from busybox import SHELL, fill
from tier import only_slow

HERE = Path(__file__).parent
LIBRARY = HERE.parents[1] / "rootfs/usr/lib/xenith"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDgIwXnLCyvmF6b1jGz0n5VHnFuDRcnLy8oP3cZ2rAB admin"


class Host:
    def __init__(self, top):
        self.top = top
        for d in ("dev/xen", "pools", "thin", "content", "running", "config/domains",
                  "config/images", "run/merged/domains", "drive", "in"):
            (top / d).mkdir(parents=True)
        (top / "virt_caps").write_text("pv hvm hap\n")
        (top / "bin").mkdir()
        fill(top / "bin", HERE / "fake")
        (top / "calls").touch()
        (top / "qemu").touch()
        (top / "ovmf").touch()
        (top / "mounts").write_text(f"/dev/vdb {top}/drive vfat ro,relatime 0 0\n")

    def start(self, program, *words, fail_at=0, path=None):
        (self.top / "calls").write_text("")
        return subprocess.Popen(
            [*SHELL, LIBRARY / program, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True, env={
                "PATH": path or f"{self.top}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "FAKE": str(self.top),
                "FAIL_AT": str(fail_at), "XENITH": str(built.xenith()), "XENITH_DEV": f"{self.top}/dev",
                "XENITH_CONFIG": f"{self.top}/config", "XENITH_DRIVE": f"{self.top}/drive",
                "XENITH_RUN_DIR": f"{self.top}/run", "XENITH_MOUNTS": f"{self.top}/mounts",
                "XENITH_IMAGES": f"{self.top}/var/images",
                "DEVICE_MODEL": f"{self.top}/qemu", "OVMF": f"{self.top}/ovmf"})

    def run(self, program, *words, answer="", **kwargs):
        with self.start(program, *words, **kwargs) as process:
            out, err = process.communicate(answer, timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def create(self, *words, **kwargs):
        return self.run("create", *words, **kwargs)

    def created(self, *words):
        done = self.create(*words)
        assert done.returncode == 0, done.stderr
        return (self.top / f"config/domains/{words[0]}.cfg").read_text()

    def refused(self, *words, status=1):
        before = self.state()
        done = self.create(*words)
        assert done.returncode == status, done
        assert self.state() == before
        return done.stderr.strip().splitlines()[-1]

    def state(self):
        """Everything that create or remove may change, but for the history of the drive."""
        return sorted(str(p.relative_to(self.top)) for d in ("dev", "thin", "config", "drive", "run", "store", "var")
                      for p in (self.top / d).rglob("*") if p.name != "create.lock" and "drive/saved" not in str(p)) + ["mounted" * (self.top / "mounted").exists()]

    def input(self, name, content):
        path = self.top / "in" / name
        path.write_bytes(content)
        return path

    def qcow2(self, backing=0, features=0, version=3):
        header = struct.pack(">4sIQ56xQ24x", b"QFI\xfb", version, backing, features)
        return self.input("web.qcow2", header + b"\n67108864\nthe content")

    def kernel(self, name="vmlinuz"):
        return self.input(name, b"\x7fELF" + bytes(60))

    def pool(self):
        (self.top / "pools/xen").mkdir()
        (self.top / "pools/xen/pool").touch()


def test_a_volume_on_both_disks(host):
    """Of a group that the installer has made on two disks, and of no other."""
    host.created("plain", "--size", "8M", "--kernel", host.kernel())
    assert "raid1" not in (host.top / "calls").read_text()
    (host.top / "tags-xen").write_text("  other,xenith-mirror\n")
    host.created("web", "--size", "8M", "--kernel", host.kernel())
    assert "lvcreate -q -y -W n --type raid1 -m 1 -L 8388608b -n web xen" in (host.top / "calls").read_text()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def root_tar(host, name="root.tar.gz"):
    tree = host.top / "in/tree"
    (tree / "boot").mkdir(parents=True)
    (tree / "boot/vmlinuz-6.12.1").write_bytes(b"\x7fELF" + bytes(60))
    (tree / "boot/initrd.img-6.12.1").write_text("ramdisk")
    (tree / "etc").mkdir()
    (tree / "etc/hostname").write_text("web\n")
    with tarfile.open(host.top / "in" / name, "w:gz") as tar:
        tar.add(tree, ".")
    return host.top / "in" / name


def test_qcow2_becomes_a_volume(host):
    text = host.created("web", "--from", host.qcow2(), "--memory", "1G", "--vcpus", "2")
    volume = host.top / "dev/xen/web"
    assert volume.stat().st_size == 64 << 20
    assert volume.read_bytes().startswith(b"the content")
    assert f'disk = [ "{volume},raw,xvda,rw" ]' in text
    assert 'type = "hvm"\nmemory = 1024\nvcpus = 2\n' in text
    assert "ready =" not in text
    assert "# made: volume xen/web" in text
    assert re.search(r'vif = \[ "bridge=xenbr0,mac=00:16:3e(:[0-9a-f]{2}){3}" \]', text)


def test_firmware(host):
    assert "bios =" not in host.created("old", "--from", host.qcow2(), "--firmware", "bios")
    text = host.created("hvm", "--from", host.qcow2(), "--firmware", "uefi")
    assert 'type = "hvm"' in text and 'bios = "ovmf"\n' in text
    text = host.created("pvh", "--from", host.qcow2(), "--type", "pvh", "--firmware", "uefi")
    assert f'kernel = "{host.top}/ovmf"\n' in text and "bios =" not in text


def test_the_bridge_is_that_of_the_host(host):
    (host.top / "config/host.conf").write_text("hostname=alpha\nbridge=br7\nstorage=\n")
    assert "bridge=br7,mac=" in host.created("web", "--from", host.qcow2())
    assert "bridge=two,mac=" in host.created("db", "--from", host.qcow2(), "--bridge", "two")


def test_raw_image_in_a_directory(host):
    (host.top / "store").mkdir()
    image = host.input("disk.raw", bytes(510) + b"\x55\xaa" + bytes(1 << 20))
    text = host.created("web", "--from", image, "--storage", host.top / "store", "--size", "8M")
    disk = host.top / "store/web.img"
    assert disk.stat().st_size == 8 << 20
    assert disk.read_bytes()[510:512] == b"\x55\xaa"
    assert f"# made: file {disk}" in text


def test_thin_pool_is_preferred(host):
    host.pool()
    host.created("web", "--from", host.qcow2())
    assert (host.top / "thin/xen/web").exists()


def test_iso_is_a_cd_beside_an_empty_disk(host):
    host.pool()
    iso = host.input("install.iso", bytes(32769) + b"CD001" + bytes(2048))
    text = host.created("web", "--from", iso)
    assert f'"{iso},raw,xvdc,ro,cdrom"' in text
    assert 'ready = "created"\n' in text
    assert 'boot = "dc"' in text
    assert (host.top / "dev/xen/web").stat().st_size == 10 << 30


def test_kernel_and_ramdisk_need_no_disk(host):
    ramdisk = host.input("initrd", b"ramdisk")
    text = host.created("web", "--from", f"{host.kernel()}+{ramdisk}", "--ip", "192.0.2.7/26,192.0.2.1")
    assert "disk = [" not in text
    assert f'kernel = "{host.top}/in/vmlinuz"\nramdisk = "{ramdisk}"\n' in text
    assert 'extra = "console=hvc0 ip=192.0.2.7::192.0.2.1:255.255.255.192:web:eth0:off"' in text
    assert 'type = "pvh"' in text


def test_tarball_with_its_own_kernel(host):
    text = host.created("web", "--from", root_tar(host), "--size", "100M")
    assert (host.top / "content/web/etc/hostname").read_text() == "web\n"
    kernel = host.top / "var/images/web/vmlinuz"
    assert f'kernel = "{kernel}"' in text and 'extra = "console=hvc0 root=/dev/xvda rw"' in text
    assert f"# made: file {kernel}" in text


def test_kernel_goes_to_the_drive_or_to_memory(host):
    """Not to /config, which is also in memory, but too small."""
    host.created("web", "--from", root_tar(host), "--size", "64M")
    assert not list((host.top / "config/images").iterdir())
    host.created("copy", "--clone-of", "web")
    (host.top / "drive-is-there").touch()
    for words in (["web2", "--from", host.top / "in/root.tar.gz", "--size", "64M"], ["copy2", "--clone-of", "web2"]):
        kernel = host.top / "drive/images" / words[0] / "vmlinuz"
        assert f'kernel = "{kernel}"' in host.created(*words)
        assert kernel.exists()
    assert sorted(p.name for p in (host.top / "var/images").iterdir()) == ["copy", "web"]


def test_directory(host):
    root_tar(host)
    host.created("web", "--from", host.top / "in/tree", "--size", "200M")
    assert (host.top / "content/web/etc/hostname").read_text() == "web\n"


def test_pv_where_there_is_no_hardware_virtualisation(host):
    (host.top / "virt_caps").write_text("pv\n")
    assert 'type = "pv"' in host.created("web", "--from", host.kernel())


def test_seed_for_cloud_init(host):
    key = host.input("key.pub", (KEY + "\n").encode())
    user_data = host.input("user-data", b"#cloud-config\nruncmd: [true]\n")
    text = host.created("web", "--from", host.qcow2(), "--ssh-key", key, "--cloud-init", user_data,
                        "--ip", "192.0.2.7/24,192.0.2.1")
    content = host.top / "content/web-seed"
    assert (content / "user-data").read_bytes() == user_data.read_bytes()
    meta = (content / "meta-data").read_text()
    # Names are text: `no` would be false, and 1.10 a number.
    assert re.match(r'instance-id: "web-[0-9a-f]{8}"\nlocal-hostname: "web"\n', meta)
    assert f"  - '{KEY}'" in meta
    assert "addresses: [192.0.2.7/24]" in (content / "network-config").read_text()
    assert f'"{host.top}/dev/xen/web-seed,raw,xvdg,ro"' in text


def test_drive_is_writable_before_it_is_written_to(host):
    (host.top / "drive-is-there").touch()
    host.created("web", "--from", root_tar(host), "--size", "64M")
    calls = (host.top / "calls").read_text().splitlines()
    opened = next(n for n, call in enumerate(calls) if "remount,rw" in call)
    assert opened < next(n for n, call in enumerate(calls) if call.startswith("cp ") and "/drive/" in call)


def test_paths_become_absolute(host):
    path = os.path.relpath(host.kernel())
    assert f'kernel = "{host.top}/in/vmlinuz"' in host.created("web", "--from", path)


def test_written_to_the_drive(host):
    (host.top / "drive-is-there").touch()
    host.created("web", "--from", host.qcow2())
    assert (host.top / "drive/domains/web.cfg").read_text() == (host.top / "config/domains/web.cfg").read_text()


def test_without_a_drive_it_is_forgotten(host):
    """The warning is printed only if the domain was created."""
    done = host.create("web", "--from", host.qcow2())
    assert done.stderr.endswith(": web is forgotten when the host restarts, but its disk is kept\n")
    assert "forgotten" not in host.create("db", "--from", host.qcow2(), "--storage", "other").stderr
    (host.top / "drive-is-there").touch()
    assert "forgotten" not in host.create("kept", "--from", host.qcow2()).stderr


def test_dry_run_changes_nothing(host):
    before = host.state()
    done = host.create("web", "--from", host.qcow2(), "--ssh-key", host.input("k", KEY.encode()), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f'disk = [ "{host.top}/dev/xen/web,raw,xvda,rw", "{host.top}/dev/xen/web-seed,raw,xvdg,ro" ]' in done.stdout
    assert host.state() == before


def test_start(host):
    assert host.create("web", "--from", host.kernel(), "--start").returncode == 0
    assert (host.top / "calls").read_text().splitlines()[-2:] == ["xenith reload", "xenith start --wait web"]


def test_thin_clone(host):
    host.pool()
    original = host.created("web", "--from", host.qcow2())
    text = host.created("copy", "--clone-of", "web")
    assert (host.top / "dev/xen/copy").read_bytes() == (host.top / "dev/xen/web").read_bytes()
    assert f'"{host.top}/dev/xen/copy,raw,xvda,rw"' in text and 'name = "copy"' in text
    assert "# made: volume xen/copy" in text and "xen/web" not in text
    mac = re.compile("mac=([0-9a-f:]*)")
    assert mac.search(original)[1] != mac.search(text)[1]


def test_clone_shares_nothing(host):
    """Not the screen's socket, not the addresses, not the kernel that is removed with the original."""
    host.pool()
    host.created("web", "--from", root_tar(host), "--size", "64M")
    path = host.top / "config/domains/web.cfg"
    path.write_text(path.read_text().replace("vif = [ ", 'vif = [ "bridge=two,mac=00:16:3e:00:00:02", ')
                    + 'vnclisten = "unix:/run/xen/vnc-web"\n')
    text = host.created("copy", "--clone-of", "web")
    assert 'vnclisten = "unix:/run/xen/vnc-copy"\n' in text
    assert text.count("mac=") == 1 and "00:16:3e:00:00:02" not in text and '"bridge=two,mac=' in text
    assert f'kernel = "{host.top}/var/images/copy/vmlinuz"' in text
    assert host.run("remove", "web", "--yes").returncode == 0
    assert (host.top / "var/images/copy/vmlinuz").exists()
    assert "a copy keeps the size, type, firmware and kernel of the original" in host.refused("more", "--clone-of", "copy", "--size", "1G", status=2)


def test_clone_with_what_was_asked_for(host):
    host.created("web", "--from", host.kernel(), "--size", "8M", "--ip", "192.0.2.7/24")
    asked = ["--memory", "1G", "--vcpus", "4", "--bridge", "other", "--ip", "192.0.2.8/24"]
    text = host.created("copy", "--clone-of", "web", *asked)
    assert "memory = 1024\nvcpus = 4\n" in text
    assert 'vif = [ "bridge=other,mac=' in text
    assert 'ip=192.0.2.8::' in text and "192.0.2.7" not in text and "root=/dev/xvda rw" in text
    done = host.create("more", "--clone-of", "web")
    assert "the fixed address of web is not copied" in done.stderr
    assert 'extra = "console=hvc0 root=/dev/xvda rw"' in (host.top / "config/domains/more.cfg").read_text()


def test_clone_has_a_seed_of_its_own(host):
    host.pool()
    key = host.input("key.pub", (KEY + "\n").encode())
    host.created("web", "--from", host.qcow2(), "--ssh-key", key, "--ip", "192.0.2.7/24")
    text = host.created("copy", "--clone-of", "web", "--ip", "192.0.2.8/24")
    assert f'"{host.top}/dev/xen/copy-seed,raw,xvdg,ro"' in text and "web-seed" not in text
    meta, other = ((host.top / f"content/{name}-seed/meta-data").read_text() for name in ("copy", "web"))
    assert 'local-hostname: "copy"\n' in meta and KEY in meta
    assert meta.splitlines()[0] != other.splitlines()[0]
    assert "[192.0.2.8/24]" in (host.top / "content/copy-seed/network-config").read_text()
    assert host.run("remove", "web", "--yes").returncode == 0
    assert (host.top / "dev/xen/copy-seed").exists()


def renamed(host):
    """A domain whose file has another name."""
    host.pool()
    host.created("web", "--from", root_tar(host), "--size", "64M")
    path = host.top / "config/domains/10-site.cfg"
    (host.top / "config/domains/web.cfg").rename(path)
    path.write_text(path.read_text() + 'vnclisten = "unix:/run/xen/vnc-web"\n')
    return path


@pytest.mark.parametrize("other", ["web", "10-site"])
def test_clone_of_a_domain_whose_file_has_another_name(host, other):
    renamed(host)
    text = host.created("copy", "--clone-of", other)
    assert 'vnclisten = "unix:/run/xen/vnc-copy"\n' in text
    assert f'kernel = "{host.top}/var/images/copy/vmlinuz"' in text and 'name = "copy"' in text
    assert "web" not in text.replace(f"copy of {other}.", "")


def test_clone_of_a_running_domain_whose_file_has_another_name(host):
    (host.top / "store").mkdir()
    host.created("web", "--from", host.qcow2(), "--storage", host.top / "store")
    (host.top / "config/domains/web.cfg").rename(host.top / "config/domains/10-site.cfg")
    (host.top / "running/web").touch()
    assert "web is running; stop it" in host.refused("copy", "--clone-of", "10-site")


def written(host, name, text):
    (host.top / f"config/domains/{name}.cfg").write_text(f'name = "{name}"\nmemory = 64\nkernel = "/boot/vmlinuz"\n{text}\n')


def stored(host, name="web"):
    (host.top / "store").mkdir(exist_ok=True)
    path = host.top / f"store/{name}.img"
    path.write_bytes(b"content of " + name.encode())
    return path


def test_clone_has_the_host_name_of_its_own(host):
    written(host, "web", f'extra = "ip=::::web:eth0:dhcp quiet ip.x=web"\ndisk = [ "{stored(host)},raw,xvda,rw" ]')
    assert 'extra = "ip=::::copy:eth0:dhcp quiet ip.x=web"\n' in host.created("copy", "--clone-of", "web")


@pytest.mark.parametrize("second, allowed", [
    ("{},raw,xvdb,rw", False), ("{},raw,xvdb", False), ("phy:{},xvdb,w", False),
    ("format=raw,vdev=xvdb,access=rw,target={}", False), ("vdev=xvdb,script=block-nbd,target=store/web", False),
    ("{},raw,xvdb,ro", True), ("{},raw,xvdb,r", True), ("{},raw,xvdc,cdrom", True), ("file:{},hdc:cdrom,r", True),
    ("format=raw,vdev=xvdb,access=ro,target={}", True), ("{},raw,hdc,devtype=cdrom", True), (",raw,hdc,cdrom", True),
])
def test_clone_of_several_disks(host, second, allowed):
    """Two domains cannot share a writable disk, but can share a read-only one."""
    data = stored(host, "data")
    written(host, "web", f'disk = [ "{stored(host)},raw,xvda,rw", "{second.format(data)}" ]')
    if allowed:
        text = host.created("copy", "--clone-of", "web")
        assert f'disk = [ "{host.top}/store/copy.img,raw,xvda,rw", "{second.format(data)}" ]' in text
    else:
        error = host.refused("copy", "--clone-of", "web")
        assert "cannot clone web: it also writes to" in error and "which two domains cannot share" in error
        assert "store" in error and "domains/web.cfg" in error
        assert "cannot clone web: it also writes to" in host.refused("copy", "--clone-of", "web", "--dry-run")


@pytest.mark.parametrize("disk, error", [
    ("vdev=xvda,access=rw,script=block-nbd,target=store:10809/web", "store:10809/web) is not a volume, disk or file of this host"),
    ("", "cannot clone web: it has no disk"),
])
def test_clone_of_what_is_not_here(host, disk, error):
    written(host, "web", f'disk = [ "{disk}" ]' if disk else "")
    assert error in host.refused("copy", "--clone-of", "web")


def test_clone_of_a_file_that_is_not_right(host):
    (host.top / "config/domains/web.cfg").write_text('name = "web"\ndisk = [ "x"\n')
    error = host.refused("copy", "--clone-of", "web")
    assert f"cannot clone web: invalid domain file: {host.top}/config/domains/web.cfg:2: " in error


def test_clone_to_another_place(host):
    """A snapshot must be in the pool of its origin; a file is beside the original."""
    host.pool()
    host.created("web", "--from", host.qcow2())
    assert "--storage other: the copy of" in host.refused("copy", "--clone-of", "web", "--storage", "other")
    assert "in xen/pool" in host.refused("copy", "--clone-of", "web", "--storage", "other", "--dry-run")
    host.created("copy", "--clone-of", "web", "--storage", "xen/pool")
    written(host, "file", f'disk = [ "{stored(host, "file")},raw,xvda,rw" ]')
    assert f"in {host.top}/store" in host.refused("more", "--clone-of", "file", "--storage", "xen/pool")
    host.created("more", "--clone-of", "file", "--storage", host.top / "store")


@pytest.mark.parametrize("disk, copied", [
    ("phy:{0}/xen/web,xvda,w", "phy:{0}/xen/copy,xvda,w"),
    ("format=raw, vdev=xvda, access=rw, target={0}/xen/web", "format=raw, vdev=xvda, access=rw, target={0}/xen/copy"),
])
@pytest.mark.parametrize("form", ['disk = [ "{}" ]', "disk = [\n  '{}',\n]"])
def test_clone_writes_the_disk_as_the_other_does(host, disk, copied, form):
    host.pool()
    host.created("web", "--from", host.qcow2())
    dev = host.top / "dev"
    written(host, "web", form.format(disk.format(dev)))
    assert form.format(copied.format(dev)) + "\n" in host.created("copy", "--clone-of", "web")


@pytest.mark.parametrize("cards, copied", [
    ('vif = [ "bridge=newbr,mac=00:16:3e:00:00:01" ]', 'vif = [ "bridge=newbr,mac=MAC" ]'),
    ('vif = [ "mac=00:16:3e:00:00:01,bridge=new", "mac=00:16:3e:00:00:02,bridge=two" ]',
     'vif = [ "mac=MAC,bridge=new", "bridge=two" ]'),
    ("vif = [\n 'bridge=a,mac=00:16:3e:00:00:01',\n 'bridge=b,mac=00:16:3e:00:00:02',\n]",
     "vif = [\n 'bridge=a,mac=MAC',\n 'bridge=b',\n]"),
])
def test_clone_s_cards(host, cards, copied):
    written(host, "web", f'disk = [ "{stored(host)},raw,xvda,rw" ]\nuuid = "1"\n\n{cards}')
    text = host.created("copy", "--clone-of", "web")
    assert "\n\n" + copied in re.sub("mac=00:16:3e[0-9a-f:]*", "mac=MAC", text) and "uuid" not in text
    assert "00:16:3e:00:00:0" not in text


def test_clone_of_a_file_with_all_in_a_line(host):
    """As xl.cfg(5) shows it. What only one domain can have is left out, and that is said."""
    path = host.top / "config/domains/web.cfg"
    path.write_text(f'name="web"; type="pv"; memory=2048; kernel="/boot/vmlinuz" # mine\nuuid="{"1" * 8}"; vncdisplay=3\n'
                    f'disk=["{stored(host)},raw,xvda,rw"]; vif=["ip=192.0.2.7,vifname=web0,mac=00:16:3e:00:00:01"]\n')
    done = host.create("copy", "--clone-of", "web")
    assert done.returncode == 0, done.stderr
    text = (host.top / "config/domains/copy.cfg").read_text()
    assert 'name="copy"; type="pv"; memory=2048; kernel="/boot/vmlinuz" # mine\n' in text
    assert re.search(r'vif=\["mac=00:16:3e:[0-9a-f:]{8}"]', text)
    for line, what in ((2, 'uuid: "11111111"'), (2, "vncdisplay: 3"), (3, "vif: ip=192.0.2.7"), (3, "vif: vifname=web0"),
                       (3, "vif: mac=00:16:3e:00:00:01")):
        assert f"{path}:{line}: warning: {what} is not copied" in done.stderr
        assert what.split("=")[-1] not in text or "mac" in what


def test_clone_of_what_cannot_be_copied_as_written(host):
    """Rather none than one whose disk is the other's."""
    (host.top / 'st"re').mkdir()
    (host.top / 'st"re/web.img').write_text("content")
    written(host, "web", f'disk = [ "{host.top}/st\\"re/web.img,raw,xvda,rw" ]')
    before = host.state()
    done = host.create("copy", "--clone-of", "web")
    assert done.returncode == 1 and "is written with backslashes" in done.stderr
    assert host.state() == before and not (host.top / 'st"re/copy.img').exists()


def test_paths_with_blanks(host):
    iso = host.input("Server 2022 x64.iso", bytes(32769) + b"CD001" + bytes(2048))
    (host.top / "my store").mkdir()
    text = host.created("web", "--from", iso, "--storage", host.top / "my store", "--size", "8M")
    assert f'"{iso},raw,xvdc,ro,cdrom"' in text and f'"{host.top}/my store/web.img,raw,xvda,rw"' in text
    assert f'"{host.top}/my store/copy.img,raw,xvda,rw"' in host.created("copy", "--clone-of", "web")


def test_key_from_a_windows_editor(host):
    """Its byte order mark and carriage returns would be part of the key."""
    key = host.input("key.pub", b"\xef\xbb\xbf" + KEY.encode() + b"\r\n\r\n# more\r\n" + KEY.encode() + b" two\r\n")
    host.created("web", "--from", host.qcow2(), "--ssh-key", key)
    assert (host.top / "content/web-seed/meta-data").read_bytes().endswith(
        f"public-keys:\n  - '{KEY}'\n  - '{KEY} two'\n".encode())


@pytest.mark.parametrize("option", ["--ssh-key", "--cloud-init"])
def test_utf16_from_powershell(host, option):
    file = host.input("key.pub", (KEY + "\n").encode("utf-16"))
    assert host.refused("web", "--from", host.qcow2(), option, file).startswith(
        f"xenith: create: {option} {file}: encoded in UTF-16; save it as UTF-8")


@pytest.mark.parametrize("ip, route", [
    ("192.0.2.7/24,192.0.2.1", "gateway4: 192.0.2.1"),
    ("203.0.113.7/32,10.0.0.1", "routes: [{to: 0.0.0.0/0, via: 10.0.0.1, on-link: true}]"),
    ("203.0.113.126/25,203.0.113.129", "routes: [{to: 0.0.0.0/0, via: 203.0.113.129, on-link: true}]"),
])
def test_gateway_outside_of_the_network(host, ip, route):
    """As hosters lend single addresses."""
    host.created("web", "--from", host.qcow2(), "--ip", ip)
    network = (host.top / "content/web-seed/network-config").read_text()
    assert f"    {route}\n    nameservers: {{addresses: [{ip.split(',')[1]}]}}\n" in network


def test_gateway_that_the_kernel_would_not_take(host):
    assert "takes no gateway outside the guest's network" in \
        host.refused("web", "--kernel", host.kernel(), "--ip", "203.0.113.7/32,10.0.0.1")


def test_domain_file_that_would_not_be_right(host):
    """The program that reads it later has the last word, before the domain is there."""
    written(host, "web", f'disk = [ "{stored(host)},raw,xvda,rw" ]\nbootloader = "pygrub"')
    error = host.create("copy", "--clone-of", "web")
    assert error.returncode == 1
    assert "copy.cfg:7: bootloader: pygrub is not in this image" in error.stderr
    assert "cannot create domain copy: its domain file would be invalid" in error.stderr
    assert not (host.top / "store/copy.img").exists()


def test_dry_run_of_a_clone(host):
    """It prints the domain file, and changes nothing."""
    host.pool()
    host.created("web", "--from", host.qcow2(), "--ssh-key", host.input("k", KEY.encode()))
    before = host.state()
    done = host.create("copy", "--clone-of", "web", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f'"{host.top}/dev/xen/copy,raw,xvda,rw", "{host.top}/dev/xen/copy-seed,raw,xvdg,ro"' in done.stdout
    assert host.state() == before
    (host.top / "dev/xen/copy").touch()
    assert "dev/xen/copy: it exists already" in host.refused("copy", "--clone-of", "web", "--dry-run")


def blocks(path):
    return path.stat().st_blocks * 512


@pytest.mark.parametrize("way", ["raw", "clone"])
def test_copies_are_sparse(host, way):
    (host.top / "store").mkdir()
    image = host.top / "store/web.img"
    with open(image, "wb") as file:
        file.write(bytes(510) + b"\x55\xaa")
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    written(host, "web", f'disk = [ "{image},raw,xvda,rw" ]')
    host.created("copy", *(["--clone-of", "web"] if way == "clone" else ["--from", image, "--storage", host.top / "store"]))
    copy = host.top / "store/copy.img"
    assert copy.read_bytes() == image.read_bytes()
    assert blocks(copy) < 1 << 20


@pytest.mark.parametrize("shared", [True, False])
def test_clone_of_a_file_shares_blocks_where_it_can(host, shared):
    """A file that was cloned by reflink is not copied again."""
    if shared:
        (host.top / "reflinks").touch()
    written(host, "web", f'disk = [ "{stored(host)},raw,xvda,rw" ]')
    before = host.state()
    text = host.created("copy", "--clone-of", "web")
    copy = host.top / "store/copy.img"
    assert copy.read_bytes() == b"content of web" and f"# made: file {copy}" in text
    calls = (host.top / "calls").read_text().splitlines()
    assert [line.split()[0] for line in calls if str(copy) in line and not line.startswith("xenith ")] == (
        ["cp"] if shared else ["cp", "truncate", "qemu-img"])
    assert host.run("remove", "copy", "--yes").returncode == 0
    assert host.state() == before
    # The last step is the domain file.
    assert host.create("copy", "--clone-of", "web", fail_at=len(calls)).returncode == 1
    assert host.state() == before


@pytest.mark.parametrize("attributes, left_out", [("twi-a-tz--", True), ("twi-a-t---", False)])
def test_zeros_are_written_where_the_pool_writes_none(host, attributes, left_out):
    """New blocks of such a pool contain another volume's data."""
    host.pool()
    (host.top / "pools/xen/pool").write_text(f"  {attributes}\n")
    host.created("web", "--from", host.qcow2())
    assert ("--target-is-zero" in (host.top / "calls").read_text()) == left_out


def without_qemu_img(host):
    """A PATH without qemu-img."""
    directory = host.top / "without"
    directory.mkdir()
    for place in (HERE / "fake", host.top / "bin", Path("/usr/sbin"), Path("/usr/bin"), Path("/sbin"), Path("/bin")):
        for program in place.iterdir():
            if program.name != "qemu-img" and not (directory / program.name).exists():
                (directory / program.name).symlink_to(program)
    return str(directory)


def test_host_without_qemu_img(host):
    path = without_qemu_img(host)
    before = host.state()
    done = host.create("web", "--from", host.qcow2(), path=path)
    assert done.returncode == 1 and "web.qcow2: this host has no qemu-img for qcow2 images" in done.stderr
    assert host.state() == before
    written(host, "other", f'disk = [ "{stored(host)},raw,xvda,rw" ]')
    assert host.create("copy", "--clone-of", "other", path=path).returncode == 0
    assert (host.top / "store/copy.img").read_bytes() == b"content of web"


@pytest.mark.parametrize("kernel, ramdisk", [
    ("6.1+deb/vmlinuz", "initrd"), ("vmlinuz", "6.1+deb/initrd"), ("6.1+deb/vmlinuz+x", "6.1+deb/initrd"),
])
def test_names_with_a_plus(host, kernel, ramdisk):
    (host.top / "in/6.1+deb").mkdir()
    host.kernel(kernel)
    host.input(ramdisk, b"ramdisk")
    text = host.created("web", "--from", f"{host.top}/in/{kernel}+{host.top}/in/{ramdisk}")
    assert f'kernel = "{host.top}/in/{kernel}"\nramdisk = "{host.top}/in/{ramdisk}"\n' in text


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_damaged_tarball(host, words):
    """tar reads all of it; only the decompressor reports the damage."""
    path = root_tar(host)
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(8))
    error = host.refused("web", "--from", path, "--size", "64M", *words)
    assert (f"cannot read {path}: the archive is damaged" if words else f"cannot unpack {path}: ") in error


def test_name_that_another_file_has(host):
    host.created("web", "--from", host.kernel())
    (host.top / "config/domains/web.cfg").rename(host.top / "config/domains/10-site.cfg")
    assert "10-site.cfg describes a domain of that name" in host.refused("web", "--from", host.kernel())
    host.created("10-site2", "--from", host.kernel())


def test_name_that_waits_on_the_drive(host):
    """A file of that name was added to the drive after the host started."""
    (host.top / "drive-is-there").touch()
    (host.top / "drive/domains").mkdir()
    (host.top / "drive/domains/web.cfg").write_text("precious")
    assert "drive/domains/web.cfg exists, and takes effect at the next boot" in host.refused("web", "--from", host.kernel())
    assert (host.top / "drive/domains/web.cfg").read_text() == "precious"


@pytest.mark.parametrize("program, words", [("create", ["copy", "--kernel"]), ("remove", ["web", "--yes"])])
def test_one_after_the_other(host, program, words):
    host.created("web", "--from", host.kernel())
    if program == "create":
        words = [*words, host.kernel()]
    before = host.state()
    with open(host.top / "run/create.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with host.start(program, *words) as process:
            said = process.stderr.readline()
            meanwhile = [p for p in host.state() if "run/work" not in p]
            if program == "create":
                assert host.create(*words, "--dry-run").returncode == 0
            fcntl.flock(lock, fcntl.LOCK_UN)
            process.communicate(timeout=60)
    assert "waiting for another create, remove or save to finish" in said
    assert meanwhile == before
    assert process.returncode == 0
    assert host.state() != before


def test_who_waits_can_be_ended(host):
    with open(host.top / "run/create.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with host.start("create", "web", "--from", host.kernel()) as process:
            assert "waiting for another" in process.stderr.readline()
            process.terminate()
            process.communicate(timeout=10)
    assert process.returncode == 130


@pytest.mark.parametrize("state, calls", [("ro,relatime", ["rw", "ro"]), ("rw,relatime", [])])
def test_drive_is_left_as_it_was(host, state, calls):
    """A drive that was mounted writable stays writable."""
    (host.top / "drive-is-there").touch()
    (host.top / "mounts").write_text(f"/dev/vdb {host.top}/drive vfat {state} 0 0\n")
    for words in (("create", "web", "--from", host.kernel()), ("remove", "web", "--yes")):
        assert host.run(*words).returncode == 0
        assert re.findall("mount -o remount,(r.)", (host.top / "calls").read_text()) == calls
    assert not (host.top / "drive/domains/web.cfg").exists()


def test_signal_while_it_is_undone(host):
    """A second Ctrl-C does not interrupt the cleanup."""
    before = host.state()
    (host.top / "slow").touch()
    with host.start("create", "web", "--from", host.input("t.raw", bytes(510) + b"\x55\xaa"), "--size", "8M",
                    "--ssh-key", host.input("k", KEY.encode()), fail_at=14) as process:
        for _ in range(300):
            if "lvremove" in (host.top / "calls").read_text():
                break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert "lvremove" in (host.top / "calls").read_text()
    assert host.state() == before


def test_what_does_not_start_is_there(host):
    (host.top / "does-not-start").touch()
    done = host.create("web", "--from", host.kernel(), "--start")
    assert done.returncode == 3
    assert "cannot start web; it and its disk are kept: try again with xenith start web" in done.stderr
    assert (host.top / "config/domains/web.cfg").exists()


def test_what_is_late_runs(host):
    (host.top / "does-not-start").touch()
    (host.top / "running/web").touch()
    done = host.create("web", "--from", host.kernel(), "--start")
    assert done.returncode == 3
    assert "web runs, but is not ready yet; xenith status web" in done.stderr
    assert "cannot start" not in done.stderr


def test_clone_that_cannot_have_it(host):
    host.created("web", "--from", host.kernel(), "--size", "8M")
    key = host.input("key.pub", (KEY + "\n").encode())
    assert "web has no cloud-init seed" in host.refused("copy", "--clone-of", "web", "--ssh-key", key)
    assert "web has neither a cloud-init seed" in host.refused("copy", "--clone-of", "web", "--ip", "192.0.2.8/24")


def test_what_was_on_a_thick_volume_is_gone(host):
    """Old data is zeroed behind the written image, and on all of an empty volume."""
    image = host.input("disk.raw", bytes(510) + b"\x55\xaa" + bytes(2 << 20) + b"end")
    host.created("web", "--from", image, "--size", "8M", "--ssh-key", host.input("k", KEY.encode()))
    disk = (host.top / "dev/xen/web").read_bytes()
    assert disk[:len(image.read_bytes())] == image.read_bytes() and b"former" not in disk
    assert b"former" not in (host.top / "dev/xen/web-seed").read_bytes()
    host.created("empty", "--kernel", host.kernel(), "--size", "8M")
    assert not any((host.top / "dev/xen/empty").read_bytes())
    host.created("quick", "--kernel", host.kernel(), "--size", "8M", "--no-zero")
    assert b"former" in (host.top / "dev/xen/quick").read_bytes()


def test_newest_kernel(host):
    root_tar(host)
    for version in ("6.9.12", "6.12.10", "6.12.9"):
        (host.top / f"in/tree/boot/vmlinuz-{version}").write_bytes(b"\x7fELF" + bytes(60) + version.encode())
    host.created("web", "--from", host.top / "in/tree", "--size", "64M")
    assert (host.top / "var/images/web/vmlinuz").read_bytes().endswith(b"6.12.10")


@pytest.mark.parametrize("header, error", [
    ({"backing": 104}, "it depends on another image (its backing file)"),
    ({"features": 4}, "its content is in another file (its data file)"),
    ({"features": 0x1f}, "its content is in another file (its data file)"),
])
def test_image_that_names_another_file(host, header, error):
    assert error in host.refused("web", "--from", host.qcow2(**header))


@pytest.mark.parametrize("header", [{"features": 1}, {"features": 0x18}, {"version": 2, "features": 4}])
def test_image_with_other_features(host, header):
    host.created("web", "--from", host.qcow2(**header))


@pytest.mark.parametrize("link", ["boot", "boot/vmlinuz-6.12.1", "boot/initrd.img-6.12.1"])
@pytest.mark.parametrize("form", ["directory", "tarball"])
def test_links_out_of_what_is_imported(host, form, link):
    """A link in an image must not give the guest a file of the host."""
    root_tar(host)
    tree = host.top / "in/tree"
    secrets = host.top / "secrets"
    secrets.mkdir()
    for name in ("vmlinuz-6.12.1", "initrd.img-6.12.1"):
        (secrets / name).write_bytes(b"\x7fELF" + bytes(60) + b"node.session.auth.password")
    place = tree / link
    if link == "boot":
        shutil.rmtree(place)
        place.symlink_to(secrets)
    else:
        place.unlink()
        place.symlink_to(secrets / place.name)
    with tarfile.open(host.top / "in/root.tar.gz", "w:gz") as tar:
        tar.add(tree, ".")
    what = tree if form == "directory" else host.top / "in/root.tar.gz"
    error = f"{link} is a symbolic link to {secrets}"
    assert error in host.refused("web", "--from", what, "--size", "64M")
    if what == tree:
        assert error in host.refused("web", "--from", what, "--size", "64M", "--dry-run")


@pytest.mark.parametrize("what", ["in/root.tar.gz", "in/tree"])
def test_dry_run_finds_the_kernel(host, what):
    root_tar(host)
    before = host.state()
    done = host.create("web", "--from", host.top / what, "--dry-run")
    assert done.returncode == 0, done.stderr
    directory = host.top / "var/images/web"
    assert f'kernel = "{directory}/vmlinuz"\nramdisk = "{directory}/initrd"\n' in done.stdout
    assert host.state() == before


def test_clone_of_a_file_that_is_in_use(host):
    (host.top / "store").mkdir()
    host.created("web", "--from", host.qcow2(), "--storage", host.top / "store")
    (host.top / "running/web").touch()
    assert "web is running" in host.refused("copy", "--clone-of", "web")
    (host.top / "running/web").unlink()
    host.created("copy", "--clone-of", "web")
    assert (host.top / "store/copy.img").read_bytes() == (host.top / "store/web.img").read_bytes()


@pytest.mark.parametrize("words, error", [
    ([], "missing domain name"),
    (["a b"], "use letters, digits and"),
    (["../x"], "use letters, digits and"),
    (["-x"], "unknown option -x"),
    (["42"], "\"42\": xl takes a number for a domain ID"),
    (["Domain-0"], "\"Domain-0\": it is the name of dom0"),
    (["web", "web2"], "unexpected argument \"web2\": the name is web already"),
    (["web", "--memory", "lots"], "--memory lots: invalid size; use a number with K, M, G or T, such as 512M"),
    (["web", "--memory", "1M"], "too small; a guest needs at least 8M"),
    (["web", "--size", "10"], "--size 10: invalid size; use"),
    (["web", "--vcpus", "0"], "--vcpus 0: invalid number of CPUs"),
    (["web", "--type", "xen"], "--type xen: unknown type; use pv, pvh or hvm"),
    (["web", "--firmware", "coreboot"], "--firmware coreboot: unknown firmware; use bios or uefi"),
    (["web", "--type", "pv", "--firmware", "uefi"], "--firmware uefi: unsupported for a pv guest"),
    (["web", "--type", "pvh", "--firmware", "bios"], "--firmware bios: unsupported for a pvh guest"),
    (["web", "--clone-of", "y", "--firmware", "uefi"], "type, firmware and kernel of the original"),
    (["web", "--ip", "192.0.2.300/24"], "expected ADDRESS/BITS[,GATEWAY]"),
    (["web", "--ip", "192.0.2.010/24"], "expected ADDRESS/BITS[,GATEWAY]"),
    (["web", "--ip", "192.0.2.3/024"], "invalid prefix length '024'"),
    (["web", "--ip", "192.0.2.3"], "missing prefix length"),
    (["web", "--ip", "192.0.2.3/33"], "invalid prefix length '33'"),
    (["web", "--ip", "192.0.2.3/24,gate"], "invalid gateway 'gate'"),
    (["web", "--extra", 'a "quoted" word'], "quotation mark or backslash in --extra"),
    (["web", "--from"], "--from needs a value"),
    (["web", "--form", "x"], "unknown option --form"),
    (["web", "--from", "x", "--clone-of", "y"], "--from and --clone-of exclude each other"),
])
def test_wrong_words(host, words, error):
    assert error in host.refused(*words, status=2)


def test_what_cannot_be(host):
    assert "none: no such file" in host.refused("web", "--from", host.top / "in/none")
    assert "none: no such file" in host.refused("web", "--from", host.top / "in/none", "--kernel", host.kernel("k0"))
    assert "unknown format; use a disk image (qcow2, raw), ISO" in host.refused("web", "--from", host.input("x", b"text" * 999))
    assert "it is not a kernel" in host.refused("web", "--kernel", host.input("k", b"#!/bin/sh\n" + bytes(999)))
    assert "Could not read L1 table" in host.refused("web", "--from", host.input("t.qcow2", b"QFI\xfb" + bytes(100) + b"\n"))
    assert "insufficient free space" in host.refused("web", "--from", host.qcow2(), "--size", "2G")
    assert "needs 67108864 bytes" in host.refused("web", "--from", host.qcow2(), "--size", "1M")
    assert "--storage other: no such volume group" in host.refused("web", "--from", host.qcow2(), "--storage", "other")
    assert "--storage xen/none: no such thin pool" in host.refused("web", "--from", host.qcow2(), "--storage", "xen/none")
    assert "--storage /none: no such directory" in host.refused("web", "--from", host.qcow2(), "--storage", "/none")
    assert "cannot create domain web: nothing to start it from" in host.refused("web")
    assert "cannot clone other: there is no" in host.refused("web", "--clone-of", "other")
    for source in (root_tar(host), host.kernel("k1")):
        assert "web starts from a kernel" in host.refused("web", "--from", source, "--firmware", "uefi")
    (host.top / "ovmf").unlink()
    assert "this host has no UEFI firmware" in host.refused("web", "--from", host.qcow2(), "--firmware", "uefi")
    (host.top / "qemu").unlink()
    assert "no device model" in host.refused("web", "--from", host.qcow2())


def test_name_that_is_taken(host):
    host.created("web", "--from", host.qcow2())
    assert "config/domains/web.cfg exists" in host.refused("web", "--from", host.qcow2())
    (host.top / "config/domains/web.cfg").unlink()
    assert "dev/xen/web: it exists already" in host.refused("web", "--from", host.qcow2())


def test_several_places(host):
    (host.top / "dev/other").mkdir()
    assert "cannot choose the storage: there are other xen; name one with --storage" in host.refused("web", "--from", host.qcow2())
    (host.top / "config/host.conf").write_text("storage=other\n")
    host.created("web", "--from", host.qcow2())
    assert (host.top / "dev/other/web").exists()


WAYS = {
    "qcow2": lambda h: ["--from", h.qcow2(), "--ssh-key", h.input("k", KEY.encode())],
    "tarball": lambda h: ["--from", root_tar(h), "--size", "64M"],
    "drive": lambda h: [(h.top / "drive-is-there").touch() or "--from", h.qcow2()],
    "tarball on the drive": lambda h: [(h.top / "drive-is-there").touch() or "--from", root_tar(h), "--size", "64M"],
    "file": lambda h: [(h.top / "store").mkdir() or "--from", h.qcow2(), "--storage", h.top / "store"],
    "clone": lambda h: [h.created("other", "--from", h.qcow2(), "--ssh-key", h.input("k", KEY.encode())) and
                        "--clone-of", "other"],
}


@pytest.mark.parametrize("way", ["tarball", *only_slow(*(way for way in WAYS if way != "tarball"))])
def test_each_step_may_fail(tmp_path, way):
    """All or nothing, whichever call of a program fails."""
    (tmp_path / "0").mkdir()
    first = Host(tmp_path / "0")
    first.created("web", *WAYS[way](first))
    calls = (first.top / "calls").read_text().splitlines()
    assert len(calls) > 5
    failed = 0
    for n in range(1, len(calls) + 1):
        (tmp_path / str(n)).mkdir()
        host = Host(tmp_path / str(n))
        words = WAYS[way](host)
        before = host.state()
        done = host.create("web", *words, fail_at=n)
        if done.returncode == 0:
            assert (host.top / "config/domains/web.cfg").exists(), calls[n - 1]
        else:
            failed += 1
            assert done.stderr.strip(), calls[n - 1]
            # The cleanup is tried once; its failures are reported.
            assert "cannot undo" not in done.stderr or "umount" in calls[n - 1], done.stderr
            if "cannot undo" not in done.stderr:
                assert host.state() == before, calls[n - 1]
    # A save that is done is no failure, whatever fails after it.
    assert failed > len(calls) / 3


# ---- remove


def test_remove_asks(host):
    host.created("web", "--from", host.qcow2())
    before = host.state()
    done = host.run("remove", "web", answer="y\n")
    assert done.returncode == 1 and "nothing was removed" in done.stderr
    assert "and the volume xen/web" in done.stdout
    assert host.state() == before
    assert host.run("remove", "web", answer="yes\n").returncode == 0
    assert not list((host.top / "dev/xen").iterdir())
    assert not (host.top / "config/domains/web.cfg").exists()


def test_remove_leaves_what_it_did_not_make(host):
    other = host.input("data.img", b"precious")
    path = host.top / "config/domains/web.cfg"
    path.write_text(f'name = "web"\ndisk = [ "{other},raw,xvda,rw", "/in/ro.img,raw,xvdb,ro" ]\n')
    assert host.run("remove", "web", "--yes").returncode == 0
    assert other.exists()
    path.write_text(f'name = "web"\ndisk = [ "{other},raw,xvda,rw" ]\n')
    assert host.run("remove", "web", "--yes", "--all-disks").returncode == 0
    assert not other.exists()


@pytest.mark.parametrize("form", ['disk = [ "{}", "{}", "{}" ]', "disk = [\n  '{}',\n  # more\n  '{}',\n  '{}',\n]\n"])
def test_remove_all_disks(host, form):
    """In every syntax; the default access is writable."""
    host.created("web", "--from", host.qcow2())
    files = [stored(host, name) for name in ("one", "two", "three", "cd")]
    written(host, "web", form.format(f"phy:{host.top}/dev/xen/web,xvda,w", f"{files[0]},raw,xvdb",
                                     f"format=raw,vdev=xvdc,access=rw,target={files[1]}")
            + f'\ndisk += [ "file:{files[2]},xvdd,r", "{files[3]},raw,hdc,cdrom" ]')
    assert host.run("remove", "web", "--yes", "--all-disks").returncode == 0
    assert [path.exists() for path in files] == [False, False, True, True]
    assert not list((host.top / "dev/xen").iterdir())


def test_remove_all_disks_of_a_file_that_is_not_right(host):
    path = host.top / "config/domains/web.cfg"
    path.write_text(f'name = "web"\ndisk = [ "{stored(host)},raw,xvda,rw"\n')
    before = host.state()
    done = host.run("remove", "web", "--yes", "--all-disks")
    assert done.returncode == 1 and f"invalid domain file: {path}:2: " in done.stderr
    assert host.state() == before
    assert host.run("remove", "web", "--yes").returncode == 0


def test_remove_leaves_what_another_has(host):
    host.created("web", "--from", host.qcow2())
    (host.top / "config/domains/other.cfg").write_text(f'name = "other"\ndisk = [ "{host.top}/dev/xen/web,raw,xvda,ro" ]\n')
    done = host.run("remove", "web", "--yes")
    assert done.returncode == 0 and "the volume xen/web is kept: " in done.stderr
    assert (host.top / "dev/xen/web").exists()


def test_remove_is_not_deceived_by_a_longer_name(host):
    host.created("web", "--from", host.qcow2())
    (host.top / "config/domains/web2.cfg").write_text(f'name = "web2"\ndisk = [ "{host.top}/dev/xen/web2,raw,xvda,rw" ]\n')
    done = host.run("remove", "web", "--yes")
    assert done.returncode == 0 and not done.stderr
    assert not (host.top / "dev/xen/web").exists()


def test_remove_leaves_a_volume_with_snapshots(host):
    """lvremove would remove thick snapshots, too; thin ones are independent."""
    host.created("web", "--from", host.qcow2())
    (host.top / "snapshots").write_text("web-before web swi-a-s---\nother-before other swi-a-s---\n")
    done = host.run("remove", "web", "--yes")
    assert done.returncode == 1
    assert "the volume xen/web is kept: its snapshots would be removed with it: web-before; remove them all with lvremove xen/web" in done.stderr
    assert (host.top / "dev/xen/web").exists()
    assert not (host.top / "config/domains/web.cfg").exists()
    (host.top / "dev/xen/web").unlink()
    (host.top / "snapshots").write_text("web-copy web Vwi-a-tz--\n")
    host.created("web", "--from", host.qcow2())
    assert host.run("remove", "web", "--yes").returncode == 0
    assert not (host.top / "dev/xen/web").exists()


def test_remove_leaves_no_directory(host):
    host.created("web", "--from", root_tar(host), "--size", "64M")
    assert host.run("remove", "web", "--yes").returncode == 0
    assert not list((host.top / "var/images").iterdir())


def test_remove_leaves_what_is_read_only(host):
    for word in ("r", "ro"):
        other = host.input("data.img", b"precious")
        (host.top / "config/domains/web.cfg").write_text(f'name = "web"\ndisk = [ "{other},raw,xvda,{word}" ]\n')
        assert host.run("remove", "web", "--yes", "--all-disks").returncode == 0
        assert other.exists()


def test_remove_keeps_disks(host):
    host.created("web", "--from", host.qcow2())
    assert host.run("remove", "web", "--yes", "--keep-disks").returncode == 0
    assert (host.top / "dev/xen/web").exists()


def test_remove_from_the_drive(host):
    (host.top / "drive-is-there").touch()
    host.created("web", "--from", host.qcow2())
    assert host.run("remove", "web", "--yes").returncode == 0
    assert not (host.top / "drive/domains/web.cfg").exists()


def test_remove_by_the_name_that_the_domain_has(host):
    """The name that `xenith status` shows, not the file's."""
    (host.top / "drive-is-there").touch()
    (host.top / "drive/domains").mkdir()
    for place in ("config", "drive"):
        (host.top / place / "domains/10-site.cfg").write_text('name = "web"\n')
    (host.top / "config/domains/other.cfg").write_text('name = "other"\n')
    done = host.run("remove", "web", answer="yes\n")
    assert done.returncode == 0, done.stderr
    assert f"the domain web ({host.top}/config/domains/10-site.cfg)" in done.stdout
    assert [path.name for path in (host.top / "config/domains").iterdir()] == ["other.cfg"]
    assert list((host.top / "drive").rglob("*.cfg")) == []


def test_remove_refuses(host):
    done = host.run("remove", "web", "--yes")
    assert done.returncode == 1 and "cannot remove domain web: there is no" in done.stderr
    host.created("web", "--from", host.qcow2())
    (host.top / "running/web").touch()
    before = host.state()
    done = host.run("remove", "web", "--yes")
    assert done.returncode == 1 and "web is running" in done.stderr
    assert host.state() == before
    # The domain's name counts, not the file's.
    (host.top / "config/domains/site.cfg").write_text('name = "web"\n')
    assert "web is running" in host.run("remove", "site", "--yes").stderr
    assert host.run("remove", "../web").returncode == 2


def test_completion_of_what_they_take(tmp_path):
    xenith = tmp_path / "xenith"
    xenith.write_text(f'#!/bin/sh\n[ "$1" = complete ] || exec sh {LIBRARY}/"$@"\nshift\necho asked "$@"\n')
    xenith.chmod(0o755)

    def complete(*words):
        return subprocess.run(["sh", LIBRARY / "complete/xenith", *words], capture_output=True, text=True, check=True,
                              env={"PATH": f"{tmp_path}:/usr/bin:/bin"}).stdout.split("\n")[:-1]
    assert complete("remove", "web", "--") == ["--yes", "--keep-disks", "--all-disks", "asked remove web --"]
    assert complete("create", "web", "--cl") == ["--clone-of", "--cloud-init", "asked create web --cl"]
    assert complete("start", "--w") == ["asked start --w"]
