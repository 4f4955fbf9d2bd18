"""One file on disk as an entry describes it: content, owner, mode, attributes, times, in the order that keeps them.

A change of owner takes the set-ID bits and the capabilities away, and whatever is written changes the time: so the
owner comes first, then the mode, then the extended attributes, and the time last. No link is ever followed.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from boxwright.host import xattrs
from boxwright.layer.diff import entry_of
from boxwright.layer.entry import Entry, Kind, is_portable_xattr
from boxwright.layer.reader import Content

if TYPE_CHECKING:
    from boxwright.layer.union import Node

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {Kind.CHAR: stat.S_IFCHR, Kind.BLOCK: stat.S_IFBLK, Kind.FIFO: stat.S_IFIFO}
_MOST = 1 << 30  # of one sendfile(2)


class Restorer:
    """Makes files. Every method raises FileExistsError, before it has read anything, when the name is taken.

    `rootless` leaves owners and attributes that can't be given as they are, and skips device nodes, counted in
    `skipped`.
    """

    __slots__ = ("_owner", "_rootless", "skipped")

    def __init__(self, *, rootless: bool) -> None:
        self._rootless = rootless
        self._owner = (os.geteuid(), os.getegid())
        self.skipped = 0

    def file(self, location: str, entry: Entry, content: Content) -> None:
        fd = os.open(location, _CREATE, 0o600)
        try:
            if content.layout is None:
                for piece in content.pieces():
                    _write(fd, piece)
            else:
                _write_sparse(fd, content)
            self._finish_file(fd, entry)
        finally:
            os.close(fd)

    def symlink(self, location: str, entry: Entry) -> None:
        os.symlink(entry.linkname, location)
        self._chown(location, entry)
        if entry.xattrs:
            self._set_xattrs(location, entry)
        os.utime(location, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

    def node(self, location: str, entry: Entry) -> None:
        if self._rootless and entry.kind is not Kind.FIFO:
            self.skipped += 1
            return
        os.mknod(location, _NODES[entry.kind] | 0o600, os.makedev(entry.devmajor, entry.devminor))
        self.attributes(location, entry)

    def copy(self, location: str, node: Node) -> None:
        """Make a file, not a directory, like one of the layers below, its time to the nanosecond."""
        entry = copied(node)
        if entry.kind is Kind.SYMLINK:
            self.symlink(location, entry)
        elif entry.kind is not Kind.FILE:
            self.node(location, entry)
        else:
            source = os.open(node.location, _OPEN)
            try:
                fd = os.open(location, _CREATE, 0o600)
                try:
                    while os.sendfile(fd, source, None, _MOST):
                        pass
                    self._finish_file(fd, entry)
                finally:
                    os.close(fd)
            finally:
                os.close(source)

    def attributes(self, location: str, entry: Entry) -> None:
        """Give something that is there, and no link, its attributes."""
        self._chown(location, entry)
        os.chmod(location, entry.mode)
        if entry.xattrs:
            self._set_xattrs(location, entry)
        os.utime(location, ns=(entry.mtime_ns, entry.mtime_ns))

    def _finish_file(self, fd: int, entry: Entry) -> None:
        self._chown(fd, entry)
        os.fchmod(fd, entry.mode)
        if entry.xattrs:
            self._set_xattrs(fd, entry)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def _chown(self, target: str | int, entry: Entry) -> None:
        # Whatever is made here is ours, as long as no directory has its set-group-ID bit: a change that changes
        # nothing is left out.
        if (entry.uid, entry.gid) == self._owner:
            return
        try:
            os.chown(target, entry.uid, entry.gid, follow_symlinks=isinstance(target, int))
        except OSError as error:
            # EINVAL: the namespace has no such owner.
            if not (self._rootless and error.errno in (errno.EPERM, errno.EINVAL)):
                raise

    def _set_xattrs(self, target: str | int, entry: Entry) -> None:
        for name, value in entry.xattrs.items():
            if not is_portable_xattr(name):
                continue
            try:
                xattrs.set(target, name, value)
            except OSError as error:
                # A file system may keep none, and only files and directories may have the user's own.
                refused = self._rootless or entry.kind not in (Kind.FILE, Kind.DIR)
                if error.errno != errno.ENOTSUP and not (refused and error.errno == errno.EPERM):
                    raise


def copied(node: Node) -> Entry:
    """Return the entry of a file of the layers below with its whole time: it is copied up, not archived."""
    names: list[str] | None = None if node.location else []  # the root of a view of no layers is nowhere
    entry = entry_of(node.path[1:], node.location, node.stat, names=names)
    return entry._replace(mtime_ns=node.stat.st_mtime_ns)


def _write(fd: int, piece: memoryview) -> None:
    written = os.write(fd, piece)
    while written < len(piece):
        written += os.write(fd, piece[written:])


def _write_sparse(fd: int, content: Content) -> None:
    layout = content.layout
    assert layout is not None
    os.ftruncate(fd, layout.size)
    pieces = content.pieces()
    rest = memoryview(b"")
    for position, length in layout.segments:
        while length:
            rest = rest or next(pieces)
            written = os.pwrite(fd, rest[:length], position)
            rest = rest[written:]
            position += written
            length -= written
