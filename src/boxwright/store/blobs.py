"""Content-addressed files: an OCI layout's ``blobs/<algorithm>/<hex>``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO

from boxwright.errors import CorruptError, InvalidError, NotFoundError, UnavailableError
from boxwright.hashes import hexdigest
from boxwright.host import faults
from boxwright.host.durable import sync_directory
from boxwright.host.paths import Path
from boxwright.oci.digest import Digest
from boxwright.store import partial
from boxwright.store.layout import Layout
from boxwright.store.space import FREE_SOME, FULL

_COPY_BYTES = 1 << 20


class BlobNotFound(NotFoundError):
    def __init__(self, digest: Digest) -> None:
        super().__init__(f"no blob {digest} in the store")
        self.digest = digest


class BlobMismatch(CorruptError):
    """Content is not what its digest or size promised."""

    def __init__(self, what: str, expected: str, got: str) -> None:
        super().__init__(f"content does not match its {what}: expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class BlobTooLarge(CorruptError):
    def __init__(self, digest: Digest, size: int, limit: int) -> None:
        super().__init__(f"blob {digest} has {size} bytes, at most {limit} were expected")
        self.digest = digest


class StoreWriteFailed(UnavailableError):
    """The file system does not take what the store is to keep: it is full, or broken."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"cannot write to the store: {(error.strerror or str(error)).lower()}",
            hint=FREE_SOME if error.errno in FULL else None,
        )
        self.errno = error.errno


class BlobStore:
    """Blobs, each there whole and under its digest, or not at all.

    Safe for any number of threads and processes: who adds what is there already changes nothing.
    """

    __slots__ = ("_directory", "_ingest")

    def __init__(self, layout: Layout) -> None:
        self._directory = layout.content / "blobs"
        self._ingest = layout.ingest

    def path(self, digest: Digest) -> Path:
        """Return where the blob is, or would be."""
        algorithm, _, encoded = digest.partition(":")
        return self._directory / algorithm / encoded

    def has(self, digest: Digest) -> bool:
        return os.path.exists(self.path(digest))

    def size(self, digest: Digest) -> int:
        """Return the size in bytes. Raises BlobNotFound."""
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            raise BlobNotFound(digest) from None

    def open(self, digest: Digest) -> BinaryIO:
        """Return the content as an unbuffered file, for the caller to close. Raises BlobNotFound."""
        try:
            return open(self.path(digest), "rb", buffering=0)
        except FileNotFoundError:
            raise BlobNotFound(digest) from None

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob's content, verified. Raises BlobNotFound, BlobTooLarge above `limit`, BlobMismatch."""
        with self.open(digest) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > limit:
                raise BlobTooLarge(digest, size, limit)
            data = stream.read()
        computed = hexdigest(data, digest.algorithm)
        if computed != digest.hex:
            raise BlobMismatch("digest", digest, f"{digest.algorithm}:{computed}")
        return data

    def writer(self, algorithm: str = "sha256") -> BlobWriter:
        return BlobWriter(self, self._ingest, algorithm)

    def resumed_writer(self, digest: Digest) -> BlobWriter:
        """Return a writer that goes on where an interrupted one for the same blob left off (see `BlobWriter.leave`).

        Its `position` tells how much is there: unverified, until the whole is. Where somebody else is writing the blob
        at this moment, it is a new one from the beginning.
        """
        path = partial.path_of(self._ingest, digest)
        return BlobWriter(self, self._ingest, digest.algorithm, taking_up=path)

    def put(self, data: bytes) -> Digest:
        """Store small content durably; return its digest. Idempotent. Raises StoreWriteFailed."""
        digest = Digest.of(data)
        if not self.has(digest):
            # By way of the ingest directory: what a kill leaves there is found by collection.
            try:
                with self.writer() as writer:
                    writer.write(data)
                    writer.commit(digest)
            except OSError as error:
                raise StoreWriteFailed(error) from error
        return digest

    def verify(self, digest: Digest) -> int:
        """Read the whole blob and return its size. Raises BlobNotFound, BlobMismatch."""
        import hashlib

        hasher = hashlib.new(digest.algorithm)
        size = 0
        buffer = memoryview(bytearray(_COPY_BYTES))
        with self.open(digest) as stream:
            while count := stream.readinto(buffer):  # type: ignore[attr-defined]  # a FileIO
                hasher.update(buffer[:count])
                size += count
        if hasher.hexdigest() != digest.hex:
            raise BlobMismatch("digest", digest, f"{digest.algorithm}:{hasher.hexdigest()}")
        return size

    def __iter__(self) -> Iterator[Digest]:
        """Every blob's digest, in no order; files with other names are not blobs."""
        for algorithm in os.listdir(self._directory):
            for name in os.listdir(self._directory / algorithm):
                try:
                    yield Digest.parse(f"{algorithm}:{name}")
                except InvalidError:
                    continue

    def delete(self, digest: Digest) -> int:
        """Remove a blob that no row names any more; return the bytes freed, 0 when it was not there."""
        moved = self.take_away(digest)
        if moved is None:
            return 0
        size = os.stat(moved).st_size
        os.unlink(moved)
        return size

    def take_away(self, digest: Digest) -> Path | None:
        """Make a blob garbage at once: from now on it isn't there. Returns the file to unlink, None if there was none.

        A file in the ingest directory that nobody locks is removed by collection, so dying in between loses nothing.
        """
        moved = self._ingest / os.urandom(8).hex()
        try:
            os.rename(self.path(digest), moved)
        except FileNotFoundError:
            return None
        faults.point("a blob is taken away")
        return moved


