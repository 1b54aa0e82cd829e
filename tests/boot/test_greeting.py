"""The greeting of the local console lists the open advisories."""

import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "bootscripts/console"


@pytest.fixture
def greeting(tmp_path):
    """greeting(TEXT): the console's greeting with this file of advisories."""
    def show(advisories):
        for name in ("issue", "motd", "configured"):
            (tmp_path / name).write_text("The %s.\n" % name)
        if advisories is not None:
            (tmp_path / "advisories").write_text(advisories)
        text = SCRIPT.read_text()
        for old, new in [(". /usr/lib/xenith/lib.sh", "conf() { echo yes; }\ncmdline() { false; }"),
                         ("/run/xenith/configured", "configured"),
                         ("/usr/share/xenith/advisories", "advisories"), ("/etc/", ""), ("exec sh -l", "exit 0")]:
            assert old in text
            text = text.replace(old, new)
        done = subprocess.run(["sh", "-c", text], cwd=tmp_path, input="\n", text=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        return done.stdout
    return show


def test_open_advisories(greeting):
    assert greeting("linux CVE-2026-1 why\nlinux CVE-2026-2 why\nxen XSA-483 why\n") == (
        "The issue.\n"
        "Open security advisories of this image (advisories):\n"
        "  linux: CVE-2026-1 CVE-2026-2\n"
        "  xen: XSA-483\n"
        "The motd.\n")


@pytest.mark.parametrize("advisories", ["", None])
def test_nothing_is_open(greeting, advisories):
    assert greeting(advisories) == "The issue.\nThe motd.\n"
