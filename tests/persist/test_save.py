"""xenith diff, save, history, rollback, config and edit."""
import os
import stat
import subprocess
import tarfile

import pytest

from conftest import KEY, OTHER_KEY, SECRETS, domain


def change(host, path, text):
    host.write("config", path, text)


def set_key(host, key, value):
    """As somebody who edits the merged host.conf in memory."""
    lines = [line for line in host.text("config/host.conf").splitlines() if not line.startswith(key + "=")]
    change(host, "host.conf", "\n".join([*lines, f"{key}={value}", ""]))


def test_nothing_to_save(host):
    before = host.digest()
    assert host.done("diff") == ""
    assert host.done("save") == "nothing to save\n"
    assert host.digest() == before
    assert not (host.top / "mount.log").exists()


def test_a_file_is_saved(host):
    change(host, "domains/db.cfg", domain("db"))
    done = host.run("diff")
    assert done.returncode == 1
    assert '+name = "db"' in done.stdout
    assert host.done("save", "-m", "a database") == "saved as generation 2\n  + domains/db.cfg\n"
    assert host.drive()["domains/db.cfg"] == domain("db")
    assert host.done("diff") == ""
    assert host.boot() == []
    assert host.config()["domains/db.cfg"] == domain("db")
    assert host.text("mount.log").split() == f"-o remount,rw {host.top}/drive -o remount,ro {host.top}/drive".split()


def test_only_what_was_set_is_saved(host):
    """Neither defaults, nor the image's settings, nor the kernel's command line; and
    comments stay."""
    host.write("command-line", "host.conf", "console_shell=yes\nnic=eth7\n")
    host.boot()
    set_key(host, "gateway", "192.0.2.9")
    set_key(host, "dns", "192.0.2.53")
    host.done("save")
    assert host.drive()["host.conf"] == \
        "# Our settings.\nhostname=ours\n# The way out:\ngateway=192.0.2.9\ndns=192.0.2.53\n"
    host.write("command-line", "host.conf", "")
    host.boot()
    assert (host.conf()["nic"], host.conf()["gateway"]) == ("", "192.0.2.9")


def test_a_key_that_is_no_longer_set(host):
    change(host, "host.conf", host.text("config/host.conf").replace("gateway=192.0.2.1\n", ""))
    host.done("save")
    assert host.drive()["host.conf"] == "# Our settings.\nhostname=ours\n# The way out:\n"


def test_what_the_image_brings_is_removed(host):
    (host.top / "config/domains/hello.cfg").unlink()
    (host.top / "config/domains/web.cfg").unlink()
    host.done("save")
    assert "domains/web.cfg" not in host.drive()
    assert host.drive()["domains/hello.cfg"].startswith("# Removed here")
    host.boot()
    assert [name for name in host.config() if name.startswith("domains/")] == []


UPDATE_KEY = "untrusted comment: minisign public key 0123456789ABCDEF\nRW" + "Q" * 54 + "\n"


@pytest.mark.parametrize("words", [[], ["update-keys/release.pub"]])
def test_an_update_key_of_the_image_is_removed(host, words):
    host.write("image", "update-keys/release.pub", UPDATE_KEY)
    host.write("image", "update-keys/other.pub", UPDATE_KEY)
    host.boot()
    (host.top / "config/update-keys/release.pub").unlink()
    assert "release.pub" in host.run("diff").stdout
    assert "+ update-keys/release.pub" in host.done("save", *words)
    assert host.drive()["update-keys/release.pub"] == ""
    assert host.done("diff") == ""
    assert host.boot() == []
    assert [name for name in host.config() if name.startswith("update-keys/")] == ["update-keys/other.pub"]


def test_a_revocation_of_the_image_stays(host):
    host.write("image", "update-keys/revoked", "0123456789ABCDEF\n")
    host.boot()
    (host.top / "config/update-keys/revoked").unlink()
    host.done("save", "update-keys/revoked")
    assert host.boot() == []
    assert "0123456789ABCDEF" in host.config()["update-keys/revoked"]


