"""Layers in overlay form seen as one tree, in userspace: no mount, no privilege.

The view is of the moment: directories that were looked at are remembered, so make a new view after a change.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from boxwright.errors import InvalidError, NotFoundError
from boxwright.host import syscalls
from boxwright.host.paths import Path, StrPath
from boxwright.layer import overlay
from boxwright.values import NamedTuple

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe is not waited for
MAX_LINKS = 40
"""How many symbolic links one name may pass, as in the kernel."""


class Node(NamedTuple):
    """A file in the view. `path` is absolute in the view, all links on the way resolved."""

    path: str
    location: str
    """Where it is on disk; for a directory, its topmost part, which has the attributes."""
    stat: os.stat_result
    target: str = ""
    """What a symbolic link says."""

    @property
    def real(self) -> Path:
        return Path(self.location)

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.stat.st_mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.stat.st_mode)


class PathNotFound(NotFoundError):
    """A path leads nowhere in the view."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no such file or directory")
        self.path = path


class WrongType(InvalidError):
    """A file is not of the type that was asked for, or too large to be read at once."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


class _Merged:
    """A directory: its parts in the layers that have it, topmost first."""

    __slots__ = ("children", "holders", "locations", "node")

    def __init__(self, node: Node, locations: tuple[str, ...]) -> None:
        self.node = node
        self.locations = locations
        # Directories below that were looked at; None for a name that is no directory.
        self.children: dict[str, _Merged] = {}
        self.holders: dict[str, list[str]] | None = None
        """Once it was listed: which of `locations` hold a name; of a hundred layers, most often one."""


class UnionView:
    """The merged tree of `layers`, the lowest first. An empty sequence is an empty root.

    A path is taken from the view's root, with or without a leading slash; ``..`` stops at the root, symbolic links
    stay inside. OSError with ELOOP after 40 of them.

    `living` says that somebody may be changing the files meanwhile: what goes while it is looked at is not there.
    """

    __slots__ = ("_root", "living")

    def __init__(self, layers: Sequence[StrPath], *, living: bool = False) -> None:
        self.living = living
        locations = []
        for layer in reversed(layers):
            location = os.fspath(layer)
            locations.append(location)
            if overlay.is_opaque(location):
                break
        status = os.lstat(locations[0]) if locations else _EMPTY_ROOT
        self._root = _Merged(Node("/", locations[0] if locations else "", status), tuple(locations))

    def lookup(self, path: str, *, follow: bool = True) -> Node | None:
        """Return what a path leads to, or None; without `follow`, a link in the last place is itself the answer.

        A trailing slash follows in any case and asks for a directory, as in the kernel. Raises OSError (ELOOP).
        """
        way, tail, node = self._walk(path, follow=follow or path.endswith("/"))
        if tail:
            return None
        if node is None:
            return way[-1].node
        return None if path.endswith("/") and not node.is_dir else node

    def find(self, path: str) -> Node | None:
        """Return what a path names when no link is followed at all, or None (a link on the way leads nowhere)."""
        here = self._root
        parts = [part for part in path.split("/") if part]
        for index, part in enumerate(parts):
            node, merged = self._child(here, part)
            if merged is None:
                return node if index == len(parts) - 1 else None
            here = merged
        return here.node

    def resolve(self, path: str) -> str:
        """Return the canonical path: absolute, links resolved as far as there is something; the rest is kept.

        ``..`` in the missing rest is taken as text. Raises OSError (ELOOP).
        """
        way, tail, node = self._walk(path, follow=True)
        path = node.path if node is not None else way[-1].node.path
        for part in tail:
            path = os.path.dirname(path) if part == ".." else f"{path.rstrip('/')}/{part}"
        return path

    def listdir(self, path: str) -> list[str]:
        """Return the names in a directory, in canonical order. Raises PathNotFound, WrongType, OSError (ELOOP)."""
        return [node.path.rpartition("/")[2] for node in self._nodes(self._directory(path))]

    def scandir(self, path: str) -> list[Node]:
        """Return what is in a directory, in canonical order, links unresolved. Raises as `listdir` does."""
        return self._nodes(self._directory(path))

    def read(self, path: str, limit: int) -> bytes:
        """Return the content of a regular file of at most `limit` bytes.

        Raises PathNotFound, WrongType (also when it is longer), OSError (ELOOP).
        """
        node = self.lookup(path)
        if node is None:
            raise PathNotFound(path)
        if not node.is_file:
            raise WrongType(path, "is a directory" if node.is_dir else "is not a regular file")
        with open(node.location, "rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise WrongType(path, f"is longer than {limit} bytes")
        return data

    def walk(self, path: str = "/") -> Iterator[Node]:
        """Yield what a path leads to and everything below it, in canonical order; links below are not followed.

        Raises PathNotFound, OSError (ELOOP).
        """
        top = self.lookup(path)
        if top is None:
            raise PathNotFound(path)
        yield top
        if not top.is_dir:
            return
        stack = [self._nodes(self._directory(top.path))[::-1]]
        while stack:
            if not stack[-1]:
                stack.pop()
                continue
            node = stack[-1].pop()
            yield node
            if node.is_dir:
                try:
                    stack.append(self._nodes(self._directory(node.path))[::-1])
                except (PathNotFound, WrongType, FileNotFoundError, NotADirectoryError):
                    if not self.living:
                        raise

    def open(self, location: str) -> int:
        """Return a descriptor of the regular file at a node's location, for the caller to close.

        No link is followed on the way, whatever has been put there since. Raises FileNotFoundError when there is no
        such file any more.
        """
        layer = next(layer for layer in self._root.locations if location.startswith(f"{layer}/"))
        top = os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = syscalls.openat2(
                top, location[len(layer) + 1 :], _OPEN, resolve=syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS
            )
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EXDEV, errno.ENOTDIR):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), location) from None
            raise
        finally:
            os.close(top)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), location)
        return found

    # -- how it works

    def _walk(self, path: str, *, follow: bool) -> tuple[list[_Merged], list[str], Node | None]:
        """Follow a path as far as it leads.

        Returns the directories passed from the root on; the names that were left over, the first of which is not
        there (or lies behind something that is no directory); and, when the way ended at it, what is no directory.
        """
        way = [self._root]
        rest = [part for part in reversed(path.split("/")) if part and part != "."]
        links = 0
        while rest:
            part = rest.pop()
            if part == "..":
                if len(way) > 1:
                    way.pop()
                continue
            node, merged = self._child(way[-1], part)
            if merged is not None:
                way.append(merged)
            elif node is None:
                return way, [part, *reversed(rest)], None
            elif node.is_symlink and (rest or follow):
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                if node.target.startswith("/"):
                    del way[1:]
                rest.extend(part for part in reversed(node.target.split("/")) if part and part != ".")
            else:
                return way, rest[::-1], node
        return way, [], None

    def _child(self, parent: _Merged, name: str) -> tuple[Node | None, _Merged | None]:
        """Return what a directory has of a name: nothing, or a node, and with it the merged directory if it is one."""
        known = parent.children.get(name)
        if known is not None:
            return known.node, known
        path = f"{parent.node.path.rstrip('/')}/{name}"
        node: Node | None = None
        locations: list[str] = []
        holders = parent.locations if parent.holders is None else parent.holders.get(name, ())
        for directory in holders:
            location = f"{directory}/{name}"
            try:
                status = os.lstat(location)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    return None, None  # nothing has such a name
                raise
            if not stat.S_ISDIR(status.st_mode):
                if node is None and not overlay.is_whiteout(status):
                    return _node(path, location, status), None
                break
            if node is None:
                node = Node(path, location, status)
            locations.append(location)
            # What is below the lowest layer doesn't matter.
            if directory is not parent.locations[-1] and overlay.is_opaque(location):
                break
        if node is None:
            return None, None
        merged = parent.children[name] = _Merged(node, tuple(locations))
        return node, merged

    def _directory(self, path: str) -> _Merged:
        way, tail, node = self._walk(path, follow=True)
        if node is not None:
            raise WrongType(path, "is not a directory")
        if tail:
            raise PathNotFound(path)
        return way[-1]

    def _nodes(self, merged: _Merged) -> list[Node]:
        prefix = merged.node.path.rstrip("/")
        found: dict[str, Node | None] = {}
        holders: dict[str, list[str]] = {}
        for directory in merged.locations:
            with os.scandir(directory) as entries:
                for entry in entries:
                    name = entry.name
                    if name in found:
                        holders[name].append(directory)
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                        made = _node(f"{prefix}/{name}", f"{directory}/{name}", status)
                    except FileNotFoundError:
                        if not self.living:
                            raise
                        continue
                    holders[name] = [directory]
                    if overlay.is_whiteout(status):
                        found[name] = None
                    else:
                        found[name] = made
        merged.holders = holders
        return [node for name, node in sorted(found.items(), key=_by_name) if node is not None]


def _node(path: str, location: str, status: os.stat_result) -> Node:
    target = os.readlink(location) if stat.S_ISLNK(status.st_mode) else ""
    return Node(path, location, status, target)


def _by_name(item: tuple[str, Node | None]) -> bytes:
    return os.fsencode(item[0])


# The root of no layers at all: an empty directory, root's, 0755.
_EMPTY_ROOT = os.stat_result(
    (stat.S_IFDIR | 0o755, 0, 0, 2, 0, 0, 0, 0, 0, 0),
    {"st_atime_ns": 0, "st_mtime_ns": 0, "st_ctime_ns": 0, "st_rdev": 0, "st_blocks": 0, "st_blksize": 4096},
)
