"""The complete examples of the documents are configurations in which the host's own check
finds nothing."""

import re
import subprocess

import pytest

import built
from conftest import LIBRARY, TOP

EXAMPLES = {
    "a rack server": ("network.md", "A rack server", "network/a network/b network/bond0 network/br20 network/br30 network/private "
                      "network/vlan10 network/vlan20 network/vlan30"),
    "a lab machine with NAT": ("network-guests.md", "Example: a lab machine with NAT", "domains/web host network/lab network/wan"),
    "a hoster": ("network-guests.md", "Example: a hoster with anti-spoofing", "domains/customer-a network/bond0 network/br0 "
                 "network/firewall network/mgmt network/nics"),
}


def files_in(text):
    """{path: content} of the blocks that begin with "# PATH" or "# PATH: comment"."""
    found = {}
    path = None
    for line in text.splitlines():
        name = re.match(r"    # ((?:network|domains)/[\w.-]+|host\.conf)(?:: (.*))?$", line)
        if name:
            path = name[1]
            found[path] = None if name[2] == "as above" else ""
        elif line.startswith("    ") and path:
            if found[path] is not None:
                found[path] += line[4:] + "\n"
        elif line:
            path = None
    return found


def example(page, heading):
    """The files of an example; one that is "as above" is found earlier on the page."""
    before, _, rest = (TOP / "docs" / page).read_text().partition(f"\n## {heading}\n")
    earlier = files_in(before)
    return {path: text if text is not None else earlier[path] for path, text in files_in(rest.split("\n## ")[0]).items()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    page, heading, paths = EXAMPLES[name]
    files = example(page, heading)
    assert {path.rsplit(".", 1)[0] for path in files} == set(paths.split())
    (tmp_path / "domains").mkdir()
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    done = subprocess.run(["sh", LIBRARY / "check-config", tmp_path, built.xenith()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
