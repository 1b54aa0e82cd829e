"""Debian's sources under the names that vulnerability scanners use."""

import re
from urllib.parse import quote

# Scanners identify a release by its number.
RELEASES = {"bookworm": "debian-12", "trixie": "debian-13", "forky": "debian-14", "sid": "debian-unstable"}


def parse(location):
    """(suite, package, version, file) of an apt: location, or None."""
    found = re.fullmatch(r"apt:([^/]+)/([^=/]+)=([^/]+)/([^/]+)", location)
    return found.groups() if found else None


def purl(location):
    """The package URL of an apt: location. In a version everything but letters, digits
    and .-_~: is percent-encoded."""
    suite, package, version, file = parse(location)
    suite = suite.removesuffix("-security")
    binary = re.search(r"_([a-z0-9]+)\.deb$", file)
    return "pkg:deb/debian/%s@%s?arch=%s&distro=%s" % (
        quote(package, safe=""), quote(version, safe=":"), binary.group(1) if binary else "source",
        RELEASES.get(suite, suite))


def page(location):
    """The page of a version in Debian's permanent snapshot archive."""
    _, package, version, file = parse(location)
    kind = "binary" if file.endswith(".deb") else "package"
    return "https://snapshot.debian.org/%s/%s/%s/" % (kind, quote(package), quote(version, safe=":"))


def download(locations):
    """One URL of a file, the most direct one that is known."""
    for location in locations:
        if location.startswith("https:"):
            return location
    for location in locations:
        if location.startswith("snapshot:"):
            return "https://snapshot.debian.org/file/" + location.removeprefix("snapshot:")
    for location in locations:
        if parse(location):
            return page(location)
    return "NOASSERTION"
