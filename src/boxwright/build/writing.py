"""Placements → a layer: files written into a draft's directory while the same bytes go through the layer's tar.

Each source is read once. Threads read and write the files in batches; the calling thread feeds the tar in canonical
order, so that digest and directory are finished together. What goes on disk equals what the tar says: writing the
directory's tar again gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, TypeAlias, cast

from boxwright.errors import CancelledError, UnavailableError, UnsupportedError
from boxwright.host import xattrs
from boxwright.host.paths import Path
from boxwright.layer.entry import KINDS_OF_FILES, Entry, Kind, is_portable_xattr
from boxwright.layer.writer import TarWriter
from boxwright.oci.digest import DiffID, Digest
from boxwright.values import NamedTuple

_BATCH_FILES = 128
_BATCH_BYTES = 2 << 20
_BATCHES_AHEAD = 4
_WHOLE = 1 << 20
"""Files up to this many bytes are read whole; larger ones pass through in pieces of this size."""

_OWN = (os.geteuid(), os.getegid())

_NO_XATTRS: Mapping[str, bytes] = {}


class Placement(NamedTuple):
    """One member of a layer to be, and where its content comes from."""

    path: str
    """In the layer: ``a/b``; empty for the root."""
    mode: int
    """With the file type bits, as in st_mode."""
    uid: int
    gid: int
    mtime_ns: int
    size: int = 0
    source: str = ""
    """The file on disk that content, link text and attributes are read from; empty for a directory that is made up."""
    first: str = ""
    """For a hard link: the path in this layer that holds the content."""
    rdev: int = 0
    data: bytes | None = None
    """The content, where it is in no file."""


class SourceVanished(UnavailableError):
    """A file that was there when the context was looked at could not be read."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"cannot read {path}: {(error.strerror or str(error)).lower()}")
        self.path = path


class DeviceRefused(UnsupportedError):
    """A device file cannot be made here."""

    def __init__(self, path: str) -> None:
        super().__init__(f"cannot create the device file /{path}", hint="only root of the machine may; run as root")


class WriteCancelled(CancelledError):
    """The build was cancelled while files were copied."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")


class Written(NamedTuple):
    diff_id: DiffID
    size: int
    """Bytes of the layer's tar."""
    content: int
    """Bytes of file content in it."""
    digests: Mapping[str, str]
    """Source file → sha256 (hex) of the content as it was copied."""


