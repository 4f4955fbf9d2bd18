"""A layer's tar → a directory in overlay form. The inverse of `diff`.

A layer is applied alone, to an empty directory of its own; the overlay merges it with those below. Three things need
a look at the layers below all the same, through `lower`:

  - a directory that the tar implies but does not hold (``a/b`` without ``a``) would hide the attributes of the one
    below: it takes them over, as the overlay's own copy-up does;
  - a parent that is a symbolic link below (``var/run/x`` where ``var/run → /run``): ``x`` belongs into ``/run``;
  - a hard link to a file below: the file is copied up, then linked.

Names are resolved as a process in the root would, step by step, every link inside the root: nothing outside the
target is ever touched, whatever links the archive makes. Later members win over earlier ones of the same name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from boxwright.errors import ConflictError, CorruptError, UnavailableError
from boxwright.host.paths import StrPath
from boxwright.host.trees import remove_tree
from boxwright.layer import overlay
from boxwright.layer.entry import WHITEOUT_PREFIX, Entry, Kind
from boxwright.layer.reader import Content, TarReader
from boxwright.layer.restore import Restorer, copied
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.layer.union import Node, UnionView

MAX_LINKS = 40
"""How many symbolic links one name may pass, as in the kernel."""

_PENDING_MODE = 0o700  # of a directory until the end, so that it can be filled whatever its mode shall be
_ORDINARY = Entry("", Kind.DIR, mode=0o755)
# What the kernel says when a name in the archive cannot be a name here.
_BAD_NAME = frozenset((errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENOTDIR))


class Applied(NamedTuple):
    """What was applied: `size` in bytes of the tar, `entries` counted, `skipped` devices that rootless can't make,
    `content` in bytes of the files in it."""

    size: int
    entries: int
    skipped: int = 0
    content: int = 0


class InvalidLayer(CorruptError):
    """A member can't be applied, for what it is or for what came before it."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"invalid layer: {path[:200]!r}: {what}")
        self.path = path
        self.what = what


class ApplyFailed(UnavailableError):
    """The file system refused a member; `errno` says why."""

    def __init__(self, path: str, error: OSError) -> None:
        hint = None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space: boxwright system prune"
        elif error.errno == errno.EPERM:
            hint = "run as root, or rootless in a user namespace"
        super().__init__(f"cannot unpack {path[:200]!r}: {error.strerror}", hint=hint)
        self.path = path
        self.errno = error.errno


class TargetNotEmpty(ConflictError):
    """A layer is applied to an empty directory only."""

    def __init__(self, target: str) -> None:
        super().__init__(f"the directory {target!r} is not empty")
        self.target = target


def apply_layer(
    stream: BinaryIO, target: StrPath, *, rootless: bool = False, lower: UnionView | None = None
) -> Applied:
    """Apply an uncompressed tar stream, read to its end, to the directory `target`, empty or missing.

    `lower` shows the layers below; None says that nobody knows them: then directories that the tar implies are
    ordinary ones, and every whiteout is kept, so that `diff` writes the same layer again. `rootless` marks opaque
    directories with the attribute that needs no privilege, leaves owners that can't be given as they are, and skips
    device nodes.

    Not atomic: after an exception the target is in no particular state. Nothing is synced to disk.
    Raises MalformedTar, InvalidLayer, ApplyFailed, TargetNotEmpty.
    """
    reader = TarReader(stream)
    applied = apply_entries(reader, target, rootless=rootless, lower=lower)
    return applied._replace(size=reader.offset)


def apply_entries(
    members: Iterable[tuple[Entry, Content | None]],
    target: StrPath,
    *,
    rootless: bool = False,
    lower: UnionView | None = None,
) -> Applied:
    """Apply entries, each with its content, as `apply_layer` does; without a tar the size that is returned is 0."""
    applier = _Applier(os.fspath(target), rootless, lower)
    entries = total = 0
    for entry, content in members:
        entries += 1
        if content is not None:
            total += entry.size
        try:
            applier.apply(entry, content)
        except OSError as error:
            raise _translated(entry.path, error) from error
    try:
        applier.finish()
    except OSError as error:
        raise _translated(str(error.filename), error) from error
    return Applied(0, entries, applier.restorer.skipped, total)


def _translated(path: str, error: OSError) -> Exception:
    if error.errno in _BAD_NAME:
        return InvalidLayer(path, error.strerror or str(error))
    return ApplyFailed(path, error)


