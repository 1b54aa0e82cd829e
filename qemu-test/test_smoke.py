"""./build.sh smoke, as a pipeline calls it: with an image and a directory."""

import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

import drives
import guests

HIDDEN = {"domains/10-hello-pvh.cfg": "# not here\n", "domains/20-hello-pv.cfg": "# not here\n"}
BUSYBOX = "/bin/busybox"


def smoke(directory, iso, files, timeout):
    """(exit status, output, report)"""
    report = directory / "report.xml"
    done = subprocess.run(
        [str(drives.TOP / "build.sh"), "smoke", "--iso", str(iso), "--timeout", str(timeout), "--junit", str(report),
         "--domains", str(drives.write_tree(directory / "tree", files))],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * timeout + 300, check=False)
    return done.returncode, done.stdout, ET.parse(report).getroot()


@pytest.fixture(scope="module")
def good(iso, tmp_path_factory):
    """The sample domains on a host without a console shell, and the time that they took."""
    began = time.monotonic()
    done = smoke(tmp_path_factory.mktemp("good"), iso, {"host.conf": "hostname=smoke\nconsole_shell=no\n"}, 900)
    return (*done, time.monotonic() - began)


def test_sample_domains_are_ready(good):
    status, said, report, seconds = good
    print("smoke: %.1f s" % seconds)
    assert status == 0, said
    assert said.endswith("smoke: host ready; 2 of 2 domains ready\n")
    assert [(each.get("name"), list(each)) for each in report.iter("testcase")] == [
        ("host", []), ("hello-pvh", []), ("hello-pv", [])]


def test_directory_was_the_configuration_drive(good):
    assert "Press Enter here for a root shell" not in (drives.OUT / "test-logs/smoke.log").read_text()


@pytest.mark.slow
def test_each_that_is_not_ready_has_its_reason(good, iso, tmp_path):
    """A domain that is never ready, one that stops, and one that cannot start."""
    mute = guests.pv("mute", 'rdinit=%s -- sh -c "echo I wait; %s sleep 9999"' % (BUSYBOX, BUSYBOX), 40,
                     'ready = "console:never"', "start_timeout = 5")
    ends = guests.pv("ends", 'panic=1 rdinit=%s -- sh -c "%s poweroff -f"' % (BUSYBOX, BUSYBOX), 40,
                     'ready = "console:never"')
    nokernel = guests.pv("nokernel", "quiet", 40).replace("hello/vmlinux", "nothing/vmlinux")
    # It runs until the timeout, which allows for a boot as long as the previous one.
    status, said, report = smoke(tmp_path, iso, {
        **HIDDEN, "domains/50-mute.cfg": mute, "domains/60-ends.cfg": ends, "domains/70-nokernel.cfg": nokernel},
        int(2 * good[3]) + 30)
    assert status == 1, said
    why = {each.get("name"): each.find("failure") for each in report.iter("testcase")}
    assert why["host"] is None
    assert why["mute"].get("message").startswith("late: not ready (")
    assert "I wait" in why["mute"].text
    assert why["ends"].get("message") == "it stopped before it was ready"
    assert "/config/images/nothing/vmlinux does not exist" in why["nokernel"].get("message")
    for name in ("mute", "ends", "nokernel"):
        assert "smoke: %s is not ready: %s\n" % (name, why[name].get("message")) in said
    assert "smoke: host ready; 0 of 3 domains ready; " in said
