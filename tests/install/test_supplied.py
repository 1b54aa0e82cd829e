"""A configuration for the new system, from a file or a server: --config, and install_config
when a machine installs itself."""

import base64
import functools
import http.server
import shutil
import tarfile
import threading

import pytest

import bootserver
import tools
from conftest import run

MAC = "52-54-00-12-34-56"       # the host's card, as in the name of a file
KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
FILES = {"host.conf": "# Alpha's.\nhostname=alpha\ninstall_then=poweroff\n", "authorized_keys": f"ssh-ed25519 {KEY} alpha\n",
         "images/disk.img": "an image", "domains/web.cfg": 'name = "web"\n'}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path_factory):
    """A directory that is served; .url is its address, .files its path."""
    files = tmp_path_factory.mktemp("served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=files)) as made:
        made.files, made.url = files, "http://127.0.0.1:%d" % made.server_port
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def vda(host):
    return host.disk("vda")


def pack(path, files, top=""):
    tree = path.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    for name, text in files.items():
        (tree / top / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / top / name).write_text(text)
    run("tar", "-cf", path, "-C", tree, ".")
    return path


@pytest.fixture
def signed(maker, host):
    """Signs a file, as an administrator does, with a key of this host."""
    if not (maker.top / "config.key").exists():
        run(tools.find("minisign"), "-G", "-W", "-s", maker.top / "config.key", "-p", maker.top / "config.pub")
    host.write("config/update-keys/config.pub", (maker.top / "config.pub").read_text())

    def sign(path):
        run(tools.find("minisign"), "-S", "-s", maker.top / "config.key", "-m", path.name, cwd=path.parent)
        return path
    return sign


def test_a_file(host, vda, tmp_path):
    """It overrides what the host has, and needs no signature."""
    host.host_conf("hostname=image\nntp=192.0.2.1\n")
    host.write("run/xenith/sources/image/domains/hello.cfg", 'name = "hello"\n')
    host.installed(vda, "--config", pack(tmp_path / "alpha.tar", FILES))
    assert host.config(vda, "host.conf") == "hostname=alpha\nntp=192.0.2.1\n"
    assert host.config(vda, "authorized_keys") == FILES["authorized_keys"]
    assert (host.config(vda, "domains/web.cfg"), host.config(vda, "domains/hello.cfg")) == ('name = "web"\n', 'name = "hello"\n')
    assert host.config(vda, "images/disk.img") == "an image"


def test_an_export(host, vda, tmp_path):
    """The archive of `xenith config export`, with its manifest."""
    host.host_conf("", drive="hostname=beta\n")
    host.write("run/xenith/sources/drive/images/disk.img", "an image")
    archive = tmp_path / "beta.tar"
    done = host.call("usr/lib/xenith/config", "export", archive)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(host.top / "run/xenith/sources/drive/images")
    host.host_conf("")
    host.write("proc/mounts", "")
    host.installed(vda, "--config", archive)
    assert (host.config(vda, "host.conf"), host.config(vda, "images/disk.img")) == ("hostname=beta\n", "an image")
    changed = archive.read_bytes().replace(b"hostname=beta", b"hostname=evil")
    archive.write_bytes(changed)
    assert "it is not what xenith config export has written" in host.refused(vda, "--yes", vda, "--erase", "--config", archive)


def test_from_a_server(host, vda, server, signed):
    """With the machine's own names in the address; the signature is for that file's name."""
    host.write("sys/class/dmi/id/product_uuid", "00000000-0000-2010-8020-80C04F202020\n")
    host.write("sys/class/dmi/id/product_serial", "AB/12 3\n")
    for pattern, name in (("{uuid}", "00000000-0000-2010-8020-80c04f202020"), ("r1-{serial}-{mac}", "r1-AB_12_3-" + MAC)):
        signed(pack(server.files / (name + ".tar"), {"host.conf": f"hostname=h{len(name)}\n"}))
        said = host.installed(vda, "--erase", "--config", f"{server.url}/{pattern}.tar")
        assert f"{server.url}/{name}.tar is signed with config.pub" in said
        assert host.config(vda, "host.conf") == f"hostname=h{len(name)}\n"


def test_the_address_of_a_host_with_other_networks(host, vda, server, signed):
    """{mac} is that of the link with the host's own address, which files of networks choose."""
    host.write("run/xenith/networks/primary", "mgmt\n")
    host.write("sys/class/net/mgmt/address", "52:54:00:00:00:99\n")
    signed(pack(server.files / "52-54-00-00-00-99.tar", {"host.conf": "hostname=mgmt\n"}))
    host.installed(vda, "--erase", "--config", f"{server.url}/{{mac}}.tar")
    assert host.config(vda, "host.conf") == "hostname=mgmt\n"


def another_name(server, signed):
    signed(pack(server.files / "beta.tar", FILES))
    for end in ("", ".minisig"):
        (server.files / ("beta.tar" + end)).rename(server.files / ("alpha.tar" + end))


def changed(server, signed):
    signed(pack(server.files / "alpha.tar", FILES))
    pack(server.files / "alpha.tar", {**FILES, "host.conf": "hostname=evil\n"})


def not_signed(server, _signed):
    pack(server.files / "alpha.tar", FILES)


def foreign_key(server, _signed):
    path = pack(server.files / "alpha.tar", FILES)
    run(tools.find("minisign"), "-G", "-W", "-s", server.files / "k", "-p", server.files / "p")
    run(tools.find("minisign"), "-S", "-s", server.files / "k", "-m", path.name, cwd=path.parent)


def too_large(server, _signed):
    with open(server.files / "alpha.tar", "wb") as out:
        out.truncate(65 << 20)


def nothing(_server, _signed):
    pass


@pytest.mark.parametrize("prepare, reason", [
    (another_name, 'its signature is for "beta.tar", and not for alpha.tar'), (changed, "its signature does not match its content"),
    (not_signed, "alpha.tar.minisig: server returned error: HTTP/1.0 404"), (foreign_key, "which this host does not know (it knows config.pub"),
    (too_large, "alpha.tar: it is larger than 64 MiB"), (nothing, "alpha.tar: server returned error: HTTP/1.0 404")])
def test_refused_from_a_server(host, vda, server, signed, prepare, reason):
    prepare(server, signed)
    assert reason in host.refused(vda, "--yes", vda, "--config", server.url + "/alpha.tar")


def test_without_a_key_or_a_signature(host, vda, server, signed):
    signed(pack(server.files / "alpha.tar", FILES))
    shutil.rmtree(host.top / "config/update-keys")
    assert "this host has no key for updates" in host.refused(vda, "--yes", vda, "--config", server.url + "/alpha.tar")
    host.installed(vda, "--config", server.url + "/alpha.tar", "--config-unsigned")
    assert host.config(vda, "authorized_keys") == FILES["authorized_keys"]


def cut_off(path):
    path.write_bytes(pack(path, {"host.conf": "hostname=alpha\n", "domains/web.cfg": "#" * 30000}).read_bytes()[:20000])


def outside(path):
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "../host.conf")


