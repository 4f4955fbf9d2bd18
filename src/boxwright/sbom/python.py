"""Packages of Python: the METADATA of a dist-info folder, the PKG-INFO of older ones."""

from __future__ import annotations

import re

from boxwright.sbom.package import Package, clean

_FIELDS = frozenset({"name", "version", "license", "license-expression", "author", "author-email", "maintainer"})
_UNKNOWN = frozenset({"", "UNKNOWN"})


def is_metadata(path: str) -> bool:
    """Whether a file of this name tells of a package."""
    if path.endswith((".dist-info/METADATA", ".egg-info/PKG-INFO")):
        return True
    return path.endswith(".egg-info")


def package(data: bytes, path: str) -> Package | None:
    """Return the package that a file tells of; None when it doesn't say its name and version."""
    fields: dict[str, str] = {}
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            break  # the description comes after the fields
        key, colon, value = line.partition(b":")
        name = key.decode("ascii", "replace").lower()
        if colon and name in _FIELDS and name not in fields:
            fields[name] = clean(value.strip())
    name, version = fields.get("name", ""), fields.get("version", "")
    if not name or not version:
        return None
    licence = fields.get("license-expression") or fields.get("license", "")
    supplier = fields.get("author") or fields.get("author-email") or fields.get("maintainer", "")
    return Package(
        "pypi",
        re.sub(r"[-_.]+", "-", name).lower(),
        version,
        path,
        licence="" if licence in _UNKNOWN else licence,
        supplier="" if supplier in _UNKNOWN else supplier,
    )
