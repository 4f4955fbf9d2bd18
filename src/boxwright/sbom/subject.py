"""What a document is about."""

from __future__ import annotations

from boxwright._version import __version__
from boxwright.hashes import hexdigest
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

TOOL = "boxwright"
VERSION = __version__


class Subject(NamedTuple):
    """An image. The same subject and packages give the same document, to the byte."""

    name: str
    """As it was asked for, or its short ID."""
    id: Digest
    platform: Platform
    created: str
    """RFC 3339: when the document is said to be made; the image's own time."""

    @property
    def uuid(self) -> str:
        """A UUID that only this image has (of version 8: the rest is our own)."""
        digits = hexdigest(f"{TOOL} {VERSION} {self.id}".encode())
        return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"

    def time(self) -> str:
        """Return `created` in whole seconds and UTC, as documents have it."""
        from boxwright.host.clock import parse_rfc3339, rfc3339

        try:
            seconds = int(parse_rfc3339(self.created)) if self.created else 0
        except ValueError:
            seconds = 0
        return rfc3339(seconds)
