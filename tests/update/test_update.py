"""xenith update: what it writes, and all that it refuses with nothing changed."""

import fcntl
import http.server
import os
import shutil
import signal
import threading
import time

import pytest

from conftest import IMAGE_SIZE, LIBRARY, TOP, run

IDLE = {"slot": "a", "try": "", "pending": "", "failed": ""}
TRIED = {"slot": "a", "try": "b", "pending": "b", "failed": ""}


@pytest.fixture
def new(maker):
    return maker.update("2", 20)


def test_the_idle_slot_is_written_and_tried_once(host, new):
    host.domain("web")
    host.domain("late", ready=False)
    said = host.updated(new)
    assert host.slot_is("a", "1") and host.slot_is("b", "2")
    assert host.state() == TRIED
    assert "2 is in slot b, and is tried at the next boot" in said
    assert "signed with one.pub" in said
    assert "reboot" not in host.calls()
    before = host.text("run/xenith/sources/drive/update/before").splitlines()
    assert before[:4] == ["update 2", "network address", "link", "gateway 192.0.2.1"]
    assert [line.split()[:2] for line in before[4:]] == [["domain", "web"]]
    # The drive is as it was, and the summary for `xenith status` is new.
    assert " ro," in host.text("proc/mounts")
    assert host.text("run/xenith/slots").splitlines() == \
        ["running=a", "committed=a", "try=b", "pending=b", "failed=", "reason=", "version_a=1", "version_b=2"]


def test_the_slot_is_not_tried_while_it_is_in_pieces(host, maker, new):
    """An update that was given and not tried yet is withdrawn before the slot is written."""
    host.updated(new)
    newer = maker.update("3", 30)
    assert host.update(newer, BREAK="write").returncode == 1
    assert host.state() == IDLE
    host.updated(newer)
    assert host.slot_is("b", "3") and host.state() == TRIED


def test_reboot(host, new):
    host.updated(new, "--reboot")
    assert host.calls()[-1] == "reboot"


def test_slot_b_runs(host, maker):
    host.boot("b")
    host.set("slot=b")
    host.updated(maker.update("2", 20))
    assert host.slot_is("a", "2") and host.slot_is("b", "0.9")
    assert host.state() == {"slot": "b", "try": "a", "pending": "a", "failed": ""}


def test_the_same_version_again(host, maker):
    before = host.snapshot()
    assert host.updated(maker.update("1", 10)) == "1 is running already; nothing to do\n"
    assert host.snapshot() == before


def test_the_same_version_once_more(host, maker):
    """Into the other slot."""
    assert "1 is in slot b, and is tried at the next boot\n" in host.updated(maker.update("1", 10), "--force")
    assert host.slot_is("b", "1")


def test_older_ones_need_the_flag(host, maker):
    old = maker.update("0.8", 8)
    assert host.refused(old) == ("0.8 (order 8) is not newer than 1 (order 10) in slot a; "
                                 "--allow-downgrade writes it all the same")
    # The same number with another content is not newer either.
    assert "is not newer" in host.refused(maker.update("1", 10, text="other"))
    host.updated(old, "--allow-downgrade")
    assert host.slot_is("b", "0.8") and host.state() == TRIED


def test_the_committed_one_counts_too(host, maker, new):
    """The other slot was chosen in the boot menu."""
    host.boot("b")
    assert "is not newer than 1 (order 10) in slot a" in host.refused(maker.update("0.95", 10))
    host.updated(new)
    assert host.slot_is("b", "2") and host.state() == TRIED


def test_one_that_failed_needs_force(host, new):
    host.set("failed=2")
    assert host.refused(new) == "2 has failed on this host before: it did not become healthy; --force tries it again"
    host.updated(new, "--force")
    assert host.state() == {**TRIED, "failed": "2"}


# --- Who has signed it

def test_without_a_key(host, new):
    (host.top / "config/update-keys/one.pub").unlink()
    assert "this host has no key for updates" in host.refused(new)
    (host.top / "config/update-keys").rmdir()
    assert "this host has no key for updates" in host.refused(new)


def test_an_empty_file_is_no_key(host, new):
    host.write("config/update-keys/one.pub", "")
    assert "this host has no key for updates" in host.refused(new)


