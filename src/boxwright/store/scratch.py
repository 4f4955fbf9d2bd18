"""Directories of one process alone, inside the store: what is unpacked, downloaded or made on the way to a row.

Such a directory is locked for as long as its maker lives. Without its lock it is garbage, so a kill leaves nothing
that the next collection doesn't find.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from boxwright.host.paths import Path


def make_locked(directory: Path, prefix: str = "") -> tuple[Path, int]:
    """Make a directory with a random name in `directory`; return it, and the descriptor that holds its lock."""
    while True:
        path = directory / (prefix + os.urandom(6).hex())
        os.mkdir(path, 0o700)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # a collector saw it before it was locked
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink and os.path.exists(path):
            return path, fd
        os.close(fd)


@contextmanager
def scratch(directory: Path, prefix: str = "") -> Iterator[Path]:
    """Yield a directory in `directory`, which is removed at the end of the block, whatever is in it by then.

    It may have been moved away.
    """
    from boxwright.host.trees import remove_tree

    path, fd = make_locked(directory, prefix)
    try:
        yield path
    finally:
        remove_tree(path)
        os.close(fd)


def sweep(directory: Path, prefix: str) -> None:
    """Remove the directories that `scratch` made here for processes that were killed."""
    from boxwright.host.trees import remove_tree

    for name in os.listdir(directory):
        if not name.startswith(prefix):
            continue
        try:
            fd = os.open(directory / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile, or no directory, and so not one of ours
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(directory / name)
        except BlockingIOError:
            pass  # its maker is at work
        finally:
            os.close(fd)