def write(
    placements: Sequence[Placement],
    fs: Path,
    *,
    workers: int = 2,
    earlier: EarlierLayer | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Written:
    """Write a layer into the empty directory `fs` and return what its tar is.

    `placements` are in canonical order, and the parent directories of each are among them. File content is taken as
    it is now, unless the same file is in an `earlier` layer: it is then one file with two names, as files of layers
    never change. `cancelled` is asked between batches. Raises SourceVanished, DeviceRefused, ReservedName,
    WriteCancelled; `fs` is then unfinished, and whoever gave it discards it.
    """
    root = os.fspath(fs)
    digest = hashlib.sha256()
    tar = TarWriter(digest.update)
    content = 0
    digests: dict[str, str] = {}
    for placement in placements:
        if placement.path and stat.S_ISDIR(placement.mode):
            os.mkdir(f"{root}/{placement.path}", 0o700)
    for batch, copied in _copied_batches(placements, root, workers, earlier):
        if cancelled():
            raise WriteCancelled
        for placement, done in zip(batch, copied, strict=True):
            if isinstance(done, _Copied):
                if not placement.path and _is_plain(placement, done.attributes):
                    continue
                tar.add(entry_of(placement, len(done.data), done.attributes), done.data)
                content += len(done.data)
                sha256 = done.sha256
            else:
                size, sha256 = _stream(placement, root, done, tar)
                content += size
            if sha256:
                digests[placement.source] = sha256
    _finish(placements, root)
    tar.finish()
    return Written(DiffID(Digest("sha256:" + digest.hexdigest())), tar.size, content, digests)


def entry_of(placement: Placement, size: int, attributes: Mapping[str, bytes]) -> Entry:
    """Return the tar member of a placement whose content is `size` bytes."""
    mode = placement.mode
    if placement.first:
        kind, link = Kind.HARDLINK, placement.first
    else:
        kind, link = KINDS_OF_FILES[stat.S_IFMT(mode)], os.readlink(placement.source) if stat.S_ISLNK(mode) else ""
    device = (os.major(placement.rdev), os.minor(placement.rdev)) if kind in (Kind.CHAR, Kind.BLOCK) else (0, 0)
    return Entry(
        placement.path,
        kind,
        stat.S_IMODE(mode),
        placement.uid,
        placement.gid,
        size if kind is Kind.FILE else 0,
        placement.mtime_ns,
        link,
        *device,
        attributes,
    )


def portable_xattrs(path: str) -> Mapping[str, bytes]:
    """Return the attributes of a file that belong into a layer."""
    found = {}
    for name in xattrs.names(path):
        if is_portable_xattr(name) and (value := xattrs.get(path, name)) is not None:
            found[name] = value
    return found


def _is_plain(root: Placement, attributes: Mapping[str, bytes]) -> bool:
    """Whether the root directory is as it is anyway; a layer then has no entry for it."""
    return (stat.S_IMODE(root.mode), root.uid, root.gid) == (0o755, 0, 0) and not attributes


class _Copied(NamedTuple):
    """A placement that is on disk, its owner and times included unless it is a directory."""

    data: bytes
    sha256: str
    """Of a regular file's content; empty for everything else."""
    attributes: Mapping[str, bytes]


class _Large(NamedTuple):
    """A placement that is still to be streamed: into the layer and its tar, or, where it is in place, into the tar."""

    attributes: Mapping[str, bytes]
    linked: str = ""
    """The sha256 of what is in place already."""


_Result: TypeAlias = "list[_Copied | _Large]"


class EarlierLayer:
    """A layer that the same copy made before, most of whose files are those of this one."""

    __slots__ = ("_contents", "_root")

    def __init__(self, root: str, contents: Mapping[str, str]) -> None:
        """`root` is its directory; `contents` says what sources hold now, as far as it is known: path → sha256."""
        self._root = root
        self._contents = contents

    def link(self, placement: Placement, target: str, attributes: Mapping[str, bytes]) -> _Copied | _Large | None:
        """Make a regular file a second name of the earlier one, if that is the same in everything that counts.

        None, and nothing done, when it is not, when it is gone, or when it has all the names that it can have. What
        it holds is read, and never taken on trust: the tar has to be read anyway.
        """
        sha256 = self._contents.get(placement.source)
        if sha256 is None:
            return None
        before = f"{self._root}/{placement.path}"
        try:
            if not _is_alike(os.lstat(before), placement) or portable_xattrs(before) != attributes:
                return None
            os.link(before, target, follow_symlinks=False)
        except OSError:
            return None  # removed a moment ago, or too many names: a copy is as good
        found: _Copied | _Large
        if placement.size > _WHOLE:
            with open(target, "rb", buffering=0) as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
            found = _Large(attributes, sha256)
        else:
            data = _read_whole(placement._replace(source=target))
            same = hashlib.sha256(data).hexdigest() == sha256
            found = _Copied(data, sha256, attributes)
        if same:
            return found
        os.unlink(target)
        return None


def _is_alike(state: os.stat_result, placement: Placement) -> bool:
    return (state.st_mode, state.st_uid, state.st_gid, state.st_size, state.st_mtime_ns) == (
        *(placement.mode, placement.uid, placement.gid, placement.size, placement.mtime_ns),
    )


def _copied_batches(
    placements: Sequence[Placement], root: str, workers: int, earlier: EarlierLayer | None
) -> Iterator[tuple[Sequence[Placement], _Result]]:
    batches = _batches(placements)
    if len(placements) <= _BATCH_FILES or workers < 2:
        for batch in batches:
            yield batch, _copy_batch(batch, root, earlier)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(workers, "boxwright-copy") as pool:
        ahead: deque[tuple[Sequence[Placement], Future[_Result]]] = deque()
        try:
            for batch in batches:
                ahead.append((batch, pool.submit(_copy_batch, batch, root, earlier)))
                if len(ahead) > _BATCHES_AHEAD:
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


def _batches(placements: Sequence[Placement]) -> Iterator[Sequence[Placement]]:
    start = size = 0
    for index, placement in enumerate(placements):
        size += min(placement.size, _WHOLE)
        if size >= _BATCH_BYTES or index - start >= _BATCH_FILES:
            yield placements[start : index + 1]
            start, size = index + 1, 0
    if start < len(placements):
        yield placements[start:]


def _copy_batch(batch: Sequence[Placement], root: str, earlier: EarlierLayer | None) -> _Result:
    results: _Result = []
    for placement in batch:
        try:
            results.append(_copy(placement, f"{root}/{placement.path}", earlier))
        except FileNotFoundError as error:
            raise SourceVanished(placement.source or placement.path, error) from None
        except PermissionError as error:
            if stat.S_ISBLK(placement.mode) or stat.S_ISCHR(placement.mode):
                raise DeviceRefused(placement.path) from None
            raise SourceVanished(placement.source or placement.path, error) from None
    return results


def _copy(placement: Placement, target: str, earlier: EarlierLayer | None) -> _Copied | _Large:
    mode = placement.mode
    attributes = portable_xattrs(placement.source) if placement.source else _NO_XATTRS
    if placement.first:
        return _Copied(b"", "", _NO_XATTRS)  # made at the end: what it links to may be in another thread's batch
    if stat.S_ISDIR(mode):
        return _Copied(b"", "", attributes)
    if stat.S_ISREG(mode):
        if earlier is not None and placement.data is None:
            linked = earlier.link(placement, target, attributes)
            if linked is not None:
                return linked
        if placement.size > _WHOLE and placement.data is None:
            return _Large(attributes)
        data = _read_whole(placement) if placement.data is None else placement.data
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, data)
            _dress(descriptor, placement, attributes)
        finally:
            os.close(descriptor)
        return _Copied(data, hashlib.sha256(data).hexdigest(), attributes)
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(placement.source), target)
    else:
        os.mknod(target, stat.S_IFMT(mode) | 0o600, placement.rdev)
    _dress(target, placement, attributes)
    return _Copied(b"", "", attributes)