class _Directory:
    """A directory of this layer. Its attributes are set when everything is in it."""

    __slots__ = ("attributes", "children", "hides", "location", "path", "whiteouts")

    def __init__(self, path: str, location: str, attributes: Entry, hides: bool) -> None:
        self.path = path  # in the root, all links resolved
        self.location = location  # on disk
        self.attributes = attributes
        self.hides = hides  # nothing of the layers below is seen in here
        self.children: dict[str, _Directory] = {}
        self.whiteouts: list[str] = []

    def inner(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class _Applier:
    def __init__(self, target: str, rootless: bool, lower: UnionView | None) -> None:
        self._rootless = rootless
        self._lower = lower
        self.restorer = Restorer(rootless=rootless)
        # Directories by the name that members use for them. Valid as long as no directory or link is replaced.
        self._known: dict[str, _Directory] = {}
        # Where links of the layers below were followed: a member of such a name makes `_known` stale.
        self._followed: set[str] = set()
        try:
            os.mkdir(target, _PENDING_MODE)
        except FileExistsError:
            with os.scandir(target) as found:
                if next(found, None) is not None:
                    raise TargetNotEmpty(target) from None
        below = self._below("")
        # The root of a view of no layers is nowhere.
        alone = below is None or not below.location
        self._root = _Directory("", target, copied(below) if below else _ORDINARY, alone)
        os.chmod(target, _PENDING_MODE)

    # -- members

    def apply(self, entry: Entry, content: Content | None) -> None:
        kind = entry.kind
        if kind is Kind.OPAQUE:
            self._hide(self._directory(entry.path, entry))
            return
        parent_name, _, name = entry.path.rpartition("/")
        if not name:
            if kind is not Kind.DIR:
                raise InvalidLayer("/", f"the root is a {kind.value}")
            self._root.attributes = entry
            return
        parent = self._known.get(parent_name) or self._directory(parent_name, entry)
        if kind is Kind.DIR:
            self._make_directory(parent, name, entry)
            return
        if self._followed and parent.inner(name) in self._followed:
            self._forget()
        location = f"{parent.location}/{name}"
        if kind is Kind.HARDLINK:
            self._make_hardlink(parent, name, location, entry)
        elif kind is Kind.WHITEOUT or (kind is Kind.CHAR and entry.devmajor == entry.devminor == 0):
            self._make_whiteout(parent, name, location)
        else:
            try:
                self._make(location, entry, content)
            except FileExistsError:
                self._remove(parent, name, location)
                self._make(location, entry, content)

    def finish(self) -> None:
        """Give every directory its attributes, the deepest first: a change below would change its time."""
        order = [self._root]
        for directory in order:
            order.extend(directory.children.values())
        for directory in reversed(order):
            if directory.hides and self._lower is not None:
                self._drop_whiteouts(directory)
            self.restorer.attributes(directory.location, directory.attributes)

    def _make(self, location: str, entry: Entry, content: Content | None) -> None:
        if content is not None:
            self.restorer.file(location, entry, content)
        elif entry.kind is Kind.SYMLINK:
            self.restorer.symlink(location, entry)
        else:
            self.restorer.node(location, entry)

    def _make_directory(self, parent: _Directory, name: str, entry: Entry) -> None:
        existing = parent.children.get(name)
        if existing is not None:
            existing.attributes = entry
            return
        self._add_directory(parent, name, entry, entry)

    def _add_directory(self, parent: _Directory, name: str, entry: Entry | None, because: Entry) -> _Directory:
        """Create a directory that this layer doesn't have yet; whatever else it has there gives way.

        Without an `entry`, the tar implies the directory: it has the attributes of the one below, or the usual and
        the time of the member that needs it.
        """
        location = f"{parent.location}/{name}"
        path = parent.inner(name)
        if name.startswith(WHITEOUT_PREFIX):  # which only a link's target can still say
            raise InvalidLayer(because.path, f"a link on the way to it leads to the reserved name {path[:200]!r}")
        hidden = parent.hides
        try:
            os.mkdir(location, _PENDING_MODE)
        except FileExistsError:
            # A whiteout of the name says that what is below is gone: the new directory isn't merged with it.
            was_whiteout = overlay.is_whiteout(os.lstat(location))
            self._remove(parent, name, location)
            os.mkdir(location, _PENDING_MODE)
            if was_whiteout:
                overlay.make_opaque(location, rootless=self._rootless)
                hidden = True
        if path in self._followed:
            self._forget()
        below = None if hidden else self._below(path)
        if below is not None and not stat.S_ISDIR(below.stat.st_mode):
            below = None
        if entry is None:
            entry = copied(below) if below is not None else _ORDINARY._replace(mtime_ns=because.mtime_ns)
        directory = parent.children[name] = _Directory(path, location, entry, below is None)
        return directory

    def _make_hardlink(self, parent: _Directory, name: str, location: str, entry: Entry) -> None:
        """Link to a member, or to a file below, which is copied up. A link has no attributes of its own."""
        holder_name, _, original = entry.linkname.rpartition("/")
        holder = self._directory(holder_name, entry)
        source = f"{holder.location}/{original}"
        if source == location:
            return  # a link to itself: what is there stays
        try:
            status = os.lstat(source)
        except FileNotFoundError:
            below = None if holder.hides else self._below(holder.inner(original))
            if below is None:
                raise InvalidLayer(entry.path, f"a hard link to {entry.linkname[:200]!r}, which is not there") from None
            if below.is_dir:
                raise InvalidLayer(
                    entry.path, f"a hard link to {entry.linkname[:200]!r}, which is a directory"
                ) from None
            self.restorer.copy(source, below)
            status = below.stat
        if stat.S_ISDIR(status.st_mode) or overlay.is_whiteout(status):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "not there"
            raise InvalidLayer(entry.path, f"a hard link to {entry.linkname[:200]!r}, which is {what}")
        try:
            os.link(source, location, follow_symlinks=False)
        except FileExistsError:
            if os.path.samestat(status, os.lstat(location)):
                return
            if source.startswith(f"{location}/"):
                raise InvalidLayer(entry.path, "a hard link to a file below itself") from None
            self._remove(parent, name, location)
            os.link(source, location, follow_symlinks=False)

    def _make_whiteout(self, parent: _Directory, name: str, location: str) -> None:
        """Hide what the layers below have of a name, and nothing that this layer has."""
        try:
            overlay.make_whiteout(location)
            parent.whiteouts.append(location)
        except FileExistsError:
            directory = parent.children.get(name)
            if directory is not None:
                self._hide(directory)

    def _drop_whiteouts(self, directory: _Directory) -> None:
        """Remove whiteouts that have nothing to hide.

        In a directory that isn't merged with another the overlay doesn't look for them: programs would see names
        that lead nowhere.
        """
        for location in directory.whiteouts:
            # A later member may have taken the name.
            if os.path.lexists(location) and overlay.is_whiteout(os.lstat(location)):
                os.unlink(location)

    def _hide(self, directory: _Directory) -> None:
        overlay.make_opaque(directory.location, rootless=self._rootless)
        pending = [directory]
        while pending:
            hidden = pending.pop()
            if not hidden.hides:  # else everything below it hides too
                hidden.hides = True
                pending.extend(hidden.children.values())

    # -- names

    def _directory(self, name: str, because: Entry) -> _Directory:
        """Return the directory that members call `name`, made where it is missing; all links stay in the root."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._resolve(name, because)
        return found

    def _resolve(self, name: str, because: Entry) -> _Directory:
        # The way from the root to where we are, so that ".." in a link's target can go back.
        way = [self._root]
        rest = [part for part in reversed(name.split("/")) if part]
        links = 0
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if len(way) > 1:
                    way.pop()
                continue
            here = way[-1]
            child = here.children.get(part)
            if child is None:
                link = self._link(here, part, because)
                if link is not None:
                    links += 1
                    if links > MAX_LINKS:
                        raise InvalidLayer(because.path, "too many symbolic links on the way to it")
                    if link.startswith("/"):
                        del way[1:]
                    rest.extend(reversed(link.split("/")))
                    continue
                child = self._add_directory(here, part, None, because)
            way.append(child)
        return way[-1]

    def _link(self, here: _Directory, part: str, because: Entry) -> str | None:
        """Return the target of a symbolic link on the way, or None where a directory is, or is to be made."""
        location = f"{here.location}/{part}"
        try:
            status = os.lstat(location)
        except FileNotFoundError:
            below = None if here.hides else self._below(here.inner(part))
            if below is None:
                return None
            status = below.stat
            if stat.S_ISLNK(status.st_mode):
                self._followed.add(here.inner(part))
                return below.target
        else:
            if stat.S_ISLNK(status.st_mode):
                return os.readlink(location)
            if overlay.is_whiteout(status):
                return None
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidLayer(because.path, f"{here.inner(part)[:200]!r} on the way to it is not a directory")
        return None

    def _below(self, path: str) -> Node | None:
        return None if self._lower is None else self._lower.find(path)

    def _forget(self) -> None:
        self._known.clear()
        self._followed.clear()

    def _remove(self, parent: _Directory, name: str, location: str) -> None:
        """Remove what this layer has of a name, for a later member of the same name."""
        self._forget()
        if parent.children.pop(name, None) is not None:
            remove_tree(location)
        else:
            os.unlink(location)