def test_the_host_key(host):
    (host.top / "dropbear_ed25519_host_key").write_bytes(b"secret\0key")
    key = {"XENITH_HOST_KEY": str(host.top / "dropbear_ed25519_host_key")}
    done = host.run("diff", **key)
    assert (done.returncode, done.stdout) == \
        (1, "ssh/dropbear_ed25519_host_key is not saved: the host makes another key at each boot\n")
    assert "+ ssh/dropbear_ed25519_host_key" in host.done("save", **key)
    assert (host.top / "drive/ssh/dropbear_ed25519_host_key").read_bytes() == b"secret\0key"
    assert host.done("diff", **key) == ""
    host.boot()
    assert (host.top / "config/ssh/dropbear_ed25519_host_key").read_bytes() == b"secret\0key"


def test_secrets_stay_secret(host):
    change(host, "iscsi-secrets", SECRETS)
    done = host.run("diff")
    assert (done.returncode, "a-long-secret" in done.stdout + done.stderr) == (1, False)
    assert "iscsi-secrets is new (it is secret, and not shown)" in done.stdout
    assert "a-long-secret" not in host.done("save")
    assert "a-long-secret" not in host.done("history")
    mode = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (host.top / "drive").rglob("*")}
    assert (mode["iscsi-secrets"], mode["00000002"], mode["saved"]) == (0o600, 0o600, 0o700)
    change(host, "iscsi-secrets", SECRETS.replace("1", "2"))
    assert "iscsi-secrets differs (it is secret" in host.run("diff").stdout
    host.boot()
    assert stat.S_IMODE((host.top / "run/merged/iscsi-secrets").stat().st_mode) == 0o600


def test_only_these_files(host):
    change(host, "domains/db.cfg", domain("db"))
    change(host, "authorized_keys", OTHER_KEY)
    host.done("save", "domains/db.cfg")
    assert host.drive()["authorized_keys"] == KEY
    assert "authorized_keys" in host.run("diff").stdout
    assert "is not a file that can be saved" in host.refused("save", "domains/../x.conf", status=2)


@pytest.mark.parametrize("path, text, why", [
    ("domains/web.cfg", 'name = "web\n', "domains/web.cfg:1: "),
    ("host.conf", "hostname=no blanks\n", "host.conf:"),
    ("authorized_keys", "not a key\n", "authorized_keys:1: "),
])
def test_what_does_not_parse_is_refused(host, path, text, why):
    change(host, path, text)
    before = host.drive()
    done = host.run("save")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith(why), done.stderr
    assert done.stderr.endswith("cannot save: the configuration has errors; nothing was changed\n")
    assert host.drive() == before and not (host.top / "drive/saved").exists()


def test_an_error_that_was_there_stops_nobody(host):
    host.write("drive", "domains/bad.cfg", "name = \n")
    host.boot()
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")


def test_history(host):
    change(host, "domains/db.cfg", domain("db"))
    host.done("save", "-m", "a\tdatabase\nfor \x1b[31mweb")
    set_key(host, "dns", "192.0.2.53")
    host.done("save")
    lines = host.done("history").splitlines()
    assert [line.split()[:2] for line in lines if line[7].isdigit()] == [["*", "3"], ["2", lines[2].split()[1]],
                                                                        ["1", lines[4].split()[1]]]
    assert lines[1].strip() == "~ host.conf"
    assert lines[2].endswith("  a database for [31mweb") and lines[3].strip() == "+ domains/db.cfg"
    assert lines[4].endswith("  as found on the drive")


def test_so_many_are_kept(host):
    host.write("drive", "host.conf", "config_generations=3\n")
    host.boot()
    for number in range(5):
        set_key(host, "dns", f"192.0.2.{number}")
        host.done("save")
    assert host.saved() == [name + end for name in ("00000004", "00000005", "00000006") for end in ("", ".OK")]
    assert "there is no generation 2" in host.refused("rollback", "config", 2)
    host.done("rollback", "config", "4")
    assert host.conf()["dns"] == "192.0.2.2"


