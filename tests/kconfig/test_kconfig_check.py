"""lib/recipe/kconfig-check.sh: the .config must have every symbol of the fragments."""

import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
CHECK = TREE / "lib/recipe/kconfig-check.sh"

CONFIG = """\
# CONFIG_OFF is not set
CONFIG_ON=y
CONFIG_MODULE=m
CONFIG_NUMBER=256
CONFIG_TEXT="a b=c"
"""


def check(tmp_path, *fragments, config=CONFIG):
    """Run the check on the text of fragments; returns (exit status, stderr)."""
    (tmp_path / ".config").write_text(config)
    names = []
    for number, text in enumerate(fragments):
        names.append(f"{number}.config")
        (tmp_path / names[-1]).write_text(text)
    done = subprocess.run(
        ["sh", CHECK, *names, "--", ".config"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("line", [
    "CONFIG_ON=y",
    "CONFIG_MODULE=m",
    "CONFIG_NUMBER=256",
    'CONFIG_TEXT="a b=c"',
    "# CONFIG_OFF is not set",
    "# CONFIG_NEVER_HEARD_OF is not set",
    "# a comment that names CONFIG_OFF",
    "",
])
def test_what_holds_is_accepted_in_silence(tmp_path, line):
    assert check(tmp_path, line + "\n") == (0, "")


@pytest.mark.parametrize("line, got", [
    ("CONFIG_OFF=y", "CONFIG_OFF=n"),
    ("CONFIG_MISSPELT=y", "CONFIG_MISSPELT=n"),
    ("CONFIG_MODULE=y", "CONFIG_MODULE=m"),
    ("CONFIG_NUMBER=64", "CONFIG_NUMBER=256"),
    ("# CONFIG_ON is not set", "CONFIG_ON=y"),
])
def test_what_was_lost_is_named_with_its_place(tmp_path, line, got):
    code, stderr = check(tmp_path, "# why\n" + line + "\n")
    assert code == 1
    assert "0.config:2: " in stderr
    assert got in stderr


def test_every_loss_is_named(tmp_path):
    code, stderr = check(tmp_path, "CONFIG_A=y\n", "CONFIG_B=m\n")
    assert code == 1
    assert "0.config:1: CONFIG_A=y" in stderr
    assert "1.config:1: CONFIG_B=m" in stderr


def test_a_symbol_has_one_place(tmp_path):
    code, stderr = check(tmp_path, "CONFIG_ON=y\n", "CONFIG_ON=y\n")
    assert code == 1
    assert "1.config:1: CONFIG_ON is requested twice, see 0.config:1" in stderr


def test_an_empty_configuration_holds_nothing(tmp_path):
    code, stderr = check(tmp_path, "CONFIG_ON=y\n", config="")
    assert code == 1
    assert "CONFIG_ON=n" in stderr


@pytest.mark.parametrize("line", ["CONFIG_ON y", "ON=y", "CONFIG_ON=", "#CONFIG_ON is not set=y\nx"])
def test_a_line_that_is_no_request_is_an_error(tmp_path, line):
    code, stderr = check(tmp_path, line + "\n")
    assert code == 2
    assert "neither a comment nor a symbol" in stderr


def test_usage_and_unreadable_files_are_told_apart_from_losses(tmp_path):
    for args in ([], ["--", "x"], ["x"], ["x", "--"], [str(tmp_path / "none"), "--", str(CHECK)]):
        done = subprocess.run(["sh", CHECK, *args], capture_output=True, text=True, check=False)
        assert done.returncode == 2, args
        assert done.stderr


@pytest.mark.parametrize("flavour", ["dom0", "domU"])
def test_fragments_ask_for_nothing_twice(tmp_path, flavour):
    """Also checks that every line of the tree's fragments is valid."""
    fragments = sorted(
        path for part in ("common", flavour) for path in (TREE / "kernel-configs" / part).glob("*.config")
    )
    assert fragments
    wanted = "".join(path.read_text() for path in fragments)
    config = tmp_path / ".config"
    config.write_text(wanted)
    done = subprocess.run(
        ["sh", CHECK, *fragments, "--", config], capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
