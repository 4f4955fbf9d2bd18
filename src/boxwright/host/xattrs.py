"""Extended attributes, without following symbolic links, on file systems that may have none."""

from __future__ import annotations

import errno
import os

# ENOTSUP: the file system keeps none; ENODATA: not this one. Both mean "none here".
_ABSENT = frozenset((errno.ENOTSUP, errno.ENODATA))


def names(target: str | int) -> list[str]:
    """Return the names of the extended attributes of a path or an open file."""
    try:
        return os.listxattr(target, follow_symlinks=isinstance(target, int))
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise


def get(target: str | int, name: str) -> bytes | None:
    """Return one extended attribute of a path or an open file, or None when it has none of that name."""
    try:
        return os.getxattr(target, name, follow_symlinks=isinstance(target, int))
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def set(target: str | int, name: str, value: bytes) -> None:
    """Set one extended attribute of a path or an open file."""
    os.setxattr(target, name, value, follow_symlinks=isinstance(target, int))
