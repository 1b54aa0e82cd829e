"""many.py: the table of what each of many domains costs dom0."""

import many


def figures(count, dom0):
    return {"dom0": dom0, "domd": 0.1 * count, "children of domd": 0.0, "xenstored": 0.2 * count, "xenconsoled": 0.0,
            "processes": 3 * count, "seconds": 2.0 * count}


def test_the_report_compares_with_the_smallest_number():
    lines = many.report({8: figures(8, 8.0), 32: figures(32, 48.0)}).splitlines()
    assert lines[1].split() == ["8", "16.0", "1.000", "0.000", "0.100", "0.200", "0.000"]
    assert lines[-1].endswith("against 8 domains: 8: 1.00, 32: 1.50")


def test_each_domain_has_its_own_card_and_address():
    files = [many.domain(number, name) for number, name in enumerate(many.NAMES, 1)]
    assert len(set(files)) == 64
    assert "mac=00:16:3e:00:00:40" in files[-1] and "hello.name=d64 hello.address=10.0.2.164/24'" in files[-1]
