"""What outputs need to know of the build that they are of."""

from __future__ import annotations

from typing import BinaryIO

from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple


class Terms(NamedTuple):
    tags: tuple[Reference, ...]
    indexed: bool
    """The image is one for several platforms, were there only one of them."""
    epoch: int | None
    stdout: BinaryIO | None
    insecure: tuple[str, ...] = ()
