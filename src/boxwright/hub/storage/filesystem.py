"""Blobs as files.

    ROOT/blobs/<algorithm>/<first two hex digits>/<hex>    a blob: verified, durable, never changed
    ROOT/uploads/<key>                                     bytes on their way in
    ROOT/records/<kind>/<name>                             what the database knew, for repairs

A blob appears by a rename of its synced upload, so a file below ``blobs/`` is always whole. Nothing is ever listed to
serve a request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from boxwright.errors import InvalidError
from boxwright.host import faults, syscalls
from boxwright.host.durable import replacing, sync_directory
from boxwright.hub.storage.base import BlobMissing, IncomingMissing, IncomingState, Piece
from boxwright.oci.digest import Digest

_READ_SIZE = 4 << 20
_MAX_VECTOR = 1024  # IOV_MAX of Linux: more buffers than that are refused by writev(2)


class FileIncoming:
    """An `Incoming` in a file of its own."""

    __slots__ = ("_fd", "_size")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._size = os.fstat(fd).st_size

    @property
    def size(self) -> int:
        return self._size

    def append(self, chunks: Sequence[Piece]) -> None:
        try:
            end = self._size
            for first in range(0, len(chunks), _MAX_VECTOR):
                end = _write_all(self._fd, chunks[first : first + _MAX_VECTOR], end)
        except BaseException:
            # A part may have been written (a full disk): the promise is all or nothing.
            os.ftruncate(self._fd, self._size)
            raise
        self._size = end
        faults.point("bytes of an upload arrived")

    def flush(self) -> None:
        syscalls.start_writeback(self._fd)

    def checkpoint(self) -> None:
        """Nothing to do: whoever opens the file finds what was written."""

    def read(self) -> Iterator[bytes]:
        position = 0
        while chunk := os.pread(self._fd, _READ_SIZE, position):
            yield chunk
            position += len(chunk)

    def close(self, *, keep: bool = True) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _write_all(fd: int, chunks: Sequence[Piece], position: int) -> int:
    """Write `chunks` at `position` and return the position after them."""
    written = os.pwritev(fd, chunks, position)
    total = sum(map(len, chunks))
    if written < total:
        # The kernel stops early only near a limit; the second try says which one.
        rest = memoryview(b"".join(chunks))[written:]
        while rest:
            count = os.pwrite(fd, rest, position + written)
            written += count
            rest = rest[count:]
    return position + total


class FilesystemBlobStorage:
    """A `BlobStorage` in a folder, which is created when it is missing."""

    __slots__ = ("_blobs", "_records", "_uploads")

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._records = root / "records"
        for directory in (self._blobs, self._uploads):
            make_directories(directory)

    def _path(self, digest: Digest) -> Path:
        encoded = digest.hex
        return self._blobs / digest.algorithm / encoded[:2] / encoded

    @property
    def least_chunk(self) -> int:
        return 0

    def begin(self, key: str) -> FileIncoming:
        return FileIncoming(os.open(self._uploads / key, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))

    def resume(self, key: str) -> FileIncoming:
        try:
            return FileIncoming(os.open(self._uploads / key, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            raise IncomingMissing(key) from None

    def commit(self, key: str, digest: Digest) -> None:
        source, target = self._uploads / key, self._path(digest)
        try:
            fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise IncomingMissing(key) from None
        try:
            size = os.fstat(fd).st_size
            # A file of another size under this digest is a damaged disk's: the verified bytes replace it.
            held = self.size(digest) == size
            if not held:
                os.fsync(fd)
                faults.point("an upload is durable")
        finally:
            os.close(fd)
        if held:
            source.unlink(missing_ok=True)
        else:
            make_directories(target.parent)
            os.rename(source, target)
        faults.point("a blob has its name")
        # Also when it was there: whoever renamed it may have died before this.
        sync_directory(target.parent)
        faults.point("a blob is durable")

    def abort(self, key: str) -> None:
        (self._uploads / key).unlink(missing_ok=True)

    def incoming(self) -> Iterator[IncomingState]:
        with os.scandir(self._uploads) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # committed or aborted meanwhile
                yield IncomingState(entry.name, status.st_size, status.st_mtime)

    def open(self, digest: Digest) -> BinaryIO:
        try:
            return open(self._path(digest), "rb", buffering=0)
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    def redirect(self, digest: Digest) -> str | None:
        if self.size(digest) is None:
            raise BlobMissing(digest)
        return None

    def size(self, digest: Digest) -> int | None:
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def blobs(self) -> Iterator[Digest]:
        for path in self._blobs.glob("*/??/*"):
            try:
                digest = Digest.parse(f"{path.parent.parent.name}:{path.name}")
            except InvalidError:
                continue  # somebody else's
            if self._path(digest) == path:
                yield digest

    def delete(self, digest: Digest) -> None:
        path = self._path(digest)
        path.unlink(missing_ok=True)

    def put_record(self, key: str, content: bytes) -> None:
        path = self._records / key
        make_directories(path.parent)
        with replacing(path) as stream:
            stream.write(content)

    def record(self, key: str) -> bytes | None:
        try:
            return (self._records / key).read_bytes()
        except FileNotFoundError:
            return None

    def records(self, prefix: str) -> Iterator[str]:
        for path in (self._records / prefix).glob("[!.]*"):
            yield prefix + path.name

    def delete_record(self, key: str) -> None:
        (self._records / key).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is held."""


def make_directories(path: Path) -> None:
    """Create `path` and what is missing above it, each of them durably."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)
