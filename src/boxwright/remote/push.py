"""An image from the store into a registry, for one platform or, as an index, for several.

An image that came with a manifest leaves with the same bytes, so its digest stays. Any other gets an OCI manifest:
every registry and client of today takes it, and an OCI manifest may hold zstd. A layer made here is compressed while
it is sent, with gzip unless its form says otherwise; what that gave is remembered, so the next push asks before it
compresses. What is attached to an image goes along, as artifacts that refer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from boxwright.image.image import Layer
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
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
    """Of the manifest or index, as the registry has it now."""
    size: int
    """Bytes of the manifest or index."""
    sent: int
    """Compressed bytes of layers that were sent."""
    there: int
    """Compressed bytes of layers that the registry had."""
    descriptor: Descriptor
    """Of the manifest or index."""


def push(
    client: RegistryClient,
    reference: Reference,
    outgoing: Outgoing,
    *,
    by_digest: bool = False,
    progress: Sink = ignore,
    parallel: int = PARALLEL_LAYERS,
) -> PushResult:
    """Bring an image into a registry under a tag; ``latest`` is added. Idempotent.

    The tag moves last, when everything that it names is there; with `by_digest` none is touched. Raises
    RegistryFailure, ConnectionFailed, CorruptError when the store is damaged, CancelledError.
    """
    reference = reference.with_default_tag()
    with client.cancellable():
        pushing = _Push(client, reference, outgoing, progress)
        manifest = pushing.place(parallel)
        digest = client.put_manifest(reference.path, _name(reference, manifest, by_digest), manifest)
        pushing.attach(manifest)
    _remember(outgoing, reference, digest)
    return PushResult(digest, len(manifest.raw), pushing.sent, pushing.there, manifest.descriptor)


def push_index(
    client: RegistryClient,
    reference: Reference,
    images: Sequence[Outgoing],
    *,
    by_digest: bool = False,
    progress: Sink = ignore,
    parallel: int = PARALLEL_LAYERS,
) -> PushResult:
    """Bring the images of several platforms, whose form is the same, into a registry, and an index of them under a tag.

    As `push` does; the repository's digest of the first image is that of the index.
    """
    reference = reference.with_default_tag()
    form = images[0].form
    entries: list[Descriptor] = []
    sent = there = 0
    with client.cancellable():
        for outgoing in images:
            pushing = _Push(client, reference, outgoing, progress)
            manifest = pushing.place(parallel)
            client.put_manifest(reference.path, str(manifest.digest), manifest)
            pushing.attach(manifest)
            entries.append(form.entry(outgoing.image, manifest))
            sent, there = sent + pushing.sent, there + pushing.there
        index = Index.build(entries, media_type=form.index_type, annotations=form.annotations_for("index"))
        digest = client.put_manifest(reference.path, _name(reference, index, by_digest), index)
    _remember(images[0], reference, digest)
    return PushResult(digest, len(index.raw), sent, there, index.descriptor)


def _name(reference: Reference, manifest: Manifest | Index, by_digest: bool) -> str:
    return str(manifest.digest) if by_digest or reference.tag is None else reference.tag


def _remember(outgoing: Outgoing, reference: Reference, digest: Digest) -> None:
    try:
        outgoing.images.add_repo_digest(reference._replace(tag=None, digest=digest), outgoing.image.id)
    except ImageNotFound:
        pass  # removed meanwhile: it is in the registry all the same


class _Placed(NamedTuple):
    """A layer that is in the registry now."""

    descriptor: Descriptor
    sent: int


class _Push:
    """One image's way into one repository; afterwards `sent` and `there` tell how many bytes of layers were which."""

    def __init__(self, client: RegistryClient, reference: Reference, outgoing: Outgoing, progress: Sink) -> None:
        self._client = client
        self._reference = reference
        self._outgoing = outgoing
        self._image = outgoing.image
        self._progress = progress
        self._packed = outgoing.packed
        self.sent = 0
        self.there = 0

    def place(self, parallel: int) -> Manifest:
        """Have layers and configuration in the registry; return the manifest of them, which isn't there yet."""
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
        self.sent = sum(layer.sent for layer in placed.values())
        self.there = sum(layer.descriptor.size for layer in placed.values()) - self.sent
        return self._outgoing.form.manifest(
            self._image, [placed[layer.diff_id].descriptor for layer in self._image.layers]
        )

    def attach(self, manifest: Manifest) -> None:
        """Send what is attached to the image, whose manifest is there now."""
        if self._outgoing.attachments:
            from boxwright.remote import referrers

            for attachment in self._outgoing.attachments:
                data = self._outgoing.blobs.read(attachment.content.digest, attachment.content.size)
                referrers.put(self._client, self._reference.path, manifest.descriptor, attachment, data)

    def _place_config(self) -> None:
        path, image = self._reference.path, self._image
        upload = self._client.upload(path)
        if upload.find(image.id) is None:
            upload.send(BytesSource(image.config_bytes, image.id))

    def _place(self, layer: Layer) -> _Placed:
        """Have a layer in the registry, by the cheapest way."""
        path = self._reference.path
        known = self._outgoing.known(layer)
        total = known.size if known else None
        upload = self._client.upload(path, lambda done: self._progress(LayerBytes(layer.diff_id, done, total)))
        url = None
        if known is not None:
            if upload.find(known.digest) is not None:
                self._progress(LayerExists(layer.diff_id))
                return self._remember(layer, _Placed(known, 0))
            source, url = self._mount(known.digest)
            if source is not None:
                self._progress(LayerMounted(layer.diff_id, source))
                return self._remember(layer, _Placed(known, 0))
        sent = upload.send(
            self._outgoing.source(layer), url, self._outgoing.bookmark(layer, self._reference.repository)
        )
        form = self._outgoing.form
        kind = known.media_type if known else form.layer_type(form.compression)
        self._progress(LayerDone(layer.diff_id, sent.size))
        return self._remember(layer, _Placed(Descriptor(kind, sent.digest, sent.size), sent.size - sent.taken_up))

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
        form = self._outgoing.form
        if self._outgoing.as_it_is(layer) is None and form.compression != "none":
            self._packed.put(layer.diff_id, placed.descriptor, form.packing)
        self._packed.add_origin(self._reference.repository, placed.descriptor.digest)
        return placed
