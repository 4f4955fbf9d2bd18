"""A tar stream → entries: a reader for archives that nobody vouches for.

It understands USTAR, GNU's long names, base-256 numbers and sparse files, and pax headers, member by member, never
seeking and never holding more than a chunk of content. Whatever is out of bounds ends in `MalformedTar`, which says
at which byte; names can't leave the root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from boxwright.errors import CorruptError
from boxwright.layer import pax, sparse
from boxwright.layer.entry import AUFS_PREFIX, OPAQUE_NAME, WHITEOUT_PREFIX, Entry, Kind
from boxwright.layer.header import BLOCK, FIELDS, KINDS, is_intact, number
from boxwright.layer.streams import CHUNK, PieceStream

MAX_EXTENSION = 1 << 20
"""How many bytes of extended headers and long names one member may have, in all."""
MAX_GLOBALS = 4 << 20
"""How many bytes of global extended headers one archive may have, in all."""
MAX_NAME = 4096
"""The longest name or link target, in bytes: the kernel's own limit (PATH_MAX)."""
MAX_SIZE = (1 << 63) - 1
MAX_ID = (1 << 32) - 2
MAX_DEVICE = (1 << 31) - 1

_ZEROS = bytes(BLOCK)
_EMPTY = memoryview(b"")


class MalformedTar(CorruptError):
    """An archive breaks the format, or its own bounds; `offset` is where in the uncompressed stream."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"malformed tar archive at byte {offset}: {what}")
        self.what = what
        self.offset = offset


class EscapingName(MalformedTar):
    """A member's name, or a hard link's target, points outside the archive's root."""

    def __init__(self, name: str, offset: int) -> None:
        super().__init__(f"the name {name[:200]!r} leads out of the archive's root", offset)
        self.name = name


def read_entries(stream: BinaryIO, *, whiteouts: bool = True) -> Iterator[tuple[Entry, Content | None]]:
    """Yield every member of an uncompressed tar stream with, for a file, its content.

    A content can be read until the next member is asked for; what is left of it then is skipped. After the end of
    the archive the stream is read to its own end, so that a digest computed below sees all of it. An archive may
    lack its two closing blocks of zeros, as every other reader allows; it must not end anywhere else.

    With `whiteouts`, names that begin with ``.wh.`` become WHITEOUT and OPAQUE entries and aufs's bookkeeping is
    left out; without, they are names like any other (an archive that was never a layer).

    Raises MalformedTar.
    """
    return iter(TarReader(stream, whiteouts=whiteouts))


class _Source:
    """The stream, read in chunks, counted."""

    __slots__ = ("_before", "_buffer", "_position", "_read")

    def __init__(self, stream: BinaryIO) -> None:
        self._read = stream.read
        self._buffer = b""
        self._position = 0
        self._before = 0  # how many bytes came before the buffer

    @property
    def offset(self) -> int:
        return self._before + self._position

    def block(self) -> bytes:
        """Return the next block, or nothing at the end of the stream."""
        position = self._position
        end = position + BLOCK
        if end <= len(self._buffer):
            self._position = end
            return self._buffer[position:end]
        if position == len(self._buffer) and not self._fill():
            return b""
        return self.take(BLOCK)

    def take(self, size: int) -> bytes:
        """Return exactly `size` bytes (a few)."""
        position = self._position
        if position + size <= len(self._buffer):
            self._position = position + size
            return self._buffer[position : position + size]
        parts = []
        while size:
            part = self.some(size)
            parts.append(bytes(part))
            size -= len(part)
        return b"".join(parts)

    def some(self, limit: int) -> memoryview:
        """Return between one and `limit` bytes without copying them. Raises MalformedTar at the end of the stream."""
        if self._position == len(self._buffer) and not self._fill():
            raise MalformedTar("it ends in the middle of a member", self.offset)
        position = self._position
        end = min(position + limit, len(self._buffer))
        self._position = end
        return memoryview(self._buffer)[position:end]

    def skip(self, size: int) -> None:
        if self._position + size <= len(self._buffer):
            self._position += size
            return
        while size:
            size -= len(self.some(size))

    def drain(self) -> None:
        self._position = len(self._buffer)
        while self._fill():
            self._position = len(self._buffer)

    def _fill(self) -> bool:
        self._before += len(self._buffer)
        self._position = 0
        self._buffer = self._read(CHUNK)
        return bool(self._buffer)


