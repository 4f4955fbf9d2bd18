"""An image from a registry, or those of an index for every platform, into the store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO, Literal

from boxwright.errors import UnsupportedError
from boxwright.image.image import Image, validated
from boxwright.image.unpacked import Unpacked
from boxwright.layer.streams import CHUNK, PieceStream
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient, Resolved
from boxwright.remote.download import Download, WrongBlob
from boxwright.remote.parallel import ParallelDownload, download
from boxwright.remote.progress import LayerBytes, LayerDone, LayerExists, Sink, ignore
from boxwright.store.images import MAX_CONFIG_BYTES, ImageRecord
from boxwright.store.ingest import LayerProgress, ingest_image
from boxwright.store.leases import Lease
from boxwright.store.packed import PackedLayers
from boxwright.store.publications import Publication
from boxwright.store.store import Store
from boxwright.values import NamedTuple

PARALLEL_LAYERS = 4


class NotAnImage(UnsupportedError):
    """A reference to something that cannot be run: a chart, a signature, a plug-in."""

    def __init__(self, reference: Reference, why: str) -> None:
        super().__init__(f"{reference.familiar()} is no container image: {why}")
        self.reference = reference


class PullResult(NamedTuple):
    record: ImageRecord
    digest: Digest
    """What the registry calls it: of the index where there is one, else of the manifest."""
    status: Literal["downloaded", "up to date"]


def pull(
    client: RegistryClient,
    reference: Reference,
    store: Store,
    platform: Platform,
    *,
    all_platforms: bool = False,
    progress: Sink = ignore,
    rootless: bool = False,
    parallel: int = PARALLEL_LAYERS,
    approve: Callable[[Resolved], object] | None = None,
    place: Reference | None = None,
) -> PullResult:
    """Bring an image into the store and let `reference` name it there; ``latest`` is added. Idempotent.

    Layers that the store has are not fetched. Everything is verified and durable before the name changes, and until
    then the store holds nothing new but whole layers; a pull that died is taken up by the next one. With a digest, the
    tag beside it is not touched, since the digest decides alone.

    With `all_platforms`, the images of an index for every platform come, and the tag is all of them from then on. What
    runs under it is the image for `platform`, or the first of the index where there is none.

    `approve` is shown what the name stands for, before anything of it is fetched, and may raise; what is stored then is
    what it was shown. `place` is what the image is called at `client`, where that is a mirror of its registry.

    Raises RegistryFailure, ConnectionFailed, CorruptError (WrongManifest, WrongBlob, BlobMismatch …), NotAnImage,
    NoMatchingPlatform, CancelledError.
    """
    reference = reference.with_default_tag()
    there = (place or reference).with_default_tag()
    with store.leases.hold() as lease, client.cancellable() as cancelled:
        bringing = _Bringing(client, store, lease, reference, there, progress, rootless, parallel, cancelled, approve)
        before = store.images.resolve(reference)
        root = client.fetch(there) if all_platforms else None
        publication: Publication | None = None
        if isinstance(root, Index) and root.platforms:
            record, images = bringing.bring_all(root, platform)
            digest, publication = root.digest, Publication(tuple(image.id for image in images))
        else:
            resolved = client.fetch_manifest(there, platform)
            record, digest = bringing.bring(resolved), resolved.digest
        if reference.digest is None:
            store.images.tag(reference, record.id, publication)
    unchanged = before is not None and before.id == record.id
    return PullResult(record, digest, "up to date" if unchanged else "downloaded")


class _Bringing:
    """The way of images from one repository into the store, held there by a lease until they have their names."""

    def __init__(
        self,
        client: RegistryClient,
        store: Store,
        lease: Lease,
        reference: Reference,
        there: Reference,
        progress: Sink,
        rootless: bool,
        parallel: int,
        cancelled: threading.Event,
        approve: Callable[[Resolved], object] | None,
    ) -> None:
        self._client = client
        self._store = store
        self._lease = lease
        self._reference = reference
        self._there = there
        self._progress = progress
        self._rootless = rootless
        self._parallel = parallel
        self._cancelled = cancelled
        self._approve = approve

    def bring_all(self, root: Index, platform: Platform) -> tuple[ImageRecord, list[ImageRecord]]:
        """Have the images of an index for every platform in the store; return the one for `platform`, and all."""
        chosen = root.select(platform) or root.select(root.platforms[0])
        entries = {entry.digest: entry for each in root.platforms if (entry := root.select(each)) is not None}
        images: dict[Digest, ImageRecord] = {}
        for digest, entry in entries.items():
            manifest = self._client.fetch(self._there._replace(tag=None, digest=digest), entry)
            if not isinstance(manifest, Manifest):
                raise NotAnImage(self._reference, f"for {entry.platform} it is another index")
            images[digest] = self.bring(Resolved(manifest, root.digest, root), named=digest)
        record = images[chosen.digest] if chosen is not None else next(iter(images.values()))
        self._store.images.add_repo_digest(self._reference._replace(tag=None, digest=root.digest), record.id)
        return record, list(images.values())

    def bring(self, resolved: Resolved, named: Digest | None = None) -> ImageRecord:
        """Have an image in the store, under its repository's digest (or the one `named`) but no tag yet."""
        if self._approve is not None:
            self._approve(resolved)
        store, manifest, reference = self._store, resolved.manifest, self._reference
        self._lease.add("image", manifest.config.digest)  # until it has its name
        record = store.images.get(manifest.config.digest)
        if record is None:
            image = _remote_image(self._client, self._there, manifest)
            record = ingest_image(
                store,
                image,
                rootless=self._rootless,
                parallel=self._parallel,
                progress=lambda event: _tell(event, self._progress),
                cancelled=self._cancelled,
            )
        else:
            for layer in manifest.layers:
                self._progress(LayerExists(layer.digest))
        PackedLayers(store.database).add_origin(reference.repository, *(layer.digest for layer in manifest.layers))
        store.images.add_repo_digest(reference._replace(tag=None, digest=named or resolved.digest), record.id)
        return record


