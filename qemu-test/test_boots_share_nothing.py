"""Boots of one image have no identifier, key or address in common.

Compares the machines that the other files of this run have booted.
"""

import itertools

import pytest


def test_boots_share_nothing(identities):
    if len(identities) < 2:
        pytest.skip("needs two boots in one run; run the whole of qemu-test")
    keys = set()
    for (one, first), (two, second) in itertools.combinations(identities.items(), 2):
        for what in first.keys() & second.keys():
            assert first[what] != second[what], (one, two, what)
            keys.add(what)
    assert "boot_id" in keys
    assert "hello-pvh uuid" in keys and "hello-pvh mac" in keys


def test_host_keys_are_new(identities):
    known = [found["host key"] for found in identities.values() if "host key" in found]
    if len(known) < 2:
        pytest.skip("needs two boots with SSH in one run")
    assert len(set(known)) == len(known)
