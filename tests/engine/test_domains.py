"""--domains: the user's configuration in the image, or the old image kept."""

import contextlib
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "domd"))

import built  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
GOOD = 'name = "mine"\ntype = "pvh"\nkernel = "/config/images/k"\nmemory = 32\n'


def recipes_of_xenith(tree):
    """xenith as the host's compiler made it, and for a loader what only starts it."""
    tree.recipe("musl", build="""install() {
	mkdir -p "$DEST/usr/lib"
	printf '#!/bin/sh\\n[ "$1" = --library-path ] || exit 1\\nshift 2\\nexec "$@"\\n' >"$DEST/usr/lib/libc.so"
	chmod 755 "$DEST/usr/lib/libc.so"
}""")
    tree.recipe("domd", depends="musl", build="""install() {
	mkdir -p "$DEST/usr/sbin"
	printf '#!/bin/sh\\nexec "%%s" "$@"\\n' '%s' >"$DEST/usr/sbin/xenith"
	chmod 755 "$DEST/usr/sbin/xenith"
}""" % built.xenith())


@pytest.fixture
def tree(tree):
    """An image that consists only of its configuration."""
    recipes_of_xenith(tree)
    shutil.copytree(TOP / "rootfs/usr/lib/xenith", tree.top / "rootfs/usr/lib/xenith")
    config = tree.top / "domains"
    (config / "domains").mkdir(parents=True)
    (config / "host.conf").write_text("hostname=stock\n")
    for name, file in (("iso", "xenith.iso"), ("netboot", "netboot/bundle")):
        tree.recipe(name, depends="domd", inputs="domains", build="""install() {
	mkdir -p "$DEST/%s"
	cat "$INPUTS/domains/host.conf" "$INPUTS"/domains/domains/*.cfg >"$DEST/%s" || :
}""" % (file.rpartition("/")[0], file))
    (tree.top / "recipes/outputs").write_text("")
    assert build(tree).returncode == 0
    return tree


def build(tree, *arguments):
    done = tree.command(*arguments)
    tree.said = done.stdout
    return done


def image(tree):
    return (tree.top / "out/xenith.iso").read_text()


@pytest.fixture
def mine(tree):
    directory = tree.top.parent / "my own domains"
    (directory / "domains").mkdir(parents=True)
    (directory / "images").mkdir()
    (directory / "images/k").write_text("a kernel\n")
    (directory / "host.conf").write_text("hostname=mine\n")
    (directory / "domains/mine.cfg").write_text(GOOD)
    return directory


def test_own_configuration_goes_in(tree, mine):
    assert image(tree) == "hostname=stock\n"
    assert build(tree, "--domains", str(mine)).returncode == 0, tree.said
    assert image(tree) == "hostname=mine\n" + GOOD
    assert tree.built() == {"iso", "netboot"}


def test_without_it_the_stock_image_is_back(tree, mine):
    build(tree, "--domains", str(mine))
    assert build(tree).returncode == 0
    assert image(tree) == "hostname=stock\n"
    assert tree.built() == set()


def test_links_are_followed(tree, mine):
    """A change of a link's target is seen, also through a link to the whole directory."""
    shared = tree.top.parent / "shared.conf"
    (mine / "host.conf").rename(shared)
    (mine / "host.conf").symlink_to("../" + shared.name)
    link = tree.top.parent / "link"
    link.symlink_to(mine)
    assert build(tree, "--domains", str(link)).returncode == 0, tree.said
    assert image(tree) == "hostname=mine\n" + GOOD
    shared.write_text("hostname=other\n")
    assert build(tree, "--domains", str(link)).returncode == 0, tree.said
    assert image(tree) == "hostname=other\n" + GOOD


# Fake mv and cp of the stock image's build. One pauses it between its list of packages and
# its images, the other within its images.
PAUSES = {"mv": 'exec_real "$@"; case $2 in */out/packages) pause ;; esac',
          "cp": 'case "$*" in *.xenith.iso) pause ;; esac; exec_real "$@"'}


