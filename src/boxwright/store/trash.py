"""The way out for directories: out of sight by a rename, then file by file."""

from __future__ import annotations

import os

from boxwright.host import faults
from boxwright.host.paths import Path
from boxwright.store.layout import TRASH


def move_to_trash(path: Path) -> Path | None:
    """Take something out of sight, where it is, for removal; return its new name, or None when it is gone already.

    Whoever dies before it is removed leaves it to the next collection.
    """
    trash = path.with_name(TRASH + os.urandom(6).hex())
    try:
        os.rename(path, trash)
    except FileNotFoundError:
        return None
    return trash


def remove_directories(paths: list[Path]) -> None:
    """Remove directories that no row names any more: first out of sight, then file by file. Raises StillMounted."""
    moved = []
    for path in paths:
        trash = move_to_trash(path)
        if trash is not None:  # else another collector was quicker
            moved.append(trash)
            faults.point("a directory is trash")
    if moved:
        from boxwright.host.trees import remove_tree
    for trash in moved:
        remove_tree(trash)
        faults.point("trash is removed")
