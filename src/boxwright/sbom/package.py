"""One package that was found."""

from __future__ import annotations

from boxwright.values import NamedTuple

_LONGEST = 1024
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Package(NamedTuple):
    kind: str
    """Of a purl: ``deb``, ``apk``, ``rpm``, ``pypi``, ``npm`` or ``golang``."""
    name: str
    version: str
    found: str
    """The absolute path of the file that tells of it."""
    namespace: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    """Names and values; an empty value is as none."""
    licence: str = ""
    """As the package says it; empty where it doesn't."""
    supplier: str = ""
    origin: str = ""
    """The source package that it was made from, where that has another name."""

    def purl(self) -> str:
        """Return the package URL, which names it across tools."""
        name = f"{quote(self.namespace, '/')}/{quote(self.name)}" if self.namespace else quote(self.name, "/")
        version = f"@{quote(self.version, ':')}" if self.version else ""
        pairs = "&".join(f"{key}={quote(value, ':')}" for key, value in sorted(self.qualifiers) if value)
        return f"pkg:{self.kind}/{name}{version}{f'?{pairs}' if pairs else ''}"


def quote(text: str, safe: str = "") -> str:
    """Return a text with all but letters, digits, ``-._~`` and `safe` as percent escapes of its UTF-8."""
    return "".join(
        character if character in _PLAIN or character in safe else "".join(f"%{byte:02X}" for byte in _utf8(character))
        for character in text
    )


def _utf8(character: str) -> bytes:
    return character.encode("utf-8", "replace")


def clean(value: object) -> str:
    """Return what a file says as one line of printable text of bounded length; empty for what is no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return "".join(character for character in " ".join(value[:_LONGEST].split()) if character.isprintable())
