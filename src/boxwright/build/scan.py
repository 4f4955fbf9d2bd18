"""One pass over a tree of files: what is there, and a fingerprint that stays the same while nothing is touched.

The pass costs a directory listing and one lstat a file. Its fingerprint covers names, types, modes, sizes, inode
numbers, and both times in nanoseconds; the change time makes an edit visible that sets the old modification time
again. Whoever has seen a fingerprint before knows the content without reading a byte.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from operator import attrgetter

from boxwright.dockerfile.ignore_scope import EitherScope, IgnoreScope
from boxwright.hashes import sha256
from boxwright.values import NamedTuple

RACY_NS = 50_000_000
"""How coarse a file system's clock may be: a file that changed this shortly before the pass may change again without
its times showing it, so its fingerprint isn't to be remembered."""

_S_IFMT, _S_IFDIR = 0o170000, 0o040000  # stat.S_ISDIR costs a call for each of twenty thousand files

_by_name = attrgetter("name")

_LINE = 100
"""Bytes that are hashed for a file, about."""

Scope = IgnoreScope | EitherScope

Members = list[tuple[str, os.stat_result]]
"""The files of one directory, by name."""


class Item(NamedTuple):
    """One file of a tree."""

    path: str
    """Below the root of the pass, ``a/b``; empty for the root itself."""
    real: str
    """Where it lies on disk."""
    stat: os.stat_result


class Scan:
    """What one pass saw. Iterating gives its items, always in the same order: the members of a directory together, by
    name, and after the directory itself."""

    __slots__ = ("_folders", "bytes", "excluded", "files", "fingerprint", "settled")

    def __init__(self, folders: list[tuple[str, str, Members]], excluded: int, started: int) -> None:
        self._folders = folders
        self.excluded = excluded
        """How many files and directories the ignore rules left out; a directory counts once."""
        digest = sha256(_LINE * sum(len(members) for _, _, members in folders))
        newest = files = size = 0
        for path, _, members in folders:
            # No name holds a NUL: every field is framed by one, and a directory ends with two.
            fields = [path]
            for name, status in members:
                mode, length, changed = status.st_mode, status.st_size, status.st_ctime_ns
                numbers = f"{mode} {length} {status.st_mtime_ns} {changed} {status.st_ino} {status.st_rdev}"
                fields.append(f"{name}\0{numbers}")
                if changed > newest:
                    newest = changed
                if mode & _S_IFMT != _S_IFDIR:
                    files += 1
                    size += length
            fields.append("\0")
            digest.update("\0".join(fields).encode("utf-8", "surrogateescape"))
        self.files = files
        self.bytes = size
        self.fingerprint = digest.hexdigest()
        self.settled = newest < started - RACY_NS
        """Whether an equal fingerprint will mean equal content from now on: nothing changed just before the pass."""

    def __iter__(self) -> Iterator[Item]:
        for path, real, members in self._folders:
            prefix = path + "/" if path else ""
            for name, status in members:
                yield Item(prefix + name, f"{real}/{name}", status)


def scan(root: str, scope: Scope | None = None) -> Scan:
    """Look at everything below the directory `root` (not at `root` itself); symbolic links are not followed.

    `scope` are the ignore rules as they look from `root`; without it nothing is left out. A file that vanishes during
    the pass is as one that was never there. Raises OSError when a directory cannot be read.
    """
    started = time.time_ns()
    # Twenty thousand new objects make the collector run a dozen times over all of them, to find nothing.
    collecting = gc.isenabled()
    gc.disable()
    try:
        walk = _Pass()
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            walk.visit(descriptor, "", root.rstrip("/"), scope)
        finally:
            os.close(descriptor)
        return Scan(walk.folders, walk.excluded, started)
    finally:
        if collecting:
            gc.enable()


class _Pass:
    __slots__ = ("excluded", "folders")

    def __init__(self) -> None:
        self.folders: list[tuple[str, str, Members]] = []
        self.excluded = 0

    def visit(self, descriptor: int, path: str, real: str, scope: Scope | None) -> None:
        # Relative to an open directory, the kernel resolves one name for each file instead of a whole path.
        with os.scandir(descriptor) as listing:
            entries = sorted(listing, key=_by_name)
        if scope is not None and not scope.keeps_all:
            entries = self._select(entries, scope)
        try:
            members = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except FileNotFoundError:
            members = _survivors(entries)
        self.folders.append((path, real, members))
        inside = path + "/" if path else ""
        for name, status in tuple(members):
            if status.st_mode & _S_IFMT != _S_IFDIR:
                continue
            below = scope.enter(name) if scope is not None else None
            before = len(self.folders)
            self._enter(descriptor, name, inside + name, f"{real}/{name}", below)
            if below is not None and below.excluded and not any(found for _, _, found in self.folders[before:]):
                # An excluded directory is there only for what an exception kept below it.
                del self.folders[before:]
                members.remove((name, status))
                self.excluded += 1

    def _enter(self, parent: int, name: str, path: str, real: str, scope: Scope | None) -> None:
        try:
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            return
        try:
            self.visit(child, path, real, scope)
        finally:
            os.close(child)

    def _select(self, entries: list[os.DirEntry[str]], scope: Scope) -> list[os.DirEntry[str]]:
        """Return what is kept, with excluded directories below which something may be kept."""
        kept = []
        for entry in entries:
            name = entry.name
            if not scope.excludes(name) or (entry.is_dir(follow_symlinks=False) and not scope.enter(name).prunable):
                kept.append(entry)
            else:
                self.excluded += 1
        return kept


def _survivors(entries: list[os.DirEntry[str]]) -> Members:
    members = []
    for entry in entries:
        try:
            members.append((entry.name, entry.stat(follow_symlinks=False)))
        except FileNotFoundError:
            continue  # removed since the listing
    return members
