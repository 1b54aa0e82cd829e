"""A first build on unprepared machines: a bare Debian with an ordinary user, an
unprivileged container, a network behind a proxy. Slow: each installs packages."""

import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "qemu-test"))

import tools  # noqa: E402

# This package needs the engine, a source and the airlock, but no compiler.
BUILD = "./build.sh package musl-headers"

pytestmark = [
    pytest.mark.skipif(not os.environ.get("XENITH_SLOW"), reason="slow; run with --all"),
    pytest.mark.skipif(os.getuid() != 0, reason="needs root to make a root file system")]


class Bare:
    def __init__(self, directory):
        self.root = directory / "root"
        for program in ("git", "mmdebstrap"):
            tools.find(program)
        self.environment = {**os.environ, "XENITH_CACHE": str(directory / "cache")}
        self.environment.pop("XENITH_SOURCES", None)

    def run(self, script):
        """Run a script in /root/xenith of the bare Debian; returns (status, output)."""
        done = subprocess.run([str(TOP / ".ci/bare-root"), "--keep", str(self.root), "sh", "-euc", script],
                              env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        return done.returncode, done.stdout


@pytest.fixture
def bare(tmp_path):
    yield Bare(tmp_path)
    shutil.rmtree(tmp_path / "root", ignore_errors=True)


def test_an_ordinary_user_with_sudo(bare):
    """One command installs all missing packages, also without apt's lists; then the build
    works."""
    status, said = bare.run("""
apt-get -qq update
apt-get -qq install -y --no-install-recommends sudo >/dev/null
rm -rf /var/lib/apt/lists
useradd -m user
echo 'user ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/user
cp -r . ~user/xenith
chown -R user ~user/xenith
as_user() {
	su - user -c "cd xenith && $1"
}
if as_user '%(build)s' >/tmp/said 2>&1; then
	echo "nothing was missing"
	exit 1
fi
sed -n 's/^    //p' /tmp/said >/tmp/command
cat /tmp/said /tmp/command
as_user 'yes | sh -eux /tmp/command'
as_user '%(build)s'
as_user 'cat out/packages'
""" % {"build": BUILD})
    assert status == 0, said
    assert "sudo apt-get" in said
    assert re.search(r"(?m)^musl-headers /\S+/user/\.cache/xenith/pkg/musl-headers-", said)


def test_a_container_without_rights(bare):
    """Root of a user namespace that can create no other and cannot mount."""
    status, said = bare.run("""
%(build)s
rm -rf /root/.cache/xenith/pkg
unshare --user --map-root-user sh -euc 'echo 0 >/proc/sys/user/max_user_namespaces
	exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"' sh sh -euc '
	! unshare --mount true 2>/dev/null
	! unshare --user true 2>/dev/null
	%(build)s'
ls -ld /tmp/xenith
""" % {"build": BUILD})
    assert status == 0, said
    assert said.count("musl-headers: built in") == 2
    assert "drwxrwxrwt" in said


class Proxy(http.server.BaseHTTPRequestHandler):
    """Forwards requests, to a host name that only the proxy can resolve."""
    mirror = {}
    asked = []

    def do_GET(self):       # the name is http.server's
        for name, real in self.mirror.items():
            if self.path.startswith(name):
                Proxy.asked.append(self.path)
                try:
                    with urllib.request.urlopen(real + self.path[len(name):], timeout=60) as answer:
                        body = answer.read()
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
        self.send_error(403)

    def log_message(self, *words):
        del words


def test_behind_a_proxy(bare):
    """Packages, index and sources come through the proxy."""
    list_of = bare.root / "etc/apt/sources.list"
    assert bare.run("true")[0] == 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = list_of.read_text()
    uris = sorted({word for line in text.splitlines() for word in line.split() if "://" in word})
    assert uris
    for number, uri in enumerate(uris):
        name = "http://mirror%d.invalid/debian" % number
        Proxy.mirror[name] = uri.rstrip("/")
        text = text.replace(uri + " ", name + " ")
    list_of.write_text(text)
    (bare.root / "etc/apt/apt.conf.d/95proxy").write_text(
        'Acquire::http::Proxy "http://127.0.0.1:%d";\n' % server.server_port)
    try:
        status, said = bare.run(BUILD)
    finally:
        server.shutdown()
        server.server_close()
    assert status == 0, said
    assert "musl-headers: built in" in said
    assert [path for path in Proxy.asked if re.search(r"/musl_[^/]*\.orig\.tar\.gz$", path)], Proxy.asked[-20:]
