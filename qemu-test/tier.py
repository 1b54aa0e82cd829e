"""The second tier of the tests that boot nothing."""

import os

import pytest

# What takes long is only tried with --all, for which tests/run sets the variable.
slow = pytest.mark.skipif(not os.environ.get("XENITH_SLOW"), reason="slow: ./build.sh test --all")


def only_slow(*cases, mark=slow):
    """For the list of parametrize: these cases are in the second tier only."""
    return [pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=mark) for each in cases]


def first_cases(items):
    """pytest_collection_modifyitems of a directory whose tests take long: of a test with many
    cases only the first one that is not slow itself runs without --all."""
    seen = set()
    for item in items:
        test = item.nodeid.split("[")[0]
        if test in seen:
            item.add_marker(slow)
        elif slow.mark not in item.own_markers:
            seen.add(test)
