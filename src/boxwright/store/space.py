"""How it is told that the store's disk is full."""

from __future__ import annotations

import errno
import os

from boxwright.host.paths import StrPath

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a file system says that has no room left, for anybody or for this user."""

FREE_SOME = "free some space: boxwright system prune"

_SHARED_MEMORY = 32 << 10  # bytes of the smallest file by which processes share SQLite's index of its log


def is_full(path: StrPath) -> bool:
    """Whether the file system of `path` has no room even for the file that opening the database makes."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize < _SHARED_MEMORY
