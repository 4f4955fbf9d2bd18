"""An image from the store into a registry.

An image that came with a manifest leaves with the same bytes, so its digest stays. Any other gets an OCI manifest:
every registry and client of today takes it, and an OCI manifest may hold zstd. A layer made here is compressed with
gzip while it is sent; what that gave is remembered, so the next push asks before it compresses.
"""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from boxwright.image.image import Layer
from boxwright.oci import media
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.outgoing import Outgoing
from boxwright.remote.progress import LayerBytes, LayerDone, LayerExists, LayerMounted, Sink, ignore
from boxwright.remote.upload import BytesSource
from boxwright.store.images import ImageNotFound
from boxwright.values import NamedTuple

PARALLEL_LAYERS = 5
_MOUNT_TRIES = 2


class PushResult(NamedTuple):
    digest: Digest
    """Of the manifest, as the registry has it now."""
    size: int
    """Bytes of the manifest."""
    sent: int
    """Compressed bytes of layers that were sent."""
    there: int
    """Compressed bytes of layers that the registry had."""


def push(
    client: RegistryClient,
    reference: Reference,
    outgoing: Outgoing,
    *,
    progress: Sink = ignore,
    parallel: int = PARALLEL_LAYERS,
) -> PushResult:
    """Bring an image into a registry under a tag; ``latest`` is added. Idempotent.

    The tag moves last, when everything that it names is there. Raises RegistryFailure, ConnectionFailed,
    CorruptError when the store is damaged, CancelledError.
    """
    reference = reference.with_default_tag()
    with client.cancellable():
        result = _Push(client, reference, outgoing, progress).run(parallel)
    try:
        outgoing.images.add_repo_digest(reference._replace(tag=None, digest=result.digest), outgoing.image.id)
    except ImageNotFound:
        pass  # removed meanwhile: it is in the registry all the same
    return result


class _Placed(NamedTuple):
    """A layer that is in the registry now."""

    descriptor: Descriptor
    sent: int


class _Push:
    """One image's way into one repository."""

    def __init__(self, client: RegistryClient, reference: Reference, outgoing: Outgoing, progress: Sink) -> None:
        self._client = client
        self._reference = reference
        self._outgoing = outgoing
        self._image = outgoing.image
        self._progress = progress
        self._packed = outgoing.packed

    def run(self, parallel: int) -> PushResult:
        # One image may hold a layer twice; it is sent once.
        layers = {layer.diff_id: layer for layer in self._image.layers}
        self._client.ping()
        with ThreadPoolExecutor(parallel, thread_name_prefix="push") as pool:
            try:
                config = pool.submit(self._place_config)
                jobs = {diff_id: pool.submit(self._place, layer) for diff_id, layer in layers.items()}
                everything: list[Future[Any]] = [config, *jobs.values()]
                for job in wait(everything, return_when=FIRST_EXCEPTION).done:
                    job.result()
                placed = {diff_id: job.result() for diff_id, job in jobs.items()}
            except BaseException:
                self._client.cancel()
                pool.shutdown(cancel_futures=True)
                raise
        manifest = self._image.manifest or self._new_manifest(placed)
        tag = self._reference.tag or str(self._reference.digest)
        digest = self._client.put_manifest(self._reference.path, tag, manifest)
        sent = sum(layer.sent for layer in placed.values())
        total = sum(layer.descriptor.size for layer in placed.values())
        return PushResult(digest, len(manifest.raw), sent, total - sent)

    def _new_manifest(self, placed: dict[DiffID, _Placed]) -> Manifest:
        config = Descriptor(media.OCI_CONFIG, self._image.id, len(self._image.config_bytes))
        return Manifest.build(config, [placed[layer.diff_id].descriptor for layer in self._image.layers])

    def _place_config(self) -> None:
        path, image = self._reference.path, self._image
        if self._client.stat_blob(path, image.id) is None:
            self._client.upload(path).send(BytesSource(image.config_bytes, image.id))

    def _place(self, layer: Layer) -> _Placed:
        """Have a layer in the registry, by the cheapest way."""
        path = self._reference.path
        as_it_is = self._outgoing.as_it_is(layer)
        known = as_it_is or self._packed.get(layer.diff_id)
        url = None
        if known is not None:
            if self._client.stat_blob(path, known.digest) is not None:
                self._progress(LayerExists(layer.diff_id))
                return self._remember(layer, _Placed(known, 0))
            source, url = self._mount(known.digest)
            if source is not None:
                self._progress(LayerMounted(layer.diff_id, source))
                return self._remember(layer, _Placed(known, 0))
        total = known.size if known else None
        upload = self._client.upload(path, lambda done: self._progress(LayerBytes(layer.diff_id, done, total)))
        sent = upload.send(self._outgoing.source(layer), url)
        kind = as_it_is.media_type if as_it_is else media.OCI_LAYER_GZIP
        self._progress(LayerDone(layer.diff_id, sent.size))
        return self._remember(layer, _Placed(Descriptor(kind, sent.digest, sent.size), sent.size))

    def _mount(self, digest: Digest) -> tuple[str | None, str | None]:
        """Return the repository that a blob was mounted from, else an upload that was opened on the way."""
        domain, url = self._reference.domain, None
        own = self._reference.repository
        for repository in [name for name in self._packed.origins(digest, domain) if name != own][:_MOUNT_TRIES]:
            source = repository.removeprefix(f"{domain}/")
            url = self._client.upload(self._reference.path).mount(digest, source)
            if url is None:
                return source, None
        return None, url

    def _remember(self, layer: Layer, placed: _Placed) -> _Placed:
        if layer.descriptor is None or layer.descriptor.digest != placed.descriptor.digest:
            self._packed.put(layer.diff_id, placed.descriptor)
        self._packed.add_origin(self._reference.repository, placed.descriptor.digest)
        return placed
