"""Programs that the tests call are in the package lists that ./build.sh test installs."""

import ast
import pathlib

import tools

TOP = pathlib.Path(__file__).resolve().parents[2]
TESTS = sorted([*TOP.glob("tests/*/*.py"), *TOP.glob("qemu-test/*.py")])

# Programs of packages that are essential, or installed on every Debian.
EVERYWHERE = {"awk", "dpkg-deb", "gzip", "ldd", "nsenter", "setpriv", "sh", "sha256sum", "tar", "unshare"}
EVERYWHERE_PACKAGES = {"mawk", "util-linux"}
# Packages that the build makes: qemu-test uses those.
BUILT = {"dosfstools", "grub-common", "mtools", "xorriso"}


def listed():
    return {line for path in TOP.glob("lib/hostpkgs/*") for line in path.read_text().splitlines()
            if line and not line.startswith("#")}


def calls(path):
    """(dotted name, arguments, line) of each call in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.args, "%s:%d" % (path.relative_to(TOP), node.lineno)


def constant(node):
    return node.value if isinstance(node, ast.Constant) else None


def test_every_package_is_listed():
    assert sorted(set(tools.PACKAGES.values()) - EVERYWHERE_PACKAGES - BUILT - listed()) == []
    needed = {constant(arguments[1]) for path in TESTS for name, arguments, _ in calls(path)
              if name in ("tools.need_file", "tools.need_module")} - {None}
    assert {"ovmf", "python3-jsonschema"} <= needed <= listed()


def test_every_program_is_one_that_is_found():
    """A bare name would give a FileNotFoundError without a hint if the program is missing."""
    bad = []
    for path in TESTS:
        for name, arguments, where in calls(path):
            if not name.startswith("subprocess.") or not arguments or not isinstance(arguments[0], ast.List):
                continue
            program = constant(arguments[0].elts[0])
            if isinstance(program, str) and program.rpartition("/")[2] not in EVERYWHERE:
                bad.append("%s: %s" % (where, program))
    assert bad == []


def test_what_the_build_makes_is_not_asked_of_this_machine():
    built = {program for program, package in tools.PACKAGES.items() if package in BUILT}
    assert [where for path in TESTS for name, arguments, where in calls(path)
            if name == "tools.find" and constant(arguments[0]) in built] == []
