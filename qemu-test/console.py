"""A serial console: read continuously, logged with times, searched.

A thread reads the program's terminal from the first byte to the last, so that the
machine never blocks on a slow test and every line has the time of its arrival. Tests
wait for patterns in the text.

Two timeouts end a wait: no output for IDLE seconds (a machine that is slow but alive is
not a failure), and a generous total.
"""

import base64
import hashlib
import re
import shlex
import threading
import time
import zlib

import pexpect

IDLE = 180      # idle timeout in seconds
CAP = 600       # total timeout of one wait in seconds
ANSWER = 300    # time for the answer of a command that hangs; much longer than any takes
TAIL = 60       # lines of console that a failure shows

# Output after which the boot cannot succeed.
FATAL = re.compile(
    r"Kernel panic - not syncing|Panic on CPU \d|FATAL PAGE FAULT|"
    r"grub rescue>|No bootable device|Guest has not initialized the display|"
    r"initramfs unpacking failed|BdsDxe: No bootable option"
)

# Terminal control: CSI sequences, two-byte escapes, and what GRUB draws with.
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?=]*[ -/]*[@-~]|[()][A-Z0-9]|[^\[()])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?=]*[ -/]*|[()])?$")


class ConsoleError(AssertionError):
    """A failed wait. Its text includes the end of the console."""


class Transcript:
    """The text of a console and the time at which each line began."""

    def __init__(self, log=None, clock=time.monotonic):
        self._clock = clock
        self._start = clock()
        self._log = log
        self._pending = ""        # an escape sequence cut in two by a read
        self._line = ""           # the unfinished line
        self._line_time = 0.0
        self.text = ""
        self.lines = []           # (seconds, text) of every finished line

    def now(self):
        return self._clock() - self._start

    def feed(self, data):
        raw = self._pending + data.decode("utf-8", "replace")
        cut = _UNFINISHED.search(raw)
        self._pending = raw[cut.start():] if cut else ""
        raw = raw[:cut.start()] if cut else raw
        clean = _ESCAPE.sub("", raw).replace("\r", "").replace("\0", "")
        self.text += clean
        for piece in clean.splitlines(keepends=True):
            if not self._line:
                self._line_time = self.now()
            self._line += piece
            if self._line.endswith("\n"):
                self._finish_line()

    def _finish_line(self):
        line = self._line.rstrip("\n")
        self._line = ""
        self.lines.append((self._line_time, line))
        if self._log:
            self._log.write("[%9.3f] %s\n" % (self._line_time, line))
            self._log.flush()

    def close(self):
        if self._line:
            self._finish_line()
        if self._log:
            self._log.close()
            self._log = None

    def tail(self, count=TAIL):
        shown = [line for _, line in self.lines[-count:]]
        if self._line:
            shown.append(self._line)
        return "\n".join(shown)

    def time_of(self, pattern):
        """The time of the first line that matches, or None."""
        for seconds, line in self.lines:
            if re.search(pattern, line):
                return seconds
        if self._line and re.search(pattern, self._line):
            return self._line_time
        return None


class Console:
    """A program on a pseudo terminal whose output is a machine's console."""

    def __init__(self, command, log_path=None):
        log = open(log_path, "w", encoding="utf-8") if log_path else None
        self.log_path = log_path
        self.transcript = Transcript(log)
        self._changed = threading.Condition()
        self._last_output = time.monotonic()
        self._ended = False
        self.child = pexpect.spawn(command[0], command[1:], timeout=None,
                                   echo=False, dimensions=(50, 200))
        # pexpect pauses before each send, for password prompts that still echo;
        # there are none here.
        self.child.delaybeforesend = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        ended = False
        while True:
            try:
                data = self.child.read_nonblocking(4096, timeout=1)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                # If the program exits just as the timeout expires, pexpect reports
                # EOF before the last output: read once more.
                if ended:
                    break
                ended = True
                continue
            except (OSError, ValueError):
                break
            with self._changed:
                self.transcript.feed(data)
                self._last_output = time.monotonic()
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def text(self):
        return self.transcript.text

    @property
    def ended(self):
        return self._ended

    def position(self):
        """The current end of the text: `since` for a later wait."""
        with self._changed:
            return len(self.transcript.text)

    def wait(self, pattern, since=0, idle=IDLE, cap=CAP, fatal=FATAL):
        """Wait until the text after `since` matches; return the match."""
        regex = re.compile(pattern)
        began = time.monotonic()
        with self._changed:
            while True:
                found = regex.search(self.transcript.text, since)
                if found:
                    return found
                bad = fatal.search(self.transcript.text, since) if fatal else None
                if bad:
                    self._settle()
                    raise self._error(pattern, "the console says: " + bad.group(0))
                if self._ended:
                    raise self._error(pattern, "the machine has stopped")
                now = time.monotonic()
                silent = now - max(self._last_output, began)
                if silent >= idle:
                    raise self._error(pattern, "no output for %d s" % idle)
                if now - began >= cap:
                    raise self._error(pattern, "not seen within %d s" % cap)
                self._changed.wait(min(idle - silent, cap - (now - began), 1.0))

    def poll(self, test, timeout):
        """Wait until test(text) is true; False on timeout."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not test(self.transcript.text):
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    return False
                self._changed.wait(min(left, 1.0))
        return True

    def _settle(self):
        """Let the rest of a fatal message arrive."""
        self._changed.wait(2.0)

    def _error(self, pattern, reason):
        return ConsoleError(
            "waiting for %r: %s\nconsole log: %s\n--- its last %d lines ---\n%s\n---"
            % (pattern, reason, self.log_path, TAIL, self.transcript.tail()))

    def send(self, text):
        self.child.send(text)

    def wait_end(self, timeout):
        """Wait until the program has exited; False on timeout."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._ended and time.monotonic() < deadline:
                self._changed.wait(0.5)
        return self._ended

    def end_signal(self):
        """The signal that killed the program, or None."""
        if not self.wait_end(0):
            return None
        self._reader.join()
        self.child.wait()
        return self.child.signalstatus

    def close(self):
        """Kill the program if it still runs, and close the log."""
        self.child.close(force=True)
        self._reader.join(5)
        self.transcript.close()


