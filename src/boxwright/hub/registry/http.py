"""aiohttp requests ↔ calls and replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from typing import BinaryIO

from aiohttp import hdrs, web

from boxwright.errors import BoxwrightError
from boxwright.hub.edge.origins import Origins
from boxwright.hub.registry.application import Application
from boxwright.hub.registry.call import BodyBroken, Growing, Reply, Stretches
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.ranges import Span
from boxwright.hub.registry.receiving import RequestBody
from boxwright.hub.registry.workers import Workers

_log = logging.getLogger(__name__)

LINGER_SECONDS = 10.0
_KEEPALIVE_SECONDS = 75.0
_MAX_FIELD = 32 << 10  # tokens that list many scopes travel in one header
_MAX_LINE = 16 << 10
_READ_BUFFER = 512 << 10

_SEND_BYTES = 4 << 20
"""What may be sent between two looks at the clock."""


class HttpServer(web.Server):
    """aiohttp's server with the registry's limits. It is called for every new connection."""

    lost: Callable[[web.RequestHandler], None]
    """Called with the protocol of every connection that is gone."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        linger: float = LINGER_SECONDS,
    ) -> None:
        """`linger` is how many seconds are left to a client to read an answer that came before the end of its body."""
        self._handler = handler
        self._busy: set[web.RequestHandler] = set()
        self._drained: asyncio.Event | None = None
        super().__init__(
            self._handle,
            access_log=None,
            # Also how long a client may take from its first byte to the end of its headers.
            keepalive_timeout=_KEEPALIVE_SECONDS,
            lingering_time=linger,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_FIELD,
            read_bufsize=_READ_BUFFER,
            # A body has a digest: it is stored as it came, whatever Content-Encoding claims.
            auto_decompress=False,
        )
        self.lost = lambda protocol: None

    async def drain(self, timeout: float) -> None:
        """Let requests end that are under way, for at most `timeout` seconds, and close every other connection.

        aiohttp's own way is to read nothing any more, so that an upload would never end.
        """
        self._drained = asyncio.Event()
        for connection in self.connections:
            if connection not in self._busy:
                connection.close()
        if self._busy:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._drained.wait()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._busy.add(connection)  # which handles its requests one after the other
        try:
            response = await self._handler(request)
            if self._drained is not None:
                response.force_close()
            return response
        finally:
            self._busy.discard(connection)
            if self._drained is not None:
                connection.close()
                if not self._busy:
                    self._drained.set()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.lost(handler)


class HttpHandler:
    """What aiohttp calls for every request."""

    __slots__ = ("_application", "_idle", "_origins", "_workers")

    def __init__(self, application: Application, workers: Workers, *, origins: Origins, idle: float) -> None:
        self._application = application
        self._workers = workers
        self._origins = origins
        self._idle = idle

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = RequestBody(request, self._idle)
        try:
            reply = await self._application.answer(
                request.method, request.raw_path, request.headers, body, self._origins.of(request)
            )
        except BodyBroken as error:
            _log.info("%s %s: %s", request.method, request.raw_path, error)
            refusal = RegistryError("SIZE_INVALID", error.message)
            reply = Reply(refusal.status, [("Content-Type", "application/json")], refusal.body())
            broken = True
        else:
            broken = False
        finally:
            last = body.release()
        return await self._respond(request, reply, last=last or broken)

    async def _respond(self, request: web.BaseRequest, reply: Reply, *, last: bool) -> web.StreamResponse:
        response: web.StreamResponse
        if isinstance(reply.body, Stretches):
            response = web.StreamResponse(status=reply.status)
            response.content_length = reply.body.length
        else:
            response = web.Response(status=reply.status, body=reply.body or None)
            response.headers.pop(hdrs.CONTENT_TYPE, None)
        response.headers[hdrs.SERVER] = "boxwright"
        for name, value in reply.headers:
            if name == hdrs.LOCATION and value.startswith("/"):
                value = self._origins.absolute(value)
            response.headers.add(name, value)
        if last:
            response.force_close()
        if isinstance(reply.body, Stretches):
            with contextlib.closing(reply.body.file):
                try:
                    await self._send(request, response, reply.body)
                except (TimeoutError, EOFError) as error:
                    # What was announced cannot be delivered any more: only a broken connection says so.
                    _log.warning("%s %s: %s", request.method, request.raw_path, error or "the client takes nothing")
                    if request.transport is not None:
                        request.transport.abort()
                    raise ConnectionAbortedError("the answer could not be sent whole") from None
        return response

    async def _send(self, request: web.BaseRequest, response: web.StreamResponse, body: Stretches) -> None:
        await response.prepare(request)
        for piece in body.pieces:
            if isinstance(piece, Span):
                await self._send_span(request, response, body.file, piece)
            else:
                await response.write(piece)
        await response.write_eof()

    async def _send_span(
        self, request: web.BaseRequest, response: web.StreamResponse, file: BinaryIO | Growing, span: Span
    ) -> None:
        loop = asyncio.get_running_loop()
        end = span.start + span.length
        if isinstance(file, Growing):
            await self._send_growing(response, file, span)
            return
        fd = _descriptor(file) if request.transport and not request.transport.get_extra_info("sslcontext") else None
        position = span.start
        async with asyncio.timeout(self._idle) as idle:
            while position < end:
                count = min(_SEND_BYTES, end - position)
                idle.reschedule(loop.time() + self._idle)
                if fd is None:
                    chunk = await self._workers.move(_read, file, position, count)
                    await response.write(chunk)
                else:
                    if request.transport is None:
                        raise ConnectionResetError("the client went away")
                    # The kernel reads ahead what comes next, so that sendfile, which runs on the loop, seldom waits.
                    os.posix_fadvise(fd, position + count, _SEND_BYTES, os.POSIX_FADV_WILLNEED)
                    if await loop.sendfile(request.transport, file, position, count, fallback=False) < count:
                        raise EOFError("a blob ends early")
                position += count

    async def _send_growing(self, response: web.StreamResponse, file: Growing, span: Span) -> None:
        """Send what comes from elsewhere while it comes: only the client's silence is counted."""
        position, end = span.start, span.start + span.length
        while position < end:
            chunk = await file.read_at(position, min(_SEND_BYTES, end - position))
            async with asyncio.timeout(self._idle):
                await response.write(chunk)
            position += len(chunk)


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except OSError:
        return None  # in memory


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    try:
        file.seek(position)
        data = file.read(count)
    except BoxwrightError as error:
        raise EOFError(error.message) from None
    if len(data) < count:
        raise EOFError("a blob ends early")
    return data
