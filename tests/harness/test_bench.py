"""bench.py's results of a boot: the stages, the table, the diagram."""

import xml.etree.ElementTree

import bench
import timeline
from console import Transcript

LOG = """0.90 init
1.60 devices
2.10 creating hello-pv
4.00 domain hello-pv started
4.10 creating hello-pvh
5.00 network xenbr0 10.0.2.15
9.00 domain hello-pvh started
9.10 ready
broken line
"""


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


def boot():
    clock = Clock()
    transcript = Transcript(clock=clock)
    for seconds, line in [(3.0, "GNU GRUB version 2.12"), (8.0, "(XEN) Xen version 4.20"),
                          (15.0, "Xenith: init"), (24.1, "Xenith: ready")]:
        clock.seconds = seconds
        transcript.feed(line.encode() + b"\r\n")
    return bench.stages(transcript, bench.parse_boot_log(LOG),
                        {"hello-pv": 22.0, "hello-pvh": 31.5})


def test_the_two_clocks_are_tied_at_init():
    found = boot()
    assert found["GRUB"] == 3.0
    assert found["Xen"] == 8.0
    assert abs(found["kernel"] - 14.1) < 0.01       # 0.9 s before init
    assert abs(found["network"] - 19.1) < 0.01
    assert abs(found["hello-pvh started"] - 23.1) < 0.01
    assert found["hello-pvh answers"] == 31.5


def test_an_event_that_did_not_happen_is_left_out():
    log = [entry for entry in bench.parse_boot_log(LOG) if "network" not in entry[1]]
    transcript = Transcript()
    transcript.feed(b"Xenith: init\n")
    assert "network" not in bench.stages(transcript, log, {})


def test_rows_follow_one_another():
    rows = bench.rows(boot())
    labels = [label for label, _, _, _ in rows]
    assert labels[:5] == ["firmware", "GRUB", "Xen", "kernel", "init to ready"]
    assert "hello-pv: boot" in labels and "hello-pvh: create" in labels
    for (_, _, _, end), (_, _, start, _) in zip(rows[:4], rows[1:5]):
        assert end == start
    assert all(start <= end for _, _, start, end in rows)


def test_report_says_what_is_over_its_limit():
    good = {"stages": boot(), "total": 31.5, "memory": 50.0}
    table = bench.report([good, good], 40 << 20)
    assert "MORE THAN" not in table
    assert "31.5 s" in table and "50.0 MiB" in table and "40.0 MiB" in table
    bad = {"stages": boot(), "total": 99.0, "memory": 70.0}
    assert bench.report([bad], 60 << 20).count("MORE THAN") == 3


def test_median_is_in_the_middle():
    boots = [{"stages": {"GRUB": seconds}, "total": seconds, "memory": 1}
             for seconds in (1.0, 2.0, 9.0)]
    assert "GRUB                        1.0      2.0      9.0" in bench.report(boots, 1)


def test_picture_is_svg_to_scale():
    rows = [("first <one>", "xen", 0.0, 10.0), ("second", "domain", 10.0, 30.0),
            ("moment", "host", 20.0, 20.0)]
    root = xml.etree.ElementTree.fromstring(timeline.draw(rows, "A & B"))
    space = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in root.iter(space + "rect") if bar.get("rx")]
    widths = [float(bar.get("width")) for bar in bars]
    assert len(widths) == 2 and abs(widths[1] - 2 * widths[0]) < 0.2
    assert abs(float(bars[1].get("x")) - float(bars[0].get("x")) - widths[0]) < 0.2
    assert len(list(root.iter(space + "path"))) == 1
    assert "first <one>" in [text.text for text in root.iter(space + "text")]
    assert all(float(bar.get("x")) + float(bar.get("width")) <= timeline.WIDTH for bar in bars)
