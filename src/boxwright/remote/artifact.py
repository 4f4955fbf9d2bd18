"""Something in the form of an image, but none, into a registry: a document and layers that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from boxwright.image.image import Layer
from boxwright.layer.compression import CompressingReader, Compression
from boxwright.layer.hashing import DigestMismatch
from boxwright.layer.streams import CHUNK
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.upload import BytesSource
from boxwright.store.packed import PackedLayers
from boxwright.values import NamedTuple

_PARALLEL = 4


class Packing(NamedTuple):
    """How layers leave."""

    kind: Compression = "gzip"
    level: int | None = None
    """None: the fastest."""
    force: bool = False
    """Layers that are packed in another way already are packed anew."""

    def as_it_is(self, layer: Layer) -> Descriptor | None:
        """Return how a layer leaves when it leaves as it is packed, None when it is to be packed."""
        blob = layer.descriptor
        kind = media.compression_of(blob.media_type) if blob is not None else None
        if blob is None or kind is None or (self.force and kind != self.kind):
            return None
        return Descriptor(media.oci_layer(kind), blob.digest, blob.size)


class PackedLayer:
    """A layer's content as it leaves (see `boxwright.remote.upload.BlobSource`)."""

    __slots__ = ("_layer", "_packing", "_stored", "digest", "size")

    def __init__(self, layer: Layer, packing: Packing) -> None:
        self._layer = layer
        self._packing = packing
        self._stored = packing.as_it_is(layer)
        self.digest: Digest | None = self._stored.digest if self._stored else None
        self.size: int | None = self._stored.size if self._stored else None

    @property
    def descriptor(self) -> Descriptor:
        """How the layer is packed, once a stream has come to its end."""
        if self._stored is not None:
            return self._stored
        assert self.digest is not None, "it has been read to its end"
        assert self.size is not None, "it has been read to its end"
        return Descriptor(media.oci_layer(self._packing.kind), self.digest, self.size)

    def open(self, offset: int) -> Iterator[bytes | memoryview]:
        pieces = self._pieces(self._layer.open_packed()) if self._stored is not None else self._packed()
        for data in pieces:
            if offset:
                data, offset = data[offset:], max(0, offset - len(data))
            if data:
                yield data

    @staticmethod
    def _pieces(stream: BinaryIO) -> Iterator[bytes | memoryview]:
        with stream:
            while data := stream.read(CHUNK):
                yield data

    def _packed(self) -> Iterator[bytes | memoryview]:
        layer = self._layer
        with layer.open() as plain, CompressingReader(plain, self._packing.kind, self._packing.level) as packed:
            while data := packed.take(CHUNK):
                yield data
            result = packed.result
        if result.diff_id != layer.diff_id:
            raise DigestMismatch(f"layer {layer.diff_id.short}", layer.diff_id, result.diff_id)
        self.digest, self.size = result.digest, result.size


class Part(NamedTuple):
    """A layer of an artifact, and what its descriptor says beside its digest."""

    layer: Layer
    annotations: Mapping[str, str] = {}


def push_artifact(
    client: RegistryClient,
    reference: Reference,
    document: bytes,
    parts: Sequence[Part],
    *,
    artifact_type: str,
    config_type: str,
    packing: Packing,
    packed: PackedLayers,
) -> Digest:
    """Store an artifact under a tag and return its digest. Idempotent; the tag moves last, when all of it is there.

    What a layer made here was packed to before is remembered in `packed`, and asked for before it is packed again.
    Raises RegistryFailure, ConnectionFailed, CorruptError, CancelledError.
    """
    path = reference.path
    with client.cancellable(), ThreadPoolExecutor(_PARALLEL, thread_name_prefix="push") as pool:
        jobs = [pool.submit(_place, client, path, part.layer, packing, packed) for part in parts]
        try:
            layers = [job.result() for job in jobs]
        except BaseException:
            client.cancel()
            pool.shutdown(cancel_futures=True)
            raise
        config = Descriptor(config_type, Digest.of(document), len(document))
        if client.stat_blob(path, config.digest) is None:
            client.upload(path).send(BytesSource(document, config.digest))
        described = [layer._replace(annotations=part.annotations) for layer, part in zip(layers, parts, strict=True)]
        manifest = Manifest.build(config, described, artifact_type=artifact_type)
        return client.put_manifest(path, reference.tag or "latest", manifest)


def _place(client: RegistryClient, path: str, layer: Layer, packing: Packing, packed: PackedLayers) -> Descriptor:
    usual = packing == Packing()
    known = packing.as_it_is(layer) or (packed.get(layer.diff_id) if usual else None)
    if known is not None and client.stat_blob(path, known.digest) is not None:
        return known
    source = PackedLayer(layer, packing)
    client.upload(path).send(source)
    if usual and packing.as_it_is(layer) is None:
        packed.put(layer.diff_id, source.descriptor)
    return source.descriptor
