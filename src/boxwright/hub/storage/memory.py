"""A blob storage in memory: the twin of the others in tests, and a registry that forgets everything."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from boxwright.hub.storage.base import BlobMissing, IncomingMissing, IncomingState, Piece
from boxwright.oci.digest import Digest


class MemoryIncoming:
    """An `Incoming` in a bytearray."""

    __slots__ = ("changed", "content")

    def __init__(self) -> None:
        self.content = bytearray()
        self.changed = time.time()

    @property
    def size(self) -> int:
        return len(self.content)

    def append(self, chunks: Sequence[Piece]) -> None:
        self.content += b"".join(chunks)
        self.changed = time.time()

    def flush(self) -> None:
        """Nothing to do: memory is as durable as it gets."""

    def checkpoint(self) -> None:
        """Nothing to do: there is one process."""

    def read(self) -> Iterator[bytes]:
        yield bytes(self.content)

    def close(self, *, keep: bool = True) -> None:
        """Nothing to do: the bytes stay with the storage."""


class MemoryBlobStorage:
    """A `BlobStorage` in dictionaries."""

    __slots__ = ("_blobs", "_incoming", "_lock", "_records")

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._incoming: dict[str, MemoryIncoming] = {}
        self._lock = threading.Lock()
        self._records: dict[str, bytes] = {}

    @property
    def least_chunk(self) -> int:
        return 0

    def begin(self, key: str) -> MemoryIncoming:
        with self._lock:
            if key in self._incoming:
                raise FileExistsError(key)
            self._incoming[key] = MemoryIncoming()
            return self._incoming[key]

    def resume(self, key: str) -> MemoryIncoming:
        with self._lock:
            try:
                return self._incoming[key]
            except KeyError:
                raise IncomingMissing(key) from None

    def commit(self, key: str, digest: Digest) -> None:
        with self._lock:
            incoming = self._incoming.pop(key, None)
            if incoming is None:
                raise IncomingMissing(key)
            self._blobs[digest] = bytes(incoming.content)

    def abort(self, key: str) -> None:
        with self._lock:
            self._incoming.pop(key, None)

    def incoming(self) -> Iterator[IncomingState]:
        with self._lock:
            states = [IncomingState(key, one.size, one.changed) for key, one in self._incoming.items()]
        yield from states

    def open(self, digest: Digest) -> BinaryIO:
        try:
            return io.BytesIO(self._blobs[digest])
        except KeyError:
            raise BlobMissing(digest) from None

    def redirect(self, digest: Digest) -> str | None:
        if digest not in self._blobs:
            raise BlobMissing(digest)
        return None

    def size(self, digest: Digest) -> int | None:
        blob = self._blobs.get(digest)
        return None if blob is None else len(blob)

    def blobs(self) -> Iterator[Digest]:
        yield from list(self._blobs)

    def delete(self, digest: Digest) -> None:
        with self._lock:
            self._blobs.pop(digest, None)

    def put_record(self, key: str, content: bytes) -> None:
        self._records[key] = content

    def record(self, key: str) -> bytes | None:
        return self._records.get(key)

    def records(self, prefix: str) -> Iterator[str]:
        yield from [key for key in self._records if key.startswith(prefix)]

    def delete_record(self, key: str) -> None:
        self._records.pop(key, None)

    def close(self) -> None:
        """Nothing is held."""
