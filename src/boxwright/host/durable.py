"""Files that are there whole or not at all, also after a crash."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from boxwright.host import faults
from boxwright.host.paths import Path, StrPath


def sync_directory(path: StrPath) -> None:
    """Make the entries of a directory durable: a rename is only safe once its directory is synced."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def replacing(path: StrPath, *, mode: int = 0o644, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends without an exception.

    A reader sees the old content or the new, never a part. With `durable`, content and name are on disk on return.
    On an exception the old file is untouched and nothing is left behind.
    """
    path = Path(path)
    temporary, fd = _make_beside(path, mode)
    try:
        with open(fd, "wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(fd)
            faults.point(f"{path.name} is written beside its place")
            os.rename(temporary, path)
        faults.point(f"{path.name} is in place")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def _make_beside(path: Path, mode: int) -> tuple[Path, int]:
    """Make the file that will take the place of `path`, locked: one that nobody locks was left by a kill."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError:
            return temporary, fd  # a file system without locks: nothing is collected there
        if os.fstat(fd).st_nlink:
            return temporary, fd
        os.close(fd)  # a collector saw the file before it was locked


def write(path: StrPath, content: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the content of `path` atomically (see `replacing`)."""
    with replacing(path, mode=mode, durable=durable) as stream:
        stream.write(content)
