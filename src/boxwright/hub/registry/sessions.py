"""Uploads, from their start to the blob they become.

An upload is a row in the metadata (which repository, whose), bytes in the storage, and, while this process works on it,
a running hash. Only the first two must survive: after a restart, or when another process has gone on with it, the hash
is made again by reading the bytes back.

Any process may take the next request. Inside of one, a lock lets one request at a time work on an upload; among all,
the row says who holds it and until when. Who cannot extend that in time stops writing.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from boxwright.errors import CorruptError, DeniedError, UnavailableError
from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.metadata import BlobCondemned, Hold, MetadataStore, Upload, UploadBusy
from boxwright.hub.registry.call import Body
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import BlobStorage, Incoming, IncomingMissing, Piece
from boxwright.hub.storage.claims import PATIENCE_SECONDS, claim
from boxwright.oci.digest import Digest

_GRACE_SECONDS = 2.0
"""How long a request waits for another one on the same upload: a connection that just broke may still be settling."""

_HOLD_SECONDS = 15.0
"""How long a server that is heard of no more still holds an upload. On the same machine its death is seen at once."""

_POLL_SECONDS = 0.1

_MAX_IDLE = 256
"""Uploads between two requests whose file and hash are kept at hand."""

_FLUSH_BYTES = 8 << 20
"""After so many bytes the disk starts to work, so that the sync at the end finds little left to do."""

DEFAULT_ALGORITHM = "sha256"


class DigestMismatch(CorruptError):
    """The bytes of an upload are not those of the digest that was claimed."""

    def __init__(self, claimed: Digest, found: Digest) -> None:
        super().__init__(f"the content has digest {found}, not {claimed}")
        self.claimed = claimed
        self.found = found


class UploadLost(UnavailableError):
    """Another server may have taken over an upload, since this one could not extend its hold."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"the hold on the upload {upload_id} was lost", hint="ask for its status and go on from there")


class _Busy(RegistryError):
    """Another request works on an upload."""

    def __init__(self) -> None:
        super().__init__("RANGE_INVALID", "another request is writing to this upload")