def _read_whole(placement: Placement) -> bytes:
    descriptor = os.open(placement.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, placement.size + 1)
        if len(data) != placement.size:
            while more := os.read(descriptor, _WHOLE):
                data += more
        return data
    finally:
        os.close(descriptor)


def _stream(placement: Placement, root: str, large: _Large, tar: TarWriter) -> tuple[int, str]:
    """Copy a large file into the layer and its tar; return its size and the sha256 of its content."""
    if large.linked:
        with open(f"{root}/{placement.path}", "rb", buffering=0) as stream:
            tar.add(entry_of(placement, placement.size, large.attributes), cast(BinaryIO, stream))
        return placement.size, large.linked
    try:
        source = os.open(placement.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SourceVanished(placement.source, error) from None
    try:
        target = os.open(f"{root}/{placement.path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(source).st_size
            tee = _Tee(source, target)
            tar.add(entry_of(placement, size, large.attributes), cast(BinaryIO, tee))
            _dress(target, placement, large.attributes)
        finally:
            os.close(target)
    finally:
        os.close(source)
    return size, tee.sha256.hexdigest()


class _Tee(io.RawIOBase):
    """Reads a file, and writes what was read to another."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = os.read(self.source, size)
        _write_all(self.target, data)
        self.sha256.update(data)
        return data


def _write_all(descriptor: int, data: bytes) -> None:
    """Write to a file of the layer. Raises StoreWriteFailed."""
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
    except OSError as error:
        from boxwright.store.blobs import StoreWriteFailed

        raise StoreWriteFailed(error) from error


def _dress(target: int | str, placement: Placement, attributes: Mapping[str, bytes]) -> None:
    """Give a file its owner, mode, attributes and times, in the order in which none undoes another."""
    by_name = isinstance(target, str)
    if (placement.uid, placement.gid) != _OWN:
        os.chown(target, placement.uid, placement.gid, follow_symlinks=not by_name)
    if not stat.S_ISLNK(placement.mode):
        os.chmod(target, stat.S_IMODE(placement.mode))
    for name, value in attributes.items():
        xattrs.set(target, name, value)
    os.utime(target, ns=(placement.mtime_ns, placement.mtime_ns), follow_symlinks=not by_name)


def _finish(placements: Sequence[Placement], root: str) -> None:
    """Make the hard links; then the directories get what writing into them would have changed, the deepest first."""
    for placement in placements:
        if placement.first:
            os.link(f"{root}/{placement.first}", f"{root}/{placement.path}", follow_symlinks=False)
    for placement in reversed(placements):
        if stat.S_ISDIR(placement.mode):
            _dress(f"{root}/{placement.path}", placement, portable_xattrs(placement.source) if placement.source else {})
