"""rcS: the order of the boot scripts."""
import subprocess

import pytest

from busybox import SHELL
from conftest import TOP


@pytest.fixture
def boot(tmp_path):
    """Runs rcS with fake scripts {name: text} that append to a log; returns its lines."""
    def start(scripts, tens):
        text = (TOP / "bootscripts/rcS").read_text()
        for path in ("/etc/boot", "/run/xenith", "/usr/lib/xenith"):
            (tmp_path / path.strip("/")).mkdir(parents=True, exist_ok=True)
            text = text.replace(path + "/", f"{tmp_path}{path}/")
        log = tmp_path / "log"
        (tmp_path / "usr/lib/xenith/lib.sh").write_text(f"mark() {{ echo \"$*\" >>{log}; }}\n")
        for name, body in scripts.items():
            (tmp_path / "etc/boot" / name).write_text(f"{body}\necho {name} >>{log}\n")
        (tmp_path / "rcS").write_text(text)
        subprocess.run([*SHELL, str(tmp_path / "rcS"), tens], check=True, timeout=60, cwd=tmp_path)
        assert not (tmp_path / "run/xenith/rcS.pid").exists()
        return log.read_text().split("\n")[:-1]
    return start


def test_xen_runs_beside_the_scripts_before_it(boot):
    """20-devices waits for 60-xen, and 70-domains finds it done."""
    assert boot({"20-devices": "until [ -e xen ]; do sleep 0.1; done; sleep 0.2",
                 "50-network": "", "60-xen": ">xen", "70-domains": ""}, "[2-9]") == [
        "60-xen", "20-devices", "50-network", "70-domains"]


def test_the_domains_wait_for_xen(boot):
    assert boot({"50-network": "", "60-xen": "sleep 1", "70-domains": ""}, "[2-9]") == [
        "50-network", "60-xen", "70-domains"]


def test_the_first_scripts_run_alone(boot):
    assert boot({"10-filesystems": "", "60-xen": ""}, "1") == ["10-filesystems"]


def test_a_failure_is_reported_and_the_next_one_runs(boot):
    assert boot({"50-network": "exit 1", "60-xen": "exit 1", "70-domains": ""}, "[2-9]") in [
        ["60-xen failed", "50-network failed", "70-domains"],
        ["50-network failed", "60-xen failed", "70-domains"]]


def test_nothing_more_starts_once_the_host_stops(boot):
    assert boot({"20-devices": ">run/xenith/stopping", "50-network": "", "60-xen": ""},
                "[2-9]")[-2:] in (["60-xen", "20-devices"], ["20-devices", "60-xen"], ["20-devices"])
