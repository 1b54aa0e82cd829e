"""Waits on a console: match, idle timeout, end of the program; and a shell on it."""

import base64
import gzip
import hashlib
import os
import time

import pexpect
import pytest

from console import Console, ConsoleError, Shell, Transcript, decode_answer, is_echo


@pytest.fixture
def start(tmp_path):
    consoles = []

    def run(script, shell="/bin/sh"):
        console = Console([shell, "-c", script], tmp_path / "console.log")
        consoles.append(console)
        return console
    yield run
    for console in consoles:
        console.close()


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_transcript_knows_when_a_line_began():
    clock = Clock()
    transcript = Transcript(clock=clock)
    clock.seconds = 1.5
    transcript.feed(b"GRUB")
    clock.seconds = 4.0
    transcript.feed(b" loading\r\nXen ")
    clock.seconds = 9.0
    assert transcript.lines == [(1.5, "GRUB loading")]
    assert transcript.time_of("Xen") == 4.0
    assert transcript.time_of("Linux") is None


def test_transcript_drops_terminal_control():
    transcript = Transcript()
    transcript.feed(b"\x1b[2J\x1b[01;01H\x1b[0;37;40mXenith\x1b[")
    transcript.feed(b"1;31m live\x1b(B\x1b7\r\n\xc3")
    assert transcript.text.startswith("Xenith live\n")


def test_wait_finds_what_comes_late(start):
    console = start("echo Xen; sleep 0.5; echo 'Xenith: ready'; sleep 5")
    assert console.wait("Xenith: ready", idle=5).group() == "Xenith: ready"


def test_wait_finds_what_was_there(start):
    console = start("echo 'Xenith: init'; sleep 5")
    time.sleep(0.5)
    console.wait("Xenith: init", idle=30)
    with pytest.raises(ConsoleError):
        console.wait("Xenith: init", since=console.position(), idle=1)


def test_silence_ends_a_wait(start):
    console = start("echo one; sleep 30")
    console.wait("one")
    with pytest.raises(ConsoleError, match="no output for 1 s") as failure:
        console.wait("two", idle=1, cap=20)
    assert "one" in str(failure.value)


def test_slow_but_alive_is_no_failure(start):
    console = start("for i in $(seq 12); do sleep 0.5; echo tick; done; echo done; sleep 9")
    console.wait("done", idle=5, cap=60)


def test_alive_for_ever_is_one(start):
    console = start("while sleep 0.2; do echo tick; done")
    with pytest.raises(ConsoleError, match="not seen within 2 s"):
        console.wait("done", idle=60, cap=2)


@pytest.mark.parametrize("word", ["Kernel panic - not syncing: no init",
                                  "(XEN) Panic on CPU 0:", "grub rescue>"])
def test_a_fatal_word_ends_a_wait_at_once(start, word):
    console = start("echo '%s'; while sleep 0.1; do echo tick; done" % word)
    began = time.monotonic()
    with pytest.raises(ConsoleError, match="the console says"):
        console.wait("Xenith: ready", idle=90, cap=90)
    assert time.monotonic() - began < 60


def test_the_end_of_the_machine_ends_a_wait(start):
    console = start("echo bye")
    with pytest.raises(ConsoleError, match="has stopped"):
        console.wait("Xenith: ready", idle=30)


def test_failure_shows_the_tail_and_the_log(start, tmp_path):
    console = start("seq -f 'line %g' 1 200; sleep 9")
    console.wait("line 200\n")
    with pytest.raises(ConsoleError) as failure:
        console.wait("Xenith: ready", idle=1)
    said = str(failure.value)
    assert "line 200" in said and "line 141" in said and "line 140\n" not in said
    assert str(tmp_path / "console.log") in said


def test_log_has_every_line_with_its_time(start, tmp_path):
    console = start("echo first; read line; echo second; printf third")
    console.wait("first")
    time.sleep(1)
    console.send("\n")
    assert console.wait_end(60)
    console.close()
    lines = (tmp_path / "console.log").read_text().splitlines()
    assert [line.split("] ")[1] for line in lines] == ["first", "second", "third"]
    times = [float(line[1:].split("]")[0]) for line in lines]
    assert times[1] - times[0] > 0.8


