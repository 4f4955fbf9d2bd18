"""Locks between processes: flock on files, which the kernel releases whatever happens to the holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from boxwright.host.paths import StrPath


@contextmanager
def locked(path: StrPath, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock on `path` (created when missing) for the block, waiting for it as long as it takes.

    The file may be removed by whoever holds it exclusively: a waiter then notices that it locked a file that is no
    longer there and starts over, so two holders never share a name with different files.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            if _is_still(fd, path):
                yield
                return
        finally:
            os.close(fd)


def try_lock(path: StrPath) -> int | None:
    """Return a descriptor that holds the exclusive lock on `path`, or None when another process has it.

    Closing the descriptor releases the lock. The file is created when missing.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        if _is_still(fd, path):
            return fd
        os.close(fd)


def try_lock_existing(path: StrPath) -> int | None:
    """Return a descriptor that holds the exclusive lock on a file or directory, or None when it is gone or held."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(fd, path):
            return fd
    except BlockingIOError:
        pass
    os.close(fd)
    return None


def _is_still(fd: int, path: StrPath) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
