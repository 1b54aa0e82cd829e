"""The boot server of the documents, as the host of a Switch: dnsmasq with the example of
docs/media.md, and the web server of docs/install.md."""

import pathlib
import re

import switch
import tools

TOP = pathlib.Path(__file__).resolve().parents[1]
DIRECTORY = "/srv/xenith"


def example(directory):
    """The dnsmasq.conf of docs/media.md, which serves a DIRECTORY."""
    text = (TOP / "docs/media.md").read_text().split("With dnsmasq as the DHCP and TFTP server")[1]
    return re.search(r"\n\n((?:    .*\n)+)", text)[1].replace(DIRECTORY, str(directory))


def web_server(directory):
    """The command of docs/install.md, in the foreground."""
    words = re.search(r"(?m)^ +busybox (httpd .*)$", (TOP / "docs/install.md").read_text())[1].replace(DIRECTORY, str(directory))
    return [tools.find("busybox"), *words.split(), "-f"]


def start(directory, scratch, *wires):
    """A Switch whose host serves DIRECTORY, at `.address`; dnsmasq.conf is in SCRATCH."""
    conf = pathlib.Path(scratch) / "dnsmasq.conf"
    conf.write_text(example(directory))
    card, network = re.search(r"(?s)interface=(\S+).*dhcp-range=([0-9.]+)\.", conf.read_text()).groups()
    made = switch.Switch(*wires, server=switch.Host(card, [network + ".1/24"],
                                                    [web_server(directory), switch.dnsmasq("-C", str(conf))]))
    made.address = network + ".1"
    return made
