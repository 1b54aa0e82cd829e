"""The bill of materials (lib/sbom): its content, and its validity."""

import copy
import json
import lzma
import re
import sys

import pytest
from conftest import TOP, Small, sbom, sha256, write

sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "lib/sbom"))
import debian  # noqa: E402  (needs the path above)
from spdx import ref  # noqa: E402

# Last in the path: it has a module of the same name.
sys.path.append(str(TOP / "qemu-test"))
import tools  # noqa: E402


def named(document, name):
    return next(each for each in document["packages"] if each["name"] == name)


def related(document, how):
    """{(one, other)}: the names of the related elements."""
    names = {each["SPDXID"]: each["name"] for each in document["packages"]}
    names.update({each["SPDXID"]: each["fileName"] for each in document.get("files", [])})
    names["SPDXRef-DOCUMENT"] = "DOCUMENT"
    return {(names[each["spdxElementId"]], names[each["relatedSpdxElement"]])
            for each in document["relationships"] if each["relationshipType"] == how}


def references(package, kind):
    return [(each["referenceLocator"], each.get("comment"))
            for each in package["externalRefs"] if each["referenceType"] == kind]


# ---- content ----

def test_a_package_and_its_source(small):
    document = small.inside()
    musl = named(document, "musl")
    assert musl["versionInfo"] == "1.0"
    assert musl["licenseDeclared"] == "MIT"
    assert references(musl, "purl") == [
        ("pkg:deb/debian/musl@1:1.2.5%2Bx-3~deb13u1?arch=source&distro=debian-13", None)]
    source = named(document, "musl_1.2.5.orig.tar.gz")
    assert source["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    assert source["downloadLocation"] == "https://snapshot.debian.org/package/musl/1:1.2.5%2Bx-3~deb13u1/"
    assert ("musl", source["name"]) in related(document, "GENERATED_FROM")
    assert named(document, "shell-1.tar.gz")["downloadLocation"] == "https://example.org/shell-1.tar.gz"
    assert named(document, "gcc")["licenseDeclared"] == "GPL-3.0-or-later WITH GCC-exception-3.1"


def test_what_is_contained_and_what_only_built_it(small):
    document = small.inside()
    assert related(document, "DESCRIBES") == {("DOCUMENT", "xenith")}
    # libgcc is linked into everything.
    assert related(document, "CONTAINS") == {
        ("xenith", "shell"), ("xenith", "musl"), ("xenith", "gcc"), ("xenith-hvm", "qemu"), ("xenith-hvm", "musl")}
    assert related(document, "BUILD_TOOL_OF") == {
        ("gcc", "musl"), ("gcc", "shell"), ("gcc", "qemu"), ("binutils", "gcc"), ("mtools", "xenith")}
    assert ("shell", "musl") in related(document, "DEPENDS_ON")


def test_the_optional_layer(small):
    """The root is the same with and without the layer, and so is the copy inside."""
    assert related(small.inside(), "OPTIONAL_COMPONENT_OF") == {("xenith-hvm", "xenith")}
    assert ("xenith", "xenith-hvm") in related(small.beside(), "CONTAINS")
    without = small.beside("--without", "hvm")
    assert not {"qemu", "xenith-hvm"} & {each["name"] for each in without["packages"]}
    assert "./lib/libc.so" in {each["fileName"] for each in without["files"]}


def test_advisories(small):
    assert references(named(small.inside(), "musl"), "advisory") == [
        ("https://www.cve.org/CVERecord?id=CVE-2026-1", "open: no patch is known"),
        ("https://xenbits.xen.org/xsa/advisory-9.html", "unaffected: no guests")]


def test_another_xen_than_the_pinned_one(small, tmp_path):
    """Its files replace the recipe's, also in recipes with links to them."""
    line = "%s apt:trixie/xen=%s/xen.tar.xz\n"
    small.recipe("hypervisor/xen", sources=line % ("d" * 64, "4.1-1"), advisories="XSA-1 open old\n")
    small.recipe("image/root", depends="shell xen xen-tools\n")
    (small.top / "hypervisor/xen-tools").mkdir()
    for part in ("version", "license", "sources"):
        (small.top / "hypervisor/xen-tools" / part).symlink_to("../xen/" + part)
    pin = tmp_path / "pin"
    for part, text in (("version", "4.2\n"), ("sources", line % ("e" * 64, "4.2-1")), ("advisories", "XSA-2 open new\n")):
        write(pin / part, text)
    document = small.inside("--pin", pin)
    for name in ("xen", "xen-tools"):
        assert named(document, name)["versionInfo"] == "4.2"
        assert references(named(document, name), "purl") == [("pkg:deb/debian/xen@4.2-1?arch=source&distro=debian-13", None)]
    assert [where.rsplit("/")[-1] for where, _ in references(named(document, "xen"), "advisory")] == ["advisory-2.html"]
    assert named(document, "musl")["versionInfo"] == "1.0"
    assert named(small.inside(), "xen-tools")["versionInfo"] == "1.0"


def test_patches_and_what_they_fix(small):
    document = small.beside()
    assert related(document, "PATCH_APPLIED") == {("debian/qsort.patch", "musl"), ("01-own.patch", "musl")}
    patch = named(document, "debian/qsort.patch")
    assert patch["checksums"] == [{"algorithm": "SHA256", "checksumValue": "c" * 64}]
    fixed = [each for each in references(named(document, "musl"), "advisory") if each[1].startswith("fixed")]
    assert fixed == [("https://www.cve.org/CVERecord?id=CVE-2026-40200", "fixed by debian/qsort.patch"),
                      ("https://xenbits.xen.org/xsa/advisory-5.html", "fixed by debian/qsort.patch")]


def test_a_cache_of_before_the_patches_were_noted(small):
    for path in small.cache.glob("*/patches"):
        path.unlink()
    assert related(small.beside(), "PATCH_APPLIED") == set()


def test_files_of_the_image_by_package(small):
    document = small.beside()
    held = {(one, other) for one, other in related(document, "CONTAINS") if other.startswith("./")}
    assert held == {
        ("musl", "./lib/libc.so"), ("shell", "./bin/sh"),
        ("qemu", "./usr/share/qemu/keymaps/de"), ("qemu", "./usr/lib/libq.so.1"),
        # The tree's motd replaces the shell's.
        ("xenith", "./etc/motd"), ("xenith", "./etc/boot/10-first"), ("xenith", "./init"),
        ("xenith", "./xenith.iso"), ("xenith", "./netboot/vmlinuz")}
    iso = next(each for each in document["files"] if each["fileName"] == "./xenith.iso")
    assert {"algorithm": "SHA256", "checksumValue": sha256("iso\n")} in iso["checksums"]
    assert named(document, "musl")["filesAnalyzed"] is True
    assert named(document, "mtools")["filesAnalyzed"] is False
    assert "files" not in small.inside()


def test_an_editors_backup_is_no_file_of_the_image(small):
    (small.top / "rootfs/etc/motd~").write_text("old\n")
    (small.top / "bootscripts/.10-first.swp").write_text("old\n")
    assert not [each["fileName"] for each in small.beside()["files"] if re.search("~|swp", each["fileName"])]


def test_the_same_everywhere(small, tmp_path):
    """It does not depend on the directory or on the order of its files."""
    text = small.beside_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["creationInfo"]["created"] == "2026-11-01T00:00:00Z"
    assert Small(tmp_path / "elsewhere").beside_text() == text
    (small.out / "packages").write_text("".join(sorted(
        (small.out / "packages").read_text().splitlines(keepends=True), reverse=True)))
    assert small.beside_text() == text


def test_another_content_has_another_namespace(small):
    before = small.beside()["documentNamespace"]
    assert before.startswith("urn:uuid:")
    (small.out / "xenith.iso").write_text("another\n")
    assert small.beside()["documentNamespace"] != before
    assert small.inside()["documentNamespace"] != before


@pytest.mark.parametrize("location, expected", [
    ("apt:trixie/libusb-1.0=2:1.0.28-1/libusb-1.0_1.0.28.orig.tar.bz2",
     "pkg:deb/debian/libusb-1.0@2:1.0.28-1?arch=source&distro=debian-13"),
    ("apt:trixie/memtest86+=7.20-1/memtest86+_7.20-1_amd64.deb",
     "pkg:deb/debian/memtest86%2B@7.20-1?arch=amd64&distro=debian-13"),
    ("apt:bookworm/meson=1.7.0-1/meson_1.7.0-1_all.deb",
     "pkg:deb/debian/meson@1.7.0-1?arch=all&distro=debian-12"),
    ("apt:duke/new=1/new_1.orig.tar.xz", "pkg:deb/debian/new@1?arch=source&distro=duke"),
])
def test_package_urls(location, expected):
    assert debian.purl(location) == expected


@pytest.mark.parametrize("locations, expected", [
    (["apt:trixie/musl=1-1/musl_1.tar.gz", "https://musl.libc.org/musl-1.tar.gz"],
     "https://musl.libc.org/musl-1.tar.gz"),
    (["apt:trixie/musl=1-1/musl_1.tar.gz", "snapshot:" + "0" * 40],
     "https://snapshot.debian.org/file/" + "0" * 40),
    (["apt:trixie/iasl=1-1/iasl_1-1_amd64.deb"], "https://snapshot.debian.org/binary/iasl/1-1/"),
    (["unknown:thing"], "NOASSERTION"),
])
def test_where_a_source_is_from(locations, expected):
    assert debian.download(locations) == expected


def test_identifiers_have_no_other_characters():
    assert ref("Source", "musl_1+x~y.tar.gz") == "SPDXRef-Source-musl-1-x-y.tar.gz"


# ---- validity ----

def schema_errors(schema, document):
    jsonschema = tools.need_module("jsonschema", "python3-jsonschema")
    return ["%s: %s" % ("/".join(map(str, each.path)), each.message)
            for each in jsonschema.Draft7Validator(schema).iter_errors(document)]


def test_the_schema_is_kept(schema, document):
    assert schema["title"] == "SPDX 2.3"
    assert schema_errors(schema, document) == []


def test_spdx_reads_it(reader, document, tmp_path):
    assert reader(document, tmp_path) == ""


def test_no_identifier_leads_nowhere(document):
    known = {each["SPDXID"] for each in document["packages"] + document.get("files", [])} | {"SPDXRef-DOCUMENT"}
    assert len(known) == len(document["packages"]) + len(document.get("files", [])) + 1
    used = {each[key] for each in document["relationships"] for key in ("spdxElementId", "relatedSpdxElement")}
    assert used == known


def broken(document, how):
    document = copy.deepcopy(document)
    how(document)
    return document


@pytest.mark.parametrize("how, message", [
    (lambda each: each["packages"][0].pop("name"), "'name' is a required property"),
    (lambda each: each["packages"][0].update(licence="MIT"), "'licence' was unexpected"),
    (lambda each: each["relationships"][0].update(relationshipType="HOLDS"), "'HOLDS' is not one of"),
    (lambda each: each["files"][0].update(checksums=[]), "[]"),
], ids=["a name", "a field", "a relationship", "a checksum"])
def test_the_schema_notices(schema, small, how, message):
    errors = schema_errors(schema, broken(small.beside(), how))
    assert any(message in each for each in errors), errors


@pytest.mark.parametrize("how, message", [
    (lambda each: each["packages"][-1].update(licenseDeclared="GPL-2.0-olny"), "GPL-2.0-olny"),
    (lambda each: each["files"][0]["checksums"].pop(0), "SHA1"),
    (lambda each: each["relationships"][0].update(relatedSpdxElement="SPDXRef-nothing"), "SPDXRef-nothing"),
    (lambda each: each["creationInfo"].update(created="2026-11-01"), "2026-11-01"),
], ids=["a licence", "a checksum", "a relationship", "a date"])
def test_spdx_notices(reader, small, tmp_path, how, message):
    assert message in reader(broken(small.beside(), how), tmp_path)


# ---- the tree's own ----

def test_what_is_copied_exists():
    """Every package in lib/sbom/contained is a recipe of the tree."""
    names = [line.split()[0] for line in (TOP / "lib/sbom/contained").read_text().splitlines()
             if not line.startswith("#")]
    assert [name for name in names if not list(TOP.glob("*/%s/version" % name))] == []


def test_the_copy_inside_is_small():
    """Its size in a squashfs, estimated with xz: Python 3.11 has no zstd."""
    assert len(lzma.compress(sbom(TOP).encode())) < 40_000
