"""What an image is, wherever it is: a configuration and the layers that it names."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from boxwright.errors import CorruptError
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.values import NamedTuple


class InvalidImage(CorruptError):
    """The parts of an image contradict each other."""

    def __init__(self, why: str) -> None:
        super().__init__(f"invalid image: {why}")


class Layer(Protocol):
    """One layer, in a store, an archive or a registry.

    An immutable view: nothing is read before a stream is opened, every stream starts at the beginning, is closed by
    the caller, and the caller verifies what it reads against the digest.
    """

    @property
    def diff_id(self) -> DiffID:
        """The digest of the uncompressed tar."""

    @property
    def size(self) -> int:
        """Bytes of the uncompressed tar. May have to read all of a compressed layer whose size nobody noted."""

    @property
    def descriptor(self) -> Descriptor | None:
        """How the layer is packed where it is; None for one that exists as a plain tar without a blob."""

    def open(self) -> BinaryIO:
        """Open the uncompressed tar."""

    def open_packed(self) -> BinaryIO:
        """Open the bytes that `descriptor` describes; the uncompressed tar where it is None.

        A layer whose bytes can be had from anywhere on, as one in a registry, also has ``open_packed_from(position)``.
        """


class Image(NamedTuple):
    config_bytes: bytes
    """As they came: their digest is the image's ID."""
    config: ImageConfig
    layers: tuple[Layer, ...]
    """Lowest first, as many as the configuration names."""
    manifest: Manifest | None = None
    """The manifest that it came with, whose layers are packed as `layers` are; None after any change."""

    @property
    def id(self) -> Digest:
        return Digest.of(self.config_bytes)

    @classmethod
    def of(cls, config: ImageConfig, layers: tuple[Layer, ...]) -> Image:
        """Return the image of this configuration. Raises InvalidImage when the layers are not those it names."""
        return validated(cls(config.to_bytes(), config, layers))


def validated(image: Image) -> Image:
    """Return `image`, having checked that its parts belong together. Raises InvalidImage."""
    named = image.config.diff_ids
    if len(named) != len(image.layers):
        raise InvalidImage(f"its configuration names {len(named)} layers, {len(image.layers)} are there")
    for number, (diff_id, layer) in enumerate(zip(named, image.layers, strict=True), 1):
        if layer.diff_id != diff_id:
            raise InvalidImage(f"layer {number} is {layer.diff_id.short}, its configuration names {diff_id.short}")
    if image.manifest is not None:
        if image.manifest.config.digest != image.id:
            raise InvalidImage("its manifest names another configuration")
        if len(image.manifest.layers) != len(named):
            raise InvalidImage(f"its manifest has {len(image.manifest.layers)} layers, {len(named)} are named")
    return image