class RemoteLayer:
    """A layer in a registry (see `boxwright.image.image.Layer`)."""

    __slots__ = ("_client", "_path", "descriptor", "diff_id")

    def __init__(self, client: RegistryClient, path: str, diff_id: DiffID, descriptor: Descriptor) -> None:
        self._client = client
        self._path = path
        self.diff_id = diff_id
        self.descriptor = descriptor

    @property
    def size(self) -> int:
        with self.open() as stream:
            return sum(map(len, iter(lambda: stream.read(CHUNK), b"")))

    def open(self) -> BinaryIO:
        return Unpacked(self.open_packed())

    def open_packed(self) -> BinaryIO:
        return self.open_packed_from(0)

    def open_packed_from(self, position: int) -> BinaryIO:
        return _BlobStream(download(self._client.session, self._path, self.descriptor, position=position))


class _BlobStream(PieceStream):
    """A download as a binary stream."""

    def __init__(self, download: Download | ParallelDownload) -> None:
        super().__init__()
        self._download = download

    def _next(self) -> bytes:
        return self._download.read(CHUNK)

    def close(self) -> None:
        self._download.close()
        super().close()


def _remote_image(client: RegistryClient, reference: Reference, manifest: Manifest) -> Image:
    """Return the view of an image in the registry; its configuration is fetched. Raises NotAnImage."""
    if manifest.config.media_type not in (media.OCI_CONFIG, media.DOCKER_CONFIG):
        what = manifest.artifact_type or manifest.config.media_type or "something without a type"
        raise NotAnImage(reference, f"it is {what[:200]}")
    for layer in manifest.layers:
        if media.compression_of(layer.media_type) is None:
            raise NotAnImage(reference, f"it has a layer of type {layer.media_type[:200] or 'nothing'}")
    if manifest.config.size > MAX_CONFIG_BYTES:
        raise WrongBlob(client.domain, manifest.config.digest, f"{manifest.config.size} bytes are no configuration")
    with client.open_blob(reference.path, manifest.config) as blob:
        raw = blob.read_all()
    config = ImageConfig.parse(raw)
    # A layer whose manifest names other places to fetch it from (`urls`) is asked for here all the same: where an
    # image's bytes come from is for whoever runs us to say, not for whoever wrote the manifest.
    layers = tuple(
        RemoteLayer(client, reference.path, diff_id, descriptor)
        for diff_id, descriptor in zip(config.diff_ids, manifest.layers, strict=False)
    )
    return validated(Image(raw, config, layers, manifest))


def _tell(event: LayerProgress, progress: Sink) -> None:
    packed = event.layer.descriptor
    assert packed is not None, "a remote layer has a descriptor"
    if event.event == "exists":
        progress(LayerExists(packed.digest))
    elif event.event == "complete":
        progress(LayerDone(packed.digest, packed.size))
    else:
        progress(LayerBytes(packed.digest, event.done, event.total))
