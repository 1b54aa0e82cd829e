"""The content of the image: its packages, and which of their files it has."""

import fnmatch
import hashlib
import pathlib

from recipes import lines

LAYER = "hvm"
GOALS = ("iso", "netboot", "disk")


class Content:
    def __init__(self, recipes, tree):
        self.recipes = recipes
        self.tree = tree
        self.copied = {name: paths for name, *paths in
                       (line.split() for line in lines(pathlib.Path(__file__).with_name("contained")))}
        goals = {goal for goal in GOALS if goal in recipes}
        needed = set().union(*(recipes.needed(goal) for goal in goals))
        self.parts = {name for name in needed if recipes[name].part} | goals
        self.root = recipes.linked("root") if "root" in self.parts else set()
        self.layer = recipes.linked(LAYER) if LAYER in self.parts else set()
        self.base = set().union(*(recipes.linked(part) for part in self.parts - {LAYER}))
        self.base |= set(self.copied) & needed
        self.base -= self.parts
        self.tools = needed - self.parts - self.base - self.layer

    def has(self, name):
        return name in self.parts | self.base | self.layer | self.tools

    def files(self, name, manifest):
        """The paths of package NAME that are in the image; MANIFEST lists all of its paths."""
        left_out = lines(self.tree / "image/root/files/leave-out")
        layer = lines(self.tree / "image/hvm/files/paths") if name in self.layer else []
        layer += self.copied.get(name, [])
        for path in manifest:
            if name in self.root and not is_below("./" + path, left_out, fnmatch.fnmatchcase):
                if not (self.tree / "rootfs" / path).exists():  # which replaces it
                    yield path
            elif is_below(path, layer, is_glob):
                yield path


def is_below(path, patterns, matches):
    """Whether PATH or one of its parent directories matches one of PATTERNS."""
    names = path.split("/")
    tops = ["/".join(names[:n]) for n in range(1, len(names) + 1)]
    return any(matches(top, pattern) for pattern in patterns for top in tops)


def is_glob(path, pattern):
    """Matches as a shell does: no wildcard matches a slash."""
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def own_files(tree):
    """{path in the image: file of the tree} of files that belong to no package."""
    own = {}
    for top, into in (("rootfs", ""), ("bootscripts", "etc/boot/")):
        for path in sorted((tree / top).rglob("*")):
            hidden = path.name.endswith("~") or path.name.startswith(".") or "__pycache__" in path.parts
            if path.is_file() and not path.is_symlink() and not hidden:
                own[into + str(path.relative_to(tree / top))] = path
    # init is at the top of the initrd.
    if "etc/boot/init" in own:
        own["init"] = own.pop("etc/boot/init")
    return own


def manifest(package):
    """The paths of the files of a package in the cache."""
    for line in (package / "manifest").read_text().splitlines():
        path, words = line.split("\t")
        if words.startswith("f "):
            yield path


def digests(path):
    """SPDX 2.3 requires a SHA-1 of every file; the SHA-256 is for verification."""
    data = path.read_bytes()
    return {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
