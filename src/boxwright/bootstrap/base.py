"""What a bootstrap yields: a root file system as a tar, and how a container of it runs."""

from __future__ import annotations

from boxwright.host.paths import Path
from boxwright.oci.config import RunConfig
from boxwright.values import NamedTuple


class BaseImage(NamedTuple):
    tar: Path
    """The root file system, uncompressed; it belongs to the caller."""
    config: RunConfig
    created: str
    """RFC 3339. Not the time of day: the date of what went in, so that the same packages give the same image."""
    comment: str
    """For the image's history."""
    tags: tuple[str, ...]
    """The names it should get, the plainest first."""
