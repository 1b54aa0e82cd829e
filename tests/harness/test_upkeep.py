"""bench --upkeep: what it times, and its table."""

import upkeep


class Machine:
    """Each command takes as many seconds as it has words."""

    def __init__(self):
        self.asked = []

    def out(self, command):
        self.asked.append(command)

    def timed(self, command, _timeout):
        self.asked.append(command)
        return float(len(command.split()))


class Updates:
    def make(self, version, number):
        return "%s.%d" % (version, number)

    def command(self, path):
        return "xenith update " + path


def test_each_is_timed_by_itself():
    machine = Machine()
    found = upkeep.on_the_host(machine, Updates())
    assert {name: set(values) for name, values in found.items()} == {
        "save": {4.0}, "update": {3.0}, "rollback of an update": {3.0}, "rollback of the configuration": {3.0}}
    assert machine.asked.count("xenith update measured.1") == upkeep.TIMES == len(found["save"])
    # Something else each time: a save without a change writes nothing.
    assert len({command for command in machine.asked if command.startswith("sed")}) == upkeep.TIMES


def test_the_table():
    lines = upkeep.report({"boot: CD, BIOS": [31.24], "save": [3.0, 1.0, 2.0]}).splitlines()
    assert lines[1].split() == ["boot:", "CD,", "BIOS", "31.2", "31.2", "31.2"]
    assert lines[2].split() == ["save", "1.0", "2.0", "3.0"]
