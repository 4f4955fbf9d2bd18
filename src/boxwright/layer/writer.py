"""Entries → a deterministic tar stream: the same entries give the same bytes, on every machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, Final

from boxwright.errors import ConflictError, UnsupportedError
from boxwright.layer import pax
from boxwright.layer.entry import OPAQUE_NAME, WHITEOUT_PREFIX, Entry, Kind
from boxwright.layer.header import FIELDS, byte_sum

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
_CHUNK = 1 << 20
_BATCH = 256 << 10
_PADDING = bytes(BLOCK)
_FLAGS = {
    Kind.FILE: b"0",
    Kind.HARDLINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHAR: b"3",
    Kind.BLOCK: b"4",
    Kind.DIR: b"5",
    Kind.FIFO: b"6",
    Kind.WHITEOUT: b"0",
    Kind.OPAQUE: b"0",
}
_BLANKS = b"        "
_MAX_ID = 0o7777777
_MAX_LONG = 0o77777777777


class ReservedName(UnsupportedError):
    """A file's name means something else in a layer."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path!r} cannot be stored in a layer: names that begin with {WHITEOUT_PREFIX} mark deleted files",
            hint="give the file another name, or remove it",
        )
        self.path = path


class ContentMismatch(ConflictError):
    """A file's content is not as long as its entry says: it changed while it was read."""

    def __init__(self, path: str, expected: int, found: int) -> None:
        super().__init__(
            f"{path!r} changed while it was read: {found} bytes where {expected} were announced",
            hint="stop or pause what writes to it, then try again",
        )
        self.path = path
        self.expected = expected
        self.found = found


class TarWriter:
    """Writes entries to a sink, a function that takes pieces of bytes, in the order in which they are added.

    The bytes depend on nothing but the entries and their contents: USTAR headers, owners as numbers only, times in
    whole seconds (rounded down, as docker writes them), and an extended header exactly where a value does not fit.
    Added in canonical order (`entry.sort_key`; each file's first name as FILE, the others as HARDLINK) with the
    values that `diff.entry_of` gives, the stream is byte for byte that of `diff.write_layer`.

    A piece is only valid during the call of the sink. `finish` closes the archive, not the sink.
    """

    __slots__ = ("_batch", "_batched", "_sink", "entries", "size")

    def __init__(self, sink: Callable[[bytes | memoryview], object]) -> None:
        self._sink = sink
        self._batch: list[bytes | memoryview] = []
        self._batched = 0
        self.entries = 0
        """How many entries were added."""
        self.size = 0
        """How many bytes the archive has so far."""

    def add(self, entry: Entry, content: bytes | BinaryIO | int | None = None) -> None:
        """Add one entry; a FILE takes its `size` bytes from `content`: bytes, a stream, or a descriptor.

        Raises ReservedName, and ContentMismatch when the content ends early or, for bytes, has another length.
        """
        self._put(encode_header(entry))
        self.entries += 1
        if entry.kind is not Kind.FILE:
            return
        size = entry.size
        if isinstance(content, bytes):
            if len(content) != size:
                raise ContentMismatch(entry.path, size, len(content))
            self._put(content)
        elif size:
            if content is None:
                raise ContentMismatch(entry.path, size, 0)
            self._copy(entry, content)
        if size % BLOCK:
            self._put(_PADDING[size % BLOCK :])

    def finish(self) -> None:
        """Write the end of the archive and hand everything to the sink."""
        self._put(END)
        self._flush()

    def _copy(self, entry: Entry, content: BinaryIO | int) -> None:
        left = entry.size
        while left:
            want = min(left, _CHUNK)
            data = os.read(content, want) if isinstance(content, int) else content.read(want)
            if not data:
                raise ContentMismatch(entry.path, entry.size, entry.size - left)
            self._put(data)
            left -= len(data)

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        if len(data) >= _BATCH:
            self._flush()
            self._sink(data)
            return
        self._batch.append(data)
        self._batched += len(data)
        if self._batched >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._sink(b"".join(self._batch))
            self._batch.clear()
            self._batched = 0


