"""Images and layers of the store as immutable views."""

from __future__ import annotations

from typing import BinaryIO

from boxwright.image.image import Image, Layer, validated
from boxwright.image.unpacked import Unpacked
from boxwright.layer.diff import open_layer
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import ChainID, DiffID
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Manifest, parse_manifest
from boxwright.store.blobs import BlobStore
from boxwright.store.images import ImageRecord, ImageStore
from boxwright.store.snapshots import Snapshot, SnapshotStore


class StoredLayer:
    """A layer of the store (see `boxwright.image.image.Layer`): its blob where it has one, else its directory."""

    __slots__ = ("_blobs", "_snapshots", "snapshot")

    def __init__(self, blobs: BlobStore, snapshots: SnapshotStore, snapshot: Snapshot) -> None:
        self._blobs = blobs
        self._snapshots = snapshots
        self.snapshot = snapshot

    @property
    def diff_id(self) -> DiffID:
        return self.snapshot.diff_id

    @property
    def size(self) -> int:
        return self.snapshot.size

    @property
    def descriptor(self) -> Descriptor | None:
        return self.snapshot.blob

    def open(self) -> BinaryIO:
        blob = self.snapshot.blob
        if blob is None:
            return open_layer(self._snapshots.path(self.snapshot), epoch=self.snapshot.epoch)
        if blob.digest == self.snapshot.diff_id:
            return self._blobs.open(blob.digest)
        return Unpacked(self._blobs.open(blob.digest))

    def open_packed(self) -> BinaryIO:
        blob = self.snapshot.blob
        return self.open() if blob is None else self._blobs.open(blob.digest)


def image(blobs: BlobStore, snapshots: SnapshotStore, images: ImageStore, record: ImageRecord) -> Image:
    """Return the view of an image. Its manifest is the one it came with, if its layers still are as that says."""
    made = of_layers(blobs, snapshots, images.config_bytes(record), record.chain)
    layers, manifest = made.layers, None
    if record.manifest is not None:
        parsed = parse_manifest(blobs.read(record.manifest.digest, MAX_MANIFEST_BYTES))
        if isinstance(parsed, Manifest) and _is_packed_as(layers, parsed):
            manifest = parsed
    return validated(made._replace(manifest=manifest))


def of_layers(blobs: BlobStore, snapshots: SnapshotStore, config: bytes, chain: ChainID | None) -> Image:
    """Return the view of an image that the store need not know, whose layers it has. Raises SnapshotNotFound."""
    layers = tuple(StoredLayer(blobs, snapshots, snapshot) for snapshot in snapshots.stack(chain))
    return validated(Image(config, ImageConfig.parse(config), layers))


def _is_packed_as(layers: tuple[Layer, ...], manifest: Manifest) -> bool:
    return [layer.digest for layer in manifest.layers] == [
        layer.descriptor.digest if layer.descriptor else None for layer in layers
    ]
