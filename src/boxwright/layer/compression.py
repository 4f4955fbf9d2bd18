"""Compressed streams: told apart by content, unpacked within bounds, made on all cores with the same bytes each time.

gzip is made as pigz does it: blocks of 1 MiB, each compressed on its own with the end of the one before as its
dictionary, by isal on as many threads as are wanted. Neither their number nor the pieces in which the source comes
change the bytes.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, Protocol, TypeAlias, cast

from boxwright._version import __version__
from boxwright.errors import CorruptError, InvalidError
from boxwright.layer.hashing import HashingReader, HashingWriter
from boxwright.layer.streams import CHUNK, PieceStream
from boxwright.oci.digest import DiffID, Digest
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from zstandard import ZstdDecompressor

__all__ = [
    "Compressed",
    "CompressingReader",
    "Compression",
    "DamagedStream",
    "HashingReader",
    "HashingWriter",
    "compress",
    "compressor",
    "detect",
    "open_decompressed",
]

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz"]

HEAD: Final = 6
"""How many bytes `detect` wants to see."""
BLOCK: Final = 1 << 20
WINDOW: Final = 32 << 10
FASTEST: Final = 1

# No name, no time, an unknown system: nothing that could differ between two machines.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK: Final = b"\x03\0"  # an empty deflate block with the mark of the last one
_INPUT = 128 << 10
# A zstd block of four bytes may stand for 128 KiB, and zstandard returns all that its input stands for: this much
# input can fill 64 MiB.
_ZSTD_INPUT = 2 << 10
_XZ_MEMORY = 256 << 20
# zstd's own choice for a job is four windows and more, and every thread has one: too much for what is only to be sent.
_ZSTD_JOBS = (4 << 20, 8 << 20)
_ZSTD_SMALL = 15
"""The highest level whose window fits into the smaller job."""
_ZSTD_MEMORY = 100 << 20
_ZSTD_WORKERS = ((3, 6 << 20), (9, 20 << 20), (_ZSTD_SMALL, 40 << 20), (22, 90 << 20))
_ISAL_LEVELS = 3


class DamagedStream(CorruptError):
    """Compressed data is damaged, or ends too early."""

    def __init__(self, kind: Compression, what: str) -> None:
        super().__init__(f"damaged {kind} data: {what}")
        self.kind = kind


class Compressed(NamedTuple):
    """What went through `compress`: the digests and sizes, in bytes, of both sides."""

    digest: Digest
    size: int
    diff_id: DiffID
    uncompressed_size: int


def detect(head: bytes) -> Compression:
    """Return what the first `HEAD` bytes of a stream say about its compression."""
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    # The second is a skippable frame, with which seekable variants of the format may begin.
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    if head[:3] == b"BZh" and head[3:4].isdigit():
        return "bzip2"
    if head[:6] == b"\xfd7zXZ\0":
        return "xz"
    return "none"


# -- unpacking


def open_decompressed(stream: BinaryIO) -> PieceStream:
    """Return the uncompressed content of a stream, whatever of the known formats it is in, read as it is needed.

    Formats that may be concatenated are read to the end of the last part; zeros behind it are padding. Memory is
    bounded, the length of what comes out is not: that is the caller's to limit. Reading raises DamagedStream.
    """
    head = b""
    while len(head) < HEAD and (data := stream.read(HEAD - len(head))):
        head += data
    kind = detect(head)
    if kind == "none":
        return PieceStream(_plain(head, stream))
    return PieceStream(_decompressed(head, stream, kind))


def _plain(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    # Joined, so that chunks keep their size from here on.
    yield head + stream.read(CHUNK - len(head))
    while data := stream.read(CHUNK):
        yield data


class _Decompressor(Protocol):
    """What bz2, lzma and isal have in common: one member, unpacked in steps."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class _ZstdFrame:
    """zstandard's decompressor, with the face of the others."""

    needs_input = True

    def __init__(self, decompressor: ZstdDecompressor) -> None:
        self._object = decompressor.decompressobj()

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._object.decompress(data)


