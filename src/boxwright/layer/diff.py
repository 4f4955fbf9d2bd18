"""A directory in overlay form → its layer: entries, tar bytes, digest. The inverse of `apply`.

The bytes are a pure function of the tree (and of `epoch`): members in canonical order (`entry.sort_key`), owners as
numbers, times in whole seconds as docker has them (so that a layer, applied and written again, keeps its DiffID),
the first name of a file with several as the file and the others as hard links to it.

What a layer can't hold is left out: sockets, and attributes that `entry.is_portable_xattr` does not name. The root
directory has an entry only where it differs from the usual (0755, owner 0:0, no attributes): its time would change
with every tool that makes the directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator

from boxwright.host import xattrs
from boxwright.host.paths import StrPath
from boxwright.layer import overlay
from boxwright.layer.entry import KINDS_OF_FILES, Entry, Kind, is_portable_xattr
from boxwright.layer.streams import CHUNK, PieceStream, ReadAhead
from boxwright.layer.writer import BLOCK, END, ContentMismatch, encode_header
from boxwright.oci.digest import DiffID, Digest
from boxwright.values import NamedTuple

_PADDING = bytes(BLOCK)
_NOTHING: frozenset[str] = frozenset()


def _opened(location: str) -> int:
    return os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


class Measured(NamedTuple):
    """What a layer will be: `size` in bytes of its tar, `entries` counted, `content` in bytes of the files in it."""

    diff_id: DiffID
    size: int
    entries: int
    content: int = 0


def write_layer(
    fs: StrPath,
    sink: Callable[[bytes | memoryview], object],
    *,
    epoch: int | None = None,
    exclude: Collection[str] = _NOTHING,
) -> None:
    """Write the layer of a directory in overlay form to a sink, a function that takes pieces of bytes.

    `epoch`, in seconds, is the latest time that a member may have: later ones are set to it. `exclude` names paths
    (relative, as in `Entry`) that are left out with everything below them.

    Raises ReservedName, InexpressibleLayer, and ContentMismatch when a file shrinks meanwhile.
    """
    for piece in layer_pieces(fs, epoch=epoch, exclude=exclude):
        sink(piece)


def open_layer(
    fs: StrPath,
    *,
    epoch: int | None = None,
    exclude: Collection[str] = _NOTHING,
    opened: Callable[[str], int] = _opened,
) -> PieceStream:
    """Return the layer of a directory in overlay form as a stream (see `write_layer`).

    `opened` opens a file for its content: where somebody may be changing the directory, `UnionView.open`.
    """
    return PieceStream(tar_pieces(members(fs, epoch=epoch, exclude=exclude), opened=opened))


def measure_layer(fs: StrPath, *, epoch: int | None = None, exclude: Collection[str] = _NOTHING) -> Measured:
    """Return the digest, size and number of members of what `write_layer` would write."""
    from boxwright.layer.hashing import HashingWriter

    hashing = HashingWriter()
    counter = _Counter()
    pieces = layer_pieces(fs, epoch=epoch, exclude=exclude, counter=counter)
    hashing.write(next(pieces))
    if (second := next(pieces, None)) is not None:
        hashing.write(second)
        # More than a few small files: read on beside the hashing.
        with ReadAhead(PieceStream(pieces)) as stream:
            while data := stream.take():
                hashing.write(data)
    return Measured(DiffID(Digest(hashing.digest)), hashing.size, counter.entries, counter.content)


class _Counter:
    __slots__ = ("content", "entries")

    def __init__(self) -> None:
        self.content = 0
        self.entries = 0


def layer_pieces(
    fs: StrPath,
    *,
    epoch: int | None = None,
    exclude: Collection[str] = _NOTHING,
    counter: _Counter | None = None,
) -> Iterator[memoryview]:
    """Return the layer of a directory in overlay form in pieces of 1 MiB, the last one shorter (see `write_layer`)."""
    return tar_pieces(members(fs, epoch=epoch, exclude=exclude), counter)


def tar_pieces(
    found: Iterable[tuple[Entry, str]], counter: _Counter | None = None, opened: Callable[[str], int] = _opened
) -> Iterator[memoryview]:
    """Yield the tar of entries, each with the place on disk that its content is read from, in pieces of 1 MiB.

    Raises ReservedName, and ContentMismatch when a file shrinks meanwhile.
    """
    counter = counter or _Counter()
    blocks = _Blocks()
    for entry, location in found:
        counter.entries += 1
        blocks.put(encode_header(entry))
        size = entry.size
        if size:
            counter.content += size
            fd = opened(location)
            try:
                left = size
                while left:
                    got = blocks.read(fd, left)
                    if not got:
                        raise ContentMismatch(entry.path, size, size - left)
                    left -= got
                    if blocks.full:
                        yield from blocks.take()
            finally:
                os.close(fd)
            if size % BLOCK:
                blocks.put(_PADDING[size % BLOCK :])
        if blocks.full:
            yield from blocks.take()
    blocks.put(END)
    yield from blocks.take()
    yield blocks.rest()


class _Blocks:
    """Bytes on their way into blocks of `CHUNK` bytes, which files are read straight into."""

    __slots__ = ("_block", "_filled", "full")

    def __init__(self) -> None:
        self._block = memoryview(bytearray(CHUNK))
        self._filled = 0
        self.full: list[memoryview] = []
        """Blocks that are ready to be taken."""

    def put(self, data: bytes) -> None:
        end = self._filled + len(data)
        while end >= CHUNK:
            cut = CHUNK - self._filled
            self._block[self._filled :] = data[:cut]
            self._next()
            data = data[cut:]
            end = len(data)
        self._block[self._filled : end] = data
        self._filled = end

    def read(self, fd: int, size: int) -> int:
        """Take up to `size` bytes from a file; return how many it had, 0 at its end."""
        got = os.readv(fd, [self._block[self._filled : self._filled + size]])
        self._filled += got
        if self._filled == CHUNK:
            self._next()
        return got

    def take(self) -> list[memoryview]:
        """Return the full blocks, once."""
        full, self.full = self.full, []
        return full

    def rest(self) -> memoryview:
        """Return what has not filled a block."""
        return self._block[: self._filled]

    def _next(self) -> None:
        self.full.append(self._block)
        self._block = memoryview(bytearray(CHUNK))
        self._filled = 0


def members(
    fs: StrPath, *, epoch: int | None = None, exclude: Collection[str] = _NOTHING, living: bool = False
) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a directory in overlay form in canonical order, each with its location on disk.

    With `living`, what goes while it is looked at is left out: somebody may be changing the files.
    """
    root = os.fspath(fs)
    latest = None if epoch is None else epoch * 1_000_000_000
    links: dict[tuple[int, int], str] = {}
    status = os.lstat(root)
    attributes = _attributes(root, "")
    opaque = overlay.is_opaque(root)
    top = entry_of("", root, status, latest, attributes)
    if top.mode != 0o755 or top.uid or top.gid or top.xattrs:
        yield top, root
    if opaque:
        yield Entry("", Kind.OPAQUE), root
    stack = [_listing(root, "")]
    while stack:
        listing = stack[-1]
        if not listing:
            stack.pop()
            continue
        path, location, entry = listing.pop()
        if path in exclude:
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFSOCK:
                continue
            if overlay.is_whiteout(status):
                yield Entry(path, Kind.WHITEOUT), location
                continue
            names = _attributes(location, path)
            made = entry_of(path, location, status, latest, names)
            if kind == stat.S_IFDIR:
                opaque = bool(names) and overlay.is_opaque_among(names) and overlay.is_opaque(location)
                below = _listing(location, path + "/")
        except FileNotFoundError:
            if not living:
                raise
            continue
        if kind == stat.S_IFDIR:
            yield made, location
            if opaque:
                yield Entry(path, Kind.OPAQUE), location
            stack.append(below)
            continue
        if status.st_nlink > 1:
            first = links.setdefault((status.st_dev, status.st_ino), path)
            if first != path:
                made = made._replace(kind=Kind.HARDLINK, linkname=first, size=0, xattrs={})
        yield made, location


