"""Which distribution an image is of."""

from __future__ import annotations

from boxwright.errors import BoxwrightError
from boxwright.layer.union import UnionView
from boxwright.sbom.package import clean
from boxwright.values import NamedTuple

_PLACES = ("/etc/os-release", "/usr/lib/os-release")
_LIMIT = 64 << 10


class Distribution(NamedTuple):
    """What os-release says; all of it is empty where there is none."""

    id: str = ""
    """``debian``, ``alpine`` …"""
    version: str = ""
    name: str = ""
    """As people call it."""

    @property
    def qualifier(self) -> str:
        """``debian-12``, as purls have it."""
        return "-".join(filter(None, (self.id, self.version)))


def distribution_of(view: UnionView) -> Distribution:
    """Return the distribution of a file system."""
    for path in _PLACES:
        try:
            data = view.read(path, _LIMIT)
        except (BoxwrightError, OSError):
            continue  # not there, or nothing that is to be read
        values = _values(data.decode("utf-8", "replace"))
        return Distribution(values.get("ID", ""), values.get("VERSION_ID", ""), values.get("PRETTY_NAME", ""))
    return Distribution()


def _values(text: str) -> dict[str, str]:
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            values[name] = clean(value.strip("\"'"))
    return values
