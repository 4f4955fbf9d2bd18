"""A blob that is read at one end while it is sent to the other."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from boxwright.errors import CancelledError
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.download import WrongBlob
from boxwright.remote.ends import Source

_PIECE = 256 << 10


class Relay:
    """A `boxwright.remote.upload.BlobSource` out of another end; `stopped` ends it with CancelledError.

    It is verified on the way: a wrong one is never sent to its end.
    """

    __slots__ = ("_blob", "_client", "_hashed", "_hasher", "_path", "_stopped")

    def __init__(self, client: Source, path: str, blob: Descriptor, stopped: threading.Event) -> None:
        self._client = client
        self._path = path
        self._blob = blob
        self._stopped = stopped
        self._hasher = hashlib.new(blob.digest.algorithm)
        self._hashed = 0

    @property
    def digest(self) -> Digest | None:
        return self._blob.digest

    @property
    def size(self) -> int | None:
        return self._blob.size

    def open(self, offset: int) -> Iterator[bytes]:
        # After a break the destination may have less than what has been hashed, or begin anew.
        begin = min(offset, self._hashed)
        if begin == 0:
            self._hasher, self._hashed = hashlib.new(self._blob.digest.algorithm), 0
        with self._client.read_blob(self._path, self._blob, begin) as download:
            position = begin
            while chunk := download.read(_PIECE):
                if self._stopped.is_set():
                    raise CancelledError("interrupted")
                fresh = position + len(chunk) - self._hashed
                if fresh > 0:
                    self._hasher.update(chunk[-fresh:])
                    self._hashed += fresh
                if self._hashed == self._blob.size:
                    self._verify()
                position += len(chunk)
                if position > offset:
                    yield chunk[-(position - offset) :] if position - len(chunk) < offset else chunk

    def _verify(self) -> None:
        digest = self._blob.digest
        found = self._hasher.hexdigest()
        if found != digest.hex:
            raise WrongBlob(self._client.domain, digest, f"its digest is {digest.algorithm}:{found}")