def entry_of(
    path: str, location: str, status: os.stat_result, latest_ns: int | None = None, names: list[str] | None = None
) -> Entry:
    """Return the entry of one file on disk, which is no socket and no whiteout; the time is whole seconds.

    `latest_ns` bounds the time; `names` are those of its extended attributes, where the caller has them.
    """
    kind = KINDS_OF_FILES[stat.S_IFMT(status.st_mode)]
    mtime_ns = status.st_mtime_ns
    if latest_ns is not None and mtime_ns > latest_ns:
        mtime_ns = latest_ns
    attributes = {}
    if names is None:
        names = _attributes(location, path)
    if names:
        attributes = {
            name: value
            for name in names
            if is_portable_xattr(name) and (value := xattrs.get(location, name)) is not None
        }
    device = status.st_rdev if kind is Kind.CHAR or kind is Kind.BLOCK else 0
    return Entry(
        path,
        kind,
        status.st_mode & 0o7777,
        status.st_uid,
        status.st_gid,
        status.st_size if kind is Kind.FILE else 0,
        mtime_ns - mtime_ns % 1_000_000_000,
        os.readlink(location) if kind is Kind.SYMLINK else "",
        os.major(device),
        os.minor(device),
        attributes,
    )


def _attributes(location: str, path: str) -> list[str]:
    """Return the names of a file's extended attributes, having refused those that no layer can express."""
    names = xattrs.names(location)
    if names:
        overlay.refuse_inexpressible(path, names)
    return names


def _listing(location: str, prefix: str) -> list[tuple[str, str, os.DirEntry[str]]]:
    """Return (path, location, entry) of what a directory holds, in reverse canonical order, to be popped."""
    with os.scandir(location) as found:
        entries = [(prefix + entry.name, f"{location}/{entry.name}", entry) for entry in found]
    entries.sort(key=_name_bytes, reverse=True)
    return entries


def _name_bytes(item: tuple[str, str, os.DirEntry[str]]) -> bytes:
    return os.fsencode(item[2].name)