@pytest.mark.parametrize("program", PAUSES)
def test_two_builds_in_one_tree_publish_one_after_the_other(tree, mine, program):
    """Neither publishes the other's images, nor a mixture."""
    build(tree, "--domains", str(mine))
    programs, paused, go = (tree.top.parent / name for name in ("programs", "paused", "go"))
    programs.mkdir()
    (programs / program).write_text("""#!/bin/sh
exec_real() {
	%s "$@"
}
pause() {
	touch "%s"
	until [ -e "%s" ]; do sleep 0.1; done
}
%s
""" % (shutil.which(program), paused, go, PAUSES[program]))
    (programs / program).chmod(0o755)
    stock = subprocess.Popen([str(tree.top / "build.sh")], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             env=tree.environment(PATH="%s:%s" % (programs, tree.environment()["PATH"])))
    until(paused.exists)
    other = subprocess.Popen([str(tree.top / "build.sh"), "--domains", str(mine)], env=tree.environment(),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # It would be through by then.
    with contextlib.suppress(subprocess.TimeoutExpired):
        other.wait(15)
    go.touch()
    said = stock.communicate(timeout=60)[0]
    assert hashlib.sha256(b"hostname=stock\n").hexdigest() in said, said
    assert (stock.returncode, other.wait(60)) == (0, 0)
    assert image(tree) == (tree.package("iso") / "root/xenith.iso").read_text() == "hostname=mine\n" + GOOD


def until(done):
    deadline = time.monotonic() + 60
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert done()


def broken_domain(mine):
    (mine / "domains/mine.cfg").write_text(GOOD + "vif = [ ''\n")
    return "domains/mine.cfg:5:"


def missing_kernel(mine):
    (mine / "images/k").unlink()
    return "domains/mine.cfg:3:"


def broken_host_conf(mine):
    (mine / "host.conf").write_text("hostname=ok\nadress=dhcp\n")
    return "host.conf:2:"


def broken_key(mine):
    (mine / "authorized_keys").write_text("# keys\nssh-nonsense AAAA\n")
    return "authorized_keys:2:"


def gone(mine):
    shutil.rmtree(mine)
    return str(mine)


def a_file(mine):
    shutil.rmtree(mine)
    mine.write_text("not a directory\n")
    return str(mine)


@pytest.mark.parametrize("spoil", [broken_domain, missing_kernel, broken_host_conf,
                                   broken_key, gone, a_file])
def test_bad_configuration_keeps_the_old_image(tree, mine, spoil):
    before = (tree.top / "out/xenith.iso").stat()
    place = spoil(mine)
    assert build(tree, "--domains", str(mine)).returncode != 0
    assert place in tree.said, tree.said
    assert image(tree) == "hostname=stock\n"
    after = (tree.top / "out/xenith.iso").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_wrong_is_said_before_anything_is_built(tree, mine):
    tree.recipe("iso", depends="domd", build="install() { false; }")
    broken_domain(mine)
    assert build(tree, "--domains", str(mine)).returncode != 0
    assert "domains/mine.cfg:5:" in tree.said and "is not a valid configuration" in tree.said
    assert "iso" not in tree.said


def test_a_xenith_that_cannot_do_it_is_not_asked(tree, mine):
    """That of a build of an older tree."""
    program = tree.package("domd") / "root/usr/sbin/xenith"
    program.write_text("#!/bin/sh\necho '  check  [DIR]  look for mistakes'\n[ $1 = --help ] || exit 2\n")
    assert build(tree, "--domains", str(mine)).returncode == 0, tree.said
    assert "are looked at when xenith is built" in tree.said


def test_the_directory_must_be_named(tree):
    assert build(tree, "--domains").returncode != 0
    assert "--domains needs a directory" in tree.said


@pytest.fixture
def config(tree):
    """The real recipe of the configuration and fake ones of the images, with fake packers
    that only copy. The images' modes are set by the real recipes' phase."""
    tree.recipe("tools", build='install() { mkdir -p "$DEST/usr/bin"; cp "$FILES"/* "$DEST/usr/bin/"; '
                               'chmod 755 "$DEST"/usr/bin/*; }',
                **{"files/mksquashfs": '#!/bin/sh\ntar -cf "$2" -C "$1" .',
                   "files/gen_init_cpio": '#!/bin/sh\ncut -d " " -f 3 "$3" | xargs cat'})
    shutil.copytree(TOP / "image/config", tree.top / "image/config")
    (tree.top / "image/config/depends").write_text("domd\nhost:tools\n")
    settings = tree.top / "config"
    settings.write_text(settings.read_text().replace("GOALS=iso netboot", "GOALS=iso netboot disk"))
    for name, file in ("iso", "xenith.iso"), ("netboot", "netboot/initrd"), ("disk", "xenith.img"):
        normalise = re.search(r"(?ms)^normalise\(\) \{\n.*?^\}\n", (TOP / "image" / name / "build").read_text())
        tree.recipe(name, depends="host:config", build="""tree=$DEST/netboot
install() {
	mkdir -p "$DEST/%s"
	cp "$TOOLS/config.cpio" "$DEST/%s"
}
%s""" % (file.rpartition("/")[0], file, normalise.group()))
        (tree.top / "recipes" / name / "inputs").unlink(missing_ok=True)
    return tree


@pytest.mark.parametrize("secret", [None, "iscsi-secrets", "ssh/dropbear_ed25519_host_key"])
def test_an_image_with_secrets_is_its_owners(config, mine, secret):
    if secret:
        (mine / secret).parent.mkdir(exist_ok=True)
        (mine / secret).write_text("iqn.2026-01.org.example:disk user a-secret-of-16-b\n")
        (mine / secret).chmod(0o600)
    assert build(config, "--domains", str(mine)).returncode == 0, config.said
    mode = 0o600 if secret else 0o644
    out = config.top / "out"
    for path in (config.package("config") / "root/config.cpio", config.package("config") / "root/config.sqfs",
                 config.package("iso") / "root/xenith.iso", config.package("disk") / "root/xenith.img",
                 config.package("netboot") / "root/netboot/initrd",
                 out / "xenith.iso", out / "xenith.img", out / "netboot/initrd"):
        assert path.stat().st_mode & 0o777 == mode, path
    packed = subprocess.run(["tar", "-tv", "--ignore-zeros", "-f", "-"], stdout=subprocess.PIPE, check=False,
                            input=(config.top / "out/xenith.iso").read_bytes()).stdout.decode()
    if secret:
        assert re.search(r"(?m)^-rw------- .*\./" + secret, packed), packed


def test_a_killed_publish_leaves_no_mode(config, mine):
    """The leftover of an image without secrets does not make one with secrets readable."""
    (mine / "iscsi-secrets").write_text("iqn.2026-01.org.example:disk user a-secret-of-16-b\n")
    (mine / "iscsi-secrets").chmod(0o600)
    out = config.top / "out"
    for name in ".xenith.iso", ".xenith.img":
        (out / name).write_text("half an image\n")
        (out / name).chmod(0o644)
    assert build(config, "--domains", str(mine)).returncode == 0, config.said
    for name in "xenith.iso", "xenith.img":
        assert (out / name).stat().st_mode & 0o777 == 0o600, name


@pytest.mark.parametrize("spoil", [broken_domain, missing_kernel, broken_key])
def test_the_first_build_finds_what_is_wrong(config, mine, spoil):
    """There is no xenith yet that could read the domain files before it."""
    (config.top / "out/packages").unlink()
    place = spoil(mine)
    assert build(config, "--domains", str(mine)).returncode != 0
    assert place in config.said, config.said
    assert ("are looked at when xenith is built" in config.said) and image(config) == "hostname=stock\n"


def test_the_first_build_of_what_is_right(config, mine):
    (config.top / "out/packages").unlink()
    (mine / "images/Server 2022 x64.iso").write_text("an image\n")
    (mine / "domains/mine.cfg").write_text(GOOD + "disk = [ '/config/images/Server 2022 x64.iso,,hdc,cdrom' ]\n")
    assert build(config, "--domains", str(mine)).returncode == 0, config.said


def test_backups_of_an_editor_stay_out(config, mine):
    (mine / "iscsi-secrets~").write_text("iqn.2026-01.org.example:disk user an-old-secret-16\n")
    (mine / "domains/mine.cfg~").write_text("nonsense")
    assert build(config, "--domains", str(mine)).returncode == 0, config.said
    packed = (config.top / "out/xenith.iso").read_bytes()
    assert b"name = \"mine\"" in packed
    assert b"an-old-secret" not in packed and b"nonsense" not in packed


# --- ./build.sh smoke ---------------------------------------------------------------

@pytest.fixture
def smoke(tree):
    """smoke(WORD...): with a fake boot that prints its arguments."""
    (tree.top / "qemu-test").mkdir()
    (tree.top / "qemu-test/smoke.py").write_text(
        "import os, sys\nprint('given', *sys.argv[1:], sep='|')\nsys.exit(int(os.environ.get('SMOKE', 0)))\n")

    def run(*words, **environment):
        done = tree.command("smoke", *words, **environment)
        given = [line.split("|")[1:] for line in done.stdout.splitlines() if line.startswith("given")]
        return done.returncode, given[0] if given else None, done.stdout
    return run


def test_smoke_boots_what_it_has_built(tree, mine, smoke):
    status, given, said = smoke("--domains", str(mine), "--junit", "r.xml")
    assert status == 0, said
    assert given == ["--iso", str(tree.top / "out/xenith.iso"), "--junit", "r.xml"]
    assert image(tree).startswith("hostname=mine\n")


def test_smoke_of_an_image_builds_nothing(tree, mine, smoke):
    tree.recipe("iso", build="install() { false; }")
    other = mine / "other.iso"
    other.write_text("an image\n")
    status, given, said = smoke("--iso", str(other), "--domains", str(mine), "--timeout", "7", "--memory", "4096")
    assert status == 0, said
    assert given == ["--iso", str(other), "--domains", str(mine), "--timeout", "7", "--memory", "4096"]
    assert "built in" not in said


@pytest.mark.parametrize("status", [0, 1, 2])
def test_smoke_ends_as_the_boot_did(mine, smoke, status):
    assert smoke("--iso", str(mine / "host.conf"), SMOKE=str(status))[0] == status


def test_smoke_of_a_wrong_configuration(tree, mine, smoke):
    """An invalid configuration is a result: status 1, not a usage error."""
    (mine / "domains/mine.cfg").write_text(GOOD.replace("images/k", "images/none"))
    status, given, said = smoke("--domains", str(mine))
    assert (status, given) == (1, None)
    assert "mine.cfg:3: kernel: /config/images/none does not exist" in said
    assert image(tree).startswith("hostname=stock\n")


@pytest.mark.parametrize("words, why", [
    (["--iso"], "--iso needs a value"), (["--isos", "x"], "unknown option --isos"),
    (["--iso", "nowhere.iso"], "--iso nowhere.iso: no such file"),
    (["--domains", "nowhere"], "--domains nowhere: no such directory"),
    (["--timeout", "1m"], "--timeout 1m: not a number"), (["--memory", "-1"], "--memory -1: not a number"),
    (["--junit", "no/where.xml"], "--junit no/where.xml: its directory does not exist")])
def test_smoke_that_cannot_be_tried(tree, smoke, words, why):
    """Status 2, before anything is built."""
    tree.recipe("iso", build="install() { false; }")
    status, given, said = smoke(*words)
    assert (status, given) == (2, None), said
    assert "smoke: " + why in said and "iso: install" not in said


def test_smoke_whose_build_fails(tree, smoke):
    tree.recipe("iso", build="install() { false; }")
    status, given, _ = smoke()
    assert (status, given) == (2, None)
