"""Packages of Alpine and its kin: apk's database of what is installed."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.sbom.distribution import Distribution
from boxwright.sbom.package import Package, clean

_FIELDS = b"PVALmo"


def packages(data: bytes, path: str, distribution: Distribution) -> Iterator[Package]:
    """Yield the packages of ``installed``: paragraphs of one-letter fields."""
    fields: dict[str, str] = {}
    for line in (*data.split(b"\n"), b""):
        if line[1:2] == b":" and line[:1] in _FIELDS:
            fields[line[:1].decode()] = clean(line[2:])
        elif not line.strip():
            name, version = fields.get("P", ""), fields.get("V", "")
            if name and version:
                origin = fields.get("o", "")
                yield Package(
                    "apk",
                    name,
                    version,
                    path,
                    namespace=distribution.id or "alpine",
                    qualifiers=(("arch", fields.get("A", "")), ("distro", distribution.qualifier)),
                    licence=fields.get("L", ""),
                    supplier=fields.get("m", ""),
                    origin=origin if origin != name else "",
                )
            fields = {}
