"""What a build made, for whoever takes it further while its layers are still claimed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from boxwright.oci.digest import ChainID, Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple


class Product(NamedTuple):
    platform: Platform
    config: bytes
    """The image's configuration."""
    chain: ChainID | None
    """Its layers, which are in the store."""
    size: int
    """Bytes of content in the files of all its layers."""

    @property
    def id(self) -> Digest:
        """The image's ID, whether or not the store has the image."""
        return Digest.of(self.config)


Taker: TypeAlias = Callable[[Product], None]
"""Claims what it needs for longer than the build."""


def leave(product: Product) -> None:
    """The taker of whoever wants nothing but the image in the store."""
