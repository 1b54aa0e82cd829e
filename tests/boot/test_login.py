"""Who may log in over SSH."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDgIwXnLCyvmF6b1jGz0n5VHnFuDRcnLy8oP3cZ2rAB admin\n"


def prepared(host, keys):
    host.host_conf()
    host.service("dropbear")
    (host.top / "root").mkdir()
    if keys:
        host.write("config/authorized_keys", keys)
    host.run("boot/40-host")


def test_a_key_starts_the_server(host):
    prepared(host, KEY)
    assert host.text("root/.ssh/authorized_keys") == KEY
    assert (host.top / "root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert host.text("sv.log") == "up dropbear\n"


def test_without_a_key_there_is_no_server(host):
    prepared(host, "")
    assert not (host.top / "root/.ssh").exists()
    assert host.text("sv.log") == ""


def test_a_key_that_is_removed_is_invalid_at_once(host):
    prepared(host, KEY * 2)
    host.write("config/authorized_keys", KEY)
    host.run("usr/lib/xenith/login-keys")
    assert host.text("root/.ssh/authorized_keys") == KEY
    host.write("config/authorized_keys", "")
    host.run("usr/lib/xenith/login-keys")
    assert not (host.top / "root/.ssh/authorized_keys").exists()
    assert host.text("sv.log").splitlines()[-1] == "down dropbear"