def test_edited_on_another_machine(host):
    """The plain files are the authority, and history keeps what they were."""
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    host.write("drive", "host.conf", "hostname=by-hand\n")
    (host.top / "drive/domains/db.cfg").unlink()
    assert host.boot() == []
    assert host.conf()["hostname"] == "by-hand"
    assert "domains/db.cfg" not in host.config()
    done = host.run("diff")
    assert done.returncode == 1
    assert "Edited by hand on the drive, after generation 2" in done.stdout and "+hostname=by-hand" in done.stdout
    assert "edited by hand on the drive" in host.done("history")
    change(host, "domains/new.cfg", domain("new"))
    host.done("save")
    assert host.drive()["host.conf"] == "hostname=by-hand\n"
    assert "as found on the drive" in host.done("history")
    assert host.done("diff") == ""
    # Before the new domain, not before the edit.
    assert "rollback to 3" in host.done("rollback", "config")
    assert host.conf()["hostname"] == "by-hand" and "domains/new.cfg" not in host.config()


def test_an_edit_on_another_machine_is_taken_back(host):
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    host.write("drive", "host.conf", "hostname=by-hand\n")
    host.boot()
    assert "saved as generation 4: rollback to 2" in host.done("rollback", "config")
    assert host.conf()["hostname"] == "ours" and "domains/db.cfg" in host.config()


def test_edited_on_the_drive_of_the_running_host(host):
    """What somebody writes there is not taken back by a save of something else."""
    host.write("drive", "domains/web.cfg", domain("web") + "vcpus = 2\n")
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    assert "vcpus = 2" in host.drive()["domains/web.cfg"]


def test_rollback_leaves_keys(host):
    host.write("drive", "iscsi-secrets", SECRETS)
    host.write("drive", "update-keys/release.pub", "old\n")
    host.write("drive", "authorized_keys", KEY + OTHER_KEY)
    host.boot()
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    change(host, "authorized_keys", KEY)                    # a key is revoked
    host.write("drive", "update-keys/revoked", "old\n")
    change(host, "domains/web.cfg", domain("web") + "vcpus = 4\n")
    host.done("save")
    assert "OTHER" not in host.done("rollback", "config", "1")
    assert host.drive()["authorized_keys"] == KEY == host.config()["authorized_keys"]
    assert host.drive()["update-keys/revoked"] == "old\n"
    assert "domains/db.cfg" not in host.drive() and "domains/db.cfg" not in host.config()
    assert host.drive()["domains/web.cfg"] == domain("web") == host.config()["domains/web.cfg"]
    host.done("rollback", "config", "1", "--with-keys")
    assert host.drive()["authorized_keys"] == KEY + OTHER_KEY == host.config()["authorized_keys"]
    assert host.text("login.log") == "keys\nkeys\n"         # the save, and this
    assert host.done("diff") == ""


def test_rollback_refuses(host):
    assert "nothing was saved yet" in host.refused("rollback", "config")
    change(host, "domains/db.cfg", 'name = "db"\ntype = "pv"\n' + domain("db"))
    assert "missing argument" in host.refused("rollback", status=2)
    assert "cannot roll back" in host.refused("rollback", "system", status=2)
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    assert "there is no generation 9" in host.refused("rollback", "config", "9")
    assert "is not the number" in host.refused("rollback", "config", "../1")
    change(host, "domains/db.cfg", domain("db") + "vcpus = 3\n")
    assert "is not saved: domains/db.cfg; save it" in host.refused("rollback", "config", "1")
    host.done("rollback", "config", "1", "--discard")
    assert "domains/db.cfg" not in host.config()


