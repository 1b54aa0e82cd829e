"""Three machines, one after the other, install themselves from one boot server, each with a
signed configuration of its own (docs/install.md)."""

import functools
import http.server
import shutil
import threading

import pytest

import drives
import tools
from drives import EmptyDisk, configuration
from reports import Reports

NAMES = ["alpha", "beta", "gamma"]


def mac(name):
    return "52:54:00:00:00:%02x" % NAMES.index(name)


class Server(Reports):
    """Serves a directory, and is told by the machines."""

    class Handler(Reports.Handler, http.server.SimpleHTTPRequestHandler):
        pass


@pytest.fixture(scope="module")
def rack(netboot, tmp_path_factory):
    """.url is the address of the bundle, .key the public key that signed hosts/."""
    files = tmp_path_factory.mktemp("srv") / "xenith"
    shutil.copytree(netboot, files)
    hosts = files / "hosts"
    hosts.mkdir()
    secret, public = files.parent / "xenith.key", files.parent / "xenith.pub"
    minisign = tools.find("minisign")
    drives.run(minisign, "-G", "-W", "-s", str(secret), "-p", str(public))
    for name in NAMES:
        tree = drives.write_tree(files.parent / name, {"host.conf": "hostname=%s\nhealth_time=20\n" % name})
        path = hosts / (mac(name).replace(":", "-") + ".tar")
        drives.run("tar", "-cf", str(path), "-C", str(tree), ".")
        drives.run(minisign, "-S", "-s", str(secret), "-m", str(path))
    with Server(("127.0.0.1", 0), functools.partial(Server.Handler, directory=files)) as server:
        server.got = []
        server.key = public.read_text()
        server.url = "http://10.0.2.2:%d/" % server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_machine(boot, rack, netboot, tmp_path, name):
    disk = EmptyDisk(tmp_path / "disk.img", "disk")
    answers = configuration(tmp_path, **{
        "update-keys/rack.pub": rack.key,
        "host.conf": "install_disk=smallest\ninstall_from=%s\ninstall_config=%shosts/{mac}.tar\ninstall_report=%stold\n"
                     "install_then=poweroff\n" % (rack.url, rack.url, rack.url)})
    card = ["-global", "virtio-net-pci.mac=" + mac(name)]
    machine = boot("rack-" + name, netboot, attach="net", drives=[answers], extra=disk.options() + card)
    machine.wait_alive()
    machine.console.wait(r"Xenith: install: Xenith \S+ is installed on vd[a-z]", cap=900)
    machine.wait_off()
    assert "is signed with rack.pub" in machine.console.text
    machine.close()
    assert [(told["status"], told["mac"]) for told in rack.got if told["mac"] == mac(name)] == [("installed", mac(name))]
    machine = boot("rack-%s-disk" % name, "none", attach="disk", extra=disk.options(first=True) + card).wait_ready()
    assert machine.out("hostname") == name and "xenith.slot=a" in machine.out("cat /proc/cmdline")
    machine.close()
