"""host.py's queries, when the emulator loses a guest between two of them."""

import re

import pytest

import host


class Dom0:
    """A fake dom0: the guest's console prints ADDRESSES in sequence; those in ANSWER
    answer HTTP."""

    def __init__(self, addresses, answer):
        self.addresses = list(addresses)
        self.answer = answer

    def out(self, command, timeout=60):
        del command, timeout
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return "hello: web up %s" % address

    def http(self, address, timeout=5):
        del timeout
        return "hello from web\n" if address in self.outside.pop(0) else None

    def sh(self, command, timeout=60):
        del timeout
        address = re.search(r"http://([\d.]+)/", command).group(1)
        return ("hello from web\n", 0) if address in self.answer else ("", 1)


def test_a_guest_that_is_lost_after_it_was_up_is_awaited():
    dom0 = Dom0(["10.0.2.16", "10.0.2.17"], ["10.0.2.17"])
    assert host.assert_hello(dom0, "web") == "10.0.2.17"


def test_a_guest_that_does_not_answer_is_named():
    with pytest.raises(AssertionError, match="no HTTP answer from web at 10.0.2.16"):
        host.assert_hello(Dom0(["10.0.2.16"], []), "web")


def test_a_guest_that_is_lost_between_two_answers_is_awaited():
    """It answers dom0, and is gone when it is asked from outside."""
    dom0 = Dom0(["10.0.2.16", "10.0.2.17"], ["10.0.2.16", "10.0.2.17"])
    dom0.outside = [[], ["10.0.2.17"]]
    host.assert_hello_outside(dom0, "web")
    assert dom0.outside == []


def test_a_guest_that_does_not_answer_outside_is_named():
    dom0 = Dom0(["10.0.2.16"], ["10.0.2.16"])
    dom0.outside = [[]] * 4
    with pytest.raises(AssertionError, match="no HTTP answer from web at 10.0.2.16 to a client outside"):
        host.assert_hello_outside(dom0, "web")


class Xl(Dom0):
    """A fake xl whose guest is lost LOST times after its creation."""

    def __init__(self, lost):
        super().__init__([], [])
        self.lost = lost
        self.created = 0

    def out(self, command, timeout=60):
        del timeout
        self.created += command.startswith("xl create ")
        return ""

    def sh(self, command, timeout=60):
        del timeout
        return "", int(command.startswith("xl domid") and self.created <= self.lost)


def test_a_guest_that_is_lost_is_created_again():
    xl = Xl(2)
    host.create(xl, "/tmp/web.cfg", "web", "web")
    assert xl.created == 3


def test_a_guest_that_is_always_lost_is_named():
    with pytest.raises(AssertionError, match="cannot start web: lost by the emulator 4 times"):
        host.create(Xl(9), "/tmp/web.cfg", "web", "web")
