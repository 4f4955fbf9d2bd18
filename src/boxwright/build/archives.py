"""What ADD does with a local tar: its members, as if they had been unpacked in the image itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from boxwright.build.scan import Item
from boxwright.errors import CorruptError
from boxwright.layer.compression import open_decompressed
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.reader import Content, TarReader


def is_archive(item: Item) -> bool:
    """Whether a file is a tar, compressed once or not at all, by what is in it and whatever its name."""
    if not stat.S_ISREG(item.stat.st_mode):
        return False
    with open(item.real, "rb") as stream:
        try:
            return next(iter(TarReader(open_decompressed(stream), whiteouts=False)), None) is not None
        except CorruptError:
            return False


def members(
    stream: BinaryIO, prefix: str, owner: tuple[int, int] | None = None
) -> Iterator[tuple[Entry, Content | None]]:
    """Yield the members of an archive as they are below the directory `prefix`, all of them `owner`'s if given.

    The archive's own root says nothing about the directory. Names that mark deletions in a layer are ordinary ones
    here. Raises MalformedTar and DamagedStream.
    """
    inside = prefix + "/" if prefix else ""
    for entry, content in TarReader(open_decompressed(stream), whiteouts=False):
        if not entry.path:
            continue
        link = inside + entry.linkname if entry.kind is Kind.HARDLINK else entry.linkname
        uid, gid = owner or (entry.uid, entry.gid)
        yield entry._replace(path=inside + entry.path, linkname=link, uid=uid, gid=gid), content


def made_up(path: str, mtime_ns: int, owner: tuple[int, int] | None) -> Entry:
    """Return the entry of a directory that nothing says anything about."""
    uid, gid = owner or (0, 0)
    return Entry(path, Kind.DIR, 0o755, uid, gid, mtime_ns=mtime_ns)


def open_item(item: Item) -> BinaryIO:
    return open(os.open(item.real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