def link(path):
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("host.conf")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(member)


BAD = {"cut off": (cut_off, "is no tar file, is cut off"), "outside": (outside, "links or paths that lead out of it"),
       "a link": (link, "links or paths that lead out of it"), "text": (lambda path: path.write_text("hostname=x\n"), "is no tar file"),
       "a directory": (lambda path: pack(path, FILES, "alpha"), "it has no configuration file at its top level"),
       "an error": (lambda path: pack(path, {"host.conf": "hostname=a b c\n"}), "its files have errors"),
       "missing": (lambda path: None, "there is no such file")}


@pytest.mark.parametrize("kind", BAD)
def test_bad_archives(host, vda, tmp_path, kind):
    make, reason = BAD[kind]
    make(tmp_path / "a.tar")
    assert reason in host.refused(vda, "--yes", vda, "--config", tmp_path / "a.tar")


@pytest.mark.parametrize("place, reason", [
    ("http://127.0.0.1:9/{serial}.tar", "this machine has no serial"), ("http://127.0.0.1:9/{uuid}.tar", "this machine has no uuid"), ("http://127.0.0.1:9/{name}.tar", "only {mac}, {uuid} and {serial} are replaced"),
    ("tftp://127.0.0.1/a.tar", "only http:// and ftp:// can be read")])
def test_bad_places(host, vda, place, reason):
    # A board whose maker has set no UUID: all of them have this one.
    host.write("sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n")
    assert reason in host.refused(vda, "--yes", vda, "--config", place)


def test_an_upgrade_keeps_its_configuration(host, vda, tmp_path):
    host.installed(vda)
    assert "whose configuration is kept" in host.refused(vda, "--yes", vda, "--config", pack(tmp_path / "a.tar", FILES))


def test_unattended(host, vda, server, signed):
    signed(pack(server.files / (MAC + ".tar"), FILES))
    conf = f"install_disk=smallest\ninstall_config={server.url}/{{mac}}.tar\ninstall_then=nothing\n"
    host.host_conf(conf)
    done = host.unattended()
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.config(vda, "host.conf") == "hostname=alpha\n"
    assert f"{MAC}.tar sets install_then, which is ignored: " in done.stdout
    # An upgrade keeps what it has.
    host.medium("3", 2000000001)
    host.write("proc/cmdline", "console=hvc0 xenith.medium=XENITH_1111111111111111\n")
    host.host_conf(conf + "install_from=" + str(host.made / "cd/boot") + "\n")
    done = host.unattended()
    assert done.returncode == 0 and "vda keeps its configuration" in done.stdout, done.stdout + done.stderr


# ---- the disk by the configuration of the machine ----

ANSWERS = {**FILES, "host.conf": "hostname=alpha\ninstall_disk=serial:two\ninstall_then=poweroff\ninstall_data=none\n"}


