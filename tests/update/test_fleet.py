"""docs/update-fleet.sh, with three hosts that are directories and an ssh that is a script."""

import os
import subprocess

import pytest

from conftest import TOP

# What a host answers. Its directory holds the version that runs, what an update brings, and
# what comes of a trial: good, bad, silent (it does not come back) or slow (good, after
# three questions).
SSH = """#!/bin/sh
set -eu
[ "$1 $2" = "-o Some=option" ] && [ "$3" = -n ]
cd "$HOSTS/${4#root@}"
echo "$5" >>calls
echo "${4#root@} $5" >>../calls
running=$(cat running)
new=$(cat new)
end=$(cat end)
case $5 in
"xenith update 'http://192.0.2.5/x.update'")
	if [ "$end" = refused ]; then
		echo "xenith: $new has failed on this host before: ..." >&2
		exit 1
	elif [ "$running" = "$new" ]; then
		echo "$new is running already; nothing to do"
	else
		echo "$new is signed with one.pub (0123)"
		echo "writing $new to slot b (/dev/sda4)"
		echo "$new is in slot b, and is tried at the next boot"
	fi
	;;
reboot)
	[ "$end" != bad ] || echo "Failed $new" >failed
	case $end in good) echo "$new" >running ;; esac
	exit 255
	;;
"xenith version")
	[ "$end" != silent ] || exit 255
	if [ "$end" = slow ] && [ "$(grep -c version calls)" -gt 3 ]; then echo "$new" >running; fi
	printf 'Xenith %s\\n' "$running"
	if [ "$(cat running)" = "$new" ]; then
		printf 'Slot a 1\\nSlot b %s, running, committed\\n' "$new"
	elif [ "$end" = slow ]; then
		printf 'Slot a 1, committed\\nSlot b %s, running, on trial\\n' "$new"
	else
		printf 'Slot a 1, running, committed\\nSlot b %s\\n' "$new"
	fi
	[ ! -e failed ] || cat failed
	;;
*) exit 99 ;;
esac
"""


@pytest.fixture
def fleet(tmp_path):
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "hosts").mkdir()

    def run(*ends, options=(), url="http://192.0.2.5/x.update"):
        """Hosts named by their numbers, each with the end of its trial."""
        hosts = []
        for number, end in enumerate(ends, 1):
            name = "host%d" % number
            directory = tmp_path / "hosts" / name
            directory.mkdir(exist_ok=True)
            for file, text in (("new", "2"), ("end", end)):
                (directory / file).write_text(text + "\n")
            if not (directory / "running").exists():
                (directory / "running").write_text("1\n")
            hosts.append(name)
        (tmp_path / "hosts/calls").write_text("")
        done = subprocess.run(["sh", str(TOP / "docs/update-fleet.sh"), *options, url, *hosts], capture_output=True,
                              text=True, check=False, timeout=60,
                              env={**os.environ, "SSH": "%s/ssh -o Some=option" % tmp_path, "HOSTS": "%s/hosts" % tmp_path, "PAUSE": "0.02"})
        done.calls = [line.split(" ", 1) for line in (tmp_path / "hosts/calls").read_text().splitlines()]
        done.touched = list(dict.fromkeys(name for name, _ in done.calls))
        done.running = [(tmp_path / "hosts" / name / "running").read_text().strip() for name in hosts]
        return done
    return run


def test_the_canary_first(fleet):
    done = fleet("good", "slow", "good")
    assert (done.returncode, done.stderr, done.running) == (0, "", ["2", "2", "2"])
    assert done.stdout.splitlines()[-1] == "3 hosts run the new version"
    assert "host2: 2 is committed" in done.stdout
    # One after the other: nothing is asked of a host before the one before it is done.
    assert [name for name, _ in done.calls] == sorted(name for name, _ in done.calls)
    assert [command for name, command in done.calls if name == "host1"] == \
        ["xenith update 'http://192.0.2.5/x.update'", "reboot", "xenith version"]


@pytest.mark.parametrize("end, reason", [
    ("bad", "host1: 2 did not become healthy; the host is back on the version before"),
    ("silent", "host1: 2 is not committed after 1 s; xenith status on the host says more"),
    ("refused", "host1: cannot update: xenith: 2 has failed on this host before: ..."),
])
def test_a_canary_that_fails(fleet, end, reason):
    done = fleet(end, "good", "good", options=["-t", "1", "-n", "2"])
    assert (done.returncode, done.touched) == (1, ["host1"])
    assert done.stderr.splitlines() == [reason, "update-fleet.sh: stopped; not updated: host2 host3"]


def test_one_of_the_others_fails(fleet):
    done = fleet("good", "bad", "good")
    assert (done.returncode, done.running) == (1, ["2", "1", "1"])
    assert done.touched == ["host1", "host2"]
    assert done.stderr.splitlines()[-1] == "update-fleet.sh: stopped; not updated: host3"


def test_several_at_once(fleet):
    done = fleet("good", "slow", "slow", "bad", options=["-n", "2"])
    assert (done.returncode, done.running) == (1, ["2", "2", "2", "1"])
    order = [call for call in done.calls if call[1] != "xenith version"]
    assert [name for name, _ in order] == ["host1"] * 2 + ["host2"] * 2 + ["host3"] * 2 + ["host4"] * 2
    first = done.calls.index(["host2", "xenith version"])
    assert done.calls.index(["host3", "reboot"]) < first < done.calls.index(["host4", "reboot"])


def test_one_of_a_wave_takes_no_update(fleet):
    """Those behind it are named, too."""
    done = fleet("good", "good", "refused", "good", "good", "good", options=["-n", "4"])
    assert (done.returncode, done.running) == (1, ["2", "2", "1", "1", "1", "1"])
    assert done.stderr.splitlines()[-1] == "update-fleet.sh: stopped; not updated: host4 host5 host6"
    assert fleet("refused", options=["-n", "4"]).stderr.splitlines()[-1] == "update-fleet.sh: stopped; not updated: no other"


def test_all_of_a_wave_are_awaited(fleet):
    """Also if another one of them has failed."""
    done = fleet("good", "bad", "slow", options=["-n", "2"])
    assert (done.returncode, done.running) == (1, ["2", "1", "2"])
    assert "host3: 2 is committed" in done.stdout


def test_again(fleet):
    fleet("good", "bad", "good")
    done = fleet("good", "good", "good")
    assert (done.returncode, done.running) == (0, ["2", "2", "2"])
    assert "host1: 2 is running already; nothing to do" in done.stdout
    assert ["host1", "reboot"] not in done.calls


@pytest.mark.parametrize("options, reason", [
    (["-n", "0"], "-n 0: not a number"), (["-t", "x"], "-t x: not a number"), (["-q"], "there is no such option"),
])
def test_usage(fleet, options, reason):
    done = fleet("good", options=options)
    assert done.returncode == 2 and reason in done.stderr and done.touched == []
    assert fleet(options=[]).returncode == 2
    assert fleet("good", url="http://x/'; rm").returncode == 2
    assert fleet(options=["-h"]).stdout.startswith("usage: update-fleet.sh ")
