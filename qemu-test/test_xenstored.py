"""xenstored: the requests of a creation, and its update while domains run."""

import pytest

import creation
import drives

pytestmark = pytest.mark.slow

# 245 when it was measured (docs/figures.md). One of the patches of libxl, xenstored, Linux or
# xenconsoled that is lost with a new version adds 16 or more.
REQUESTS = 255


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    top = tmp_path_factory.mktemp("xenstored")
    drive = drives.ext4(top / "drive.img", creation.tree(top / "tree"))
    return boot("xenstored", iso, drives=[drive]).wait_ready()


def start(machine):
    machine.out("xenith start --wait %s" % creation.NAME, 300)


def test_requests_of_a_creation(machine):
    # The first one reads everything from the medium.
    start(machine)
    creation.stop(machine)
    found = creation.count_requests(machine)
    assert 100 < found["dom0"] <= REQUESTS, found


def test_live_update(machine):
    """The program is replaced: its memory, its connections, watches and the guests' rings stay."""
    start(machine)
    pid = machine.out("pidof xenstored").strip()
    words = "tr '\\0' ' ' </proc/%s/cmdline" % pid
    assert "-U" not in machine.out(words).split()
    before = machine.out("xenstore-ls -f /local/domain | grep -v /console/ | sha256sum")
    machine.out("xenstore-control live-update -t 30 /usr/sbin/xenstored", 120)
    # The same process, which has started the program anew, with the state in a file.
    assert machine.out("pidof xenstored").strip() == pid
    assert "-U" in machine.out(words).split()
    assert machine.out("xenstore-ls -f /local/domain | grep -v /console/ | sha256sum") == before
    # domd's watches, the guest's ring, and new domains.
    creation.stop(machine)
    start(machine)
    creation.stop(machine)