class Shell:
    """A root shell on a console.

    The kernel, Xen and the boot scripts print to the same console, and it loses input
    when its small buffer overflows. So a command is typed in short pieces, each with its
    echo awaited, and its output is returned encoded and with a checksum: if other
    messages damaged it, the output is requested again.
    """

    PIECE = 48
    TRIES = 4

    # Defined once in the shell. The marks are concatenated from parts, so that the echo
    # of a command does not match them. The file name contains the PID, as tests of this
    # class run several shells on one machine.
    FUNCTIONS = (
        "xa(){ echo; echo '<'$1'>'; gzip -c /tmp/.xa$$|base64; md5sum </tmp/.xa$$;"
        " echo '</'$1'>'; }",
        "xr(){ ( eval \"$2\" ) </dev/null >/tmp/.xa$$ 2>&1;"
        " echo \"=$?\" >>/tmp/.xa$$; xa $1; }",
    )

    def __init__(self, console):
        self._console = console
        self._count = 0
        self._awake = False

    def run(self, command, timeout=ANSWER):
        """Run a command; return (output, exit status)."""
        if not self._awake:
            self._wake()
        text = self._ask("xr", timeout, shlex.quote(command))
        for _ in range(self.TRIES):
            if text is not None:
                body, _, status = text.rpartition("=")
                return body.rstrip("\n"), int(status)
            text = self._ask("xa", timeout)
        raise ConsoleError("cannot read the output of %r: damaged %d times by other messages\n%s"
                           % (command, self.TRIES, self._console.transcript.tail()))

    def _wake(self):
        """Find a prompt (some consoles need Enter first), define FUNCTIONS."""
        for attempt in range(self.TRIES):
            since = self._console.position()
            self._console.send("\r")
            time.sleep(1)
            # The shell redraws lines longer than the terminal with backspaces, so their
            # echo would not match.
            self._console.send("stty cols 9999; echo '<'awake'>'\r")
            try:
                self._console.wait("<awake>", since, idle=15, cap=30)
                break
            except ConsoleError:
                if self._console.ended or attempt == self.TRIES - 1:
                    raise
        for function in self.FUNCTIONS:
            self._type(function)
            self._console.send("\r")
        self._awake = True

    def _type(self, line):
        """Type a line without Enter, and wait for its complete echo."""
        for _ in range(self.TRIES):
            if all(self._type_piece(line[i:i + self.PIECE])
                   for i in range(0, len(line), self.PIECE)):
                return
            self._console.send("\x15")          # Ctrl-U: delete the line
            time.sleep(1)
        raise ConsoleError("cannot type %r: the echo is incomplete\n%s"
                           % (line, self._console.transcript.tail()))

    def _type_piece(self, piece):
        since = self._console.position()
        self._console.send(piece)
        return self._console.poll(lambda text: is_echo(piece, text[since:]), 10)

    def _ask(self, function, timeout, argument=""):
        """Run one of FUNCTIONS; return the answer, or None if it was damaged."""
        self._count += 1
        mark = "x%d" % self._count
        begin, end = "<%s>" % mark, "</%s>" % mark
        question = "%s %s %s" % (function, mark, argument)
        self._type(question)
        since = self._console.position()
        self._console.send("\r")
        # An answer with a damaged mark looks like a timeout, as does a command that
        # hangs.
        if not self._console.poll(lambda text: text.find(end, since) >= 0, timeout):
            if self._console.ended:
                raise ConsoleError("the machine stopped while it ran %r\n%s" % (
                    question, self._console.transcript.tail()))
            raise ConsoleError("no answer within %d s to %r\n%s" % (
                timeout, question, self._console.transcript.tail()))
        text = self._console.text[since:]
        start = text.find(begin)
        return decode_answer(text[start:text.index(end)]) if start >= 0 else None


def is_echo(typed, seen):
    """Whether `seen` has the typed characters in order, with anything in between."""
    rest = iter(seen)
    return all(character in rest for character in typed)


def decode_answer(text):
    """Decode the output of `gzip | base64` followed by `md5sum`; None if damaged.

    Other lines (kernel messages) are skipped; one that looks like base64 makes the
    checksum wrong.
    """
    body, digest = [], None
    for line in text.split("\n"):
        line = line.strip()
        if re.fullmatch(r"[0-9a-f]{32}  -", line):
            digest = line[:32]
        elif re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", line):
            body.append(line)
    try:
        data = zlib.decompress(base64.b64decode("".join(body), validate=True), 31)
    except (ValueError, zlib.error):
        return None
    if hashlib.md5(data).hexdigest() != digest:
        return None
    return data.decode("utf-8", "replace")
