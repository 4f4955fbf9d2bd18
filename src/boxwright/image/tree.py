"""Named files to read, in a directory or in a tar archive: what an image layout is made of."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import shutil
import tempfile
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from boxwright.errors import CorruptError
from boxwright.host import syscalls
from boxwright.host.paths import Path, StrPath
from boxwright.values import NamedTuple

if TYPE_CHECKING:

    class _Raw(io.RawIOBase, BinaryIO): ...
else:
    _Raw = io.RawIOBase

_SMALL = 1 << 18
_MAX_MEMBERS = 200_000
_MAX_LINKS = 8


class MissingFile(CorruptError):
    """A file that another one names is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the image archive is incomplete: {name} is missing")
        self.name = name


class FileTooLarge(CorruptError):
    """A file that should be small is not."""

    def __init__(self, name: str, size: int, limit: int) -> None:
        super().__init__(f"{name} in the image archive has {size} bytes, at most {limit} make sense")
        self.name = name


class Tree(Protocol):
    """Files by name (``blobs/sha256/…``), for reading. Names never lead out of it."""

    def has(self, name: str) -> bool: ...

    def size(self, name: str) -> int:
        """Raises MissingFile."""

    def open(self, name: str) -> BinaryIO:
        """Open a file at its beginning, independent of other open files; closed by the caller. Raises MissingFile."""

    def close(self) -> None:
        """Release what the tree holds open; nothing may be opened from it afterwards."""


def read(tree: Tree, name: str, limit: int) -> bytes:
    """Return a small file's content. Raises MissingFile, FileTooLarge."""
    size = tree.size(name)
    if size > limit:
        raise FileTooLarge(name, size, limit)
    with tree.open(name) as stream:
        return stream.read()


class Directory:
    """A directory as a tree; symbolic links in it cannot lead out of it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _open(self, name: str) -> int:
        try:
            return syscalls.openat2(self._fd, name, os.O_RDONLY | os.O_NONBLOCK, resolve=syscalls.RESOLVE_IN_ROOT)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise MissingFile(name) from None
            raise

    def has(self, name: str) -> bool:
        try:
            os.close(self._open(name))
        except MissingFile:
            return False
        return True

    def size(self, name: str) -> int:
        fd = self._open(name)
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def open(self, name: str) -> BinaryIO:
        return open(self._open(name), "rb", buffering=0)

    def close(self) -> None:
        os.close(self._fd)


class _Span(NamedTuple):
    offset: int
    size: int


class Archive:
    """A tar archive as a tree: its headers are read once, contents where they lie.

    `file` is a seekable file of the uncompressed archive and belongs to the tree from now on. Raises MalformedTar.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._spans, self._links = _members(file)

    def _span(self, name: str) -> _Span:
        current = name
        for _ in range(_MAX_LINKS):
            if current in self._spans:
                return self._spans[current]
            if current not in self._links:
                break
            current = self._links[current]
        raise MissingFile(name)

    def has(self, name: str) -> bool:
        try:
            self._span(name)
        except MissingFile:
            return False
        return True

    def size(self, name: str) -> int:
        return self._span(name).size

    def open(self, name: str) -> BinaryIO:
        return Window(self._file.fileno(), *self._span(name))

    def close(self) -> None:
        self._file.close()


class Window(_Raw):
    """A part of a file as a stream of its own; the file's position plays no role, so any number may be open."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        super().__init__()
        self.source = fd
        """The file's descriptor, for whoever can copy without reading."""
        self.offset = offset
        """Where in the file the next byte is."""
        self.left = size
        """How many bytes are still to come."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer is more than is taken
        view = memoryview(buffer)[: self.left]
        count = os.preadv(self.source, [view], self.offset) if view else 0
        self.offset += count
        self.left -= count
        return count


def _members(file: BinaryIO) -> tuple[dict[str, _Span], dict[str, str]]:
    from boxwright.layer.entry import Kind
    from boxwright.layer.reader import MalformedTar, TarReader

    spans: dict[str, _Span] = {}
    links: dict[str, str] = {}
    start: int | None = 0
    while start is not None:
        file.seek(start)
        base, start = start, None
        reader = TarReader(_Sips(file), whiteouts=False)  # type: ignore[arg-type]  # only `read` is used
        for entry, content in reader:
            if len(spans) + len(links) > _MAX_MEMBERS:
                raise MalformedTar(f"an image archive with more than {_MAX_MEMBERS} members", base + reader.offset)
            if entry.kind is Kind.FILE and content is not None:
                if content.layout is not None:
                    raise MalformedTar(f"the member {entry.path!r} is sparse", base + reader.offset)
                offset = base + reader.offset
                spans[entry.path] = _Span(offset, entry.size)
                links.pop(entry.path, None)
                if entry.size > _SMALL:
                    # Reading over it would cost as much as copying it: go on behind it.
                    start = offset + entry.size + -entry.size % 512
                    break
            elif entry.kind in (Kind.SYMLINK, Kind.HARDLINK):
                here = posixpath.dirname(entry.path) if entry.kind is Kind.SYMLINK else ""
                links[entry.path] = posixpath.normpath(posixpath.join(here, entry.linkname))
    end = file.seek(0, os.SEEK_END)
    if any(span.offset + span.size > end for span in spans.values()):
        raise MalformedTar("it ends in the middle of a member", end)
    return spans, links


class _Sips:
    """Reads less at once than is asked for: between two large members only a header is wanted."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 1 << 16))


def open_tree(source: StrPath | BinaryIO, spool: StrPath) -> Tree:
    """Return the tree of a directory, an archive (compressed or not), or a stream of one.

    A stream that cannot seek, or is compressed, is first copied, uncompressed, to a nameless file in the directory
    `spool`. Raises MalformedTar, and CorruptError for a compressed stream that is damaged.
    """
    if isinstance(source, str | os.PathLike):
        if os.path.isdir(source):
            return Directory(Path(source))
        source = cast("BinaryIO", io.FileIO(source))
    try:
        return Archive(_uncompressed(source, spool))
    except BaseException:
        source.close()
        raise


def _uncompressed(source: BinaryIO, spool: StrPath) -> BinaryIO:
    from boxwright.layer.compression import detect, open_decompressed
    from boxwright.layer.streams import ReadAhead

    seekable = _is_seekable(source)
    if seekable:
        head = source.read(16)
        source.seek(0)
        if detect(head) == "none":
            return source
    file: IO[bytes] = tempfile.TemporaryFile(dir=spool, buffering=0)  # noqa: SIM115  # it is the result
    try:
        with source, ReadAhead(open_decompressed(source)) as plain:
            shutil.copyfileobj(plain, file, 1 << 20)
    except BaseException:
        file.close()
        raise
    return file  # type: ignore[return-value]  # an IO[bytes] with a descriptor


def _is_seekable(stream: BinaryIO) -> bool:
    try:
        # Reading by descriptor needs the file itself, from its first byte on.
        return stream.seekable() and os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 0 and stream.tell() == 0
    except (OSError, ValueError):  # no descriptor, a pipe
        return False
