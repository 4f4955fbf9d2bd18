"""Content digests (OCI image-spec, descriptor.md "Digests")."""

from __future__ import annotations

from typing import NewType

from boxwright.errors import InvalidError
from boxwright.hashes import hexdigest

# The registered algorithms and the length of their lower-case hexadecimal encoding.
_HEX_LENGTH = {"sha256": 64, "sha512": 128}
ALGORITHMS = tuple(_HEX_LENGTH)
_HEX = frozenset("0123456789abcdef")


class Digest(str):
    """``algorithm:hex``, validated. A string, so that it goes into JSON and SQL as it is."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return `text` as a digest, or raise InvalidError when it is not a registered algorithm's digest."""
        algorithm, colon, encoded = text.partition(":")
        length = _HEX_LENGTH.get(algorithm)
        if not colon or length is None or len(encoded) != length or not _HEX.issuperset(encoded):
            raise InvalidError(f"invalid digest {text[:200]!r}", hint="a digest looks like sha256:<64 hex digits>")
        return cls(text)

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Return the sha256 digest of `data`."""
        return cls("sha256:" + hexdigest(data))

    @property
    def algorithm(self) -> str:
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        return self.partition(":")[2]

    @property
    def short(self) -> str:
        """The first 12 hex digits, as people read image IDs."""
        return self.partition(":")[2][:12]


DiffID = NewType("DiffID", Digest)
"""The digest of a layer's uncompressed tar."""

ChainID = NewType("ChainID", Digest)
"""The digest that names a layer applied on all those below it (image-spec config.md "Layer ChainID")."""


def chain_id(parent: ChainID | None, diff_id: DiffID) -> ChainID:
    """Return the ChainID of `diff_id` applied on `parent` (None for the lowest layer)."""
    if parent is None:
        return ChainID(diff_id)
    return ChainID(Digest.of(f"{parent} {diff_id}".encode()))


def chain_ids(diff_ids: list[DiffID] | tuple[DiffID, ...]) -> list[ChainID]:
    """Return the ChainID of every layer, lowest first."""
    chains: list[ChainID] = []
    for diff_id in diff_ids:
        chains.append(chain_id(chains[-1] if chains else None, diff_id))
    return chains
