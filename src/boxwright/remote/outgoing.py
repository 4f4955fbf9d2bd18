"""An image on its way out of the store: what holds it, and its layers as content to upload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boxwright.image.image import Image, Layer
from boxwright.layer.compression import CompressingReader
from boxwright.layer.hashing import DigestMismatch
from boxwright.layer.streams import CHUNK, ReadAhead
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.store import stored
from boxwright.store.images import ImageRecord, ImageStore
from boxwright.store.packed import PackedLayers
from boxwright.store.store import Store


class Outgoing:
    """An image that is held in the store until it has been sent (see `hold`)."""

    __slots__ = ("image", "images", "packed")

    def __init__(self, image: Image, images: ImageStore, packed: PackedLayers) -> None:
        self.image = image
        self.images = images
        self.packed = packed

    def as_it_is(self, layer: Layer) -> Descriptor | None:
        """Return how a layer leaves when it leaves as it lies in the store, None when it is to be compressed."""
        blob = layer.descriptor
        if blob is None or self.image.manifest is not None:
            return blob
        compression = media.compression_of(blob.media_type)
        if compression not in ("gzip", "zstd"):
            return None
        return Descriptor(media.oci_layer(compression), blob.digest, blob.size)

    def source(self, layer: Layer) -> StoredBlob | CompressedLayer:
        """Return a layer's content in the form in which it leaves."""
        as_it_is = self.as_it_is(layer)
        if as_it_is is not None:
            return StoredBlob(layer, as_it_is)
        return CompressedLayer(layer)


@contextmanager
def hold(store: Store, record: ImageRecord) -> Iterator[Outgoing]:
    """Hold an image in the store, whoever removes it meanwhile."""
    with store.leases.hold() as lease:
        lease.add("image", record.id)
        lease.add("blob", record.id, *([record.manifest.digest] if record.manifest else []))
        if record.chain is not None:
            lease.add("snapshot", record.chain)
        image = stored.image(store.blobs, store.snapshots, store.images, record)
        yield Outgoing(image, store.images, PackedLayers(store.database))


class StoredBlob:
    """A layer's blob, sent as it lies in the store (see `boxwright.remote.upload.BlobSource`)."""

    __slots__ = ("_layer", "digest", "size")

    def __init__(self, layer: Layer, descriptor: Descriptor) -> None:
        self._layer = layer
        self.digest: Digest | None = descriptor.digest
        self.size: int | None = descriptor.size

    def open(self, offset: int) -> Iterator[bytes]:
        with self._layer.open_packed() as stream:
            stream.seek(offset)
            while data := stream.read(CHUNK):
                yield data


class CompressedLayer:
    """A layer that is compressed while it is sent; its digest and size are known at the end (see BlobSource).

    The compressor gives the same bytes each time, so a second stream can go on where the first one broke.
    """

    __slots__ = ("_layer", "digest", "size")

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self.digest: Digest | None = None
        self.size: int | None = None

    def open(self, offset: int) -> Iterator[bytes | memoryview]:
        with self._layer.open() as plain, CompressingReader(plain, "gzip") as packed:
            with ReadAhead(packed) as ahead:
                while data := ahead.take():
                    if offset:
                        data, offset = data[offset:], max(0, offset - len(data))
                    if data:
                        yield data
            result = packed.result
        if result.diff_id != self._layer.diff_id:
            raise DigestMismatch(f"layer {self._layer.diff_id.short}", self._layer.diff_id, result.diff_id)
        self.digest, self.size = result.digest, result.size
