"""Blobs: GET and HEAD with ranges, DELETE."""

from __future__ import annotations

import secrets
from typing import BinaryIO

from boxwright.hub.db.metadata import BlobInUse, MetadataStore
from boxwright.hub.registry.call import Call, Growing, Reply, Stretches
from boxwright.hub.registry.conditions import is_current, is_same
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.ranges import Span, Unsatisfiable, parse_range
from boxwright.hub.registry.routes import parse_digest
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import BlobMissing, BlobStorage
from boxwright.oci.digest import Digest

_CONTENT_TYPE = "application/octet-stream"


class BlobHandlers:
    """What is done with whole blobs."""

    __slots__ = ("_metadata", "_redirect", "_refresh", "_storage", "_workers")

    def __init__(
        self,
        storage: BlobStorage,
        metadata: MetadataStore,
        workers: Workers,
        *,
        refresh: float,
        redirect: bool = False,
    ) -> None:
        """`refresh`: how many seconds old the note may be that somebody counts on a blob, before it is made anew.

        `redirect`: send those who GET a blob to the storage itself, where that can be.
        """
        self._redirect = redirect
        self._refresh = refresh
        self._storage = storage
        self._metadata = metadata
        self._workers = workers

    async def head(self, call: Call) -> Reply:
        digest = parse_digest(call.route.reference)
        size = await self._workers.ask(self._counted_on, call.route.name, digest)
        return size_reply(call, digest, size)

    async def get(self, call: Call) -> Reply:
        digest = parse_digest(call.route.reference)
        headers = _headers(digest)
        if is_current(call.headers, digest):
            await self._workers.ask(self._size, call.route.name, digest)
            return Reply(304, headers)
        if self._redirect and (url := await self._workers.move(self._locate, call.route.name, digest)) is not None:
            # A client repeats its Range there. HEAD is answered here: the URL is signed for GET alone.
            return Reply(307, [*headers, ("Location", url)])
        size, file = await self._workers.ask(self._open, call.route.name, digest)
        return content_reply(call, digest, size, file)

    async def delete(self, call: Call) -> Reply:
        digest = parse_digest(call.route.reference)
        try:
            removed = await self._workers.ask(self._metadata.remove_blob, call.route.name, digest)
        except BlobInUse as error:
            raise RegistryError(
                "UNSUPPORTED", error.message, data={"manifests": [str(one) for one in error.manifests]}
            ) from None
        if not removed:
            raise _unknown(digest)
        return Reply(202)

    def _counted_on(self, repository: str, digest: Digest) -> int:
        """Return the size of a blob that a push may be about to name without sending it."""
        # Touched first: what is there after that is there for as long as garbage is kept.
        self._metadata.touch_blob(repository, digest, older=self._refresh)
        return self._size(repository, digest)

    def _size(self, repository: str, digest: Digest) -> int:
        size = self._metadata.blob_size(repository, digest)
        # A blob whose bytes a disk lost is reported as absent: the next push then brings it again.
        if size is None or self._storage.size(digest) != size:
            raise _unknown(digest)
        return size

    def _locate(self, repository: str, digest: Digest) -> str | None:
        self._size(repository, digest)
        try:
            return self._storage.redirect(digest)
        except BlobMissing:
            raise _unknown(digest) from None

    def _open(self, repository: str, digest: Digest) -> tuple[int, BinaryIO]:
        size = self._size(repository, digest)
        try:
            return size, self._storage.open(digest)
        except BlobMissing:
            raise _unknown(digest) from None


def size_reply(call: Call, digest: Digest, size: int) -> Reply:
    """Return the answer to HEAD."""
    headers = _headers(digest)
    if is_current(call.headers, digest):
        return Reply(304, headers)
    return Reply(200, [*headers, ("Content-Type", _CONTENT_TYPE), ("Content-Length", str(size))])


def content_reply(call: Call, digest: Digest, size: int, file: BinaryIO | Growing) -> Reply:
    """Return the answer to GET, of all or of the ranges that are wanted, and pass `file` on to it.

    Raises RegistryError, when the file is closed.
    """
    headers = _headers(digest)
    wanted = call.headers.get("Range") if is_same(call.headers.get("If-Range"), digest) else None
    try:
        spans = parse_range(wanted, size)
    except Unsatisfiable:
        file.close()
        raise RegistryError(
            "RANGE_INVALID",
            f"the blob has {size} bytes, {str(wanted)[:100]!r} asks for none of them",
            headers=[("Content-Range", f"bytes */{size}")],
        ) from None
    if spans is None:
        return Reply(200, [*headers, ("Content-Type", _CONTENT_TYPE)], Stretches(file, (Span(0, size),)))
    if len(spans) == 1:
        more = [("Content-Type", _CONTENT_TYPE), ("Content-Range", spans[0].content_range(size))]
        return Reply(206, [*headers, *more], Stretches(file, tuple(spans)))
    return _multipart(headers, file, spans, size)


def _headers(digest: Digest) -> list[tuple[str, str]]:
    return [("Docker-Content-Digest", digest), ("ETag", f'"{digest}"'), ("Accept-Ranges", "bytes")]


def _unknown(digest: Digest) -> RegistryError:
    return RegistryError("BLOB_UNKNOWN", "the blob is unknown to this repository", data={"digest": digest})


def _multipart(headers: list[tuple[str, str]], file: BinaryIO | Growing, spans: list[Span], size: int) -> Reply:
    """Return several ranges in one answer (RFC 9110 §14.6)."""
    boundary = secrets.token_hex(16)
    pieces: list[bytes | Span] = []
    for span in spans:
        lines = f"--{boundary}", f"Content-Type: {_CONTENT_TYPE}", f"Content-Range: {span.content_range(size)}"
        pieces += [("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode(), span]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    kind = ("Content-Type", f"multipart/byteranges; boundary={boundary}")
    return Reply(206, [*headers, kind], Stretches(file, tuple(pieces)))
