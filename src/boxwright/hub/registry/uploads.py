"""Uploads of blobs: POST, PATCH, PUT, GET, DELETE (distribution-spec "Pushing blobs")."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from boxwright.hub.db.metadata import MetadataStore, Upload
from boxwright.hub.edge.limits import DEFAULT_LIMITS, LimitSettings
from boxwright.hub.registry.access import PULL, Gate, Need
from boxwright.hub.registry.bodies import BodyTooLong, CappedBody
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import NO_ROOM, RegistryError
from boxwright.hub.registry.ranges import Span, parse_content_range, upload_range
from boxwright.hub.registry.routes import is_name, parse_digest
from boxwright.hub.registry.sessions import DigestMismatch, Session, UploadSessions
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import IncomingSealed
from boxwright.oci.digest import ALGORITHMS, Digest


class UploadHandlers:
    """One push of a blob, in one request or in many."""

    __slots__ = ("_gate", "_limits", "_metadata", "_sessions", "_workers")

    def __init__(
        self,
        sessions: UploadSessions,
        metadata: MetadataStore,
        workers: Workers,
        gate: Gate,
        limits: LimitSettings = DEFAULT_LIMITS,
    ) -> None:
        self._limits = limits
        self._gate = gate
        self._sessions = sessions
        self._metadata = metadata
        self._workers = workers

    async def start(self, call: Call) -> Reply:
        """Mount a blob, take one whole, or open a session."""
        name, target = call.route.name, call.target
        mount = target.first("mount")
        if mount is not None and await self._mount(call, parse_digest(mount), target.first("from")):
            return _created(name, Digest(mount))
        claimed = target.first("digest")
        # Refused before it is sent, where that can be known.
        await self._workers.ask(self._metadata.check_room, name, call.body.length or 1)
        if claimed is not None:
            digest = parse_digest(claimed)
            async with self._sessions.passing(name, call.user) as session:
                session.expect(digest.algorithm)
                await self._receive(session, call, last=True)
                return await self._finish(session, digest)
        algorithm = _algorithm(target.first("digest-algorithm"))
        client = call.user or call.origin.address
        most = self._limits.uploads_per_client
        if await self._workers.ask(self._metadata.count_uploads, client) >= most:
            raise RegistryError(
                "TOOMANYREQUESTS",
                f"{most} uploads are open already: finish or cancel them first",
                headers=[("Retry-After", "60")],
            )
        reply = _accepted(await self._sessions.start(name, call.user, client, algorithm), 0)
        least = self._sessions.least_chunk
        return reply._replace(headers=[*reply.headers, ("OCI-Chunk-Min-Length", str(least))]) if least else reply

    async def _mount(self, call: Call, digest: Digest, source: str | None) -> bool:
        """Whether the blob could be mounted. If not, for whatever reason, the client uploads it."""
        if source is None:
            # From anywhere, then: which is more than anybody may see who doesn't see everything.
            allowed = call.permit.sees_all
        else:
            allowed = is_name(source) and await self._gate.allows(call.permit, Need(PULL, source))
        return allowed and await self._workers.ask(self._metadata.mount_blob, call.route.name, digest, source)

    async def append(self, call: Call) -> Reply:
        async with self._hold(call) as session:
            await self._receive(session, call)
            return _accepted(session.upload, session.size)

    async def finish(self, call: Call) -> Reply:
        claimed = call.target.first("digest")
        if claimed is None:
            raise RegistryError("DIGEST_INVALID", "the digest parameter is missing")
        digest = parse_digest(claimed)
        async with self._hold(call) as session:
            session.expect(digest.algorithm)
            await self._receive(session, call, last=True)
            return await self._finish(session, digest)

    async def status(self, call: Call) -> Reply:
        name, upload_id = call.route.name, call.route.reference
        size = await self._sessions.size(upload_id, name, call.user)
        return Reply(204, _session_headers(name, upload_id, size))

    async def cancel(self, call: Call) -> Reply:
        async with self._hold(call) as session:
            await self._sessions.cancel(session)
        return Reply(204)

    def _hold(self, call: Call) -> AbstractAsyncContextManager[Session]:
        return self._sessions.hold(call.route.reference, call.route.name, call.user)

    async def _receive(self, session: Session, call: Call, *, last: bool = False) -> None:
        """Append the request's body where it says it belongs. Raises RegistryError when that is not the end."""
        header = call.headers.get("Content-Range")
        span: Span | None = None
        if header is not None:
            span = parse_content_range(header)
            if span is None or span.start != session.size:
                raise RegistryError(
                    "RANGE_INVALID",
                    f"the upload has {session.size} bytes, the chunk is {header[:100]!r}",
                    headers=_session_headers(session.upload.repository, session.upload.id, session.size),
                )
            if call.body.length is not None and call.body.length != span.length:
                raise _wrong_size(span, call.body.length)
        body = call.body if self._limits.blob is None else CappedBody(call.body, self._limits.blob - session.size)
        if call.body.length:
            room = session.size + call.body.length
            await self._workers.ask(self._metadata.check_room, session.upload.repository, room)
        try:
            received = await self._sessions.receive(session, body, last=last)
        except BodyTooLong:
            await self._sessions.cancel(session)  # whatever comes now, it cannot become a blob
            raise RegistryError("SIZE_INVALID", f"a blob has at most {self._limits.blob} bytes", status=413) from None
        except OSError as error:
            if error.errno in NO_ROOM:
                await self._sessions.cancel(session)  # else what came of it would keep the disk full
            raise
        except IncomingSealed as error:
            raise RegistryError("BLOB_UPLOAD_INVALID", error.message) from None
        if span is not None and received != span.length:
            raise _wrong_size(span, received)

    async def _finish(self, session: Session, digest: Digest) -> Reply:
        try:
            await self._sessions.finish(session, digest)
        except DigestMismatch as error:
            raise RegistryError(
                "DIGEST_INVALID", error.message, data={"digest": error.claimed, "received": error.found}
            ) from None
        return _created(session.upload.repository, digest)


def _algorithm(text: str | None) -> str | None:
    """Return the algorithm that an upload is announced with. Raises RegistryError for one that no digest has."""
    if text is None or text in ALGORITHMS:
        return text
    raise RegistryError("DIGEST_INVALID", f"unknown digest algorithm {text[:40]!r}", data={"algorithm": text[:40]})


def _session_headers(name: str, upload_id: str, size: int) -> list[tuple[str, str]]:
    # Relative, so that it is right behind every proxy; a client would drop its credentials if the host changed.
    return [
        ("Location", f"/v2/{name}/blobs/uploads/{upload_id}"),
        ("Docker-Upload-UUID", upload_id),
        ("Range", upload_range(size)),
    ]


def _accepted(upload: Upload, size: int) -> Reply:
    return Reply(202, _session_headers(upload.repository, upload.id, size))


def _created(name: str, digest: Digest) -> Reply:
    return Reply(201, [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)])


def _wrong_size(span: Span, length: int) -> RegistryError:
    return RegistryError("SIZE_INVALID", f"the chunk is {length} bytes, its Content-Range says {span.length}")
