"""Streams that compute a digest and a size of what passes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from boxwright.errors import CorruptError
from boxwright.layer.streams import PieceStream, taking
from boxwright.oci.digest import Digest


class DigestMismatch(CorruptError):
    """Bytes are not those that a digest or a size promised."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            f"{what} does not match: expected {expected}, found {found}",
            hint="the data was damaged or changed on its way; fetch it again",
        )
        self.expected = expected
        self.found = found


class _Hashing:
    """A digest and a size in the making."""

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm)
        self._algorithm = algorithm
        self.size = 0
        """How many bytes have passed."""

    def _count(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> Digest:
        """The digest of what has passed so far."""
        return Digest(f"{self._algorithm}:{self._hash.hexdigest()}")

    def verify(self, digest: Digest | None = None, size: int | None = None) -> None:
        """Raise DigestMismatch unless what has passed has this digest and this size (None: any)."""
        if size is not None and self.size != size:
            raise DigestMismatch("the size", f"{size} bytes", f"{self.size} bytes")
        if digest is not None and self.digest != digest:
            raise DigestMismatch("the digest", digest, self.digest)


class HashingReader(PieceStream, _Hashing):
    """Hands on what it reads from another stream, hashed.

    The digest covers what has been *read through* it: read to the end before `verify`.
    """

    def __init__(self, stream: BinaryIO, algorithm: str = "sha256") -> None:
        PieceStream.__init__(self)
        _Hashing.__init__(self, algorithm)
        self._stream = stream
        self._from = taking(stream)

    def read(self, size: int | None = -1) -> bytes:
        data = self._stream.read(-1 if size is None else size)
        self._count(data)
        return data

    def take(self, size: int = -1) -> bytes | memoryview:
        data = self._from(size)
        self._count(data)
        return data

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def drain(self) -> None:
        """Read to the end, so that the digest covers everything."""
        while self.read(1 << 20):
            pass


class HashingWriter(_Hashing):
    """Hands on what is written to it, hashed, to a sink; without one, it only hashes."""

    def __init__(self, sink: Callable[[bytes | memoryview], object] | None = None, algorithm: str = "sha256") -> None:
        super().__init__(algorithm)
        self._sink = sink

    def write(self, data: bytes | memoryview) -> int:
        self._count(data)
        if self._sink is not None:
            self._sink(data)
        return len(data)
