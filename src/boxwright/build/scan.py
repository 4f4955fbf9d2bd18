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
_MAX_OPEN = 64
"""How many nested directories are held open; a tree may be nested deeper than a process may have descriptors."""
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

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
        walk.visit(root, scope)
        return Scan(walk.folders, walk.excluded, started)
    finally:
        if collecting:
            gc.enable()


class _Folder:
    """A directory on the way to where the pass is; `unseen` are the directories in it that are still to come."""

    __slots__ = ("before", "descriptor", "members", "path", "real", "scope", "unseen")

    def __init__(self, path: str, real: str, scope: Scope | None, before: int) -> None:
        self.path = path
        self.real = real
        self.scope = scope
        self.before = before  # how many directories had been seen when the pass came to this one
        self.descriptor: int | None = None
        self.members: Members = []
        self.unseen: Iterator[tuple[str, os.stat_result]] = iter(())

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class _Pass:
    __slots__ = ("excluded", "folders")

    def __init__(self) -> None:
        self.folders: list[tuple[str, str, Members]] = []
        self.excluded = 0

    def visit(self, root: str, scope: Scope | None) -> None:
        """Look at everything below the directory `root`, however deep it is nested."""
        # No recursion: a tree can be nested deeper than Python's own stack.
        way = [_Folder("", root.rstrip("/"), scope, 0)]
        try:
            self._list(way[0], os.open(root, _OPEN))
            while way:
                here = way[-1]
                found = next(here.unseen, None)
                if found is not None:
                    way.append(self._child(here, found[0]))
                    self._enter(way[-1], here, len(way) > _MAX_OPEN)
                    continue
                way.pop().close()
                if way and here.scope is not None and here.scope.excluded:
                    self._drop_if_bare(here, way[-1])
        finally:
            for folder in way:
                folder.close()

    def _child(self, here: _Folder, name: str) -> _Folder:
        path = f"{here.path}/{name}" if here.path else name
        scope = here.scope.enter(name) if here.scope is not None else None
        return _Folder(path, f"{here.real}/{name}", scope, len(self.folders))

    def _enter(self, folder: _Folder, parent: _Folder, deep: bool) -> None:
        try:
            if parent.descriptor is None:
                descriptor = os.open(folder.real, _OPEN | os.O_NOFOLLOW)
            else:
                # Relative to an open directory, the kernel resolves one name for each file instead of a whole path.
                name = folder.real[len(parent.real) + 1 :]
                descriptor = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=parent.descriptor)
        except FileNotFoundError:
            return  # it has vanished
        self._list(folder, descriptor)
        if deep:
            folder.close()

    def _list(self, folder: _Folder, descriptor: int) -> None:
        folder.descriptor = descriptor
        with os.scandir(descriptor) as listing:
            entries = sorted(listing, key=_by_name)
        if folder.scope is not None and not folder.scope.keeps_all:
            entries = self._select(entries, folder.scope)
        try:
            members = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except FileNotFoundError:
            members = _survivors(entries)
        folder.members = members
        folder.unseen = iter([member for member in members if member[1].st_mode & _S_IFMT == _S_IFDIR])
        self.folders.append((folder.path, folder.real, members))

    def _drop_if_bare(self, folder: _Folder, parent: _Folder) -> None:
        """Forget an excluded directory, unless an exception kept something below it: it is there only for that."""
        if any(members for _, _, members in self.folders[folder.before :]):
            return
        del self.folders[folder.before :]
        name = folder.real[len(parent.real) + 1 :]
        parent.members[:] = [member for member in parent.members if member[0] != name]
        self.excluded += 1

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
