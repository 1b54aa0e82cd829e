"""The recipes of a tree, read as data."""

import pathlib
import re
import subprocess

ENGINE = pathlib.Path(__file__).parents[1] / "engine"


class Recipe:
    def __init__(self, directory, without, pin):
        def file(name):
            path = directory / name
            # Recipes with links to Xen's files use the pin, too.
            ours = pin and path.resolve().parent == (directory.parents[1] / "hypervisor/xen").resolve()
            return pin / name if ours and (pin / name).exists() else path

        self.name = directory.name
        self.part = directory.parent.name == "image"    # of the image, not a program
        self.version = words(file("version"))[0]
        self.license = " ".join(words(file("license")))
        depends = [word for word in words(file("depends")) if word != "host:" + without]
        self.linked = [word for word in depends if not word.startswith("host:")]
        self.tools = [word[len("host:"):] for word in depends if word.startswith("host:")]
        self.sources = sources(file("sources"))
        # [ID, state (open or unaffected), reason]
        self.advisories = [line.split(None, 2) for line in lines(file("advisories"))]


class Recipes(dict):
    """Recipes by name. WITHOUT is the layer that is left out of the image, if any; PIN is a
    directory of files that replace Xen's, or None."""

    def __init__(self, tree, without="", pin=None):
        super().__init__()
        for top in ("recipes", "hypervisor", "image"):
            for version in sorted((tree / top).glob("*/version")):
                recipe = Recipe(version.parent, without, pin)
                self[recipe.name] = recipe

    def linked(self, name):
        """The packages that NAME is linked with, transitively."""
        return self.closure(name, lambda recipe: recipe.linked)

    def needed(self, name):
        """The packages that must be built for NAME."""
        return self.closure(name, lambda recipe: recipe.linked + recipe.tools)

    def closure(self, name, dependencies):
        found = set()
        todo = [name]
        while todo:
            for other in dependencies(self[todo.pop()]):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found


def lines(path):
    """The lines without comments and blank lines; empty if the file is missing."""
    if not path.exists():
        return []
    found = (re.sub(r"\s*#.*", "", line).strip() for line in path.read_text().splitlines())
    return [line for line in found if line]


def words(path):
    return " ".join(lines(path)).split()


def sources(path):
    """[(file name, SHA-256, [location...])], as the engine reads them."""
    if not path.exists():
        return []
    read = subprocess.run(["awk", "-f", ENGINE / "sources.awk", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = (line.split("\t") for line in read.splitlines())
    return [(name, digest, locations.split()) for _, digest, name, locations in found]


def settings(tree):
    """The settings in the file `config`."""
    return dict(line.split("=", 1) for line in lines(pathlib.Path(tree) / "config"))
