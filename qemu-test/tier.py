"""The second tier of the tests that boot nothing."""

import os

import pytest

# What takes long is only tried with --all, for which tests/run sets the variable.
slow = pytest.mark.skipif(not os.environ.get("XENITH_SLOW"), reason="slow: ./build.sh test --all")
