"""A source that gives no more than so many bytes of blobs a second, over all that is copied from it."""

from __future__ import annotations

from types import TracebackType

from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.ends import Reader, Source
from boxwright.remote.limiter import Limiter


class ThrottledSource:
    """A `Source` whose blobs come slowly."""

    __slots__ = ("_limiter", "_source")

    def __init__(self, source: Source, limiter: Limiter) -> None:
        self._source = source
        self._limiter = limiter

    @property
    def domain(self) -> str:
        return self._source.domain

    def resolve(self, reference: Reference) -> Descriptor | None:
        return self._source.resolve(reference)

    def fetch(self, reference: Reference, entry: Descriptor | None = None) -> Manifest | Index:
        return self._source.fetch(reference, entry)

    def stat_blob(self, path: str, digest: Digest) -> int | None:
        return self._source.stat_blob(path, digest)

    def referrers(self, path: str, subject: Digest) -> list[Descriptor]:
        return self._source.referrers(path, subject)

    def read_blob(self, path: str, descriptor: Descriptor, position: int = 0) -> Reader:
        return _ThrottledReader(self._source.read_blob(path, descriptor, position), self._limiter)


class _ThrottledReader:
    __slots__ = ("_limiter", "_reader")

    def __init__(self, reader: Reader, limiter: Limiter) -> None:
        self._reader = reader
        self._limiter = limiter

    def read(self, limit: int) -> bytes:
        chunk = self._reader.read(min(limit, self._limiter.piece))
        self._limiter.passed(len(chunk))
        return chunk

    def __enter__(self) -> _ThrottledReader:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)
