"""Binary streams made of pieces, and a thread that reads ahead."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:

    class _Stream(io.BufferedIOBase, BinaryIO): ...
else:
    _Stream = io.BufferedIOBase

CHUNK = 1 << 20


class PieceStream(_Stream):
    """A readable stream out of pieces that an iterator makes when they are wanted.

    `read(size)` returns less than `size` bytes only at the end, `read1` what the next piece has. A subclass may
    override `_next` instead of passing an iterator.
    """

    def __init__(self, pieces: Iterable[bytes | memoryview] = ()) -> None:
        self._pieces = iter(pieces)
        self._rest: bytes | memoryview = b""

    def _next(self) -> bytes | memoryview:
        """Return the next piece, which is not empty, or an empty one at the end."""
        for piece in self._pieces:
            if piece:
                return piece
        return b""

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        piece = self.take(size)
        return piece if isinstance(piece, bytes) else bytes(piece)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(self.take, b""))
        piece = self.take(size)
        if len(piece) == size or not piece:
            return piece if isinstance(piece, bytes) else bytes(piece)
        # Put together once, however the pieces lie across what is asked for.
        parts = [piece]
        left = size - len(piece)
        while left and (piece := self.take(left)):
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def take(self, size: int = -1) -> bytes | memoryview:
        """Return the next piece, or as much of it as is wanted, uncopied; an empty one at the end."""
        if size == 0:
            return b""
        piece = self._rest or self._next()
        if size < 0 or len(piece) <= size:
            self._rest = b""
            return piece
        piece = memoryview(piece)
        self._rest = piece[size:]
        return piece[:size]

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer is more than is taken
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class ReadAhead(PieceStream):
    """Reads another stream on a thread of its own, a few chunks ahead.

    Whatever the other stream does with each chunk (hash it, decompress it) then happens beside what the reader does.
    An exception of the other stream is raised here, at the place where its data would have come. `close` ends the
    thread; the other stream remains the caller's to close.
    """

    def __init__(self, stream: BinaryIO, *, chunk: int = CHUNK, depth: int = 4) -> None:
        super().__init__()
        self._queue: queue.Queue[bytes | memoryview | BaseException] = queue.Queue(depth)
        self._ended = False
        self._stop = False
        self._thread = threading.Thread(target=self._work, args=(stream, chunk), name="read-ahead", daemon=True)
        self._thread.start()

    def _work(self, stream: BinaryIO, chunk: int) -> None:
        take = taking(stream)
        try:
            while not self._stop:
                data = take(chunk)
                self._queue.put(data)
                if not data:
                    return
        except BaseException as error:  # handed to the reader, whatever it is
            self._queue.put(error)

    def _next(self) -> bytes | memoryview:
        if self._ended:
            return b""
        item = self._queue.get()
        if isinstance(item, BaseException):
            self._ended = True
            raise item
        self._ended = not item
        return item

    def close(self) -> None:
        self._stop = True
        while self._thread.is_alive():
            try:
                # A thread that waits for room in the queue gets it, and sees that it shall stop.
                self._queue.get(timeout=0.01)
            except queue.Empty:
                pass
        self._ended = True
        super().close()


def taking(stream: BinaryIO) -> Callable[[int], bytes | memoryview]:
    """Return what reads a stream with the fewest copies: its `PieceStream.take`, or else its `read`."""
    return stream.take if isinstance(stream, PieceStream) else stream.read