def test_a_generation_that_does_not_parse(host):
    """It was found on the drive, so it is in the history; it does not become current again."""
    host.write("drive", "domains/web.cfg", "name = \n")
    host.boot()
    change(host, "domains/web.cfg", domain("web"))
    host.done("save")
    assert "nothing was changed" in host.refused("rollback", "config", "1")
    assert host.saved()[-1] == "00000002.OK"


@pytest.mark.parametrize("damage", ["cut", "flipped", "more"])
def test_a_damaged_generation(host, damage):
    change(host, "domains/db.cfg", domain("db"))
    host.done("save")
    set_key(host, "dns", "192.0.2.53")
    host.done("save")
    path = host.top / "drive/saved/00000002"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:len(data) // 2]
    elif damage == "flipped":
        data[data.index(b"memory = 48")] ^= 1
    else:
        with tarfile.open(path, "a") as tar:
            tar.add(host.top / "image/host.conf", "fstab")
        data = path.read_bytes()
    path.write_bytes(data)
    assert "it is damaged" in host.refused("rollback", "config", "2")
    assert "damaged, and never used" in host.done("history")
    host.done("rollback", "config")                         # skips it
    assert "domains/db.cfg" not in host.config()


def test_full_drive(host):
    change(host, "domains/db.cfg", domain("db"))
    (host.top / "full").touch()
    assert "is full: 68 KiB are free" in host.refused("save")
    assert not (host.top / "drive/saved").exists()
    assert " ro," in host.text("mounts")


def test_read_only_drive(host):
    change(host, "domains/db.cfg", domain("db"))
    (host.top / "read-only").touch()
    error = host.refused("save")
    assert "cannot write to the drive XENITH-CFG: mount: " in error and "write-protected" in error
    assert "domains/db.cfg" in host.run("diff").stdout


def test_without_a_drive(host):
    (host.top / "no-drive").touch()
    host.boot()
    change(host, "domains/db.cfg", domain("db"))
    for words in (["save"], ["history"], ["rollback", "config"], ["config", "import", "x"]):
        assert "mkfs.ext4 -O ^metadata_csum -L XENITH-CFG" in host.refused(*words)
    (host.top / "run/boot.log").write_text("1.00 config drive:0: several drives are labelled XENITH-CFG\n")
    assert "(several drives are labelled XENITH-CFG)" in host.refused("save")
    (host.top / "run/boot.log").write_text("1.00 config drive:0: partition 5 of this host's disk cannot be read: this boot ...\n")
    assert "partition 5 of this host's disk cannot be read: this boot ...; repair it (e2fsck -f)" in host.refused("save")
    done = host.run("diff")
    assert done.returncode == 1 and '+name = "db"' in done.stdout and "cannot keep changes" in done.stderr


# ---- edit


def test_edit_a_domain(host):
    out = host.done("edit", "-m", "two CPUs", "web", edit='echo "vcpus = 2" >>"$1"')
    assert out == "saved as generation 2\n"
    assert host.drive()["domains/web.cfg"] == domain("web") + "vcpus = 2\n" == host.config()["domains/web.cfg"]
    assert "two CPUs" in host.done("history")
    assert host.text("xenith.log") == "reload\n"
    assert host.done("diff") == ""


def test_edit_the_settings(host):
    """The drive's own, with its comments; the image's and the command line's are not shown."""
    host.write("command-line", "host.conf", "console_shell=yes\n")
    host.boot()
    set_key(host, "dns", "192.0.2.53")                      # in memory, and not saved
    done = host.run("edit", "host.conf", edit=f'cp "$1" {host.top}/shown; echo "ntp=192.0.2.123" >>"$1"')
    assert done.returncode == 0, done.stderr
    assert "host.conf takes effect when the host restarts" in done.stderr
    shown = "# Our settings.\nhostname=ours\n# The way out:\ngateway=192.0.2.1\ndns=192.0.2.53\n"
    assert host.text("shown") == shown
    assert host.drive()["host.conf"] == shown + "ntp=192.0.2.123\n"
    assert (host.conf()["ntp"], host.conf()["dns"]) == ("192.0.2.123", "192.0.2.53")