class Content(PieceStream):
    """The content of one file: a stream, and for whoever is in a hurry its pieces without a copy."""

    def __init__(self, source: _Source, stored: int, layout: sparse.SparseMap | None) -> None:
        # The generator starts when it is first asked: a content that goes by `pieces` never does.
        super().__init__(self.pieces() if layout is None else self._expanded(layout))
        self._source: _Source | None = source
        self._left = stored
        self.layout = layout
        """Which parts of a sparse file are data; None for an ordinary file."""

    def pieces(self) -> Iterator[memoryview]:
        """Yield the stored bytes in order, without the holes of a sparse file, in pieces of 1 MiB at most."""
        while self._left:
            if self._source is None:
                raise ValueError("the content was left behind: the next member has been read")
            piece = self._source.some(self._left)
            self._left -= len(piece)
            yield piece

    def _expanded(self, layout: sparse.SparseMap) -> Iterator[memoryview]:
        zeros = memoryview(bytes(min(CHUNK, layout.size)))
        position = 0
        data = self.pieces()
        rest = _EMPTY
        for offset, length in (*layout.segments, sparse.Segment(layout.size, 0)):
            while position < offset:
                hole = zeros[: offset - position]
                position += len(hole)
                yield hole
            position += length
            while length:
                rest = rest or next(data)
                part, rest = rest[:length], rest[length:]
                length -= len(part)
                yield part

    def leave(self) -> None:
        """Skip what is left, and refuse to be read from here on."""
        source, self._source = self._source, None
        if source is not None and self._left:
            source.skip(self._left)


class _Extensions:
    """What extended headers say ahead of a member, or of all members; `limit` bounds their bytes."""

    __slots__ = ("limit", "link", "name", "records", "size")

    def __init__(self, limit: int = MAX_EXTENSION) -> None:
        self.limit = limit
        self.size = 0
        self.records: dict[str, bytes] = {}
        self.name: bytes | None = None
        self.link: bytes | None = None

    def add(self, flag: bytes, size: int, source: _Source) -> None:
        """Read the content of one extended header. Raises ValueError, MalformedTar."""
        self.size += size + BLOCK
        if self.size > self.limit:
            raise ValueError(f"extended headers of {self.size} bytes")
        data = source.take(size + -size % BLOCK)[:size]
        if flag == b"L":
            self.name = data.partition(b"\0")[0]
        elif flag == b"K":
            self.link = data.partition(b"\0")[0]
        else:
            self.records.update(_collect(data))


