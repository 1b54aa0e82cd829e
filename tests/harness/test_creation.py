"""creation.py: the figures of one creation, from what dom0 prints."""

import creation

BEFORE = """forks 1000
dom0 10.0
domd 100 50 300 200
xenstored 80 20 0 0
xenconsoled 5 5 0 0
"""
AFTER = """forks 1015
dom0 10.9
domd 110 60 320 210
xenstored 90 40 0 0
xenconsoled 5 7 0 0
"""
LOG = """io: IN 0x55 (d0) 20261130 04:00:00 CONTROL
io: IN 0x55 (d0) 20261130 04:00:00 READ
io: IN 0x55 (d0) 20261130 04:00:01 WRITE
io: IN 0x66 (d7) 20261130 04:00:01 READ
io: IN 0x77 (d17) 20261130 04:00:01 READ
io: OUT 0x55 (d0) 20261130 04:00:01 WRITE
obj: CREATE connection 0x55
io: IN 0x55 (d0) 20261130 04:00:01 WRITE
"""
BESIDE = {"alone": 2.0, "computes": 3.0, "floods": 4.0, "requests": 99.0}


def test_requests_are_counted_by_their_sender():
    assert creation.parse_requests(LOG, 7) == {
        "dom0": 3, "guest": 1, "kinds": {"READ": 1, "WRITE": 2}}


def one():
    return creation.difference(creation.parse_snapshot(BEFORE), creation.parse_snapshot(AFTER))


def test_a_creation_is_the_difference_of_two_snapshots():
    found = one()
    assert found["processes"] == 15
    assert abs(found["dom0"] - 0.9) < 1e-9
    assert found["domd"] == 0.2
    assert found["children of domd"] == 0.3
    assert found["xenstored"] == 0.3
    assert found["xenconsoled"] == 0.02


def test_what_dom0_does_anyway_does_not_count():
    idle = creation.idle_reading([dict(one(), processes=4, dom0=seconds) for seconds in (0.3, 0.2, 0.9)])
    assert idle["processes"] == 4 and idle["dom0"] == 0.3
    found = creation.without(idle, one())
    assert found["processes"] == 11 and abs(found["dom0"] - 0.6) < 1e-9


def test_the_report_has_a_column_for_each_image():
    slow = dict(one(), dom0=1.5)
    figures = {"image": {"runs": [one(), one(), slow], "requests": [creation.parse_requests(LOG, 7)],
                         "behind": {"in-turn": [3.0, 2.0, 4.0], "ahead": [1.0]}, "beside": [BESIDE],
                         "disks": {"device": [0.5], "file": [0.25, 0.75, 1.0]}},
               "against": {"runs": [slow], "requests": [creation.parse_requests(LOG, 17)],
                           "behind": {"in-turn": [5.0], "ahead": [6.0]}, "beside": [BESIDE],
                           "disks": {"device": [0.5], "file": [0.5]}}}
    lines = creation.report(figures).splitlines()
    assert lines[0].split()[-2:] == ["image", "against"]
    assert lines[1].startswith("requests of dom0") and lines[1].count("3.00") == 6
    cpu = next(line for line in lines if "as Xen counts it" in line)
    assert "0.90 (  0.90 to   1.50)" in cpu and "1.50 (  1.50 to   1.50)" in cpu
    assert lines[-7].startswith("CPU seconds of dom0, with a file") and "0.75 (  0.25 to   1.00)" in lines[-7]
    assert lines[-6].startswith("s after what it requires, in-turn") and "3.00 (  2.00 to   4.00)" in lines[-6]
    assert lines[-5].startswith("s after what it requires, ahead") and "6.00 (  6.00 to   6.00)" in lines[-5]
    assert lines[-2].startswith("s to create, another guest floods") and lines[-2].count("4.00") == 6
    assert lines[-1].startswith("requests of that guest") and lines[-1].count("99.00") == 6


def test_how_long_a_domain_is_behind_what_it_requires():
    class Machine:
        """Answers with a log of which the first lines are of earlier."""

        def out(self, command, _timeout=None):
            if command.startswith("wc"):
                return "3\n"
            return "71.20 creating ahead\n73.25 domain counted ready\n74.50 domain ahead ready" if "+4 " in command else ""
    assert creation.seconds_behind(Machine(), "ahead") == 1.25