@pytest.fixture
def boot_loader(host, library):
    """The drive's settings when an installed host's boot loader was told, of each call."""
    program = library / "stage-options"
    program.write_text('#!/bin/sh\ncat "$XENITH_DRIVE/host.conf" >>"$FAKE/staged"\necho "---" >>"$FAKE/staged"\n')
    program.chmod(0o755)
    yield lambda: (host.text("staged") if (host.top / "staged").exists() else "").split("---\n")[:-1]
    program.unlink()


def test_the_boot_loader_gets_what_the_next_boot_reads(host, boot_loader):
    """Of what is saved, not of what is changed in memory as well."""
    set_key(host, "dns", "192.0.2.53")
    host.done("save", "domains/web.cfg")
    assert boot_loader() == []
    host.done("edit", "host.conf", edit='echo "ntp=192.0.2.123" >>"$1"')
    (settings,) = boot_loader()
    assert "ntp=192.0.2.123\n" in settings and "hostname=ours\n" in settings
    host.done("rollback", "config", "--discard", "1")
    assert "ntp=" not in boot_loader()[-1] and len(boot_loader()) == 2


def test_edit_what_is_wrong(host):
    assert "nothing was changed" in host.refused("edit", "web", edit='echo "disk = " >>"$1"', answer="no\n")
    # The second time it is mended.
    mend = f'if [ -e {host.top}/twice ]; then echo \'{domain("web")}vcpus = 2\' >"$1"; ' \
        f'else echo "vcpus = " >>"$1"; touch {host.top}/twice; fi'
    done = host.run("edit", "web", edit=mend, answer="yes\n")
    assert done.returncode == 0 and done.stderr.startswith("domains/web.cfg:")
    assert "vcpus = 2\n" in host.drive()["domains/web.cfg"]


def test_edit_that_changes_nothing(host):
    before = host.digest()
    assert host.done("edit", "authorized_keys", edit=":") == "nothing was changed\n"
    assert "the editor failed" in host.refused("edit", "web", edit='echo x >>"$1"; exit 1')
    assert host.digest() == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "domains/a/b.cfg", "ssh/x", ".x"])
def test_edit_of_something_else(host, name):
    host.refused("edit", name, edit='echo x >"$1"', status=2)


def test_edit_is_not_lost_to_another(host):
    assert "was changed by somebody else meanwhile" in host.run(
        "edit", "web", edit=f'echo "vcpus = 2" >>"$1"; echo "vcpus = 3" >>{host.top}/drive/domains/web.cfg').stderr
    assert host.drive()["domains/web.cfg"].endswith("vcpus = 3\n")


def test_edit_of_a_new_domain_and_of_the_images(host):
    host.done("edit", "db", edit=f'echo \'{domain("db")}\' >"$1"')
    assert host.config()["domains/db.cfg"].startswith('name = "db"')
    host.done("edit", "hello", edit='grep -q hello "$1" && echo "vcpus = 2" >>"$1"')
    assert "vcpus = 2" in host.drive()["domains/hello.cfg"]


def test_edit_without_a_drive(host):
    (host.top / "no-drive").touch()
    host.boot()
    done = host.run("edit", "hello", edit='echo "vcpus = 2" >>"$1"')
    assert done.returncode == 0
    assert "cannot keep changes" in done.stderr and "until the host restarts" in done.stderr
    assert "vcpus = 2" in host.config()["domains/hello.cfg"]


# ---- export and import


def image(host, name="web/vmlinuz", text="kernel"):
    host.write("drive", f"images/{name}", text)


