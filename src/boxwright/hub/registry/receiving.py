"""Bodies of requests, as they come in: through aiohttp's parser, or past it.

A parser copies every byte once more, in pieces that the kernel happens to have: nothing for a manifest, much of the
work for a layer. So the rest of a large body of known length goes from the socket into the buffers that are hashed and
written. The connection ends with its answer, since the parser would go on waiting for what it never saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import hdrs, web

from boxwright.hub.registry.call import BodyBroken
from boxwright.hub.storage.base import Piece

_BATCH_BYTES = 1 << 20
"""What a thread is given at once: enough that the hand-over costs nothing, little enough to stay in the cache."""

_AHEAD = 2  # batches that are received before somebody asks for them
_DIRECT_BYTES = 8 << 20  # less than this is not worth a new connection
_DROPPED_BYTES = 256 << 10


class RequestBody:
    """A `Body` over an aiohttp request. Whoever has answered the request calls `release`."""

    __slots__ = ("_broken", "_direct", "_idle", "_request", "begun")

    def __init__(self, request: web.BaseRequest, idle: float) -> None:
        self._request = request
        self._idle = idle
        self._broken: str | None = None
        self._direct: _Receiver | None = None
        self.begun = False

    @property
    def length(self) -> int | None:
        return self._request.content_length

    async def next_batch(self) -> list[Piece]:
        if not self.begun:
            await self._begin()
            if early := self._take_over():
                return early
        if self._direct is not None:
            return await self._direct.next_batch(self._idle)
        content, loop = self._request.content, asyncio.get_running_loop()
        batch: list[Piece] = []
        size = 0
        try:
            async with asyncio.timeout(None) as idle:
                while size < _BATCH_BYTES and self._broken is None and not content.at_eof():
                    idle.reschedule(loop.time() + self._idle)
                    if chunk := await content.readany():
                        batch.append(chunk)
                        size += len(chunk)
        except TimeoutError:
            self._broken = _silent(self._idle)
        except (ConnectionError, web.RequestPayloadError) as error:
            self._broken = str(error) or type(error).__name__
        if not batch and self._broken is not None:
            raise BodyBroken(self._broken)
        return batch

    async def read(self, limit: int) -> bytes | None:
        if self.length is not None and self.length > limit:
            return None
        chunks: list[Piece] = []
        size = 0
        while batch := await self.next_batch():
            chunks += map(bytes, batch)  # kept for longer than they are lent
            size += sum(map(len, batch))
            if size > limit:
                return None
        return b"".join(chunks)

    def release(self) -> bool:
        """Give the connection back to aiohttp; whether it must end with the answer."""
        if self._direct is None:
            # A client that was not asked for its body may send it or not: nobody can tell what comes next.
            return not self.begun and hdrs.EXPECT in self._request.headers
        content = self._request.content
        content.total_bytes += self._direct.received  # what is logged and counted
        # aiohttp waits for the rest after its answer, for some seconds: else the client would be cut off while it
        # sends, and never read why it was refused.
        self._direct.drop_rest(content.feed_eof)
        return True

    async def _begin(self) -> None:
        """Ask for the body: a client that expects it has been let in by now."""
        self.begun = True
        if self._request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take_over(self) -> list[Piece]:
        """Receive a large body past the parser from now on; return what that has got of it."""
        content, transport = self._request.content, self._request.transport
        if self.length is None or self.length < _DIRECT_BYTES or transport is None or content.exception() is not None:
            return []
        early: list[Piece] = []
        # What it takes out may make the parser give out more, which it kept back.
        while chunk := content.read_nowait(-1):
            early.append(chunk)
        left = self.length - content.total_bytes
        if left:
            self._direct = _Receiver(transport, left)
        return early


class _Receiver(asyncio.BufferedProtocol):
    """Takes `length` bytes from a connection, a few batches ahead of whoever asks for them."""

    __slots__ = (
        *("_at", "_buffer", "_ended", "_failure", "_filled", "_free", "_heard", "_left", "_lent", "_loop"),
        *("_paused", "_protocol", "_transport", "_waiter", "received"),
    )

    def __init__(self, transport: asyncio.Transport, length: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._protocol = transport.get_protocol()
        self._left = length
        self.received = 0
        self._filled: list[memoryview] = []
        self._lent: tuple[list[memoryview], list[memoryview]] = [], []
        """What the last two calls have returned."""
        self._free: list[memoryview] = []
        """Buffers to be filled again: a new one is cleared first, which is as much work as receiving it."""
        self._buffer = memoryview(b"")
        self._at = 0
        self._paused = False
        self._failure: str | None = None
        self._ended: Callable[[], object] | None = None
        """Where nobody wants any more what comes: what to call when all has come."""
        self._waiter: asyncio.Future[None] | None = None
        self._heard = self._loop.time()
        transport.set_protocol(self)

    # ---- for whoever reads

    async def next_batch(self, idle: float) -> list[Piece]:
        """Return the next batch, nothing at the end. Raises BodyBroken, after what came before.

        Its pieces are filled anew when the call after the next one is made.
        """
        while not self._filled and self._left and self._failure is None:
            self._waiter = self._loop.create_future()
            try:
                async with asyncio.timeout_at(self._heard + idle):
                    await self._waiter
            except TimeoutError:
                if self._loop.time() >= self._heard + idle:
                    self._failure = _silent(idle)
            finally:
                self._waiter = None
        self._free += self._lent[0]
        self._lent = self._lent[1], self._filled
        if self._filled:
            batch, self._filled = self._filled, []
            self._flow()
            return [*batch]
        if self._at:
            rest, self._buffer, self._at = self._buffer[: self._at], memoryview(b""), 0
            return [rest]
        if self._failure is not None:
            raise BodyBroken(self._failure)
        return []

    def drop_rest(self, ended: Callable[[], object]) -> None:
        """Keep nothing more, and leave the connection to whose it was when all has come; `ended` is called then."""
        self._ended = ended
        if not self._left or self._failure is not None or self._transport.is_closing():
            self._stop()
            return
        self._buffer, self._at = memoryview(bytearray(_DROPPED_BYTES)), 0
        self._filled.clear()
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _stop(self) -> None:
        if self._ended is not None:
            self._ended()
            self._ended = None
        if self._transport.get_protocol() is self:
            self._pause()
            self._transport.set_protocol(self._protocol)

    def _flow(self) -> None:
        """Receive as far as is asked for."""
        if not self._left or len(self._filled) >= _AHEAD:
            self._pause()
        elif self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, why: str) -> None:
        self._failure = self._failure or why
        self._wake()

    # ---- for the transport

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._ended is not None:
            return self._buffer[: self._left]
        if self._at == len(self._buffer):
            free = self._free.pop() if self._free else memoryview(bytearray(_BATCH_BYTES))
            self._buffer, self._at = free[: self._left], 0
        return self._buffer[self._at :]

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        if self._ended is not None:
            if not self._left:
                self._stop()
            return
        self._heard = self._loop.time()
        self._at += nbytes
        self.received += nbytes
        if self._at == len(self._buffer):
            self._filled.append(self._buffer)
            self._buffer, self._at = memoryview(b""), 0
            self._flow()
            self._wake()

    def eof_received(self) -> None:
        self._fail("the client ended it early")
        self._stop_dropping()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc or "the connection was lost"))
        self._stop_dropping()
        self._protocol.connection_lost(exc)

    def _stop_dropping(self) -> None:
        if self._ended is not None:
            self._stop()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _silent(seconds: float) -> str:
    return f"nothing came for {seconds:.0f} seconds"
