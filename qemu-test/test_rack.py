"""Three machines, one after the other, install themselves from one boot server, each with a
signed configuration of its own (docs/install.md)."""

import functools
import http.server
import shutil
import threading

import pytest

import bootserver
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
    """.url is the address of the bundle in .files, .key the public key that signed hosts/."""
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
        server.files = files
        server.key = public.read_text()
        server.url = "http://10.0.2.2:%d/" % server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def install(boot, rack, name, url, scratch, card, medium="none", nic=True, **conf):
    """The machine NAME installs itself from the boot server at URL, and boots from its disk;
    returns that one. CARD(OPTIONS) are QEMU's words for its network card."""
    disk = EmptyDisk(scratch / "disk.img", "disk")
    conf = {"install_disk": "smallest", "install_from": url, "install_config": url + "hosts/{mac}.tar", "install_then": "poweroff", **conf}
    answers = configuration(scratch, **{"update-keys/rack.pub": rack.key, "host.conf": "".join("%s=%s\n" % item for item in conf.items())})
    machine = boot("rack-" + name, medium, attach="net", nic=nic, drives=[answers], extra=disk.options() + card(",bootindex=0"))
    machine.wait_alive()
    machine.console.wait(r"Xenith: install: Xenith \S+ is installed on vd[a-z]", cap=900)
    machine.wait_off()
    assert "is signed with rack.pub" in machine.console.text
    machine.close()
    machine = boot("rack-%s-disk" % name, "none", attach="disk", nic=nic, extra=disk.options(first=True) + card("")).wait_ready()
    assert machine.out("hostname") == name and "xenith.slot=a" in machine.out("cat /proc/cmdline")
    return machine


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:2])
def test_a_machine(boot, rack, netboot, tmp_path, name):
    """DHCP and TFTP are QEMU's."""
    install(boot, rack, name, rack.url, tmp_path, lambda _: ["-global", "virtio-net-pci.mac=" + mac(name)], medium=netboot,
            install_report=rack.url + "told").close()
    assert [(told["status"], told["mac"]) for told in rack.got if told["mac"] == mac(name)] == [("installed", mac(name))]


@pytest.mark.slow
def test_a_machine_and_the_boot_server_of_the_documents(boot, rack, tmp_path):
    """dnsmasq and the web server are those of docs/media.md and docs/install.md."""
    name = NAMES[2]
    switch = bootserver.start(rack.files, tmp_path, name)
    try:
        if not switch.host:
            pytest.skip("no network namespace can be made here")
        machine = install(boot, rack, name, "http://%s/" % switch.address, tmp_path, lambda options: [
            "-netdev", switch.wires[name].qemu, "-device", "virtio-net-pci,netdev=%s,mac=%s%s" % (name, mac(name), options)], nic=False)
        network = switch.address.rpartition(".")[0] + "."
        assert [mark for mark in machine.marks() if mark.startswith("Xenith: network xenbr0 " + network)], machine.marks()
        assert "sent %s/pxelinux.0 to %s" % (rack.files, network) in switch.said()
        machine.close()
    finally:
        switch.close()
