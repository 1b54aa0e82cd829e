"""Boots the image that ./build.sh built. See docs/testing.md."""

import pathlib
import subprocess

import pytest

import drives
import tools
from console import ConsoleError
from machine import Machine
from upgrades import Updates

LOGS = drives.OUT / "test-logs"

# One machine runs at a time: that of a file is shut down before the next file boots its
# own.
ORDER = ["test_artefacts", "test_slots", "test_installed", "test_install", "test_mirror", "test_bios_cd", "test_smoke",
         "test_uefi_cd", "test_bios_usb", "test_uefi_usb", "test_netboot", "test_menu", "test_rogue",
         "test_network", "test_firewall", "test_persist", "test_domd", "test_disks",
         "test_hvm", "test_devices", "test_hardware", "test_watchdog", "test_xenstored", "test_operations", "test_systems",
         "test_rack", "test_powercut", "test_upgrades", "test_fleet",
         "test_boots_share_nothing"]


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true",
                     help="run the slow tests, too")
    parser.addoption("--iso", default=str(drives.OUT / "xenith.iso"),
                     help="the image to boot")
    parser.addoption("--netboot", default=str(drives.OUT / "netboot"),
                     help="the network boot bundle")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only run with --all")


def pytest_collection_modifyitems(config, items):
    def place(item):
        name = item.path.stem
        return ORDER.index(name) if name in ORDER else len(ORDER)
    items.sort(key=place)           # stable: keeps the order within a file
    if not config.getoption("--all"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --all"))


# --- machines ----------------------------------------------------------------

_live = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the end of the console of every running machine to a failure, once."""
    del item
    outcome = yield
    report = outcome.get_result()
    if not report.failed or call.excinfo is None:
        return
    error = call.excinfo.value
    if getattr(error, "told", False):
        # A machine that does not boot fails every test of its file.
        report.longrepr = "the machine did not boot: see the first error of this file"
    elif isinstance(error, ConsoleError):
        error.told = True       # its text includes the tail
    else:
        for machine in _live:
            report.sections.append((
                "console of %s (full log: %s)" % (machine.name, machine.console.log_path),
                machine.console.transcript.tail()))


def _factory():
    def start(name, medium, **options):
        machine = Machine(name, str(medium), log_dir=str(LOGS), **options)
        _live.append(machine)
        return machine
    return start


def _close_all(since):
    while len(_live) > since:
        _live.pop().close()


@pytest.fixture(scope="session")
def iso(request):
    path = pathlib.Path(request.config.getoption("--iso"))
    assert path.exists(), "%s: not built yet; run ./build.sh" % path
    return path


@pytest.fixture(scope="session")
def netboot(request):
    path = pathlib.Path(request.config.getoption("--netboot"))
    assert path.is_dir(), "%s: not built yet; run ./build.sh" % path
    return path


@pytest.fixture(scope="module")
def boot():
    """Start a machine: boot(NAME, MEDIUM, ...). It is closed after the file's tests."""
    since = len(_live)
    yield _factory()
    _close_all(since)


@pytest.fixture(scope="module")
def updates(tmp_path_factory):
    """Makes update files, and serves them."""
    made = Updates(tmp_path_factory.mktemp("updates"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def identities():
    """The identifiers of each boot of this run: {machine: {key: value}}."""
    return {}


@pytest.fixture(scope="session")
def recordings():
    """Disks whose writes were recorded by machines of this run: {name: writelog.Recording}."""
    return {}


# --- access ------------------------------------------------------------------

class Key:
    """An SSH key pair, generated for each run."""

    def __init__(self, directory):
        self.path = directory / "id_ed25519"
        subprocess.run([tools.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test",
                        "-f", str(self.path)], check=True)
        self.public = self.path.with_suffix(".pub").read_text()

    def ssh(self, port, command, *options):
        return subprocess.run(
            [tools.find("ssh"), "-F", "/dev/null", "-p", str(port), "-i", str(self.path),
             "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=60",
             "-o", "NumberOfPasswordPrompts=0", "-o", "LogLevel=ERROR",
             *options, "root@127.0.0.1", command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, check=False)


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("otherkey"))