def test_foreign(host, maker):
    assert "which this host does not know (it knows one.pub in /config/update-keys)" in host.refused(maker.update("2", 20, key="two"))


def test_several_keys(host, maker):
    shutil.copy(maker.key("two"), host.top / "config/update-keys/aa.pub")
    assert "signed with one.pub" in host.updated(maker.update("2", 20))
    assert "signed with aa.pub" in host.updated(maker.update("3", 30, key="two"))


def key_facts(maker, name):
    comment, text = maker.key(name).read_text().splitlines()
    return comment.rsplit(" ", 1)[1], text


@pytest.mark.parametrize("how", ["number", "small", "key", "copy", "gone"])
def test_revoked(host, maker, new, how):
    number, text = key_facts(maker, "one")
    host.write("config/update-keys/revoked", "# lost in the train\n%s since May\r\n" %
               {"key": text, "small": number.lower()}.get(how, number))
    if how == "copy":
        shutil.copy(maker.key("one"), host.top / "config/update-keys/zz.pub")
    elif how == "gone":
        (host.top / "config/update-keys/one.pub").unlink()
    said = host.refused(new)
    assert "which is revoked (/config/update-keys/revoked)" in said and number in said
    # The others hold.
    shutil.copy(maker.key("two"), host.top / "config/update-keys/two.pub")
    host.updated(maker.update("2", 20, key="two"))


def test_a_list_of_revoked_keys_that_nobody_can_read(host, new):
    host.write("config/update-keys/revoked", "the key of May\n")
    assert host.refused(new) == ('/config/update-keys/revoked:1: "the" is neither a public key nor the number of one '
                                 '(16 digits); no signature is trusted before that is corrected')


def test_a_signature_for_something_else(host, maker):
    assert host.refused(maker.update("2", 20, comment="xenith 1.9")).endswith(
        'its signature is for "xenith 1.9", and not for "xenith 2"')


def test_a_signature_of_the_old_kind(host, maker):
    assert "its signature does not match its content" in host.refused(maker.update("2", 20, legacy=True))


def test_unsigned(host, maker):
    plain = maker.update("2", 20, key=None)
    assert "is not signed" in host.refused(plain)
    digest = run("sha256sum", plain, text=True).split()[0]
    said = host.refused(plain, "--unsigned", digest[:-1] + "%x" % (int(digest[-1], 16) ^ 1))
    assert "has the SHA-256 " + digest in said
    host.updated(plain, "--unsigned", digest.upper())
    assert host.slot_is("b", "2") and host.state() == TRIED


# --- What is wrong with the file

def cut(data, at):
    return data[:at]


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


BAD = {
    "empty": (lambda data: b"", "it ends too early"),
    "random": (lambda data: os.urandom(20000), "it is no ustar archive"),
    "text": (lambda data: b"<html>404</html>\n" * 100, "it is no ustar archive"),
    "zeros": (lambda data: bytes(20000), "it begins with end; a manifest is expected"),
    "cut in the first header": (lambda data: cut(data, 100), "it ends in the middle of a header"),
    "cut in the manifest": (lambda data: cut(data, 700), "it ends too early"),
    "cut behind the manifest": (lambda data: cut(data, data.index(b"manifest.minisig\0")), "it ends too early"),
    "cut in the image": (lambda data: cut(data, 1 << 20), "it ends too early"),
    "cut by its end": (lambda data: data[:-1024], "it ends too early"),
    "a bit of the header": (lambda data: flip(data, 130), "it is no ustar archive, or its header is damaged"),
    "a bit of the manifest": (lambda data: flip(data, data.index(b"order 20") + 6), "its signature does not match its content"),
    "a bit of a hash": (lambda data: flip(data, data.index(b"image ") - 3), "its signature does not match its content"),
    "a bit of the signature": (lambda data: flip(data, data.index(b"\n", data.index(b"untrusted comment")) + 40), "its signature does not match its content"),
    "a bit of the comment": (lambda data: flip(data, data.index(b"xenith 2\n") + 7), "its signature does not match its content"),
    "a bit of the image": (lambda data: flip(data, 1 << 20), "is damaged: its image has the SHA-256"),
    "a bit of the end": (lambda data: flip(data, len(data) - 600), "it goes on after its image"),
    "something behind": (lambda data: data + b"x" * 512, "it goes on after its image"),
    "much behind": (lambda data: data + bytes(1 << 20), "it goes on after its image"),
}