def test_export_and_import(host, tmp_path, library):
    image(host)
    host.write("drive", "iscsi-secrets", SECRETS)
    host.boot()
    change(host, "domains/db.cfg", domain("db"))            # not saved, and exported
    host.done("config", "export", "all.tar")
    assert stat.S_IMODE((host.top / "all.tar").stat().st_mode) == 0o600
    other = type(host)(tmp_path / "other", library, "msdos")
    other.write("drive", "host.conf", "hostname=other\n")
    other.write("drive", "authorized_keys", OTHER_KEY)
    other.boot()
    assert "nothing differs" not in other.done("config", "import", host.top / "all.tar")
    assert other.drive() == {**host.drive(), "domains/db.cfg": domain("db")}
    assert other.text("drive/images/web/vmlinuz") == "kernel"
    assert os.readlink(other.top / "config/images/web") == f"{other.top}/drive/images/web"
    config = other.config()
    other.boot()
    assert other.config() == config
    other.done("rollback", "config", "1", "--with-keys")
    assert other.drive() == {"host.conf": "hostname=other\n", "authorized_keys": OTHER_KEY}


def test_import_from_standard_input_and_without_keys(host, tmp_path):
    image(host)
    done = subprocess.run(host.run("config", "export", "-").args, check=False, capture_output=True, cwd=host.top, env={
        "PATH": f"{host.library}/bin:/usr/bin:/bin", "FAKE": str(host.top), "XENITH_CONFIG": f"{host.top}/config",
        "XENITH_DRIVE": f"{host.top}/drive", "XENITH_RUN_DIR": f"{host.top}/run", "FILE_SYSTEM": "ext2/ext3"})
    assert done.returncode == 0
    (host.top / "drive/images/web/vmlinuz").unlink()
    host.write("drive", "authorized_keys", OTHER_KEY)
    host.write("drive", "host.conf", "hostname=changed\n")
    host.boot()
    # Bytes on standard input.
    (host.top / "in").write_bytes(done.stdout)
    result = host.run("config", "import", "--no-keys", "-", answer=done.stdout.decode("latin-1"))
    assert result.returncode == 0, result.stderr
    assert host.drive()["authorized_keys"] == OTHER_KEY
    assert "hostname=ours" in host.drive()["host.conf"]
    assert host.text("drive/images/web/vmlinuz") == "kernel"
    assert not (host.top / "drive/.import.new").exists()


def test_import_does_not_replace_an_image(host):
    image(host)
    host.done("config", "export", "all.tar")
    image(host, text="another")
    assert "cannot import images/web/vmlinuz" in host.refused("config", "import", "all.tar")
    assert host.text("drive/images/web/vmlinuz") == "another"


@pytest.mark.parametrize("damage", ["cut", "flipped", "link", "outside", "foreign"])
def test_import_of_something_else(host, damage):
    image(host)
    host.done("config", "export", "all.tar")
    path = host.top / "all.tar"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:len(data) - 12000])
    elif damage == "flipped":
        data[data.index(b"hostname=ours")] ^= 1
        path.write_bytes(data)
    else:
        member = tarfile.TarInfo({"link": "fstab", "outside": "../escaped", "foreign": "something"}[damage])
        if damage == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/shadow"
        with tarfile.open(path, "a") as tar:
            tar.addfile(member)
    assert "cannot import all.tar: it is not complete, or was not written by xenith config export" in host.refused("config", "import", "all.tar")
    assert not (host.top.parent / "escaped").exists() and not (host.top / "run/escaped").exists()


def test_export_to_a_full_disk(host):
    assert "cannot write /nowhere/all.tar" in host.refused("config", "export", "/nowhere/all.tar")


# ---- completion


def test_completion(host):
    for text in ("one", "two"):
        host.write("config", "domains/db.cfg", domain("db") + f"# {text}\n")
        host.done("save")
    program = host.top / "xenith"
    program.write_text(f'#!/bin/sh\n[ "$1" = complete ] && exit\n[ "$1" != history ] || exec cat {host.top}/history\n'
                       f'exec {host.library}/"$@"\n')
    program.chmod(0o755)
    (host.top / "history").write_text(host.done("history"))

    def complete(*words):
        return subprocess.run(["sh", host.library / "complete/xenith", *words], capture_output=True, text=True, check=True,
                              env={"PATH": f"{host.top}:/usr/bin:/bin"}).stdout.split()
    assert complete("rollback", "c") == ["config"]
    assert complete("rollback", "config", "") == ["--with-keys", "--discard", "3", "2", "1"]
    assert complete("rollback", "config", "--") == ["--with-keys", "--discard"]
    assert complete("diff", "2") == ["2"]
    assert complete("config", "e") == ["export"]
    assert complete("config", "export", "--no-i") == ["--no-images"]
    assert complete("edit", "h") == ["host.conf"]


