"""xenstored: the requests of a creation, and its update while domains run; xenconsoled with many."""

import pytest

import creation
import drives
import guests
from host import CONSOLES, until

pytestmark = pytest.mark.slow

# 245 when it was measured (docs/figures.md). One of the patches of libxl, xenstored, Linux or
# xenconsoled that is lost with a new version adds 16 or more.
REQUESTS = 255

# A guest's watch of a node of dom0, with the token w, written as creation.REQUEST is. The guest
# prints xenstored's messages with a dot for each byte that is neither a letter nor a slash.
WATCH = r"\\\\004\\\\0\\\\0\\\\0" + r"\\\\0" * 8 + r"\\\\020\\\\0\\\\0\\\\0" + r"/tool/watched\\\\0w\\\\0"
WATCHES = guests.one_line(
    "watches", "/bin/busybox mount -t devtmpfs dev /dev; exec 3<>/dev/xen/xenbus; printf %s >&3; "
    "/bin/busybox cat <&3 | /bin/busybox tr -c a-z/ ." % WATCH, 40, 'autostart = "no"', 'ready = "created"', "stop_timeout = 1")

# More than the 128 that xenconsoled asks Xen for at a time. They need not run.
MANY = 131
PAUSED = """type = "pv"
kernel = "/config/images/hang"
memory = 4
"""


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    top = tmp_path_factory.mktemp("xenstored")
    tree = creation.tree(top / "tree")
    (tree / "domains/watches.cfg").write_text(WATCHES)
    (tree / "images").mkdir()
    drives.hanging_kernel(tree / "images/hang")
    (tree / "images/paused.cfg").write_text(PAUSED)
    drive = drives.ext4(top / "drive.img", tree)
    return boot("xenstored", iso, drives=[drive], memory=2048).wait_ready()


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


def test_a_guest_sees_what_it_may_read(machine):
    """Its watch of a node of dom0 tells of the node that it may read, and of no other."""
    machine.out("xenstore-write /tool/watched/secret 1 /tool/watched/open 1; xenith start --wait watches", 300)
    log = CONSOLES + "/guest-watches.log"
    until(machine, "grep -aq /tool/watched %s" % log)
    machine.out("xenstore-chmod /tool/watched/open n0 r$(xl domid watches) && "
                "xenstore-write /tool/watched/secret 2 && xenstore-write /tool/watched/open 2")
    until(machine, "grep -aq /tool/watched/open %s" % log)
    assert machine.sh("grep -a secret %s" % log) == ("", 1)
    machine.out("xenith stop --wait watches; xenstore-rm /tool/watched")


def test_each_of_many_has_its_console(machine):
    """Also those after the first 128, and also after one of them has gone."""
    lacking = ("for id in $(xenstore-list /local/domain); do [ $id = 0 ] || "
               "[ -c \"$(xenstore-read /local/domain/$id/console/tty)\" ] || echo $id; done")
    machine.out("for n in $(seq %d); do xl create -qpe /config/images/paused.cfg name='\"many'$n'\"' || exit 1; done" % MANY, 1800)
    until(machine, "[ -z \"$(%s)\" ]" % lacking)
    ttys = "xenstore-ls -f /local/domain | grep '/console/tty = '"
    before = set(machine.out(ttys).splitlines())
    first = "/local/domain/%s/" % machine.out("xl domid many1").strip()
    machine.out("xl destroy many1; sleep 5")
    assert machine.out(lacking, 120) == ""
    assert set(machine.out(ttys).splitlines()) == {tty for tty in before if not tty.startswith(first)} != before