class TarReader:
    """The members of one archive, once; `offset` tells how much of the stream has been used up."""

    __slots__ = ("_globals", "_source", "_whiteouts")

    def __init__(self, stream: BinaryIO, *, whiteouts: bool = True) -> None:
        self._source = _Source(stream)
        self._whiteouts = whiteouts
        self._globals = _Extensions(MAX_GLOBALS)

    @property
    def offset(self) -> int:
        return self._source.offset

    def __iter__(self) -> Iterator[tuple[Entry, Content | None]]:
        source = self._source
        while (member := self._next()) is not None:
            entry, stored, padding, layout = member
            content = None
            if entry.kind is Kind.FILE:
                content = Content(source, stored, layout)
            if not self._whiteouts or WHITEOUT_PREFIX not in entry.path:
                yield entry, content
            elif (marker := self._marker(entry)) is not None:
                yield marker, content if marker is entry else None
            if content is not None:
                content.leave()
                if padding:
                    source.skip(padding)
        source.drain()

    def _next(self) -> tuple[Entry, int, int, sparse.SparseMap | None] | None:
        """Read headers up to the next member; return it with the sizes of its stored content and the padding."""
        source = self._source
        extensions = _Extensions()
        while True:
            start = source.offset
            block = source.block()
            if not block or block == _ZEROS:
                if extensions.size:
                    raise MalformedTar("it ends between an extended header and its member", start)
                if block and (second := source.block()) and second != _ZEROS:
                    raise MalformedTar("a lone block of zeros between two members", start)
                return None
            fields = FIELDS.unpack(block)
            if not is_intact(block, fields[6]):
                what = "a header's checksum is wrong" if start else "this is not a tar archive"
                raise MalformedTar(what, start)
            flag = fields[7]
            try:
                if flag in KINDS:
                    return self._member(block, fields, start, extensions)
                size = number(fields[4])
                if not 0 <= size <= MAX_SIZE:
                    raise ValueError(f"a size of {size} bytes")
                if flag in b"xXLK":
                    extensions.add(flag, size, source)
                elif flag == b"g":
                    self._globals.add(flag, size, source)
                elif flag == b"V":  # the label of a volume
                    source.skip(size + -size % BLOCK)
                else:
                    raise ValueError(f"a member of the unknown type {flag.decode('latin-1')!r}")
            except ValueError as error:
                raise MalformedTar(str(error), start) from None

    def _member(
        self,
        block: bytes,
        fields: tuple[bytes, ...],
        start: int,
        extensions: _Extensions,
    ) -> tuple[Entry, int, int, sparse.SparseMap | None]:
        name, mode, user, group, length, time, _, flag, link, magic, major, minor, prefix = fields
        kind = KINDS[flag]
        size = number(length)
        uid = number(user)
        gid = number(group)
        mtime_ns = number(time) * 1_000_000_000
        name = name.partition(b"\0")[0]
        link = link.partition(b"\0")[0]
        if prefix[0] and magic == b"ustar\x0000":
            # Schilling's variant has two times behind a shorter prefix.
            head = prefix[:131] if block[508:] == b"tar\0" else prefix
            name = head.partition(b"\0")[0] + b"/" + name

        xattrs: dict[str, bytes] = {}
        records = extensions.records
        if self._globals.records:
            records = {**self._globals.records, **records}
        if records:
            for key, value in records.items():
                if attribute := pax.parse_xattr(key, value):
                    xattrs[attribute[0]] = attribute[1]
                elif not value:
                    continue  # an empty value takes a global one back
                elif key == "path":
                    name = value
                elif key == "linkpath":
                    link = value
                elif key == "size":
                    size = pax.parse_integer(value)
                elif key == "uid":
                    uid = pax.parse_integer(value)
                elif key == "gid":
                    gid = pax.parse_integer(value)
                elif key == "mtime":
                    mtime_ns = pax.parse_time(value)
        if extensions.name is not None:
            name = extensions.name
        if extensions.link is not None:
            link = extensions.link

        if flag == b"\0" and name.endswith(b"/"):
            kind = Kind.DIR  # as archives from before POSIX write it
        layout = None
        if kind is not Kind.FILE:
            size = 0  # such a member has no content, whatever its header says
        elif not 0 <= size <= MAX_SIZE:
            raise ValueError(f"a size of {size} bytes")
        stored = size
        padding = -size % BLOCK
        if kind is Kind.FILE:
            source = self._source
            if flag == b"S":
                layout = sparse.old_gnu(block, source.take, number)
            elif records and sparse.is_pax(records):
                name = records.get("GNU.sparse.name") or name
                before = source.offset
                layout = sparse.pax(records, source.take)
                stored -= source.offset - before
            if layout is not None:
                if layout.stored != stored or layout.size > MAX_SIZE:
                    raise ValueError("a sparse file whose map doesn't fit its data")
                size = layout.size
        if not (0 <= uid <= MAX_ID and 0 <= gid <= MAX_ID):
            raise ValueError(f"an owner {uid}:{gid} that no system has")
        path = _clean(name, start)
        if kind is Kind.SYMLINK or kind is Kind.HARDLINK:
            linkname = os.fsdecode(_bounded(link)) if kind is Kind.SYMLINK else _clean(link, start)
            if not linkname:
                raise ValueError(f"the link {path[:200]!r} has no target")
        else:
            linkname = ""
        devmajor = devminor = 0
        if kind is Kind.CHAR or kind is Kind.BLOCK:
            devmajor, devminor = number(major), number(minor)
            if not (0 <= devmajor <= MAX_DEVICE and 0 <= devminor <= MAX_DEVICE):
                raise ValueError(f"a device {devmajor}:{devminor} that no system has")
        if not -MAX_SIZE <= mtime_ns <= MAX_SIZE:
            mtime_ns = 0  # beyond what the kernel can keep; no reason to refuse a whole image
        permissions = number(mode) & 0o7777
        entry = Entry(path, kind, permissions, uid, gid, size, mtime_ns, linkname, devmajor, devminor, xattrs)
        return entry, stored, padding, layout

    def _marker(self, entry: Entry) -> Entry | None:
        """Return what a name with ``.wh.`` in it stands for: a marker, an ordinary entry, or nothing (aufs)."""
        directory, _, name = entry.path.rpartition("/")
        for part in directory.split("/"):
            if part.startswith(AUFS_PREFIX):
                return None
            if part.startswith(WHITEOUT_PREFIX):
                raise MalformedTar(f"the reserved name {part[:200]!r} as a directory", self._source.offset)
        if not name.startswith(WHITEOUT_PREFIX):
            return entry
        if name == OPAQUE_NAME:
            return Entry(directory, Kind.OPAQUE, mtime_ns=entry.mtime_ns)
        if name.startswith(AUFS_PREFIX):
            return None
        hidden = name[len(WHITEOUT_PREFIX) :]
        if hidden in ("", ".", ".."):
            raise MalformedTar(f"a whiteout of {hidden!r}", self._source.offset)
        return Entry(f"{directory}/{hidden}" if directory else hidden, Kind.WHITEOUT, mtime_ns=entry.mtime_ns)


def _bounded(name: bytes) -> bytes:
    if len(name) > MAX_NAME:
        raise ValueError(f"a name of {len(name)} bytes")
    return name


def _clean(name: bytes, offset: int) -> str:
    """Return a member's name relative to the root, as `Entry` keeps it."""
    if name[:2] == b"./":
        name = name[2:]
    if b"./" in name or b"//" in name or b".." in name or name[-1:] == b".":
        parts = [part for part in name.split(b"/") if part and part != b"."]
        if b".." in parts:
            raise EscapingName(os.fsdecode(name), offset)
        name = b"/".join(parts)
    return os.fsdecode(_bounded(name.strip(b"/")))


def _collect(data: bytes) -> dict[str, bytes]:
    """Return the records of an extended header, a sparse map of version 0.0 folded into one record."""
    records: dict[str, bytes] = {}
    numbers: list[bytes] = []
    for key, value in pax.parse_records(data):
        if key in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
            if (key == "GNU.sparse.offset") != (len(numbers) % 2 == 0):
                raise ValueError("a sparse map has an offset without a length")
            numbers.append(value)
        else:
            records[key] = value
    if numbers:
        records["GNU.sparse.map"] = b",".join(numbers)
    return records
