"""A small Debian archive for tests, which the real apt reads."""

import gzip
import hashlib
import io
import os
import pathlib
import shutil
import tarfile

APT = """#!/bin/sh
# The real {program}, with the test's archive in place of Debian's: of two settings
# the last one counts.
case "$*" in
*--print-uris*) cat "{top}/uris" ;;
*) exec {real} "$@" -o Dir::Etc::sourcelist="{top}/sources.list" -o Dir::Cache::pkgcache= \\
	-o Dir::Cache::srcpkgcache= ;;
esac
"""


def write_tar(path, files, top):
    """A tarball of {path: text or bytes} below `top`, compressed by its file name."""
    with tarfile.open(path, "w:" + path.suffix[1:]) as tar:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            member = tarfile.TarInfo(top + "/" + name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def write_deb(path, control, files):
    """Write a Debian package."""
    members = [("debian-binary", b"2.0\n")]
    for name, held in ("control.tar.gz", {"control": control}), ("data.tar.gz", files):
        write_tar(path.with_suffix(".gz"), held, ".")
        members.append((name, path.with_suffix(".gz").read_bytes()))
    path.with_suffix(".gz").unlink()
    with path.open("wb") as deb:
        deb.write(b"!<arch>\n")
        for name, data in members:
            deb.write(b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name.encode(), 0, 0, 0, 0o100644, len(data)))
            deb.write(data + b"\n" * (len(data) % 2))


def digest(path, kind="sha256"):
    return hashlib.new(kind, path.read_bytes()).hexdigest()


def entry(source, version, text="Something.", distribution="trixie"):
    """An entry of a changelog."""
    return ("%s (%s) %s; urgency=medium\n\n  * %s\n\n"
            " -- A Person <person@example.org>  Sun, 01 Nov 2026 00:00:00 +0000\n\n" % (source, version, distribution, text))


class Archive:
    def __init__(self, top):
        self.top = top
        self.uris = "'https://mirror.example/debian/dists/%s/main/binary-all/Packages.xz' some_name 0 \n"
        self.sources = []
        self.packages = []
        (top / "bin").mkdir(parents=True)
        codename = [line.partition("=")[2] for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                    if line.startswith("VERSION_CODENAME=")]
        (top / "uris").write_text(self.uris % (codename or [""])[0])
        (top / "sources.list").write_text("".join("%s [trusted=yes] copy:%s ./\n" % (kind, top)
                                                  for kind in ("deb", "deb-src")))
        for program in "apt-get", "apt-cache":
            path = top / "bin" / program
            path.write_text(APT.format(program=program, real=shutil.which(program), top=top))
            path.chmod(0o755)
        self.publish()

    @property
    def environment(self):
        return {"PATH": "%s:%s" % (self.top / "bin", os.environ["PATH"])}

    def source(self, name, version, files=None, debian=None, security=False, binary=None, diff=None):
        """Add a source package: its upstream files, and those of its directory debian/, or in
        the old format a diff."""
        bare = version.partition(":")[2] or version
        upstream = bare.rpartition("-")[0] or bare
        directory = "pool/%smain/%s/%s" % ("updates/" if security else "", name[0], name)
        (self.top / directory).mkdir(parents=True, exist_ok=True)
        orig = self.top / directory / ("%s_%s.orig.tar.gz" % (name, upstream))
        if not orig.exists():
            write_tar(orig, files or {"text": upstream + "\n"}, "%s-%s" % (name, upstream))
        patches = self.top / directory / ("%s_%s.%s" % (name, bare, "diff.gz" if diff else "debian.tar.xz"))
        if diff:
            patches.write_bytes(gzip.compress(diff.encode()))
        else:
            write_tar(patches, {"changelog": entry(name, version), **(debian or {})}, "debian")
        dsc = self.top / directory / ("%s_%s.dsc" % (name, bare))
        dsc.write_text("Source: %s\n" % name)
        held = [dsc, orig, patches]
        self.sources.append("Package: %s\nBinary: %s\nVersion: %s\nFormat: %s\nFiles:\n%sChecksums-Sha256:\n%s"
                            "Directory: %s\n" % (
                                name, binary or name, version, "1.0" if diff else "3.0 (quilt)",
                                "".join(" %s %d %s\n" % (digest(path, "md5"), path.stat().st_size, path.name) for path in held),
                                "".join(" %s %d %s\n" % (digest(path), path.stat().st_size, path.name) for path in held),
                                directory))
        self.publish()
        return orig, patches

    def package(self, name, version, source=None, changelog=None, depends=None):
        """Add a binary package; returns its path."""
        bare = version.partition(":")[2] or version
        path = self.top / "pool" / ("%s_%s_all.deb" % (name, bare))
        path.parent.mkdir(exist_ok=True)
        control = "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A Person <person@example.org>\n" % (name, version)
        control += "Source: %s\n" % source if source else ""
        control += "Depends: %s\n" % depends if depends else ""
        text = {"usr/share/doc/%s/changelog.Debian.gz" % name: gzip.compress(changelog.encode())} if changelog else {}
        write_deb(path, control + "Description: one of a test\n", text)
        self.packages.append(control + "Filename: pool/%s\nSize: %d\nSHA256: %s\nDescription: one of a test\n"
                             % (path.name, path.stat().st_size, digest(path)))
        self.publish()
        return path

    def publish(self):
        (self.top / "Sources").write_text("\n".join(self.sources))
        (self.top / "Packages").write_text("\n".join(self.packages))
