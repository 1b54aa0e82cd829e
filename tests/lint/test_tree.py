"""Rules for the files of the tree."""

import pathlib
import re
import subprocess

import pytest

import tools

TOP = pathlib.Path(__file__).resolve().parents[2]


def tracked():
    """The files of the tree: git's list, or all files if it is not a clone."""
    done = subprocess.run([tools.find("git"), "-C", str(TOP), "ls-files", "-z"],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        names = done.stdout.split("\0")
        return [TOP / name for name in names if name and (TOP / name).is_file()]
    return [path for path in TOP.rglob("*") if path.is_file()
            and not {"out", ".git", "__pycache__"} & set(path.relative_to(TOP).parts)]


def texts():
    """The files that people write: a fuzzer's corpus may hold any bytes."""
    for path in tracked():
        if any(path.is_relative_to(TOP / room / "fuzz/corpus") for room in ("domd", "hotplug")):
            continue
        data = path.read_bytes()
        if b"\0" not in data:
            yield path.relative_to(TOP), data.decode("utf-8")


def test_no_trailing_blanks():
    # A context line of a patch may be a single blank.
    bad = ["%s:%d" % (path, number) for path, text in texts() if path.suffix != ".patch"
           for number, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
    assert bad == []


def test_every_file_ends_with_a_newline():
    assert [str(path) for path, text in texts() if text and not text.endswith("\n")] == []


def test_every_command_is_a_target_of_make():
    """With the options before the command and the arguments after it."""
    done = subprocess.run([str(TOP / "build.sh"), "help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"(?m)^  ([a-z]\w*) ", done.stdout.split("environment:")[0])
    assert {"run", "package", "help"} <= set(commands)
    # The shell that make runs only prints the command.
    make = [tools.find("make"), "--no-print-directory", "-s", "-C", str(TOP), "SHELL=/bin/echo", "OPTIONS=--without hvm"]
    for command in commands:
        done = subprocess.run([*make, "ARGS=one --two", command], capture_output=True, text=True, check=False)
        assert done.stdout == "-c ./build.sh --without hvm %s one --two\n" % command, done.stderr
    done = subprocess.run(make, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "-c ./build.sh --without hvm"


# Packages whose licence is stored under another name, or is the project's own.
LICENCES = {"xen-tools": "xen", "xen-options": "xen", "pvgrub": "grub", "domd": None, "slot": None, "hotplug": None, "argp": None, "sbom": None,
            "linux-headers": "linux", "musl-headers": "musl", "busybox-static": "busybox"}


def needs(name):
    """The packages that NAME is linked with, transitively, by their `depends`."""
    depends = next(iter(TOP.glob("*/%s/depends" % name)), None)
    direct = [word for word in depends.read_text().split() if not word.startswith("host:")] if depends else []
    return {name for other in direct for name in needs(other) | {other}}


def licences(names):
    """The directories of packages in /usr/share/licenses."""
    return {LICENCES.get(name, name) for name in names} - {None}


def test_licences():
    """Each package in the image lists the licence texts of its source."""
    held = needs("root") | needs("hvm") | needs("hello") | {"grub", "syslinux", "gcc"}
    assert {"lvm2", "qemu", "glib", "libusb", "linux"} <= held
    assert [name for name in sorted(licences(held)) if not list(TOP.glob("*/%s/license-files" % name))] == []


def test_the_layer_has_its_licences():
    """Those that dom0's root lacks; the root has its own packages', libgcc's and GRUB's."""
    root = licences(needs("root") | needs("hello")) | {"gcc", "grub"}
    paths = (TOP / "image/hvm/files/paths").read_text()
    assert set(re.findall(r"(?m)^usr/share/licenses/(\S+)$", paths)) == licences(needs("hvm")) - root


def test_what_is_open_is_in_the_image():
    """Every open advisory of a package in the image is among the root's inputs."""
    named = (TOP / "image/root/inputs").read_text().split()
    held = needs("root") | needs("hvm") | needs("hello")
    assert {"xen", "linux", "qemu"} <= held
    for name in held:
        path = next(iter(TOP.glob("*/%s/advisories" % name)), None)
        if path and not path.is_symlink() and re.search(r"(?m)^[^#\s]+ +open ", path.read_text()):
            assert str(path.relative_to(TOP)) in named


def test_the_table_of_advisories():
    """Checked as far as the patch archives are fetched."""
    done = subprocess.run([str(TOP / "build.sh"), "security", "--check"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_executable_bits():
    """Scripts that are run by name are executable, and no other file is."""
    bad = []
    for path in tracked():
        if path.parts[len(TOP.parts)] in ("rootfs", "bootscripts") or "files" in path.parts:
            continue            # the image's recipes declare their modes
        script = path.read_bytes()[:2] == b"#!"
        executable = bool(path.stat().st_mode & 0o111)
        if executable and not script:
            bad.append("%s is executable, and no script" % path.relative_to(TOP))
    for name in ("build.sh", ".ci/run"):
        if not (TOP / name).stat().st_mode & 0o100:
            bad.append(name + " is not executable")
    assert bad == []


def test_every_directory_of_tests_is_described():
    described = re.findall(r"(?m)^\| `(tests/\w+)` \|", (TOP / "docs/testing.md").read_text())
    assert sorted(described) == sorted({str(path.parent.relative_to(TOP)) for path in TOP.glob("tests/*/test_*.py")})


def test_every_machine_is_described():
    """And is in the list of their order."""
    described = re.findall(r"(?m)^\| `(test_\w+)\.py` \|", (TOP / "docs/testing.md").read_text())
    there = sorted(path.stem for path in TOP.glob("qemu-test/test_*.py"))
    assert sorted(described) == there
    order = (TOP / "qemu-test/conftest.py").read_text().split("ORDER = [")[1].split("]")[0]
    assert sorted(re.findall(r'"(test_\w+)"', order)) == there


def table(path, name):
    """The first column of the C table NAME, in a file of domd."""
    text = (TOP / "domd" / path).read_text().split("} %s[] = {" % name)[1].split("};")[0]
    return re.findall(r'(?m)^ {4}\{"(\w+)",', text)


def test_every_key_of_a_domain_file_is_described():
    keys = table("policy/read_keys.c", "keys")
    assert {"after", "needs", "address"} <= set(keys)
    assert sorted(keys) == sorted(re.findall(r"(?m)^\| `(\w+)` \| (?:`[^`]*`|none|from `vif`'s `ip=`) \|",
                                             (TOP / "docs/domd.md").read_text()))
    page = (TOP / "man/xenith-domain.5").read_text()
    assert [key for key in keys if not re.search(r"(?m)^\.BR .*\b%s " % key, page)] == []


def test_every_command_of_xenith_is_described():
    commands = table("xenith/main.c", "commands")
    assert {"status", "create", "poweroff"} <= set(commands)
    page = (TOP / "man/xenith.1").read_text().split(".SH COMMANDS")[1].split(".SH OPTIONS")[0]
    assert [name for name in commands if not re.search(r"(?m)^\.[A-Z]+ .*\b%s\b" % name, page)] == []


# Directories of one machine or person, which no file may name.
HOST_PATHS = re.compile(r"/(?:home|Users)/[a-z]\w*/|(?<![\w./$}])/work/\w")


def test_no_path_of_a_host():
    bad = ["%s:%d: %s" % (path, number, line.strip()) for path, text in texts()
           for number, line in enumerate(text.split("\n"), 1) if HOST_PATHS.search(line)]
    assert bad == []


def documents():
    return [path for path in tracked() if path.suffix == ".md"]


def anchor(heading):
    """The link target of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text):
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return {anchor(found) for found in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(TOP)))
def test_links_resolve(document):
    text = document.read_text()
    plain = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.M | re.S)
    bad = []
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, part = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            bad.append(target)
        elif part and path.suffix == ".md" and part not in anchors(path.read_text()):
            bad.append(target)
    assert bad == []


def test_the_image_names_every_open_advisory():
    """Its list is generated from the recipes' `advisories` among its inputs."""
    inputs = (TOP / "image/root/inputs").read_text().split()
    for path in sorted(TOP.glob("*/*/advisories")):
        if re.search(r"(?m)^\S+ open ", path.read_text()) and not path.is_symlink():
            assert str(path.relative_to(TOP)) in inputs


ARCHITECTURE = TOP / "docs/architecture.md"


def test_the_table_of_the_tree_is_the_tree():
    listed = re.findall(r"(?m)^\| `([^`]+)` \| (?:build|packages|image|host|tests) \|", ARCHITECTURE.read_text())
    there = {path.relative_to(TOP).parts for path in tracked()}
    tops = {parts[0] + "/" * (len(parts) > 1) for parts in there}
    # Files for git, editors and licensing have no stage.
    assert sorted(listed) == sorted(top for top in tops
                                    if top == ".ci/" or not top.startswith(".") and top not in ("README.md", "LICENSE"))


def test_the_picture_of_the_tree_is_its_table():
    drawn = subprocess.run([tools.find("busybox"), "awk", "-f", str(TOP / "docs/tree.awk"), str(ARCHITECTURE)],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    assert drawn.count("<rect") > 15
    assert (TOP / "docs/tree.svg").read_text() == drawn


def test_files_to_change_are_there():
    table = ARCHITECTURE.read_text().split("## Where do I change ...")[1]
    rows = re.findall(r"(?m)^\| (.+) \| (.+) \|$", table)[1:]
    assert len(rows) >= 20
    named = [path for _, files in rows for path in re.findall(r"`([^`]+)`", files)]
    assert [path for path in named if "/" in path and " " not in path and not (TOP / path).exists()
            and path not in ("patches/",)] == []