def _decompressed(head: bytes, stream: BinaryIO, kind: Compression) -> Iterator[bytes]:
    make, failure = _decompressor(kind)
    step = _ZSTD_INPUT if kind == "zstd" else _INPUT
    data, position = head, 0
    while True:
        member = make()
        while not member.eof:
            part = b""
            if member.needs_input:
                if position == len(data):
                    data, position = stream.read(_INPUT), 0
                    if not data:
                        raise DamagedStream(kind, "it ends too early")
                part = data[position : position + step]
                position += len(part)
            try:
                out = member.decompress(part, CHUNK)
            except failure as error:
                raise DamagedStream(kind, str(error) or "it cannot be unpacked") from error
            if out:
                yield out
        # By position, since a stream may be made of very many very small members: what is unused is of the last part.
        position -= len(member.unused_data)
        while (position := _beyond_zeros(data, position)) == len(data):
            data, position = stream.read(_INPUT), 0
            if not data:
                return


def _beyond_zeros(data: bytes, position: int) -> int:
    while data[position : position + 1] == b"\0":
        ahead = data[position : position + 4096]
        position += len(ahead) - len(ahead.lstrip(b"\0"))
    return position


def _decompressor(kind: Compression) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    """Return a function that makes a decompressor for one member, and what it raises for bad data."""
    if kind == "gzip":
        from isal import igzip_lib

        # isal's type stub calls its exception's class an instance.
        failure = cast(type[Exception], igzip_lib.IsalError)
        return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), failure
    if kind == "zstd":
        import zstandard

        # One for all frames: its memory takes longer to get than a small frame to unpack.
        decompressor = zstandard.ZstdDecompressor()
        return lambda: _ZstdFrame(decompressor), zstandard.ZstdError
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor, OSError
    import lzma

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), lzma.LZMAError


# -- compressing


class CompressingReader(PieceStream):
    """The compressed form of a stream, made as it is read; afterwards `result` has the digests of both sides.

    The bytes depend on the source's content, `kind` and `level` alone (and on the compressor's version). Read to
    the end or `close` it: threads wait otherwise.

    `kind`: none, gzip, zstd. `level`: gzip 0–9, the first four by isal; zstd 1–22; None for the fastest that shrinks.
    `threads`: None for one on each processor. Raises InvalidError for another kind or level.
    """

    def __init__(
        self, source: BinaryIO, kind: Compression, level: int | None = None, threads: int | None = None
    ) -> None:
        self._source = HashingReader(source)
        # What isn't compressed need not be hashed twice.
        self._out: HashingReader | HashingWriter = self._source if kind == "none" else HashingWriter()
        self._made = _compressed(self._source, kind, _checked_level(kind, level), threads or _processors())
        super().__init__()

    def _next(self) -> bytes:
        for piece in self._made:
            if piece:
                if isinstance(self._out, HashingWriter):
                    self._out.write(piece)
                return piece
        return b""

    @property
    def result(self) -> Compressed:
        """The digests and sizes of what has passed so far; final once the stream has been read to its end."""
        return Compressed(self._out.digest, self._out.size, DiffID(self._source.digest), self._source.size)

    def close(self) -> None:
        # An object whose making was refused is closed, too, when it is collected.
        made = getattr(self, "_made", None)
        if made is not None:
            made.close()
        super().close()


def compress(
    source: BinaryIO,
    sink: Callable[[bytes], object],
    kind: Compression = "gzip",
    level: int | None = None,
    threads: int | None = None,
) -> Compressed:
    """Read `source` to its end and write its compressed form to `sink`, a function (see `CompressingReader`)."""
    with CompressingReader(source, kind, level, threads) as reader:
        while piece := reader.read1():
            sink(piece)
        return reader.result


def compressor(kind: Compression, level: int | None = None) -> str:
    """Name what makes the compressed bytes, with its version: the same name, the same bytes, of the same content."""
    if kind == "none":
        return kind
    if kind == "zstd":
        import zstandard

        name, version = "zstd", ".".join(map(str, zstandard.ZSTD_VERSION))
    elif _checked_level(kind, level) <= _ISAL_LEVELS:
        import isal

        name, version = "isal", isal.__version__
    else:
        name, version = "zlib", zlib.ZLIB_RUNTIME_VERSION
    return f"{kind} {_checked_level(kind, level)} {name} {version} boxwright {__version__}"


