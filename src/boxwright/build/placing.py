"""Where COPY and ADD put things: sources and a destination → placements of a new layer. Nothing is written here.

The destination is resolved in the layers below, links inside them followed. Parents that are there already come along
with the attributes they have, since a directory in a layer hides those of the one below it; parents that are missing
are made up. Of several sources that give the same path, the last one wins.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable

from boxwright.build.copies import Destination
from boxwright.build.scan import Item, scan
from boxwright.build.trees import Selection
from boxwright.build.writing import Placement
from boxwright.errors import ConflictError, UnsupportedError
from boxwright.host.paths import Path
from boxwright.layer.entry import sort_key
from boxwright.layer.union import Node, UnionView
from boxwright.values import NamedTuple

_NO_NAMES: frozenset[str] = frozenset()


class NotADirectory(ConflictError):
    """Something that must be a directory is none."""

    def __init__(self, path: str, hint: str | None = None) -> None:
        super().__init__(f"cannot copy to non-directory: {path}", hint=hint)
        self.path = path


class DirectoryInTheWay(ConflictError):
    """A file would replace a directory."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"cannot replace the directory {path} with a file", hint=f"to put the file into it, write {path}/"
        )
        self.path = path


class WhiteoutRefused(UnsupportedError):
    """A source is the device with which overlays mark a deleted file."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"cannot copy to /{path}: the source is a character device 0/0", hint="overlays keep it for deleted files"
        )
        self.path = path


class SeveralSources(ConflictError):
    """Several files would all become the same one."""

    def __init__(self, keyword: str, destination: str) -> None:
        super().__init__(
            f"when using {keyword} with more than one source file,"
            " the destination must be a directory and end with a /",
            hint=f"write {destination}/",
        )


class Attributes(NamedTuple):
    """What the instruction says about owner and mode of everything that it copies; None keeps what a file has."""

    owner: tuple[int, int] | None = None
    mode: int | str | None = None
    """Permission bits, or a symbolic mode."""

    @property
    def mode_of_parents(self) -> int:
        """The mode, with its type, of directories that are made up: no symbolic mode changes it, and none of the
        special bits is theirs."""
        return stat.S_IFDIR | (self.mode & 0o777 if isinstance(self.mode, int) else 0o755)

    def mode_of(self, mode: int) -> int:
        """Return a file's mode, with its type, as it becomes."""
        if self.mode is None:
            return mode
        if isinstance(self.mode, int):
            return stat.S_IFMT(mode) | self.mode
        from boxwright.dockerfile.modes import change_mode

        return stat.S_IFMT(mode) | change_mode(self.mode, stat.S_IMODE(mode), directory=stat.S_ISDIR(mode))


KEEP = Attributes()