@pytest.mark.parametrize("kind", BAD)
def test_damaged(host, new, kind):
    change, reason = BAD[kind]
    bad = host.top / "bad.update"
    bad.write_bytes(change(new.read_bytes()))
    assert reason in host.refused(bad)


def packed(host, *members):
    """An archive of (name, content)."""
    work = host.top / "members"
    work.mkdir()
    for name, content in members:
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(content)
    path = host.top / "members.update"
    run("tar", "-cf", path, "--format=ustar", "--hard-dereference", "--owner=0", "--group=0", "-C", work, *[name for name, _ in members])
    return path


@pytest.fixture
def parts(host, new):
    """The members of a right update."""
    work = host.top / "parts"
    work.mkdir()
    run("tar", "-xf", new, "-C", work)
    return {path.name: path.read_bytes() for path in work.iterdir()}


@pytest.mark.parametrize("order, reason", [
    (["slot.img", "manifest", "manifest.minisig"], "it begins with slot.img; a manifest is expected"),
    (["manifest", "slot.img", "manifest.minisig"], "it goes on after its image"),
    (["manifest.minisig", "manifest", "slot.img"], "it begins with manifest.minisig"),
    (["manifest", "manifest.minisig"], "after its manifest comes end; slot.img is expected"),
    (["manifest"], "after its manifest comes end"),
    (["manifest", "manifest", "slot.img"], "after its manifest comes manifest"),
])
def test_the_order_of_the_members(host, parts, order, reason):
    work = packed(host, *[(name, parts[name]) for name in order])
    # Without a signature before the image it cannot be judged.
    assert reason in host.refused(work, *(["--unsigned", "0" * 64] if order[:2] == ["manifest", "slot.img"] else []))


def test_other_archives(host, parts):
    assert "the name of its member" in host.refused(packed(host, ("../manifest".replace("../", "A"), parts["manifest"])))


def test_a_link_in_the_archive(host):
    work = host.top / "link"
    work.mkdir()
    (work / "manifest").symlink_to("/etc/passwd")
    path = host.top / "link.update"
    run("tar", "-cf", path, "--format=ustar", "-C", work, "manifest")
    assert "its member is not a plain file" in host.refused(path)


def test_a_manifest_without_end(host, parts):
    work = packed(host, ("manifest", parts["manifest"] * 40), ("manifest.minisig", parts["manifest.minisig"]),
                  ("slot.img", parts["slot.img"]))
    assert "its manifest has" in host.refused(work)


def repacked(host, maker, parts, change):
    """The update with another manifest, signed anew."""
    work = host.top / "again"
    work.mkdir()
    (work / "manifest").write_bytes(change(parts["manifest"].decode()).encode())
    maker.sign(work / "manifest", "one", "xenith 2")
    (work / "slot.img").write_bytes(parts["slot.img"])
    path = host.top / "again.update"
    path.write_bytes(run("sh", TOP / "install/pack.sh", work))
    return path


@pytest.mark.parametrize("change, reason", [
    (lambda text: text.replace("manifest 1", "manifest 2"), "line 1: expected \"xenith-manifest 1\""),
    (lambda text: text.replace("order 20", "order 020"), "line 3: expected \"order NUMBER\""),
    (lambda text: text.replace("order 20", "order 1" + "0" * 18), "line 3: expected"),
    (lambda text: text.replace("version 2", "version 2/../x"), "line 2: expected"),
    (lambda text: text.replace("file initrd", "file config"), "line 6: expected \"file initrd SIZE SHA256\""),
    (lambda text: text.replace("image ", "image  "), "line 8: invalid blank"),
    (lambda text: text[:text.index("image")], "line 8: is missing"),
    (lambda text: text + "file more 1 " + "0" * 64 + "\n", "line 9: unexpected line after the last one"),
    (lambda text: text.replace("image %d" % IMAGE_SIZE, "image %d" % (IMAGE_SIZE - 4096)), "and the manifest says"),
])
def test_signed_but_not_right(host, maker, parts, change, reason):
    assert reason in host.refused(repacked(host, maker, parts, change))


