"""An image on its way out of the store: what holds it, and its layers as content to upload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boxwright.image.form import Form
from boxwright.image.image import Image, Layer
from boxwright.layer.compression import CompressingReader, Compression, compressor
from boxwright.layer.hashing import DigestMismatch
from boxwright.layer.streams import CHUNK, ReadAhead
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.upload import NO_BOOKMARK, Bookmark
from boxwright.store import attachments, stored
from boxwright.store.attachments import Attachment
from boxwright.store.blobs import BlobStore
from boxwright.store.database import Database
from boxwright.store.images import ImageRecord, ImageStore
from boxwright.store.packed import PackedLayers
from boxwright.store.store import Store
from boxwright.store.uploads import LEAST_BYTES, OpenUpload


class Outgoing:
    """An image that is held in the store until it has been sent (see `hold`)."""

    __slots__ = ("_database", "attachments", "blobs", "form", "image", "images", "packed")

    def __init__(
        self,
        image: Image,
        images: ImageStore,
        database: Database,
        *,
        blobs: BlobStore,
        form: Form,
        attachments: tuple[Attachment, ...] = (),
    ) -> None:
        self.image = image
        self.images = images
        self._database = database
        self.packed = PackedLayers(database)
        self.blobs = blobs
        self.form = form
        self.attachments = attachments

    def as_it_is(self, layer: Layer) -> Descriptor | None:
        """Return how a layer leaves when it leaves as it lies in the store, None when it is to be packed for it."""
        return self.form.as_it_is(self.image, layer)

    def known(self, layer: Layer) -> Descriptor | None:
        """Return how a layer will leave, as far as that is known before it does."""
        as_it_is = self.as_it_is(layer)
        if as_it_is is not None:
            return as_it_is
        if self.form.compression == "none":
            return Descriptor(self.form.layer_type("none"), layer.diff_id, layer.size)
        packed = self.packed.get(layer.diff_id, self.form.packing)
        return packed and packed._replace(media_type=self.form.layer_type(self.form.compression))

    def bookmark(self, layer: Layer, repository: str) -> Bookmark:
        """Return where a layer's upload into a repository (``domain/path``) is noted while it is open."""
        known = self.known(layer)
        if (known.size if known else layer.size) < LEAST_BYTES:
            return NO_BOOKMARK
        return OpenUpload(self._database, repository, self.source(layer).content)

    def source(self, layer: Layer) -> StoredBlob | PackedOnTheWay:
        """Return a layer's content in the form in which it leaves."""
        as_it_is = self.as_it_is(layer)
        if as_it_is is not None:
            return StoredBlob(layer, as_it_is)
        return PackedOnTheWay(layer, self.form)


@contextmanager
def hold(store: Store, record: ImageRecord, form: Form | None = None, *, attached: bool = True) -> Iterator[Outgoing]:
    """Hold an image in the store, whoever removes it meanwhile, with what is attached to it unless that stays here."""
    with store.leases.hold() as lease:
        lease.add("image", record.id)
        lease.add("blob", record.id, *([record.manifest.digest] if record.manifest else []))
        if record.chain is not None:
            lease.add("snapshot", record.chain)
        along = tuple(attachments.of_image(store, record.id)) if attached else ()
        lease.add("blob", *(attachment.content.digest for attachment in along))
        image = stored.image(store.blobs, store.snapshots, store.images, record)
        yield Outgoing(image, store.images, store.database, blobs=store.blobs, form=form or Form(), attachments=along)


class StoredBlob:
    """A layer's blob, sent as it lies in the store (see `boxwright.remote.upload.BlobSource`)."""

    __slots__ = ("_layer", "digest", "size")

    def __init__(self, layer: Layer, descriptor: Descriptor) -> None:
        self._layer = layer
        self.digest: Digest | None = descriptor.digest
        self.size: int | None = descriptor.size

    @property
    def content(self) -> str:
        """The name of the bytes in whatever run."""
        return str(self.digest)

    def open(self, offset: int) -> Iterator[bytes]:
        with self._layer.open_packed() as stream:
            stream.seek(offset)
            while data := stream.read(CHUNK):
                yield data


class PackedOnTheWay:
    """A layer that is packed while it is sent; its digest and size are known at the end (see BlobSource).

    The compressor gives the same bytes each time, so a second stream can go on where the first one broke.
    """

    __slots__ = ("_kind", "_layer", "_level", "digest", "size")

    def __init__(self, layer: Layer, form: Form) -> None:
        kinds: dict[str, Compression] = {"gzip": "gzip", "zstd": "zstd", "none": "none"}
        self._layer = layer
        self._kind = kinds[form.compression]
        self._level = form.level
        plain = form.compression == "none"
        self.digest: Digest | None = layer.diff_id if plain else None
        self.size: int | None = layer.size if plain else None

    @property
    def content(self) -> str:
        """The name of the bytes in whatever run: the same program, at the same level, packs the same bytes."""
        return f"{self._layer.diff_id} {compressor(self._kind, self._level)}"

    def open(self, offset: int) -> Iterator[bytes | memoryview]:
        with self._layer.open() as plain, CompressingReader(plain, self._kind, self._level) as packed:
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
