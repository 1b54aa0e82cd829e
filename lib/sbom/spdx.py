"""An SPDX 2.3 document, element by element."""

import datetime
import hashlib
import json
import re
import uuid

CREATORS = ["Organization: Xenith", "Tool: xenith-sbom"]


def ref(*words):
    """An identifier within the document: letters, digits, dots and hyphens."""
    return "SPDXRef-" + "-".join(re.sub(r"[^A-Za-z0-9.]", "-", word) for word in words)


def checksums(**digests):
    return [{"algorithm": name, "checksumValue": digests[name]} for name in sorted(digests)]


def reference(category, kind, locator, comment=""):
    made = {"referenceCategory": category, "referenceType": kind, "referenceLocator": locator}
    return {**made, "comment": comment} if comment else made


class Document:
    def __init__(self, name, epoch, comment):
        self.name = name
        self.created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
        self.comment = comment
        self.packages = {}
        self.files = {}
        self.relations = set()

    def package(self, identifier, name, **more):
        self.packages[identifier] = {
            "SPDXID": identifier, "name": name, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, **more}

    def file(self, owner, path, digests):
        identifier = ref("File", owner.removeprefix("SPDXRef-"), hashlib.sha256(path.encode()).hexdigest()[:16])
        self.files[identifier] = {
            "SPDXID": identifier, "fileName": "./" + path, "checksums": checksums(**digests)}
        self.packages[owner]["filesAnalyzed"] = True
        self.relate(owner, "CONTAINS", identifier)

    def relate(self, one, how, other):
        self.relations.add((one, how, other))

    def verification_codes(self):
        """Sets the code of every package with files: the SHA-1 of their sorted SHA-1s."""
        held = {}
        for one, how, other in self.relations:
            if how == "CONTAINS" and other in self.files:
                sha1 = next(each["checksumValue"] for each in self.files[other]["checksums"]
                            if each["algorithm"] == "SHA1")
                held.setdefault(one, []).append(sha1)
        for identifier, all_of_them in held.items():
            code = hashlib.sha1("".join(sorted(all_of_them)).encode()).hexdigest()
            self.packages[identifier]["packageVerificationCode"] = {"packageVerificationCodeValue": code}

    def text(self):
        """The document as JSON. The text is reproducible; the namespace is derived from it."""
        self.verification_codes()
        document = {
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": self.name, "comment": self.comment,
            "creationInfo": {"created": self.created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": CREATORS},
            "packages": [self.packages[identifier] for identifier in sorted(self.packages)],
            "relationships": [
                {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
                for one, how, other in sorted(self.relations)]}
        if self.files:
            document["files"] = sorted(self.files.values(), key=lambda each: each["SPDXID"])
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        document["documentNamespace"] = "urn:uuid:%s" % uuid.uuid5(uuid.NAMESPACE_OID, digest)
        return json.dumps(document, indent=1) + "\n"
