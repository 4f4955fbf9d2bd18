"""The contract of a blob storage.

It knows digests and bytes, and nothing of repositories: who may see a blob is the metadata's business. Every
implementation passes ``tests/contract/test_hub_storage.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol, TypeAlias

from boxwright.errors import ConflictError, NotFoundError
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

Piece: TypeAlias = "bytes | memoryview"
"""Bytes on their way through: what was received into a buffer is not copied only to be called bytes."""


class BlobMissing(NotFoundError):
    """The storage does not hold the bytes of this digest."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"no blob {digest}")
        self.digest = digest


class IncomingMissing(NotFoundError):
    """There are no bytes under this key: never begun, committed, aborted or swept."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no upload {key}")
        self.key = key


class IncomingSealed(ConflictError):
    """Nothing can be added any more: the upload was being finished when the server that did it died."""

    def __init__(self, key: str) -> None:
        super().__init__(f"upload {key} is complete: it can be finished or cancelled, but not go on")
        self.key = key


class IncomingState(NamedTuple):
    """What the storage knows of bytes on their way in."""

    key: str
    size: int
    changed: float
    """Seconds since the epoch of the last append."""


class Incoming(Protocol):
    """Bytes on their way in, appended under a key until they are committed as a blob. One user at a time."""

    @property
    def size(self) -> int:
        """The number of bytes held."""

    def append(self, chunks: Sequence[Piece]) -> None:
        """Add `chunks` in order: all of them, or none when it raises. They are the caller's again when it returns.

        Raises OSError (the disk is full, say), UnavailableError, IncomingSealed.
        """

    def flush(self) -> None:
        """Start or finish writing what was appended to the disk; harmless beside a running `append`."""

    def checkpoint(self) -> None:
        """Store what was appended so that `resume` finds it, in any process. Raises OSError, UnavailableError."""

    def read(self) -> Iterator[bytes]:
        """Yield everything from the first byte on, in pieces of at most a few MiB. Afterwards `append` may refuse."""

    def close(self, *, keep: bool = True) -> None:
        """Let go of it, after a checkpoint; the bytes stay. Idempotent.

        Without `keep` there is no checkpoint: another process has the upload by now.
        """


class BlobStorage(Protocol):
    """Content-addressed bytes. Every method may be called from any thread; keys are chosen by the caller."""

    @property
    def least_chunk(self) -> int:
        """How many bytes each request of an upload but the last one should bring; 0 where it does not matter.

        Fewer are taken as well, at a cost.
        """

    def begin(self, key: str) -> Incoming:
        """Start an empty `Incoming`. The key (letters, digits, '-', '_') must be new."""

    def resume(self, key: str) -> Incoming:
        """Take up an `Incoming` where its last append ended, also one of an earlier process.

        Raises IncomingMissing.
        """

    def commit(self, key: str, digest: Digest) -> None:
        """Turn the bytes under `key` into the blob `digest`; the caller has verified that they are.

        When it returns, the blob survives a power loss and the key is gone. When the blob is there already, this is
        the same success. Raises IncomingMissing.
        """

    def abort(self, key: str) -> None:
        """Drop the bytes under `key`. Idempotent."""

    def incoming(self) -> Iterator[IncomingState]:
        """Yield what is on its way in, in no order."""

    def open(self, digest: Digest) -> BinaryIO:
        """Return the blob as a seekable stream, whose `read` returns fewer bytes than it was asked for only at the end.

        A file stays readable when the blob is deleted; reading from an object store raises BlobMissing then, and
        UnavailableError when the store fails. Raises BlobMissing.
        """

    def redirect(self, digest: Digest) -> str | None:
        """Return a URL from which a client may read the blob by itself, None where there is no such thing.

        It lives for an hour at least. Raises BlobMissing.
        """

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes, None when it is not held."""

    def blobs(self) -> Iterator[Digest]:
        """Yield every blob that is held, in no order. It looks through everything: for repairs, not for requests."""

    def delete(self, digest: Digest) -> None:
        """Drop a blob. Idempotent."""

    def put_record(self, key: str, content: bytes) -> None:
        """Keep a few MiB at most under a key (words of letters, digits and '-', with '/' between), durably.

        Records are for repairs: the database is written into them now and then. One replaces an earlier one as a whole.
        """

    def record(self, key: str) -> bytes | None:
        """Return a record, None when there is none."""

    def records(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, which ends with '/', in no order."""

    def delete_record(self, key: str) -> None:
        """Drop a record. Idempotent."""

    def close(self) -> None:
        """Let go of threads and connections, after a checkpoint of what is open. Idempotent."""
