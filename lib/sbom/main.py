"""Writes the bill of materials of an image to standard output, as SPDX 2.3 in JSON.

usage: main.py TREE [--without LAYER] [--pin DIRECTORY] [--packages FILE --out DIRECTORY]

Without --packages it describes only the recipes of TREE: the copy inside the image. With
the package list of a build (out/packages) and its output directory it also has their
patches, their files, and the hashes of the image.
"""

import argparse
import pathlib

import content
import debian
from recipes import Recipes, settings
from spdx import Document, checksums, ref, reference

XENITH = ref("xenith")
US = "Organization: Xenith"


def advisory(name, comment):
    kind, number = name.split("-", 1)
    if kind == "XSA":
        address = "https://xenbits.xen.org/xsa/advisory-%s.html" % number
    elif kind == "CVE":
        address = "https://www.cve.org/CVERecord?id=" + name
    else:       # OSV has all other kinds
        address = "https://osv.dev/vulnerability/" + name
    return reference("SECURITY", "advisory", address, comment)


def add_recipe(document, recipe):
    """Adds a package and its sources."""
    identifier = ref(recipe.name)
    references = []
    for name, digest, locations in recipe.sources:
        source = ref("Source", name, digest[:8])
        document.package(
            source, name, packageFileName=name, primaryPackagePurpose="SOURCE",
            downloadLocation=debian.download(locations), checksums=checksums(SHA256=digest),
            supplier="Organization: Debian" if any(map(debian.parse, locations)) else "NOASSERTION")
        document.relate(identifier, "GENERATED_FROM", source)
        references += [reference("PACKAGE-MANAGER", "purl", debian.purl(location))
                       for location in locations if debian.parse(location)]
    references += [advisory(name, "%s: %s" % (state, why)) for name, state, why in recipe.advisories]
    unique = list({str(sorted(each.items())): each for each in references}.values())
    more = {"externalRefs": unique} if unique else {}
    document.package(identifier, recipe.name, versionInfo=recipe.version, licenseDeclared=recipe.license,
                     supplier=US, **more)
    for other in recipe.linked:
        document.relate(identifier, "DEPENDS_ON", ref(other))
    for other in recipe.tools:
        document.relate(ref(other), "BUILD_TOOL_OF", identifier)


def add_recipes(document, held, recipes, optional):
    for name in sorted(held.base | held.layer | held.tools):
        add_recipe(document, recipes[name])
    for part in held.parts:
        for name in held.tools.intersection(recipes[part].tools):
            document.relate(ref(name), "BUILD_TOOL_OF", XENITH)
    for name in held.base:
        document.relate(XENITH, "CONTAINS", ref(name))
    if held.layer:
        layer = ref(content.LAYER)
        document.package(layer, "xenith-" + content.LAYER, versionInfo=recipes[content.LAYER].version,
                         licenseDeclared=recipes[content.LAYER].license, supplier=US)
        if optional:
            document.relate(layer, "OPTIONAL_COMPONENT_OF", XENITH)
        else:
            document.relate(XENITH, "CONTAINS", layer)
        for name in held.layer:
            document.relate(layer, "CONTAINS", ref(name))


def add_patches(document, name, package):
    """Adds the patches that the build recorded as applied."""
    noted = package / "patches"
    for line in noted.read_text().splitlines() if noted.exists() else []:
        patch, digest, fixed = line.split()
        identifier = ref("Patch", name, patch, digest[:8])
        document.package(identifier, patch, packageFileName=patch, primaryPackagePurpose="FILE",
                         checksums=checksums(SHA256=digest))
        document.relate(identifier, "PATCH_APPLIED", ref(name))
        if fixed != "-":
            document.packages[ref(name)].setdefault("externalRefs", []).extend(
                advisory(each, "fixed by " + patch) for each in fixed.split(","))


def add_build(document, held, packages, out):
    """Adds what is known only after a build: patches, files and hashes."""
    for line in packages.read_text().splitlines():
        name, path = line.split(" ", 1)
        package = pathlib.Path(path)
        if name not in held.recipes or not held.has(name):
            continue
        add_patches(document, name, package)
        # A part of the image is not a component of its own.
        owner = XENITH if name in held.parts else ref(name)
        for file in held.files(name, content.manifest(package)):
            document.file(owner, file, content.digests(package / "root" / file))
    for file, path in content.own_files(held.tree).items():
        document.file(XENITH, file, content.digests(path))
    for path in [out / "xenith.iso", out / "xenith.img", *sorted((out / "netboot").rglob("*"))]:
        if path.is_file():
            document.file(XENITH, str(path.relative_to(out)), content.digests(path))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--without", default="")
    parser.add_argument("--pin", type=pathlib.Path)
    parser.add_argument("--packages", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()

    recipes = Recipes(options.tree, options.without, options.pin)
    held = content.Content(recipes, options.tree)
    config = settings(options.tree)
    document = Document(
        "xenith-" + config["RELEASE"], int(config["SOURCE_DATE_EPOCH"]),
        "Domains and settings that were put into the image are not described." if options.packages else
        "The copy in the image, which names no files and no patches: those are in xenith.spdx.json beside "
        "the image, and the patches in /usr/share/xenith/patches.")
    document.package(XENITH, "xenith", versionInfo=config["RELEASE"], licenseDeclared=recipes["iso"].license,
                     supplier=US, primaryPackagePurpose="OPERATING_SYSTEM")
    document.relate("SPDXRef-DOCUMENT", "DESCRIBES", XENITH)
    add_recipes(document, held, recipes, optional=not options.packages)
    if options.packages:
        add_build(document, held, options.packages, options.out)
    print(document.text(), end="")


if __name__ == "__main__":
    main()
