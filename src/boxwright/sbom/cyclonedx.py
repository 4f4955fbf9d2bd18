"""Packages as a CycloneDX 1.6 document in JSON."""

from __future__ import annotations

import json
from typing import Any

from boxwright.sbom import licence
from boxwright.sbom.inventory import Inventory
from boxwright.sbom.package import Package
from boxwright.sbom.subject import TOOL, VERSION, Subject

PREDICATE = "https://cyclonedx.org/bom"
_ROOT = "image"


def document(subject: Subject, inventory: Inventory) -> bytes:
    """Return the document, in UTF-8."""
    return json.dumps(value(subject, inventory), indent=1, ensure_ascii=False).encode("utf-8", "replace")


def value(subject: Subject, inventory: Inventory) -> dict[str, Any]:
    """Return the document as plain values."""
    components = [
        _component(f"{package.kind}-{number}", package) for number, package in enumerate(inventory.packages, 1)
    ]
    distribution = inventory.distribution
    if distribution.id:
        system = {"type": "operating-system", "bom-ref": "operating-system", "name": distribution.id}
        if distribution.version:
            system["version"] = distribution.version
        if distribution.name:
            system["description"] = distribution.name
        components.insert(0, system)
    image = {"type": "container", "bom-ref": _ROOT, "name": subject.name, "version": subject.id}
    result: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{subject.uuid}",
        "version": 1,
        "metadata": {
            "timestamp": subject.time(),
            "tools": {"components": [{"type": "application", "name": TOOL, "version": VERSION}]},
            "component": image,
        },
        "components": components,
        "dependencies": [{"ref": _ROOT, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    if inventory.notes:
        result["metadata"]["properties"] = [{"name": f"{TOOL}:unread", "value": note} for note in inventory.notes]
    return result


def _component(ref: str, package: Package) -> dict[str, Any]:
    grouped = package.kind in ("npm", "golang") and package.namespace
    component: dict[str, Any] = {"type": "library", "bom-ref": ref}
    if grouped:
        component["group"] = package.namespace
    component["name"] = package.name
    if package.version:
        component["version"] = package.version
    if package.supplier:
        component["publisher"] = package.supplier
    if package.licence:
        component["licenses"] = [_licence(package.licence)]
    component["purl"] = package.purl()
    properties = [("found", package.found), ("origin", package.origin)]
    component["properties"] = [{"name": f"{TOOL}:{name}", "value": text} for name, text in properties if text]
    return component


def _licence(text: str) -> dict[str, Any]:
    if licence.is_identifier(text):
        return {"license": {"id": text}}
    return {"expression": text} if licence.is_expression(text) else {"license": {"name": text}}