class BlobWriter:
    """Content on its way into the store.

    Until `commit`, it is a file of its own, locked so that garbage collection leaves it alone while its writer lives.
    Used as a context manager, it is aborted at the end of the block unless it was committed.
    """

    __slots__ = ("_blobs", "_fd", "_hasher", "_partial", "_path", "algorithm", "position")

    def __init__(self, blobs: BlobStore, ingest: Path, algorithm: str, *, taking_up: Path | None = None) -> None:
        import hashlib

        self._blobs = blobs
        self._hasher = hashlib.new(algorithm)
        self.algorithm = algorithm
        self.position = 0
        """Bytes written so far."""
        self._partial = taking_up is not None and self._take_up(taking_up)
        if self._partial:
            return
        while True:
            self._path = ingest / os.urandom(8).hex()
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if os.fstat(self._fd).st_nlink:
                break
            os.close(self._fd)  # a collector saw the file before it was locked

    def _take_up(self, path: Path) -> bool:
        """Open a partial blob, or begin it, and read what is there; return False when somebody else holds it."""
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            if _is_at(fd, path):
                break
            os.close(fd)  # it was collected, or became a blob, before it was locked
        self._path, self._fd = path, fd
        buffer = memoryview(bytearray(_COPY_BYTES))
        while count := os.readv(fd, [buffer]):
            self._hasher.update(buffer[:count])
            self.position += count
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append `data`, all of it; return its length. Raises StoreWriteFailed."""
        view = memoryview(data)
        self._hasher.update(view)
        length = len(view)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise StoreWriteFailed(error) from error
        self.position += length
        return length

    def fileno(self) -> int:
        """The file being written: what is there already may be read from it with pread."""
        return self._fd

    def digest(self) -> Digest:
        """The digest of what is written so far."""
        return Digest(f"{self.algorithm}:{self._hasher.hexdigest()}")

    def commit(self, expected: Digest | None = None, size: int | None = None, *, durable: bool = True) -> Digest:
        """Make what was written a blob: verified, durable, under its digest. Idempotent for content that is there.

        Without `durable`, it is left to `SnapshotStore.make_durable` to bring it to disk: for a blob that only a
        snapshot names. After a power failure before that, both are dropped.
        Raises BlobMismatch, with the content dropped, when it is not `expected` or has not `size` bytes, and
        StoreWriteFailed.
        """
        digest = self.digest()
        if size is not None and size != self.position:
            self.abort()
            raise BlobMismatch("size", f"{size} bytes", f"{self.position} bytes")
        if expected is not None and digest != expected:
            self.abort()
            raise BlobMismatch("digest", expected, digest)
        if self._blobs.has(digest):
            self.abort()
            return digest
        if durable:
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise StoreWriteFailed(error) from error
        faults.point("a blob is written, not named")
        target = self._blobs.path(digest)
        if digest.algorithm != "sha256":
            target.parent.mkdir(exist_ok=True)
        os.rename(self._path, target)
        faults.point("a blob is named")
        if durable:
            sync_directory(target.parent)
        self._close()
        return digest

    def leave(self) -> None:
        """Keep what was written for the next `BlobStore.resumed_writer`; what nobody could take up is dropped.

        Nothing after `commit` or `abort`.
        """
        if self._fd >= 0 and self._partial and self.position >= partial.LEAST_BYTES:
            self._close()
        else:
            self.abort()

    def abort(self) -> None:
        """Drop what was written; nothing after `commit` or `abort`."""
        if self._fd >= 0:
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass  # somebody cleared the directory: it is gone, which is what was asked
            self._close()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
