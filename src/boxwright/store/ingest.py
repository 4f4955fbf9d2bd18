"""Layers and images on their way in: from a registry, an archive, another store.

For each layer two things happen side by side: its packed bytes stream into a blob, hashed, and right behind, from the
same file, they are unpacked, hashed again and applied to a directory. Layers are fetched in parallel and applied in
their order, since a layer may refer to files of those below. Whatever is in the store already is not fetched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Literal

from boxwright.errors import CancelledError, UnavailableError
from boxwright.image.image import Image, Layer
from boxwright.layer.apply import Applied, apply_layer
from boxwright.layer.compression import open_decompressed
from boxwright.layer.diff import measure_layer
from boxwright.layer.hashing import HashingReader
from boxwright.layer.streams import CHUNK, PieceStream, ReadAhead
from boxwright.layer.union import UnionView
from boxwright.oci import media
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_ids
from boxwright.oci.manifest import Descriptor
from boxwright.store import partial
from boxwright.store.blobs import BlobMismatch, StoreWriteFailed
from boxwright.store.images import ImageRecord
from boxwright.store.leases import Lease
from boxwright.store.snapshots import Draft, Snapshot
from boxwright.store.stored import StoredLayer
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store

PARALLEL_LAYERS = 3


class LayerProgress(NamedTuple):
    """What has just happened to a layer; `done` counts packed bytes, `total` is None when nobody knows."""

    layer: Layer
    event: Literal["exists", "fetching", "complete"]
    done: int = 0
    total: int | None = None


def ingest_image(
    store: Store,
    image: Image,
    *,
    rootless: bool = False,
    intermediate: bool = False,
    parallel: int = PARALLEL_LAYERS,
    progress: Callable[[LayerProgress], object] = lambda event: None,
    cancelled: threading.Event | None = None,
) -> ImageRecord:
    """Bring an image with all its layers into the store, verified and durable, and return its row. Idempotent.

    An `intermediate` one is for what is made of it: nobody looks for it in a list.
    Nothing of it is visible before it is whole, except layers, each of them whole. `progress` is called from several
    threads. Raises CorruptError when bytes are not what their digests say, whatever opening a layer raises, and
    CancelledError soon after `cancelled` is set.
    """
    with store.leases.hold() as lease:
        manifest = image.manifest
        lease.add("blob", image.id, *([manifest.digest] if manifest else []))
        ingest_layers(
            store, lease, image.layers, rootless=rootless, parallel=parallel, progress=progress, cancelled=cancelled
        )
        if manifest is not None:
            store.blobs.put(manifest.raw)
        record = store.images.add(
            image.config_bytes,
            manifest=manifest.descriptor if manifest else None,
            intermediate=intermediate,
        )
        store.snapshots.make_durable()
    return record


def ingest_layers(
    store: Store,
    lease: Lease,
    layers: Sequence[Layer],
    *,
    rootless: bool = False,
    parallel: int = PARALLEL_LAYERS,
    progress: Callable[[LayerProgress], object] = lambda event: None,
    cancelled: threading.Event | None = None,
) -> list[Snapshot]:
    """Bring a stack of layers (lowest first) into the store and return their snapshots, not durable yet. Idempotent.

    `lease` keeps them from collection until the caller has a row that names them.
    """
    chains = chain_ids([layer.diff_id for layer in layers])
    lease.add("snapshot", *chains)
    lease.add("blob", *(layer.diff_id for layer in layers))
    lease.add("blob", *(layer.descriptor.digest for layer in layers if layer.descriptor is not None))
    work = _Work(store, rootless, progress, cancelled)
    below: Future[Snapshot] | None = None
    jobs: list[Future[Snapshot]] = []
    with ThreadPoolExecutor(parallel, thread_name_prefix="layer") as pool:
        try:
            # In their order: then whoever waits for the layer below waits for somebody at work.
            for layer, chain in zip(layers, chains, strict=True):
                below = pool.submit(_Ingest(work, layer, chain, below).run)
                jobs.append(below)
            wait(jobs)
        except BaseException as error:  # an interrupt, above all: the threads shall not go on
            work.fail(error)
            raise
    if work.error is not None:
        raise work.error
    return [job.result() for job in jobs]


def ingest_tar(
    store: Store, lease: Lease, stream: BinaryIO, *, epoch: int | None = None, rootless: bool = False
) -> Snapshot:
    """Make a lowest layer of the tar archive of a root file system, compressed or not (``import``). Not durable yet.

    The layer is what a build would make of the same files, whatever the order and form of the archive, so no blob is
    kept. Raises CorruptError.
    """
    with store.snapshots.draft() as draft:
        os.rmdir(draft.fs)
        apply_layer(open_decompressed(stream), draft.fs, rootless=rootless)
        measured = measure_layer(draft.fs, epoch=epoch)
        lease.add("snapshot", measured.diff_id)
        return draft.commit(None, measured.diff_id, measured.size, usage=measured.content, epoch=epoch)


class _Work:
    """What the threads of one ingestion share."""

    def __init__(
        self,
        store: Store,
        rootless: bool,
        progress: Callable[[LayerProgress], object],
        cancelled: threading.Event | None,
    ) -> None:
        self.store = store
        self.rootless = rootless
        self.progress = progress
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self.error: BaseException | None = None
        """What went wrong first; what follows from it is not of interest."""

    def fail(self, error: BaseException) -> None:
        with self._lock:
            if self.error is None:
                self.error = error

    def check(self) -> None:
        """Raise CancelledError when the work is of no use any more."""
        if self.error is not None or (self._cancelled is not None and self._cancelled.is_set()):
            raise CancelledError("interrupted while layers were fetched")


class _Ingest:
    """One layer's way into the store."""

    def __init__(self, work: _Work, layer: Layer, chain: ChainID, below: Future[Snapshot] | None) -> None:
        self._work = work
        self._store = work.store
        self._layer = layer
        self._chain = chain
        self._below = below

    def run(self) -> Snapshot:
        try:
            self._work.check()
            with self._store.snapshots.layer_lock(self._chain):
                found = self._store.snapshots.get(self._chain)
                if found is not None:
                    self._work.progress(LayerProgress(self._layer, "exists"))
                    return found
                return self._bring_in()
        except BaseException as error:
            self._work.fail(error)
            raise

    def _bring_in(self) -> Snapshot:
        packed = self._layer.descriptor
        with ExitStack() as stack:
            fetch = None
            local = self._open_local()
            if local is not None:
                self._work.progress(LayerProgress(self._layer, "exists"))
                stream, packed = stack.enter_context(local[0]), local[1]
            else:
                # What is packed in no form that has a descriptor is kept as a plain tar.
                digest, size = (packed.digest, packed.size) if packed else (Digest(self._layer.diff_id), None)
                fetch = _Fetch(self._work, self._layer, digest, size)
                stack.callback(fetch.close)
                stream = fetch.follow()
            draft = stack.enter_context(self._store.snapshots.draft())
            parent = self._below.result() if self._below is not None else None
            hashed = fetch is not None and (packed is None or _is_plain(packed, self._layer.diff_id))
            applied = self._apply(stream, draft, parent, hashed)
            if fetch is not None:
                fetch.commit()
                packed = packed or Descriptor(media.OCI_LAYER, Digest(self._layer.diff_id), applied.size)
            snapshot = draft.commit(
                parent.chain if parent else None, self._layer.diff_id, applied.size, packed, usage=applied.content
            )
        if local is None:
            self._work.progress(LayerProgress(self._layer, "complete"))
        return snapshot

    def _open_local(self) -> tuple[BinaryIO, Descriptor | None] | None:
        """Open the layer as the store has it already, with the blob that it is in: on other parents, or half pulled."""
        store, wanted = self._store, self._layer.descriptor
        if wanted is not None and store.blobs.has(wanted.digest):
            return store.blobs.open(wanted.digest), wanted
        for snapshot in store.snapshots.with_diff_id(self._layer.diff_id):
            if wanted is None:
                return StoredLayer(store.blobs, store.snapshots, snapshot).open_packed(), snapshot.blob
        return None

    def _apply(self, stream: BinaryIO, draft: Draft, parent: Snapshot | None, hashed: bool) -> Applied:
        """Unpack into the draft, verified unless what fetches the bytes does it."""
        store = self._store
        os.rmdir(draft.fs)  # made by apply_layer, with the attributes of the root below
        lower = None
        if parent is not None:
            lower = UnionView([store.snapshots.path(snapshot) for snapshot in store.snapshots.stack(parent.chain)])
        if hashed:
            return apply_layer(stream, draft.fs, rootless=self._work.rootless, lower=lower)
        hashing = HashingReader(open_decompressed(stream))
        with ReadAhead(hashing) as ahead:
            applied = apply_layer(ahead, draft.fs, rootless=self._work.rootless, lower=lower)
        hashing.verify(self._layer.diff_id)
        return applied._replace(size=hashing.size)