def test_the_last_words_of_a_program_that_ends_unseen(start, monkeypatch):
    """It exits between pexpect's timeout and its check whether the program is alive."""
    alive = pexpect.spawn.isalive
    questions = []

    def end_before_the_second(child):
        questions.append(child)
        if len(questions) == 2:
            child.sendline()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return alive(child)
    monkeypatch.setattr(pexpect.spawn, "isalive", end_before_the_second)
    console = start("read line; echo first; printf second")
    assert console.wait_end(60)
    assert console.text.split() == ["first", "second"]


# --- the shell on the console --------------------------------------------------

# As on a real console: a shell that echoes, and other programs that write in between.
QUIET = "stty echo; exec sh -i"
NOISY = ("stty echo; (while sleep 0.02 && echo '[    1.234567] eth0: something else'; do :; done) & "
         "exec sh -i")


@pytest.mark.parametrize("script", [QUIET, NOISY])
def test_command_and_status(start, script):
    shell = Shell(start(script))
    assert shell.run("echo hello") == ("hello", 0)
    assert shell.run("false") == ("", 1)
    assert shell.run("exit 7") == ("", 7)
    assert shell.run("echo to stderr >&2") == ("to stderr", 0)


@pytest.mark.parametrize("script", [QUIET, NOISY])
def test_output_comes_back_whole(start, script):
    shell = Shell(start(script))
    output, status = shell.run("seq 1 3000")
    assert status == 0
    assert output == "\n".join(str(n) for n in range(1, 3001))


def test_any_quoting_goes_through(start):
    shell = Shell(start(QUIET))
    assert shell.run("x='a b'; echo \"$x\" 'q\"q' $((1+1)) \"it's\" 5%d")[0] == "a b q\"q 2 it's 5%d"


def test_a_command_does_not_change_the_shell(start):
    shell = Shell(start(QUIET))
    shell.run("cd /tmp; exit 3")
    assert shell.run("pwd")[0] != "/tmp"


def test_lost_input_is_typed_again(start):
    """The first typed piece loses a character."""
    shell = Shell(start(QUIET))
    shell.run("true")
    send, lost = shell._console.send, []

    def lossy(text):
        if not lost and len(text) > 10:
            lost.append(text)
            text = text[:4] + text[5:]
        send(text)
    shell._console.send = lossy
    assert shell.run("echo 0123456789") == ("0123456789", 0)
    assert lost


def test_a_command_that_hangs_is_named(start):
    shell = Shell(start(QUIET))
    with pytest.raises(ConsoleError, match="no answer within 2 s.*sleep 30"):
        shell.run("sleep 30", timeout=2)


def answer(text):
    packed = base64.encodebytes(gzip.compress(text.encode())).decode()
    return "\n%s%s  -\n" % (packed, hashlib.md5(text.encode()).hexdigest())


def test_decode_passes_over_messages():
    lines = answer("the output\n=0\n").splitlines()
    lines.insert(2, "[   12.345678] br0: port 2(vif1.0) entered forwarding state")
    lines.insert(1, "(XEN) d1 something")
    assert decode_answer("\n".join(lines)) == "the output\n=0\n"


@pytest.mark.parametrize("damage", [
    lambda text: text[:20] + text[21:],                     # a byte lost
    lambda text: text.replace("  -", ""),                   # no checksum
    lambda text: text[:20] + "[1.2] eth0" + text[20:],      # a message inside a line
    lambda text: "abcd\n" + text,                           # a line that looks like base64
    lambda text: "",
])
def test_decode_notices_damage(damage):
    assert decode_answer(damage(answer("the output\n=0\n"))) is None


def test_echo():
    assert is_echo("echo a", "echo a")
    assert is_echo("echo a", "ec[ 1.0] noise\nho a")
    assert not is_echo("echo aa", "echo a")
