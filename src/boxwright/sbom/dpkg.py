"""Packages of Debian and its kin: dpkg's status file, and the status.d of images that have no dpkg."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.sbom.distribution import Distribution
from boxwright.sbom.package import Package, clean

_FIELDS = frozenset({"Package", "Status", "Version", "Architecture", "Maintainer", "Source"})


def packages(data: bytes, path: str, distribution: Distribution) -> Iterator[Package]:
    """Yield the installed packages of a status file, or of one file of status.d."""
    for fields in _paragraphs(data):
        name, version = fields.get("Package", ""), fields.get("Version", "")
        # ``install ok installed``; what was removed and left its settings is config-files. status.d has no Status.
        if not name or not version or fields.get("Status", "installed").split()[-1:] != ["installed"]:
            continue
        source = fields.get("Source", "").partition(" ")[0]
        yield Package(
            "deb",
            name,
            version,
            path,
            namespace=distribution.id or "debian",
            qualifiers=(("arch", fields.get("Architecture", "")), ("distro", distribution.qualifier)),
            supplier=fields.get("Maintainer", ""),
            origin=source if source != name else "",
        )


def _paragraphs(data: bytes) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in (*data.split(b"\n"), b""):
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif not line.startswith((b" ", b"\t")):
            key, _, value = line.partition(b":")
            name = key.decode("ascii", "replace")
            if name in _FIELDS:
                fields[name] = clean(value.strip())