def test_the_slot_has_another_manifest(host, maker, parts):
    """What is signed must be what is in the slot: found after the write, and nothing is tried."""
    path = repacked(host, maker, parts, lambda text: text.replace("order 20", "order 21"))
    done = host.update(path)
    assert done.returncode == 1 and "has another manifest than" in done.stderr
    assert host.state() == IDLE and host.slot_is("a", "1")


def test_no_room_in_the_slot(host, new):
    host.device("sda4", b"", 1 << 20)
    assert "slot b has room for 1048576 bytes" in host.refused(new)


# --- From the network

class Server(http.server.ThreadingHTTPServer):
    """Serves the contents in turn, the last one for ever; cut: ends early; stall: for ever."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = []
        self.gets = 0
        self.cut = None
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/x.update" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        if not server.contents:
            self.send_error(404)
            return
        content = server.contents[min(server.gets, len(server.contents) - 1)]
        server.gets += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content[:server.cut])
        except OSError:
            pass        # the client has seen enough

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()


def test_from_a_url(host, new, server):
    server.contents = [new.read_bytes()]
    host.updated(server.url)
    assert host.slot_is("b", "2") and host.state() == TRIED
    assert server.gets == 1


def test_from_a_url_without_memory(host, new, server):
    """The image is read twice: nothing is written before all of it was verified."""
    host.write("proc/meminfo", "MemAvailable:     132000 kB\n")
    server.contents = [new.read_bytes()]
    host.updated(server.url)
    assert host.slot_is("b", "2") and host.state() == TRIED
    assert server.gets == 2


def test_a_server_that_sends_something_else_the_second_time(host, maker, new, server):
    host.write("proc/meminfo", "MemAvailable:     132000 kB\n")
    server.contents = [new.read_bytes(), flip(new.read_bytes(), 1 << 20)]
    done = host.update(server.url)
    assert done.returncode == 1 and "changed while it was read" in done.stderr
    assert host.state() == IDLE and host.slot_is("a", "1")


@pytest.mark.parametrize("memory", ["400000", "132000"])
def test_a_damaged_one_from_a_url(host, new, server, memory):
    host.write("proc/meminfo", f"MemAvailable:     {memory} kB\n")
    server.contents = [flip(new.read_bytes(), 1 << 20)]
    assert "is damaged" in host.refused(server.url)
    assert server.gets == 1


def test_a_connection_that_ends(host, new, server):
    server.contents = [new.read_bytes()]
    server.cut = 1 << 20
    said = host.refused(server.url)
    assert said.startswith(f"cannot fetch {server.url}: ") or "it ends too early" in said


def test_no_such_file_on_the_server(host, server):
    assert host.refused(server.url).startswith(f"cannot fetch {server.url}: server returned error: HTTP/1.")


def test_no_server(host):
    assert "cannot fetch http://127.0.0.1:1/x.update: " in host.refused("http://127.0.0.1:1/x.update")


def test_no_tls(host):
    assert "only http:// and ftp://" in host.refused("https://127.0.0.1/x.update", status=2)


# --- What is wrong with the host

@pytest.mark.parametrize("broken", ["write", "check", "set", "cat"])
def test_a_disk_that_fails(host, new, broken):
    if broken == "cat":
        assert "is unreadable; --allow-downgrade" in host.refused(new, BREAK=broken)
    done = host.update(new, "--allow-downgrade", BREAK=broken)
    assert done.returncode == 1
    assert ("Input/output error" in done.stderr) == (broken != "cat")
    assert host.state() == IDLE and host.slot_is("a", "1")


def test_a_boot_state_that_cannot_be_read(host, new):
    assert "cannot read the boot state on /dev/sda2: slot: /dev/sda2: Input/output error" in host.refused(new, BREAK="state")


def test_a_live_image(host, new):
    host.write("proc/cmdline", "xenith.medium=1234 quiet\n")
    for words in ((new,), ("--list",), ("--rollback",), ("--commit",)):
        assert "this host runs from a live image, which has no slots" in host.refused(*words)


def test_another_disk_with_the_same_names(host, new):
    """A guest's, say: the one with the configuration that was booted counts."""
    host.disk("sdb")
    host.updated(new)
    assert host.state() == TRIED
    host.write("proc/mounts", "")
    assert "cannot tell which disk was booted" in host.refused("--rollback")


