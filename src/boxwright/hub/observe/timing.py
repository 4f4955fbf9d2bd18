"""A blob storage whose every call is timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from boxwright.hub.observe.metrics import Metrics
from boxwright.hub.storage.base import BlobStorage, Incoming, IncomingState, Piece
from boxwright.oci.digest import Digest


class TimedBlobStorage:
    """A `BlobStorage` that passes everything on to another one."""

    __slots__ = ("_metrics", "_storage")

    def __init__(self, storage: BlobStorage, metrics: Metrics) -> None:
        self._storage = storage
        self._metrics = metrics

    @property
    def least_chunk(self) -> int:
        return self._storage.least_chunk

    def begin(self, key: str) -> Incoming:
        with self._metrics.time_storage("begin"):
            return _TimedIncoming(self._storage.begin(key), self._metrics)

    def resume(self, key: str) -> Incoming:
        with self._metrics.time_storage("resume"):
            return _TimedIncoming(self._storage.resume(key), self._metrics)

    def commit(self, key: str, digest: Digest) -> None:
        with self._metrics.time_storage("commit"):
            self._storage.commit(key, digest)

    def abort(self, key: str) -> None:
        with self._metrics.time_storage("abort"):
            self._storage.abort(key)

    def incoming(self) -> Iterator[IncomingState]:
        return self._storage.incoming()

    def open(self, digest: Digest) -> BinaryIO:
        with self._metrics.time_storage("open"):
            return self._storage.open(digest)

    def redirect(self, digest: Digest) -> str | None:
        with self._metrics.time_storage("redirect"):
            return self._storage.redirect(digest)

    def size(self, digest: Digest) -> int | None:
        with self._metrics.time_storage("size"):
            return self._storage.size(digest)

    def blobs(self) -> Iterator[Digest]:
        return self._storage.blobs()

    def delete(self, digest: Digest) -> None:
        with self._metrics.time_storage("delete"):
            self._storage.delete(digest)

    def put_record(self, key: str, content: bytes) -> None:
        with self._metrics.time_storage("record"):
            self._storage.put_record(key, content)

    def record(self, key: str) -> bytes | None:
        return self._storage.record(key)

    def records(self, prefix: str) -> Iterator[str]:
        return self._storage.records(prefix)

    def delete_record(self, key: str) -> None:
        self._storage.delete_record(key)

    def close(self) -> None:
        self._storage.close()


class _TimedIncoming:
    """An `Incoming` that passes everything on to another one."""

    __slots__ = ("_incoming", "_metrics")

    def __init__(self, incoming: Incoming, metrics: Metrics) -> None:
        self._incoming = incoming
        self._metrics = metrics

    @property
    def size(self) -> int:
        return self._incoming.size

    def append(self, chunks: Sequence[Piece]) -> None:
        with self._metrics.time_storage("append"):
            self._incoming.append(chunks)

    def flush(self) -> None:
        with self._metrics.time_storage("flush"):
            self._incoming.flush()

    def checkpoint(self) -> None:
        with self._metrics.time_storage("checkpoint"):
            self._incoming.checkpoint()

    def read(self) -> Iterator[bytes]:
        return self._incoming.read()

    def close(self, *, keep: bool = True) -> None:
        self._incoming.close(keep=keep)