class Staging:
    """Collects the placements of one layer on top of those in `lower`."""

    __slots__ = ("_attributes", "_copied", "_foreign", "_inodes", "_lower", "_made_ns", "_staged")

    def __init__(
        self, lower: UnionView, attributes: Attributes = KEEP, *, owned: bool = True, made_ns: int = 0
    ) -> None:
        """`owned` keeps the owners of files, else they become root's; `made_ns` is the time of made-up directories."""
        self._lower = lower
        self._attributes = attributes
        self._foreign = not owned
        self._made_ns = made_ns
        self._staged: dict[str, Placement] = {}
        self._inodes: dict[str, tuple[int, int, int]] = {}
        """Of files with several names, by path in the layer; of names copied one by one, each is a file of its own."""
        self._copied = 0

    def check(self, keyword: str, files: int, directories: int, destination: Destination) -> None:
        """Refuse a destination that cannot take so many sources. Raises SeveralSources, NotADirectory.

        Of several directories, the contents come together wherever that is; files need a directory.
        """
        resolved = self.resolve(destination.path)
        if files and files + directories > 1 and not destination.directory and not self._is_dir(resolved):
            raise SeveralSources(keyword, destination.path)
        if destination.directory and not self._is_dir(resolved) and self._exists(resolved):
            raise NotADirectory("/" + resolved)

    def copy(self, selection: Selection, destination: Destination) -> None:
        """Place one thing that COPY or ADD selected. Raises NotADirectory, DirectoryInTheWay."""
        self._copied += 1
        resolved = self.resolve(destination.path)
        if selection.is_dir:
            self._copy_directory(selection, resolved)
            return
        inside = destination.directory or self._is_dir(resolved)
        target = _join(resolved, selection.name) if inside else resolved
        self._ensure(posixpath.dirname(target))
        self._refuse_directory(target)
        self._place(target, selection.top)

    def add_file(self, placement: Placement, destination: Destination, name: str) -> None:
        """Place content that lies in no tree; in a directory it is called `name`. Raises as `copy` does."""
        resolved = self.resolve(destination.path)
        if destination.directory or self._is_dir(resolved):
            resolved = _join(resolved, name)
        self._ensure(posixpath.dirname(resolved))
        self._refuse_directory(resolved)
        uid, gid = self._attributes.owner or (placement.uid, placement.gid)
        mode = self._attributes.mode_of(placement.mode)
        self._staged[resolved] = placement._replace(path=resolved, uid=uid, gid=gid, mode=mode)

    def resolve_directory(self, destination: Destination) -> str:
        """Return where a destination is that must be a directory, or none yet. Raises NotADirectory."""
        resolved = self.resolve(destination.path)
        if self._exists(resolved) and not self._is_dir(resolved):
            raise NotADirectory("/" + resolved)
        return resolved

    def is_missing(self, path: str) -> bool:
        """Whether nothing is at a resolved path yet."""
        return not self._exists(path)

    def absorb(self, layer: Path) -> None:
        """Take over everything that is in a directory in overlay form, as it is; nothing is placed before it."""
        root = os.fspath(layer)
        self._place("", Item("", root, os.lstat(root)), as_it_is=True)
        for item in scan(root):
            self._place(item.path, item, as_it_is=True)

    def directory(self, path: str, owner: tuple[int, int] | None = None) -> None:
        """Make sure that a directory is there, its missing parents too, all of them of this owner if there is one."""
        self._ensure(self.resolve(path), owner)

    def resolve(self, path: str) -> str:
        """Return a path with all links followed, relative to the root: ``a/b``."""
        return self._lower.resolve(path).lstrip("/")

    def placements(self) -> list[Placement]:
        """Return what was placed, in canonical order, further names of one file as hard links to the first."""
        firsts: dict[tuple[int, int, int], str] = {}
        ordered = []
        for path in sorted(self._staged, key=sort_key):
            placement = self._staged[path]
            inode = self._inodes.get(path)
            if inode is not None:
                first = firsts.setdefault(inode, path)
                if first is not path:
                    placement = placement._replace(first=first)
            ordered.append(placement)
        return ordered

    # -- directories

    def _copy_directory(self, selection: Selection, target: str) -> None:
        # What is copied is the content: the directory itself stays what it is, or is made up, as old as the source.
        self._ensure(target)
        staged = self._staged[target]
        if target and not staged.source and selection.name:  # the root of a tree is as old as its last build
            self._staged[target] = staged._replace(mtime_ns=selection.top.stat.st_mtime_ns)
        self._copy_below(target, selection.below)

    def _copy_below(self, target: str, items: Iterable[Item]) -> None:
        prefix = target + "/" if target else ""
        # Most directories exist on one side only: the layers below are asked once for each, not for every file.
        below: dict[str, frozenset[str]] = {}
        for item in items:
            path = prefix + item.path
            directory, _, name = path.rpartition("/")
            names = below.get(directory)
            if names is None:
                names = below[directory] = self._names_below(directory)
            if name in names or path in self._staged:
                if not stat.S_ISDIR(item.stat.st_mode) and not stat.S_ISLNK(item.stat.st_mode):
                    self._refuse_directory(path)
                self._drop_below(path, item)
            self._place(path, item)

    def _ensure(self, path: str, owner: tuple[int, int] | None = None) -> None:
        """Stage a directory with its parents: each as it is below, or else made up, then with `owner`."""
        missing = []
        while (staged := self._staged.get(path)) is None:
            missing.append(path)
            if not path:
                break
            path = posixpath.dirname(path)
        if staged is not None and not stat.S_ISDIR(staged.mode):
            raise NotADirectory("/" + path)
        for path in reversed(missing):
            self._stage_directory(path, owner)

    def _stage_directory(self, path: str, owner: tuple[int, int] | None) -> None:
        node = self._below(path)
        if node is not None and not node.location:  # the root of no layers at all, which is nowhere on disk
            self._staged[path] = Placement(path, node.stat.st_mode, 0, 0, self._made_ns)
        elif node is None:
            uid, gid = owner or self._attributes.owner or (0, 0)
            self._staged[path] = Placement(path, self._attributes.mode_of_parents, uid, gid, self._made_ns)
        elif node.is_dir:
            state = node.stat
            self._staged[path] = Placement(
                path, state.st_mode, state.st_uid, state.st_gid, state.st_mtime_ns, source=node.location
            )
        else:
            raise NotADirectory("/" + path)

    # -- what is there

    def _below(self, path: str) -> Node | None:
        """Return what the layers below have at a resolved path, unless this layer hides it."""
        parent = posixpath.dirname(path)
        while parent:
            staged = self._staged.get(parent)
            if staged is not None and not stat.S_ISDIR(staged.mode):
                return None
            parent = posixpath.dirname(parent)
        return self._lower.find(path)

    def _names_below(self, path: str) -> frozenset[str]:
        node = self._lower.find(path)
        return frozenset(self._lower.listdir(path)) if node is not None and node.is_dir else _NO_NAMES

    def _is_dir(self, path: str) -> bool:
        staged = self._staged.get(path)
        if staged is not None:
            return stat.S_ISDIR(staged.mode)
        node = self._below(path)
        return node is not None and node.is_dir

    def _exists(self, path: str) -> bool:
        return path in self._staged or self._below(path) is not None

    def _refuse_directory(self, path: str) -> None:
        if self._is_dir(path):
            raise DirectoryInTheWay("/" + path)

    def _drop_below(self, path: str, item: Item) -> None:
        """Forget what was staged below a directory that something else now takes the place of."""
        staged = self._staged.get(path)
        if staged is not None and stat.S_ISDIR(staged.mode) and not stat.S_ISDIR(item.stat.st_mode):
            for inside in [other for other in self._staged if other.startswith(path + "/")]:
                del self._staged[inside]
                self._inodes.pop(inside, None)

    def _place(self, path: str, item: Item, *, as_it_is: bool = False) -> None:
        state = item.stat
        mode = state.st_mode
        kind = stat.S_IFMT(mode)
        data = None
        if kind == stat.S_IFCHR and state.st_rdev == 0:
            raise WhiteoutRefused(path)
        if kind == stat.S_IFSOCK:  # no layer can hold one; docker makes it an empty file
            kind, data = stat.S_IFREG, b""
            mode = stat.S_IFREG | stat.S_IMODE(mode)
        uid, gid = state.st_uid, state.st_gid
        if not as_it_is:
            if self._attributes.mode is not None and kind != stat.S_IFLNK:
                mode = self._attributes.mode_of(mode)
            uid, gid = self._attributes.owner or ((0, 0) if self._foreign else (uid, gid))
        self._staged[path] = Placement(
            path,
            mode,
            uid,
            gid,
            state.st_mtime_ns,
            state.st_size if kind == stat.S_IFREG else 0,
            item.real if data is None else "",
            rdev=state.st_rdev,
            data=data,
        )
        if state.st_nlink > 1 and kind == stat.S_IFREG and data is None:
            self._inodes[path] = (self._copied, state.st_dev, state.st_ino)
        else:
            self._inodes.pop(path, None)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