@pytest.mark.parametrize("what, reason", [
    ("full", "No space left on device"), ("read-only", "is write-protected")])
def test_a_drive_that_takes_nothing(host, new, what, reason):
    host.write(what, "")
    said = host.refused(new)
    assert "cannot record what runs now in" in said and reason in said
    assert " ro," in host.text("proc/mounts")


def test_without_domd(host, new):
    host.write("no-domd", "")
    done = host.update(new)
    assert done.returncode == 0 and "the trial will require no domain" in done.stderr
    assert host.state() == TRIED


def test_two_at_once(host, new):
    with open(host.top / "run/xenith/update.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "the slots are in use by another xenith update" in host.refused(new)


def test_the_terminal_is_gone(host, new):
    """Whoever reads both outputs has left: it ends, and leaves nothing behind."""
    program = host.top / "bin/slow-slot"
    program.write_text('#!/bin/sh\n[ "$1" != write ] || { touch "$FAKE/writing"; sleep 2; }\nexec "$REAL" "$@"\n')
    program.chmod(0o755)
    with host.start(f"{LIBRARY}/update", new, SLOT=str(program), REAL=str(host.real_slot)) as process:
        process.stdout.close()
        process.stderr.close()
        # By the signal, or because the message cannot be written.
        assert process.wait(timeout=120) in (130, 1)
    assert not (host.top / "run/xenith/update.work").exists()


def test_interrupted(host, new):
    """While the slot is written: the message says what is left."""
    program = host.top / "bin/slow-slot"
    program.write_text('#!/bin/sh\n[ "$1" != write ] || { touch "$FAKE/writing"; sleep 30; }\nexec "$REAL" "$@"\n')
    program.chmod(0o755)
    with host.start(f"{LIBRARY}/update", new, SLOT=str(program), REAL=str(host.real_slot)) as process:
        for _ in range(600):
            if (host.top / "writing").exists():
                break
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "xenith: interrupted: slot b is incomplete, and is not tried; the host boots slot a as before"
    assert host.state() == IDLE and not (host.top / "run/xenith/update.work").exists()


@pytest.mark.parametrize("words", [
    (), ("a", "b"), ("--list", "a"), ("--check",), ("--nothing",), ("a", "--unsigned"), ("a", "--unsigned", "12"),
    ("--rollback", "--commit"), ("--commit", "--reboot")])
def test_usage(host, words):
    host.refused(*words, status=2)


# --- Power cuts: at each call of `slot`, before it, after it, and in the middle of the write

def test_power_cuts(host, maker, new):
    shutil.copytree(host.top / "dev", host.top / "saved")
    host.updated(new)
    calls = [line.split()[1] for line in host.calls() if line.startswith("slot ")]
    lines = [number for number, line in enumerate(host.calls(), 1) if line.startswith("slot ")]
    assert calls.index("set") < calls.index("write") < calls.index("check") < len(calls) - 1 - calls[::-1].index("set")
    seen = set()
    moments = [(number, when) for number, call in zip(lines, calls) if call in ("set", "write", "check")
               for when in ("before", "after", *(["middle"] if call == "write" else []))]
    assert len(moments) == 9
    for number, when in moments:
        for path in (host.top / "saved").iterdir():
            shutil.copy(path, host.top / "dev" / path.name)
        # There was an update before, which was not tried yet.
        host.set("try=b", "pending=b")
        done = host.update(new, CUT_AT=str(number), CUT=when)
        assert done.returncode == -9, (number, when, done)
        state = host.state()
        assert host.slot_is("a", "1") and state["slot"] == "a"
        if state["try"]:
            assert host.slot_is("b", "2") or host.slot_is("b", "0.9"), (number, when)
        seen.add((state["try"], host.slot_is("b", "0.9"), host.slot_is("b", "2")))
    assert ("", False, False) in seen and ("b", False, True) in seen
    # What was left behind is in nobody's way.
    host.updated(new)
    assert host.slot_is("b", "2") and host.state() == TRIED
    assert not (host.top / "run/xenith/update.work").exists()


# --- The other commands

def test_check(host, maker, new, server):
    assert host.updated("--check", new).startswith("2 is newer than 1, and signed with one.pub (")
    server.contents = [new.read_bytes()]
    before = host.snapshot()
    assert "2 is newer than 1" in host.updated("--check", server.url)
    assert host.snapshot() == before
    assert "is not newer" in host.refused("--check", maker.update("0.8", 8))
    done = host.update("--check", maker.update("1", 10))
    assert (done.returncode, done.stdout) == (1, "1 is running already\n")
    assert "this host does not know" in host.refused("--check", maker.update("3", 30, key="two"))


def test_list(host, new):
    def rows():
        return [line.split(None, 3) for line in host.updated("--list").splitlines()[1:]]
    assert rows() == [["a", "1", "10", "running, committed"], ["b", "0.9", "9", "-"]]
    host.updated(new)
    assert rows() == [["a", "1", "10", "running, committed"], ["b", "2", "20", "tried at the next boot"]]
    host.set("try=", "failed=2", "pending=")
    data = (host.top / "dev/sda4").read_bytes()
    (host.top / "dev/sda4").write_bytes(data.replace(b"vmlinuz of 2 \n", b"vmlinuz of 3 \n", 1))
    listed = rows()
    assert listed[1][:3] == ["b", "2", "20"] and listed[1][3].startswith("failed, damaged: ") and "vmlinuz" in listed[1][3]
    assert listed[2] == ["failed", "before:", "2"]


def test_rollback(host, new):
    # Before the update is tried: it is not.
    host.updated(new)
    assert host.updated("--rollback") == "2 is not tried: the next boot is 1 (slot a)\n"
    assert host.state() == IDLE
    # To a slot that was good once.
    assert host.updated("--rollback") == "the next boot is 2 (slot b)\n"
    assert host.state() == {**IDLE, "slot": "b"}


def test_rollback_twice(host):
    """For an administrator who repeats a loop over many hosts."""
    for _ in range(2):
        host.updated("--rollback")
        assert host.state() == {**IDLE, "slot": "b"}
    assert host.updated("--rollback") == \
        "the next boot is 0.9 (slot b) already; xenith update --commit keeps 1, which runs\n"


def test_rollback_in_a_trial(host, new):
    host.updated(new)
    host.set("try=")
    host.boot("b", "xenith.try=1")
    assert host.updated("--rollback") == "2 is given up: the next boot is 1 (slot a)\n"
    assert host.state() == {**IDLE, "failed": "2"}


def test_rollback_to_nothing_good(host):
    host.set("failed=0.9")
    assert "which has failed on this host" in host.refused("--rollback")
    host.device("sda4", b"", 3 << 20)
    assert "cannot go back: slot b is empty: no update was written yet" in host.refused("--rollback", "--force")
    assert "b     unknown              -                    empty\n" in host.updated("--list")
    host.device("sda4", b"x", 3 << 20)
    assert "cannot go back: slot b is damaged: slot: " in host.refused("--rollback", "--force")


def test_commit(host, maker, new):
    assert host.updated("--commit") == "1 is committed already\n"
    host.updated(new)
    host.set("try=", "failed=0.5")
    host.boot("b", "xenith.try=1")
    assert "2 in slot b is on trial" in host.refused(maker.update("3", 30))
    assert host.updated(new) == "2 is running already, on trial; nothing to do\n"
    assert host.updated("--commit") == "2 is committed (slot b)\n"
    assert host.state() == {**IDLE, "slot": "b"}


def test_an_update_over_a_slot_that_was_chosen_by_hand(host, new):
    """The running system is in no slot then, so nothing can be committed by it."""
    host.boot("b")
    host.updated(new)
    assert host.refused("--commit").startswith("cannot commit: the running system is in no slot")
    assert host.state() == TRIED


def test_an_update_with_another_configuration(host, new):
    """Chosen in the boot menu: its list of what must be healthy would be that of another host."""
    host.write("proc/cmdline", "xenith.slot=a xenith.config_drive=any quiet\n")
    assert "this boot uses another configuration than the host's own" in host.refused(new)


def test_commit_of_a_slot_that_was_chosen_by_hand(host):
    host.boot("b")
    assert host.updated("--commit") == "0.9 is committed (slot b)\n"
    assert host.state() == {**IDLE, "slot": "b"}