def encode_header(entry: Entry) -> bytes:
    """Return the header blocks of an entry: one block, and an extended header before it where a value needs one.

    Raises ReservedName.
    """
    path, kind, mode, uid, gid, size, mtime_ns, linkname, major, minor, xattrs = entry
    if WHITEOUT_PREFIX in path:
        _refuse_reserved(path)
    records: list[tuple[bytes, bytes]] = []
    prefix = link = b""
    name = os.fsencode(path)
    if kind is Kind.DIR:
        name = name + b"/" if name else b"./"
    elif kind is Kind.WHITEOUT or kind is Kind.OPAQUE:
        # A marker has no attributes of its own, so that two tools that delete the same name write the same bytes.
        name = _marker_name(path, kind)
        mode = uid = gid = mtime_ns = 0
    if kind is not Kind.FILE:
        size = 0
    if len(name) > 100:
        prefix, name = _split(name, records)
    if linkname:
        link = os.fsencode(linkname)
        if len(link) > 100:
            records.append((b"linkpath", link))
            link = link[:100]
    mtime = mtime_ns // 1_000_000_000
    if uid > _MAX_ID or gid > _MAX_ID or size > _MAX_LONG or not 0 <= mtime <= _MAX_LONG:
        if size > _MAX_LONG:
            records.append((b"size", b"%d" % size))
            size = 0
        if uid > _MAX_ID:
            records.append((b"uid", b"%d" % uid))
            uid = 0
        if gid > _MAX_ID:
            records.append((b"gid", b"%d" % gid))
            gid = 0
        if not 0 <= mtime <= _MAX_LONG:
            records.append((b"mtime", b"%d" % mtime))
            mtime = 0
    if xattrs:
        for key in sorted(xattrs):
            records.append((pax.SCHILY_XATTR.encode() + os.fsencode(key), xattrs[key]))
    block = _block(name, mode, uid, gid, size, mtime, _FLAGS[kind], link, prefix, major, minor)
    if not records:
        return block
    data = pax.format_records(records)
    head = _block(b"PaxHeader", 0, 0, 0, len(data), 0, b"x", b"", b"", 0, 0)
    return b"".join((head, data, _PADDING[: -len(data) % BLOCK], block))


def _block(
    name: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    flag: bytes,
    link: bytes,
    prefix: bytes,
    major: int,
    minor: int,
) -> bytes:
    block = FIELDS.pack(
        name,
        b"%07o" % mode,
        b"%07o" % uid,
        b"%07o" % gid,
        b"%011o" % size,
        b"%011o" % mtime,
        _BLANKS,
        flag,
        link,
        b"ustar\x0000",
        b"%07o" % major,
        b"%07o" % minor,
        prefix,
    )
    return b"%b%06o\0 %b" % (block[:148], byte_sum(block), block[156:])


def _split(name: bytes, records: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Return a long name as USTAR's prefix and name; where that can't hold it, add a ``path`` record."""
    # The shortest prefix that leaves a name short enough; the last byte may be a directory's own slash.
    cut = name.find(b"/", max(0, len(name) - 101), len(name) - 1)
    if 0 < cut <= 155:
        return name[:cut], name[cut + 1 :]
    records.append((b"path", name))
    return b"", name[:100]


def _marker_name(path: str, kind: Kind) -> bytes:
    if kind is Kind.OPAQUE:
        return os.fsencode(f"{path}/{OPAQUE_NAME}" if path else OPAQUE_NAME)
    directory, slash, name = path.rpartition("/")
    return os.fsencode(f"{directory}{slash}{WHITEOUT_PREFIX}{name}")


def _refuse_reserved(path: str) -> None:
    if any(part.startswith(WHITEOUT_PREFIX) for part in path.split("/")):
        raise ReservedName(path)
