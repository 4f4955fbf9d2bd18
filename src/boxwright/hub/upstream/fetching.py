"""One blob on its way from an upstream: into the storage, and to everybody who asks for it meanwhile.

The bytes go to the storage and to a nameless file beside it; who wants them reads that file as it grows, since uploads
cannot be read everywhere. The last bytes are held back until the digest has proved right and the blob is stored: nobody
ever receives a wrong blob whole, and none is stored.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from boxwright.hub.db.metadata import MetadataStore
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import BlobStorage
from boxwright.hub.storage.claims import claim
from boxwright.hub.upstream.names import Proxied
from boxwright.hub.upstream.registry import Upstream
from boxwright.hub.upstream.turns import Turn, Turns
from boxwright.oci.digest import Digest

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_HELD_BACK = 64 << 10


class Fetch:
    """A blob of `size` bytes that is being fetched. To be used on the event loop, but for `run`."""

    def __init__(self, size: int, spool: Path, ended: Callable[[], object]) -> None:
        """`ended` is called once, before any reader learns that it has ended."""
        self.size = size
        self._tell_end = ended
        self._file = tempfile.TemporaryFile(dir=spool, buffering=0)  # noqa: SIM115 - the last reader closes it
        self._loop = asyncio.get_running_loop()
        self._available = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._moved = asyncio.Event()
        self._readers = 0

    # -- the side that fetches, in a thread

    def run(
        self, upstream: Upstream, proxied: Proxied, digest: Digest, storage: BlobStorage, metadata: MetadataStore
    ) -> None:
        """Fetch and store the blob. What goes wrong is told to the readers, and leaves nothing behind."""
        failure: BaseException | None = None
        try:
            self._fetch(upstream, proxied, digest, storage, metadata)
        except BaseException as error:  # also of kinds that nobody thought of: the readers must not wait for ever
            _log.warning("%s of %s: %s", digest, proxied.repository, error)
            failure = error
        self._loop.call_soon_threadsafe(self._end, failure)

    def _fetch(
        self, upstream: Upstream, proxied: Proxied, digest: Digest, storage: BlobStorage, metadata: MetadataStore
    ) -> None:
        key = secrets.token_hex(16)
        incoming = storage.begin(key)
        try:
            with upstream.blob(proxied.path, digest, self.size) as source:
                received = 0
                while chunk := source.read(_CHUNK_BYTES):
                    incoming.append([chunk])
                    self._spool(chunk)
                    received += len(chunk)
                    upstream.counting.received_from_upstream(upstream.settings.prefix, len(chunk))
                    self._loop.call_soon_threadsafe(self._advance, max(0, received - _HELD_BACK))
            # As for an upload: claimed, durable, and only then named.
            claim(storage, metadata, digest, self.size)
            storage.commit(key, digest)
            metadata.add_blob(proxied.repository, digest, self.size)
        except BaseException:
            incoming.close()
            storage.abort(key)
            raise
        incoming.close()

    def _spool(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            left = left[self._file.write(left) :]

    # -- the side that reads

    def _advance(self, available: int) -> None:
        self._available = max(self._available, available)
        self._wake()

    def _end(self, failure: BaseException | None) -> None:
        self._ended, self._failure = True, failure
        self._tell_end()
        if failure is None:
            self._available = self.size
        self._wake()
        self._close_unread()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def begun(self) -> None:
        """Wait until there is something to send, so that a failure before it can still be an answer. Raises it."""
        while not (self._available or self._ended):
            await self._moved.wait()
        if self._failure is not None and not self._available:
            raise self._failure

    def is_over(self) -> bool:
        """Whether it has ended and let go of its bytes: they are in the storage. Raises what it failed with."""
        if not (self._ended and self._file.closed):
            return False
        if self._failure is not None:
            raise self._failure
        return True

    def reader(self, workers: Workers) -> FetchReader:
        """Return a reader of its own, to be closed."""
        self._readers += 1
        return FetchReader(self, workers)

    async def read(self, position: int, count: int, workers: Workers) -> bytes:
        while position >= self._available:
            if self._ended:
                raise EOFError(str(self._failure or "it is shorter than it said"))
            await self._moved.wait()
        return await workers.move(os.pread, self._file.fileno(), min(count, self._available - position), position)

    def leave(self) -> None:
        self._readers -= 1
        self._close_unread()

    def _close_unread(self) -> None:
        if self._ended and not self._readers:
            self._file.close()


class FetchReader:
    """A growing body (see `Growing`)."""

    __slots__ = ("_fetch", "_left", "_workers")

    def __init__(self, fetch: Fetch, workers: Workers) -> None:
        self._fetch = fetch
        self._workers = workers
        self._left = False

    async def read_at(self, position: int, count: int) -> bytes:
        return await self._fetch.read(position, count, self._workers)

    def close(self) -> None:
        if not self._left:
            self._left = True
            self._fetch.leave()


class Fetches:
    """All fetches of this process: one of each blob of each repository at a time."""

    def __init__(
        self,
        storage: BlobStorage,
        metadata: MetadataStore,
        workers: Workers,
        turns: Turns,
        spool: Path,
        *,
        parallel: int,
    ) -> None:
        self._turns = turns
        self._storage = storage
        self._metadata = metadata
        self._workers = workers
        self._spool = spool
        self._pool = ThreadPoolExecutor(parallel, "upstream-blobs")
        self._running: dict[tuple[str, Digest], asyncio.Task[Fetch | None]] = {}

    async def get(self, upstream: Upstream, proxied: Proxied, digest: Digest) -> Fetch | None:
        """Return the fetch of a blob, begun when there is none; None when the blob is here by now.

        Raises as `Upstream` does when it doesn't have the blob, and what a fetch that ended meanwhile failed with.
        """
        key = proxied.repository, digest
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._begin(upstream, proxied, digest))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget_unneeded(key, done))
        # Shielded: who goes away does not take it from the others.
        fetch = await asyncio.shield(task)
        return None if fetch is None or fetch.is_over() else fetch

    async def _begin(self, upstream: Upstream, proxied: Proxied, digest: Digest) -> Fetch | None:
        repository = proxied.repository
        is_here = partial(self._has, repository, digest)
        turn = await self._turns.take(f"{repository}@{digest}", is_here)
        if turn is None:
            return None
        fetch = None
        try:
            if await self._workers.ask(is_here):
                return None  # since the caller looked
            size = await asyncio.wrap_future(self._pool.submit(upstream.blob_size, proxied.path, digest))
            if await self._workers.ask(self._take_ours, repository, digest, size):
                return None
            fetch = Fetch(size, self._spool, partial(self._end, repository, digest, turn))
            self._pool.submit(fetch.run, upstream, proxied, digest, self._storage, self._metadata)
            return fetch
        finally:
            if fetch is None:
                turn.end()

    def _end(self, repository: str, digest: Digest, turn: Turn) -> None:
        """Forget a fetch that has ended: who asks after a failure has another try."""
        self._running.pop((repository, digest), None)
        turn.end()

    def _has(self, repository: str, digest: Digest) -> bool:
        size = self._metadata.blob_size(repository, digest)
        return size is not None and self._storage.size(digest) == size

    def _take_ours(self, repository: str, digest: Digest, size: int) -> bool:
        """Mount a blob that another repository has here: the upstream has just said that this one has it, too."""
        return self._storage.size(digest) == size and self._metadata.mount_blob(repository, digest, None)

    def _forget_unneeded(self, key: tuple[str, Digest], done: asyncio.Task[Fetch | None]) -> None:
        if done.cancelled() or done.exception() is not None or done.result() is None:
            self._running.pop(key, None)

    def close(self) -> None:
        """Wait for what runs, which should have been told to end."""
        self._pool.shutdown(cancel_futures=True)
