"""A large blob over several connections at once: in parts, which come out in their order.

It is for lines on which one connection doesn't get all there is: long ones, and stores that give each connection its
share. Parts that are ahead are in memory, as many as there are connections, so what is read is one stream that can be
hashed and unpacked on the way.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from boxwright.oci.manifest import Descriptor
from boxwright.remote.download import Download
from boxwright.remote.session import Session

PARALLEL_BYTES = 32 << 20
"""A blob of which less is wanted comes over one connection."""

_PART_BYTES = 4 << 20
_READ_BYTES = 1 << 20


def download(session: Session, path: str, blob: Descriptor, *, position: int = 0) -> Download | ParallelDownload:
    """Return a blob's bytes from `position` on, over as many connections as the session likes for so many.

    Raises nothing yet.
    """
    if session.connections > 1 and blob.size - position >= PARALLEL_BYTES:
        return ParallelDownload(session, path, blob, position=position)
    return Download(session, path, blob, position=position)


class ParallelDownload:
    """As `Download`, over the session's number of connections. Each part goes on by itself when its connection breaks.

    A registry that gives no parts is read over one connection. For one reader.
    """

    __slots__ = ("_ahead", "_blob", "_next", "_path", "_pieces", "_pool", "_session", "_whole", "position")

    def __init__(self, session: Session, path: str, blob: Descriptor, *, position: int = 0) -> None:
        self._session = session
        self._path = path
        self._blob = blob
        self._next = position
        self._ahead: deque[Future[list[bytes]]] = deque()
        self._pieces: deque[bytes] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._whole: Download | None = None
        self.position = position

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, nothing at the end. Raises as `Download.read`."""
        if self._whole is None and self._pool is None:
            self._begin()
        if self._whole is not None:
            chunk = self._whole.read(limit)
        else:
            chunk = self._take(limit)
        self.position += len(chunk)
        return chunk

    def close(self) -> None:
        """Stop; parts that are on their way are dropped."""
        if self._whole is not None:
            self._whole.close()
        if self._pool is not None:
            for future in self._ahead:
                future.cancel()
            self._ahead.clear()
            self._next = self._blob.size
            self._pool.shutdown(cancel_futures=True)

    def _begin(self) -> None:
        first = self._part()
        if not first.begin():
            self._whole = first
            return
        self._pool = ThreadPoolExecutor(self._session.connections, thread_name_prefix="part")
        self._ahead.append(self._pool.submit(_fetch, first))
        self._fill()

    def _part(self) -> Download:
        end = min(self._next + _PART_BYTES, self._blob.size)
        part = Download(self._session, self._path, self._blob, position=self._next, end=end)
        self._next = end
        return part

    def _fill(self) -> None:
        assert self._pool is not None, "it has begun"
        while self._next < self._blob.size and len(self._ahead) < self._session.connections:
            self._ahead.append(self._pool.submit(_fetch, self._part()))

    def _take(self, limit: int) -> bytes:
        while not self._pieces and self._ahead:
            self._pieces.extend(self._ahead.popleft().result())
            self._fill()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if len(piece) > limit:
            self._pieces.appendleft(piece[limit:])
            piece = piece[:limit]
        return piece


def _fetch(part: Download) -> list[bytes]:
    with part:
        return list(iter(lambda: part.read(_READ_BYTES), b""))
