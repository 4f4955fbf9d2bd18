"""How the files that a step copies differ from those of the last time, and how that is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence

from boxwright.values import NamedTuple

_SHOWN = 3


class FileState(NamedTuple):
    """What a copy takes of one file."""

    content: str
    """The sha256 (hex) of a regular file, what a symbolic link says; empty for anything else."""
    size: int
    """Bytes; 0 for what is no regular file."""
    mode: int
    """``st_mode``."""
    owner: str = ""
    """``uid:gid``; empty where owners make no difference."""


class FileChange(NamedTuple):
    """A file that is not as it was the last time; None stands for no file."""

    path: str
    before: FileState | None
    after: FileState | None


def compare(before: Mapping[str, FileState], after: Mapping[str, FileState]) -> list[FileChange]:
    """Return what differs between two selections of files, by path.

    A directory that came or went is told by the files in it, as long as it has any.
    """
    changes = [
        FileChange(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if _differ(before.get(path), after.get(path))
    ]
    parents = {os.path.dirname(change.path) for change in changes}
    return [change for change in changes if change.path not in parents or not _is_folder_alone(change)]


def describe(changes: Sequence[FileChange], root: str | None = None) -> list[str]:
    """Say each change in a few words, paths as they are seen from `root`; the last one counts those left out."""
    told = [_describe(change, root) for change in changes[:_SHOWN]]
    rest = len(changes) - _SHOWN
    if rest > 0:
        told.append(f"{rest:,} more file{'s' if rest > 1 else ''} changed")
    return told


def _differ(before: FileState | None, after: FileState | None) -> bool:
    if before is None or after is None:
        return True
    return (before.content, before.mode, before.owner) != (after.content, after.mode, after.owner)


def _is_folder_alone(change: FileChange) -> bool:
    state = change.before or change.after
    assert state is not None
    return stat.S_ISDIR(state.mode) and (change.before is None or change.after is None)


def _describe(change: FileChange, root: str | None) -> str:
    path = os.path.relpath(change.path, root) if root is not None else change.path
    before, after = change.before, change.after
    if before is None:
        assert after is not None
        return f"{path} is new{_size(after)}"
    if after is None:
        return f"{path} is gone{_size(before)}"
    if stat.S_IFMT(before.mode) != stat.S_IFMT(after.mode):
        return f"{path} is a {_kind(after)}, it was a {_kind(before)}"
    how = []
    if before.content != after.content:
        if stat.S_ISLNK(after.mode):
            how.append(f"its target: {before.content} → {after.content}")
        else:
            how.append(f"sha256 {before.content[:4]}… → {after.content[:4]}…")
            sizes = dict.fromkeys((f"{before.size:,}", f"{after.size:,}"))
            how.append(f"{' → '.join(sizes)} bytes")
    if before.mode != after.mode:
        how.append(f"mode {stat.S_IMODE(before.mode):04o} → {stat.S_IMODE(after.mode):04o}")
    if before.owner != after.owner:
        how.append(f"owner {before.owner} → {after.owner}")
    return f"{path} changed ({', '.join(how)})"


def _size(state: FileState) -> str:
    return f" ({state.size:,} byte{'' if state.size == 1 else 's'})" if stat.S_ISREG(state.mode) else ""


def _kind(state: FileState) -> str:
    if stat.S_ISLNK(state.mode):
        return "symbolic link"
    return "directory" if stat.S_ISDIR(state.mode) else "file"