class Session:
    """An upload that a request holds. Only its holder may touch it."""

    __slots__ = (
        "_algorithm",
        "_hash",
        "_incoming",
        "_lock",
        "_shared",
        "closed",
        "held_until",
        "receiving",
        "upload",
        "waiting",
    )

    def __init__(self, upload: Upload, incoming: Incoming | None = None) -> None:
        self.upload = upload
        self.closed = False
        self.waiting = 0
        self.receiving = False
        self._incoming = incoming
        self._lock = asyncio.Lock()
        self._algorithm = DEFAULT_ALGORITHM
        self._hash = hashlib.new(DEFAULT_ALGORITHM) if incoming is not None else None
        self._shared = False
        self.held_until = math.inf
        """By the monotonic clock: until when nobody else works on it."""

    @property
    def lock(self) -> asyncio.Lock:
        return self._lock

    @property
    def incoming(self) -> Incoming:
        assert self._incoming is not None, "the session is not open"
        return self._incoming

    @property
    def is_open(self) -> bool:
        return self._incoming is not None

    @property
    def size(self) -> int:
        """The number of bytes received so far."""
        return self.incoming.size

    def open(self, incoming: Incoming, *, shared: bool = False) -> None:
        """Take up bytes of which some may have been received by another process.

        `shared`: it may even be alive and write a last piece, so what counts is what is read back at the end.
        """
        self._incoming = incoming
        self._shared = shared
        self._hash = None if incoming.size or shared else hashlib.new(self._algorithm)

    @property
    def is_lost(self) -> bool:
        """Whether another process may have the upload by now."""
        return time.monotonic() > self.held_until

    def check_held(self) -> None:
        """Raise UploadLost when another process may have the upload by now."""
        if self.is_lost:
            raise UploadLost(self.upload.id)

    def expect(self, algorithm: str) -> None:
        """Hash with `algorithm` from the start; too late once there are bytes, which are then read again at the end."""
        if self._algorithm != algorithm and not self.size and not self._shared:
            self._algorithm, self._hash = algorithm, hashlib.new(algorithm)

    def update(self, batch: list[Piece]) -> None:
        """Hash what is appended."""
        running = self._hash
        if running is not None:
            for chunk in batch:
                running.update(chunk)

    def forget_hash(self) -> None:
        """The hash went ahead of the bytes: make it again when it is needed."""
        self._hash = None

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of everything received, reading it back when no running hash has it."""
        if self._hash is not None and self._algorithm == algorithm:
            return Digest(f"{algorithm}:{self._hash.hexdigest()}")
        fresh = hashlib.new(algorithm)
        for chunk in self.incoming.read():
            fresh.update(chunk)
        if not self._shared:
            self._algorithm, self._hash = algorithm, fresh
        return Digest(f"{algorithm}:{fresh.hexdigest()}")

    def close(self) -> None:
        """Let go of the file."""
        if self._incoming is not None:
            self._incoming.close(keep=not self.is_lost)
            self._incoming = None
            self._hash = None


class UploadSessions:
    """All uploads, as this process sees them: one request at a time works on each."""

    __slots__ = ("_holder", "_metadata", "_sessions", "_storage", "_workers")

    def __init__(self, storage: BlobStorage, metadata: MetadataStore, workers: Workers) -> None:
        self._storage = storage
        self._metadata = metadata
        self._workers = workers
        self._sessions: dict[str, Session] = {}
        self._holder = new_holder()

    @property
    def least_chunk(self) -> int:
        """See `BlobStorage.least_chunk`."""
        return self._storage.least_chunk

    async def start(self, repository: str, owner: str, client: str = "", algorithm: str | None = None) -> Upload:
        """Open an upload that stays until it is finished, cancelled or swept.

        It counts as `client`'s. `algorithm` is the one of the digest to come, if that was announced.
        """
        upload = Upload(secrets.token_hex(16), repository, owner, time.time(), client)
        # The bytes first: a row without them means that the upload ended.
        incoming = await self._workers.move(self._storage.begin, upload.id)
        await self._workers.ask(self._metadata.add_upload, upload, self._holder)
        session = self._sessions[upload.id] = Session(upload, incoming)
        if algorithm is not None:
            session.expect(algorithm)
        self._evict()
        return upload

    @asynccontextmanager
    async def passing(self, repository: str, owner: str) -> AsyncIterator[Session]:
        """An upload of one single request: nothing of it stays unless it is finished inside the block."""
        upload = Upload(secrets.token_hex(16), repository, owner, time.time())
        session = Session(upload, await self._workers.move(self._storage.begin, upload.id))
        try:
            yield session
        finally:
            session.close()
            if not session.closed:
                await self._workers.move(self._storage.abort, upload.id)

    @asynccontextmanager
    async def hold(
        self, upload_id: str, repository: str, owner: str, *, patience: float = _HOLD_SECONDS + _GRACE_SECONDS
    ) -> AsyncIterator[Session]:
        """Have an upload for the block, alone. Raises RegistryError when it is unknown, another's, or busy.

        `patience`: how many seconds to wait for another process to give it back.
        """
        upload = await self._find(upload_id, repository, owner)
        session = self._sessions.setdefault(upload_id, Session(upload))
        session.waiting += 1
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await session.lock.acquire()
        except TimeoutError:
            raise _Busy from None
        finally:
            session.waiting -= 1
        try:
            hold = await self._take(upload_id, patience)
            if session.closed or hold is None:
                self._close(session)
                raise _unknown(upload_id)
            if hold.previous != self._holder:
                session.close()  # others have gone on with it since
            try:
                if not session.is_open:
                    await self._open(session, shared=hold.broken)
                async with self._keeping(session):
                    yield session
            finally:
                if session.is_lost:
                    session.close()
                session.held_until = math.inf
                if not session.closed:
                    await self._workers.ask(self._metadata.release_upload, upload_id, self._holder)
        finally:
            session.lock.release()
            self._evict()

    async def _take(self, upload_id: str, patience: float) -> Hold | None:
        """Hold an upload among all processes; None when there is none. Raises RegistryError when it stays busy."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return await self._workers.ask(self._metadata.hold_upload, upload_id, self._holder, _HOLD_SECONDS)
            except UploadBusy:
                if time.monotonic() >= deadline:
                    raise _Busy from None
            await asyncio.sleep(_POLL_SECONDS)

    async def _open(self, session: Session, *, shared: bool) -> None:
        upload_id = session.upload.id
        try:
            session.open(await self._workers.move(self._storage.resume, upload_id), shared=shared)
        except IncomingMissing:
            self._close(session)
            await self._workers.ask(self._metadata.remove_upload, upload_id)
            raise _unknown(upload_id) from None

    @asynccontextmanager
    async def _keeping(self, session: Session) -> AsyncIterator[None]:
        """Extend the hold of a session during the block."""
        session.held_until = time.monotonic() + _HOLD_SECONDS

        async def extend() -> None:
            while True:
                await asyncio.sleep(_HOLD_SECONDS / 3)
                asked = time.monotonic()
                try:
                    kept = await self._workers.ask(
                        self._metadata.extend_hold, session.upload.id, self._holder, _HOLD_SECONDS
                    )
                except UnavailableError:
                    continue  # perhaps the database is there again before the time is over
                session.held_until = asked + _HOLD_SECONDS if kept else -math.inf

        extending = asyncio.create_task(extend())
        try:
            yield
        finally:
            extending.cancel()

    def is_busy(self, upload_id: str) -> bool:
        """Whether a request of this process works on an upload."""
        session = self._sessions.get(upload_id)
        return session is not None and session.is_open and session.lock.locked()

    def is_receiving(self, upload_id: str) -> bool:
        """Whether a request of this process waits for bytes of an upload, or stores them."""
        return self.is_busy(upload_id) and self._sessions[upload_id].receiving

    async def size(self, upload_id: str, repository: str, owner: str) -> int:
        """Return how many bytes an upload has, also while another request appends to it. Raises RegistryError."""
        await self._find(upload_id, repository, owner)
        if self.is_busy(upload_id):
            return self._sessions[upload_id].size
        try:
            async with self.hold(upload_id, repository, owner, patience=0) as held:
                return held.size
        except _Busy:
            # Another process works on it: what the storage has of it by now.
            return await self._workers.move(self._stored, upload_id)

    def _stored(self, upload_id: str) -> int:
        try:
            incoming = self._storage.resume(upload_id)
        except IncomingMissing:
            raise _unknown(upload_id) from None
        try:
            return incoming.size
        finally:
            incoming.close()

    async def _find(self, upload_id: str, repository: str, owner: str) -> Upload:
        upload = await self._workers.ask(self._metadata.upload, upload_id)
        if upload is None or (upload.repository, upload.owner) != (repository, owner):
            raise _unknown(upload_id)
        return upload

    async def receive(self, session: Session, body: Body, *, last: bool = False) -> int:
        """Append a body and return its length. Network, hash and disk work at the same time, one batch apart.

        When it breaks off (BodyBroken, OSError), what arrived before stays part of the upload. Afterwards any process
        finds what is there; only a body that is the `last` and came whole is about to become a blob anyway.
        """
        whole = False
        session.receiving = True
        try:
            received = await self._receive(session, body)
            whole = True
        finally:
            session.receiving = False
            if not (last and whole) and not session.is_lost:
                await self._workers.move(session.incoming.checkpoint)
        return received

    async def _receive(self, session: Session, body: Body) -> int:
        received = since_flush = 0
        appending: asyncio.Future[None] | None = None
        flushing: asyncio.Future[None] | None = None
        try:
            while batch := await body.next_batch():
                if appending is not None:
                    await asyncio.shield(appending)
                appending = asyncio.ensure_future(self._append(session, batch))
                length = sum(map(len, batch))
                received += length
                since_flush += length
                if since_flush >= _FLUSH_BYTES and (flushing is None or flushing.done()):
                    since_flush = 0
                    flushing = self._workers.move(session.incoming.flush)
        finally:
            # Whatever happened, nobody may hold the session while a thread still writes to it.
            running = [one for one in (appending, flushing) if one is not None]
            if running:
                await asyncio.wait(running)
            failures = [error for one in running if (error := one.exception()) is not None]
        if failures:
            raise failures[0]
        return received

    async def _append(self, session: Session, batch: list[Piece]) -> None:
        session.check_held()
        writing = self._workers.move(session.incoming.append, batch)
        hashing = self._workers.move(session.update, batch)
        await asyncio.wait([writing, hashing])
        if writing.exception() is not None:
            session.forget_hash()
        writing.result()
        hashing.result()

    async def finish(self, session: Session, digest: Digest) -> None:
        """Make the bytes a blob of the upload's repository, durably.

        Raises DigestMismatch and QuotaExceeded, which end the upload, and BlobCondemned.
        """
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not await self._workers.move(self._finish, session, digest, last=time.monotonic() >= deadline):
                await asyncio.sleep(_POLL_SECONDS)  # here and not in a thread, of which there are few
        except (DigestMismatch, DeniedError):
            await self.cancel(session)
            raise
        finally:
            # Also when it failed half-way: the open file may be a blob by now, which nobody may append to.
            self._close(session)

    def _finish(self, session: Session, digest: Digest, *, last: bool) -> bool:
        """Return whether it is done; if not, bytes of the same content are being destroyed: try again.

        `last`: raise BlobCondemned then.
        """
        upload, size = session.upload, session.size
        found = session.digest(digest.algorithm)
        if found != digest:
            raise DigestMismatch(digest, found)
        session.check_held()
        # Asked again when the row is written; but then the bytes would be stored already.
        self._metadata.check_room(upload.repository, 0 if self._is_member(upload, digest) else size)
        # In this order: claimed, so that no collector takes the bytes away; then the bytes; and a row that names them
        # only when they are durable. Dying on the way leaves a claim that nobody follows up: garbage.
        try:
            claim(self._storage, self._metadata, digest, size, patience=0.0)
        except BlobCondemned:
            if last:
                raise
            return False
        self._storage.commit(upload.id, digest)
        self._metadata.add_blob(upload.repository, digest, size, upload=upload.id)
        return True

    def _is_member(self, upload: Upload, digest: Digest) -> bool:
        return self._metadata.blob_size(upload.repository, digest) is not None

    async def cancel(self, session: Session) -> None:
        """End an upload without a blob."""
        self._close(session)
        # The bytes first: a row without them means that the upload ended, and a full disk has room for that then.
        await self._workers.move(self._storage.abort, session.upload.id)
        await self._workers.ask(self._metadata.remove_upload, session.upload.id)

    def sweep(self, seconds: float) -> int:
        """Drop what was not touched for so long, and rows of uploads that ended; return how many. For a thread."""
        limit = time.time() - seconds
        rows = {upload.id: upload for upload in self._metadata.uploads()}
        states = {state.key: state for state in self._storage.incoming()}
        old = [key for key, state in states.items() if state.changed < limit and key not in self._sessions]
        ended = [key for key, upload in rows.items() if key not in states and upload.started < limit]
        for key in (*old, *ended):
            self._metadata.remove_upload(key)
            self._storage.abort(key)
        return len(old) + len(ended)

    def close(self) -> None:
        """Let go of all files; the uploads stay."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _close(self, session: Session) -> None:
        session.close()
        session.closed = True
        self._sessions.pop(session.upload.id, None)

    def _evict(self) -> None:
        """Close the longest-known idle sessions; their uploads are taken up again when asked for."""
        excess = len(self._sessions) - _MAX_IDLE
        if excess > 0:
            idle = [one for one in self._sessions.values() if not one.lock.locked() and not one.waiting]
            for session in idle[:excess]:
                session.close()
                del self._sessions[session.upload.id]


def _unknown(upload_id: str) -> RegistryError:
    return RegistryError("BLOB_UPLOAD_UNKNOWN", f"no upload {upload_id[:64]!r}", data={"uuid": upload_id[:64]})
