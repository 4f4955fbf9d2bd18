"""An object as a seekable stream, for a sender that reads on, or here and there."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from boxwright.hub.storage.base import BlobMissing
from boxwright.hub.storage.s3.bucket import Bucket, ObjectStream, StorageFailed
from boxwright.hub.storage.s3.links import Link, Links
from boxwright.oci.digest import Digest

_LONGEST_ASK = 64 << 20
"""So much is asked for at once by a reader that keeps reading on."""

_FAILURES = 4
_PAUSE_SECONDS = 0.25


class BlobReader(io.RawIOBase):
    """A blob's bytes. For one thread at a time.

    The first request asks for what is read and no more; as long as the reader reads on, each asks for twice as much. So
    a range costs what it is long, and a whole blob few requests, of which none is broken off.
    """

    def __init__(
        self, bucket: Bucket, links: Links, digest: Digest, link: Link, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        super().__init__()
        self._bucket = bucket
        self._links = links
        self._digest = digest
        self._link = link
        self._sleep = sleep
        self._position = 0
        self._stream: ObjectStream | None = None
        self._left = 0  # of the running request
        self._next_ask = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._link.size}[whence]
        target = max(start + offset, 0)
        if target != self._position:
            self._position = target
            self._drop()
            self._next_ask = 0
        return target

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the blob's end. A broken connection is made anew.

        Raises BlobMissing when the blob was deleted meanwhile, StorageFailed when it goes on failing.
        """
        rest = max(self._link.size - self._position, 0)
        wanted = rest if size < 0 else min(size, rest)
        chunks: list[bytes] = []
        failures = 0
        while wanted:
            try:
                chunk = self._read_some(wanted)
            except StorageFailed:
                self._drop()
                failures += 1
                if failures >= _FAILURES:
                    raise
                self._sleep(_PAUSE_SECONDS * 2**failures)
                continue
            chunks.append(chunk)
            self._position += len(chunk)
            wanted -= len(chunk)
        return b"".join(chunks)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # typeshed wants any buffer; BufferedReader gives this one
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read_some(self, wanted: int) -> bytes:
        if self._stream is None:
            self._ask(wanted)
        assert self._stream is not None
        chunk = self._stream.read(min(wanted, self._left))
        if not chunk:
            raise StorageFailed(self._bucket.name, "read a blob", "the answer ended early")
        self._left -= len(chunk)
        if not self._left:
            self._drop()
        return chunk

    def _ask(self, wanted: int) -> None:
        length = min(max(wanted, self._next_ask), self._link.size - self._position)
        stream = self._bucket.get(self._link.key, self._position, length)
        if stream is None:
            # The link was remembered, and is out of date.
            link = self._links.find(self._digest, fresh=True)
            stream = self._bucket.get(link.key, self._position, length) if link is not None else None
            if link is None or stream is None:
                raise BlobMissing(self._digest)
            self._link = link
        self._stream = stream
        self._left = length
        self._next_ask = min(2 * length, _LONGEST_ASK)

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._left = 0