def _is_plain(packed: Descriptor, diff_id: DiffID) -> bool:
    return packed.digest == diff_id and media.compression_of(packed.media_type) == "none"


class _Fetch:
    """A thread that copies a layer's packed bytes into a blob, and a stream of what has come so far."""

    def __init__(self, work: _Work, layer: Layer, digest: Digest, size: int | None) -> None:
        self._work = work
        self._layer = layer
        self._digest = digest
        self._size = size
        # Asked by name, since isinstance would ask for a layer's size, too, and that may mean to read all of it.
        self._open_from: Callable[[int], BinaryIO] | None = getattr(layer, "open_packed_from", None)
        # What came of a large layer is kept when it breaks off, for whoever fetches it next.
        resumable = self._open_from is not None and size is not None and size > partial.LEAST_BYTES
        blobs = work.store.blobs
        self._writer = blobs.resumed_writer(digest) if resumable else blobs.writer(digest.algorithm)
        self._changed = threading.Condition()
        self._ended = False
        self._dropped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fetch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._copy()
        except BaseException as raised:  # handed to the follower, whatever it is
            error = raised
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def _copy(self) -> None:
        with self._open() as stream:
            while data := stream.read(CHUNK):
                if self._dropped:
                    return
                self._work.check()
                if self._size is not None and self._writer.position + len(data) > self._size:
                    raise BlobMismatch("size", f"{self._size} bytes", "more")
                self._writer.write(data)
                with self._changed:
                    self._changed.notify_all()
                self._work.progress(LayerProgress(self._layer, "fetching", self._writer.position, self._size))

    def _open(self) -> BinaryIO:
        position = self._writer.position
        return self._open_from(position) if self._open_from and position else self._layer.open_packed()

    def follow(self) -> BinaryIO:
        """Return a stream of the blob from its beginning, which waits for what has not come yet."""
        return PieceStream(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        position = 0
        while True:
            with self._changed:
                while self._writer.position == position and not self._ended:
                    self._changed.wait()
                end = self._writer.position
            if end == position:
                if self._error is not None:
                    raise self._error
                return
            while position < end:
                data = os.pread(self._writer.fileno(), min(CHUNK, end - position), position)
                position += len(data)
                yield data

    def commit(self) -> Digest:
        """Wait for the end and make the blob, verified; the snapshot that will name it makes it durable."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._writer.commit(self._digest, self._size, durable=False)

    def close(self) -> None:
        """End the thread and drop what was not committed, unless only its source failed: then it is left."""
        self._dropped = True
        self._thread.join()
        full = isinstance(self._error, StoreWriteFailed)
        if isinstance(self._error, UnavailableError | CancelledError) and not full:
            self._writer.leave()
        else:
            self._writer.abort()