def _checked_level(kind: Compression, level: int | None) -> int:
    bounds = {"none": (0, 0), "gzip": (0, 9), "zstd": (1, 22)}.get(kind)
    if bounds is None:
        raise InvalidError(f"layers cannot be compressed with {kind}", hint="use gzip, zstd or none")
    if level is None or kind == "none":
        return FASTEST
    if not bounds[0] <= level <= bounds[1]:
        raise InvalidError(f"invalid compression level {level} for {kind}", hint=f"use {bounds[0]} to {bounds[1]}")
    return level


def _processors() -> int:
    return len(os.sched_getaffinity(0))


_Pieces: TypeAlias = Generator[bytes, None, None]


def _compressed(source: PieceStream, kind: Compression, level: int, threads: int) -> _Pieces:
    if kind == "gzip":
        return _gzip(source, level, threads)
    if kind == "zstd":
        return _zstd(source, level, threads)
    return _stored(source)


def _stored(source: PieceStream) -> _Pieces:
    while block := source.read(BLOCK):
        yield block


def _zstd(source: PieceStream, level: int, threads: int) -> _Pieces:
    import zstandard

    # Not even one thread is written as 0: without any, zstd cuts its input elsewhere.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        threads=max(1, min(threads, _ZSTD_MEMORY // _zstd_worker(level))),
        job_size=_ZSTD_JOBS[level > _ZSTD_SMALL] if level > FASTEST else 0,
        write_checksum=True,
        write_content_size=False,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    while block := _whole_block(source):
        yield compressor.compress(block)
    yield compressor.flush()


def _zstd_worker(level: int) -> int:
    """Return about how many bytes one of zstd's threads takes, its jobs being as small as they are here."""
    return next(size for highest, size in _ZSTD_WORKERS if level <= highest)


def _gzip(source: PieceStream, level: int, threads: int) -> _Pieces:
    from isal import isal_zlib

    crc = size = 0
    yield _GZIP_HEADER
    for compressed, block_crc, length in _in_order(source, _deflater(level), threads):
        crc = isal_zlib.crc32_combine(crc, block_crc, length)
        size += length
        yield compressed
    yield _LAST_BLOCK + struct.pack("<II", crc, size & 0xFFFFFFFF)


_Block: TypeAlias = bytes | memoryview
_Deflated: TypeAlias = tuple[bytes, int, int]  # compressed, checksum, length
_Deflate: TypeAlias = Callable[[_Block, _Block], _Deflated]


def _in_order(source: PieceStream, deflate: _Deflate, threads: int) -> Iterator[_Deflated]:
    """Compress block after block on a few threads, and yield the results in the order of the blocks."""
    dictionary: _Block = b""
    block = _whole_block(source)
    if len(block) < BLOCK:
        if block:
            yield deflate(block, dictionary)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(threads, thread_name_prefix="compress") as pool:
        pending: deque[Future[_Deflated]] = deque()
        try:
            while block:
                pending.append(pool.submit(deflate, block, dictionary))
                dictionary = block[-WINDOW:]
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
                block = _whole_block(source)
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _deflater(level: int) -> _Deflate:
    """Return a function that compresses one block to raw deflate, ended at a byte's boundary but not closed."""
    from isal import isal_zlib

    def by_isal(block: _Block, dictionary: _Block) -> _Deflated:
        window = (dictionary,) if dictionary else ()
        deflate = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -15, 8, 0, *window)
        compressed = deflate.compress(block) + deflate.flush(isal_zlib.Z_SYNC_FLUSH)
        return compressed, isal_zlib.crc32(block), len(block)

    def by_zlib(block: _Block, dictionary: _Block) -> _Deflated:
        window = (dictionary,) if dictionary else ()
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 8, 0, *window)
        compressed = deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return compressed, isal_zlib.crc32(block), len(block)

    return by_isal if level <= _ISAL_LEVELS else by_zlib


def _whole_block(source: PieceStream) -> _Block:
    """Return the next 1 MiB, less only at the end: the blocks must not depend on how the source comes."""
    block = source.take(BLOCK)
    if len(block) == BLOCK or not block:
        return block
    parts = [block]
    left = BLOCK - len(block)
    while left and (block := source.take(left)):
        parts.append(block)
        left -= len(block)
    return b"".join(parts)