# --- Networks

BRIDGE = "[NetDev]\nKind=bridge\n[Network]\nDHCP=ipv4\n"


def test_networks_are_one_part(host):
    """A later source replaces the directory, so the drive gets all of it."""
    host.write("image", "network/br0.conf", BRIDGE)
    host.write("image", "network/br1.conf", BRIDGE)
    host.boot()
    change(host, "network/br2.conf", BRIDGE)
    assert "network/br2.conf" in host.run("diff").stdout
    host.done("save", "network/br2.conf")
    assert {path for path in host.drive() if path.startswith("network/")} == \
        {"network/br0.conf", "network/br1.conf", "network/br2.conf"}
    # One goes; those that stay do.
    (host.top / "config/network/br0.conf").unlink()
    host.done("save")
    host.boot()
    assert {path for path in host.config() if path.startswith("network/")} == {"network/br1.conf", "network/br2.conf"}
    assert "network/br0.conf" in host.done("history")


def test_all_networks_of_the_image_are_removed(host):
    host.write("image", "network/br0.conf", BRIDGE)
    host.boot()
    assert "network/br0.conf" in host.config()
    (host.top / "config/network/br0.conf").unlink()
    host.done("save")
    host.boot()
    assert [path for path in host.config() if path.startswith("network/")] == []


def test_network_with_an_error_is_not_saved(host):
    change(host, "network/br0.conf", BRIDGE + "Gatway=192.0.2.1\n")
    assert host.refused("save") == "xenith: save: cannot save: the configuration has errors; nothing was changed"


def test_networks_wait_for_their_confirmation(host):
    """Until then nothing of them is stored."""
    change(host, "network/br0.conf", BRIDGE)
    change(host, "domains/db.cfg", domain("db"))
    host.write("run", "networks/pending", "1 2 3\n")
    assert "waits for its confirmation" in host.refused("save", "network/br0.conf")
    done = host.run("save")
    assert done.returncode == 0 and "network/ and host.conf are not saved" in done.stderr
    assert "domains/db.cfg" in host.drive() and "network/br0.conf" not in host.drive()
    (host.top / "run/networks/pending").unlink()
    host.done("save")
    assert host.drive()["network/br0.conf"] == BRIDGE


def test_edit_of_the_settings_waits_for_the_networks(host):
    """They hold the change that may be taken back."""
    change(host, "host.conf", "hostname=one\naddress=192.0.2.99/24\n")
    host.write("run", "networks/pending", "1 2 3\n")
    assert "waits for its confirmation" in host.refused("edit", "host.conf", edit='echo "ntp=192.0.2.123" >>"$1"')
    # One that began before.
    (host.top / "run/networks/pending").unlink()
    assert "waits for its confirmation" in host.refused(
        "edit", "host.conf", edit=f'echo "ntp=192.0.2.123" >>"$1"; echo 1 2 3 >{host.top}/run/networks/pending')


def test_edited_network_is_not_saved(host):
    """It is checked, and changed in memory; `xenith network apply` does the rest."""
    host.write("config", "network/br0.conf", BRIDGE)
    done = host.run("edit", "network/br0", edit="echo DNS=192.0.2.53 >>$1")
    assert done.returncode == 0, done.stderr
    assert "xenith network apply" in done.stderr
    assert host.config()["network/br0.conf"] == BRIDGE + "DNS=192.0.2.53\n"
    assert "network/br0.conf" not in host.drive()
