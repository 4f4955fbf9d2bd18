"""Writing a tar archive of large files, each copied once, by the kernel where it can."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import BinaryIO

from boxwright.errors import CorruptError, UnavailableError
from boxwright.image.tree import Window
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.writer import BLOCK, END, encode_header

_CHUNK = 1 << 20
_COPY_AT_ONCE = 1 << 30


class ShortContent(CorruptError):
    """A file ended before the size that was announced for it."""

    def __init__(self, name: str, expected: int, got: int) -> None:
        super().__init__(f"{name} has {got} bytes, {expected} were expected", hint="check the store: boxwright fsck")


class ArchiveWriter:
    """Writes members to `sink`; times and owners are zero, so that the same content gives the same archive.

    Nothing else may write to the sink before `finish`, which leaves it open.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._fd = _descriptor(sink)
        if self._fd is not None:
            sink.flush()

    def directory(self, name: str) -> None:
        self._write(encode_header(Entry(name, Kind.DIR, mode=0o755)))

    def file(self, name: str, content: bytes) -> None:
        self._write(encode_header(Entry(name, Kind.FILE, mode=0o644, size=len(content))))
        self._write(content + bytes(-len(content) % BLOCK))

    def stream(self, name: str, size: int, content: BinaryIO) -> None:
        """Write a member of exactly `size` bytes from a stream. Raises ShortContent when it has fewer."""
        self._write(encode_header(Entry(name, Kind.FILE, mode=0o644, size=size)))
        copied = self.copy(content, size)
        if copied != size:
            raise ShortContent(name, size, copied)
        if size % BLOCK:
            self._write(bytes(-size % BLOCK))

    def finish(self) -> None:
        self._write(END)
        self._sink.flush()

    def copy(self, content: BinaryIO, size: int) -> int:
        """Copy up to `size` bytes; return how many there were."""
        done = self._copy_in_kernel(content, size) if self._fd is not None else 0
        while done < size and (data := content.read(min(_CHUNK, size - done))):
            self._write(data)
            done += len(data)
        return done

    def _write(self, data: bytes) -> None:
        try:
            if self._fd is None:
                self._sink.write(data)
                return
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise _failed(error) from error

    def _copy_in_kernel(self, content: BinaryIO, size: int) -> int:
        """Copy file to file without the bytes passing through here; returns how far it came."""
        assert self._fd is not None
        window = content if isinstance(content, Window) else None
        source = window.source if window is not None else _regular_file(content)
        if source is None:
            return 0
        start = window.offset if window is not None else content.tell()
        done = 0
        copy = _clone if stat.S_ISREG(os.fstat(self._fd).st_mode) else _send
        while done < size:
            try:
                count = copy(source, self._fd, start + done, min(size - done, _COPY_AT_ONCE))
            except OSError as error:
                if error.errno in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF):
                    if copy is _clone:
                        copy = _send
                        continue
                    break  # not between these two kinds of files: the caller reads and writes
                raise _failed(error) from error
            if not count:
                break
            done += count
        if window is not None:
            window.offset += done
            window.left -= done
        elif done:
            content.seek(start + done)
        return done


def _clone(source: int, target: int, offset: int, size: int) -> int:
    return os.copy_file_range(source, target, size, offset_src=offset)


def _send(source: int, target: int, offset: int, size: int) -> int:
    return os.sendfile(target, source, offset, size)


def _failed(error: OSError) -> UnavailableError:
    return UnavailableError(f"cannot write the archive: {error.strerror}")


def _descriptor(stream: BinaryIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None


def _regular_file(stream: BinaryIO) -> int | None:
    # A buffered reader may have read ahead of its position; raw files have not.
    if not isinstance(stream, io.FileIO):
        return None
    fd = stream.fileno()
    return fd if stat.S_ISREG(os.fstat(fd).st_mode) else None
