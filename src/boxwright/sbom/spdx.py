"""Packages as an SPDX 2.3 document in JSON."""

from __future__ import annotations

import json
from typing import Any

from boxwright.sbom import licence
from boxwright.sbom.inventory import Inventory
from boxwright.sbom.package import Package
from boxwright.sbom.subject import TOOL, VERSION, Subject

PREDICATE = "https://spdx.dev/Document"
_NOTHING = "NOASSERTION"
_ROOT = "SPDXRef-image"
_SYSTEM = "SPDXRef-operating-system"


def document(subject: Subject, inventory: Inventory) -> bytes:
    """Return the document, in UTF-8."""
    return json.dumps(value(subject, inventory), indent=1, ensure_ascii=False).encode("utf-8", "replace")


def value(subject: Subject, inventory: Inventory) -> dict[str, Any]:
    """Return the document as plain values."""
    quoted: dict[str, str] = {}
    items = [_image(subject)]
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", _ROOT)]
    distribution = inventory.distribution
    if distribution.id:
        items.append(_system(inventory))
        relations.append(_relation(_ROOT, "CONTAINS", _SYSTEM))
    for number, package in enumerate(inventory.packages, 1):
        id = f"SPDXRef-{package.kind}-{number}"
        items.append(_package(id, package, quoted))
        relations.append(_relation(_ROOT, "CONTAINS", id))
    made: dict[str, Any] = {"created": subject.time(), "creators": [f"Tool: {TOOL}-{VERSION}"]}
    if inventory.notes:
        made["comment"] = "\n".join(inventory.notes)
    result: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.name,
        "documentNamespace": f"urn:uuid:{subject.uuid}",
        "creationInfo": made,
        "packages": items,
        "relationships": relations,
    }
    if quoted:
        result["hasExtractedLicensingInfos"] = [
            {"licenseId": id, "extractedText": text, "name": text} for id, text in sorted(quoted.items())
        ]
    return result


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _image(subject: Subject) -> dict[str, Any]:
    return {
        "SPDXID": _ROOT,
        "name": subject.name,
        "versionInfo": subject.id,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": subject.id.partition(":")[2]}],
        "comment": f"an image for {subject.platform}; the version and the checksum are those of its configuration",
        **_common(),
    }


def _system(inventory: Inventory) -> dict[str, Any]:
    distribution = inventory.distribution
    return {
        "SPDXID": _SYSTEM,
        "name": distribution.id,
        **({"versionInfo": distribution.version} if distribution.version else {}),
        **({"summary": distribution.name} if distribution.name else {}),
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        **_common(),
    }


def _package(id: str, package: Package, quoted: dict[str, str]) -> dict[str, Any]:
    name = f"{package.namespace}/{package.name}" if package.kind in ("npm", "golang") else package.name
    item: dict[str, Any] = {"SPDXID": id, "name": name.lstrip("/"), **_common()}
    if package.version:
        item["versionInfo"] = package.version
    if package.supplier:
        item["supplier"] = f"Organization: {package.supplier}"
    source = f"found in {package.found}"
    item["sourceInfo"] = f"{source}; made from {package.origin}" if package.origin else source
    if package.licence:
        item["licenseDeclared"] = _licence(package.licence, quoted)
    purl = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": package.purl(),
    }
    return {**item, "externalRefs": [purl]}


def _licence(text: str, quoted: dict[str, str]) -> str:
    if licence.is_expression(text):
        return text
    id = licence.reference(text)
    quoted[id] = text
    return id


def _common() -> dict[str, Any]:
    return {
        "downloadLocation": _NOTHING,
        "filesAnalyzed": False,
        "licenseConcluded": _NOTHING,
        "licenseDeclared": _NOTHING,
        "copyrightText": _NOTHING,
    }
