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


def test_requests_are_counted_by_their_sender():
    assert creation.parse_requests(LOG, 7) == {
        "dom0": 3, "guest": 1, "kinds": {"READ": 1, "WRITE": 2}}


def one():
    return creation.difference(creation.parse_snapshot(BEFORE), creation.parse_snapshot(AFTER), 4)


def test_a_creation_is_the_difference_of_two_snapshots():
    found = one()
    assert found["processes"] == 11
    assert abs(found["dom0"] - 0.9) < 1e-9
    assert found["domd"] == 0.2
    assert found["children of domd"] == 0.3
    assert found["xenstored"] == 0.3
    assert found["xenconsoled"] == 0.02


def test_the_report_has_a_column_for_each_image():
    slow = dict(one(), dom0=1.5)
    figures = {"image": {"runs": [one(), one(), slow], "requests": [creation.parse_requests(LOG, 7)]},
               "against": {"runs": [slow], "requests": [creation.parse_requests(LOG, 17)]}}
    lines = creation.report(figures).splitlines()
    assert lines[0].split()[-2:] == ["image", "against"]
    assert lines[1].startswith("requests of dom0") and lines[1].count("3.00") == 6
    cpu = next(line for line in lines if "as Xen counts it" in line)
    assert "0.90 (  0.90 to   1.50)" in cpu and "1.50 (  1.50 to   1.50)" in cpu
