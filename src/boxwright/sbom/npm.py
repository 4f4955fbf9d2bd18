"""Packages of JavaScript: the package.json of what is installed below a node_modules folder."""

from __future__ import annotations

import json
from typing import Any

from boxwright.sbom.package import Package, clean


def is_manifest(path: str) -> bool:
    """Whether a file of this name is the manifest of an installed package."""
    _, slash, tail = path.rpartition("/node_modules/")
    parts = tail.split("/")
    return bool(slash) and parts[-1] == "package.json" and len(parts) == (3 if tail.startswith("@") else 2)


def package(data: bytes, path: str) -> Package | None:
    """Return the package of a manifest; None when it doesn't say its name and version. Raises ValueError."""
    value: Any = json.loads(data.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        return None
    name, version = clean(value.get("name")), clean(value.get("version"))
    if not name or not version:
        return None
    scope, _, short = name.rpartition("/")
    return Package(
        "npm", short, version, path, namespace=scope, licence=_licence(value), supplier=_person(value.get("author"))
    )


def _licence(value: dict[str, Any]) -> str:
    licence = value.get("license", value.get("licenses"))
    if isinstance(licence, list):  # as it was before there were expressions
        names = [_licence({"license": item}) for item in licence]
        return " OR ".join(name for name in names if name)
    return clean(licence.get("type") if isinstance(licence, dict) else licence)


def _person(value: object) -> str:
    return clean(value.get("name") if isinstance(value, dict) else value)
