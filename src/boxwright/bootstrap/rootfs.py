"""A root file system put together in memory and written as a tar whose bytes depend on its content alone."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from boxwright.host.paths import StrPath
from boxwright.layer.entry import Entry, Kind, sort_key
from boxwright.layer.writer import TarWriter


class RootFs:
    """Files, folders and links, all owned by root, with one modification time."""

    def __init__(self, epoch: int) -> None:
        """`epoch`: the seconds since 1970 that every entry gets as its modification time."""
        self._mtime_ns = epoch * 1_000_000_000
        self._entries: dict[str, tuple[Entry, bytes | StrPath | None]] = {}

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Add a folder, and its parents where they are missing."""
        self._parents(path)
        self._put(path, Kind.DIR, mode)

    def file(self, path: str, content: bytes | StrPath, mode: int = 0o644) -> None:
        """Add a file with these bytes, or those that the file of this path has when the tar is written."""
        self._parents(path)
        size = len(content) if isinstance(content, bytes) else os.stat(content).st_size
        self._put(path, Kind.FILE, mode, size=size, content=content)

    def symlink(self, path: str, target: str) -> None:
        self._parents(path)
        self._put(path, Kind.SYMLINK, 0o777, linkname=target)

    def copy(self, source: StrPath, path: str) -> None:
        """Add what is at `source` on the host: a file with its permissions, a link as a link."""
        status = os.lstat(source)
        if stat.S_ISLNK(status.st_mode):
            self.symlink(path, os.readlink(source))
        elif stat.S_ISREG(status.st_mode):
            self.file(path, source, 0o755 if status.st_mode & 0o111 else 0o644)

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._entries

    def write(self, out: BinaryIO) -> None:
        """Write the tar. Raises OSError when a file of the host has gone or changed its size meanwhile."""
        writer = TarWriter(out.write)
        for name in sorted(self._entries, key=sort_key):
            entry, content = self._entries[name]
            if isinstance(content, (str, os.PathLike)):
                with open(content, "rb") as stream:
                    writer.add(entry, stream)
            else:
                writer.add(entry, content)
        writer.finish()

    def _parents(self, path: str) -> None:
        parent = os.path.dirname(path.strip("/"))
        if parent and parent not in self._entries:
            self._parents(parent)
            self._put(parent, Kind.DIR, 0o755)

    def _put(
        self,
        path: str,
        kind: Kind,
        mode: int,
        *,
        size: int = 0,
        linkname: str = "",
        content: bytes | StrPath | None = None,
    ) -> None:
        name = path.strip("/")
        entry = Entry(name, kind, mode, 0, 0, size, self._mtime_ns, linkname)
        self._entries[name] = (entry, content)