@pytest.fixture
def asks(host, vda, server):
    """A medium that says no disk, but where the rest is."""
    host.disk("vdb", serial="two")
    host.host_conf(f"hostname=image\ninstall_config={server.url}/{{mac}}.tar\ninstall_then=nothing\ninstall_existing=erase\n")
    return host


def test_the_disk_of_the_machine(asks, server, signed):
    signed(pack(server.files / (MAC + ".tar"), ANSWERS))
    assert asks.call("boot/52-install").returncode == 0
    marks = asks.text("dev/console")
    assert f"Xenith: install: install_config={server.url}/{{mac}}.tar\n" in marks
    assert "Xenith: install: Xenith 2 is installed on vdb\n" in marks and "ignored" not in marks
    assert asks.boots("vdb") == "2" and asks.device("vda", "XENITH-CFG") is None
    # These keys are not the installed host's.
    assert asks.config("vdb", "host.conf") == "hostname=alpha\n"
    assert asks.config("vdb", "authorized_keys") == FILES["authorized_keys"]
    assert asks.text("ended") == "poweroff\n" and asks.text("lvm-calls") == ""
    # The same medium, again; erase is what the medium says.
    before = asks.snapshot()
    done = asks.unattended()
    assert "vdb was installed from this medium already" in done.stdout and asks.snapshot() == before


def test_values_are_read_as_by_the_host(asks, server, signed):
    """Without quotes, whatever the editor put at the ends of lines and of the file."""
    conf = "\ufeffinstall_disk='serial:two'\r\nhostname=alpha\r\ninstall_then=\"poweroff\"\r\ninstall_data = none\r\n"
    signed(pack(server.files / (MAC + ".tar"), {**ANSWERS, "host.conf": conf}))
    done = asks.unattended()
    assert done.returncode == 0 and "Xenith 2 is installed on vdb\n" in done.stdout, done.stdout
    assert asks.text("ended") == "poweroff\n" and asks.text("lvm-calls") == ""


def test_errors_name_the_address(asks, server, signed):
    signed(pack(server.files / (MAC + ".tar"), {**ANSWERS, "fstab": "/dev/sda1 / ext4\n"}))
    before = asks.snapshot()
    done = asks.unattended()
    assert done.returncode == 1 and f"cannot use {server.url}/{MAC}.tar: its files have errors" in done.stdout
    assert asks.snapshot() == before


def test_a_key_of_the_file_overrides_the_medium_s(asks, server, signed):
    signed(pack(server.files / (MAC + ".tar"), {"host.conf": "install_disk=serial:two\ninstall_existing=keep\n"}))
    asks.installed("vdb")
    asks.medium("3", 2000000001)
    asks.write("proc/cmdline", "console=hvc0 xenith.medium=XENITH_1111111111111111\n")
    before = asks.snapshot()
    done = asks.unattended()
    assert done.returncode == 0 and "which is kept (install_existing=keep)" in done.stdout and asks.snapshot() == before


@pytest.mark.parametrize("files, reason", [
    (FILES, "sets no install_disk, and neither does the medium: nothing is installed"),
    ({"host.conf": "install_disk=two\n"}, 'host.conf:1: install_disk: "two" is not what a disk is'),
    ({"notes": "x"}, "it has no configuration file at its top level"),
    (None, "cannot fetch ")])
def test_no_disk_is_said(asks, server, signed, files, reason):
    if files:
        signed(pack(server.files / (MAC + ".tar"), files))
    before = asks.snapshot()
    done = asks.unattended()
    assert done.returncode == 1 and reason in done.stdout.splitlines()[0 if files is None else 1], done.stdout
    assert asks.snapshot() == before


def test_no_disk_is_read_from_an_unsigned_file(asks, server):
    pack(server.files / (MAC + ".tar"), ANSWERS)
    before = asks.snapshot()
    assert asks.unattended().returncode == 1 and asks.snapshot() == before
    asks.host_conf(asks.text("run/xenith/sources/image/host.conf") + "install_config_signed=no\n")
    assert asks.unattended().returncode == 0
    assert asks.boots("vdb") == "2"


def test_unattended_without_a_signature(host, vda, server):
    pack(server.files / "all.tar", FILES)
    conf = f"install_disk=smallest\ninstall_config={server.url}/all.tar\ninstall_then=nothing\n"
    host.host_conf(conf)
    assert host.unattended().returncode == 1 and host.device(vda, "XENITH-CFG") is None
    host.host_conf(conf + "install_config_signed=no\n")
    assert host.unattended().returncode == 0
    assert host.config(vda, "authorized_keys") == FILES["authorized_keys"]


def test_the_boot_server_of_the_manual(tmp_path):
    example = bootserver.example(tmp_path)
    assert "grub/bootx64.efi" in example
    (tmp_path / "dnsmasq.conf").write_text(example)
    run(tools.find("dnsmasq"), "--test", "-C", tmp_path / "dnsmasq.conf")
