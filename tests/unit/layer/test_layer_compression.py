"""Compressed streams and streams that hash."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import threading
import zlib

import pytest
import zstandard

from boxwright.errors import CorruptError, InvalidError
from boxwright.layer.compression import (
    CompressingReader,
    DamagedStream,
    HashingReader,
    HashingWriter,
    compress,
    detect,
    open_decompressed,
)
from boxwright.layer.hashing import DigestMismatch
from boxwright.layer.streams import PieceStream, ReadAhead
from boxwright.oci.digest import Digest
from support.raw_tar import Trickle

DATA = b"".join(hashlib.sha256(b"%d" % (index // 7)).digest() for index in range(90_000))

PACK = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
PACKED = sorted(set(PACK) - {"none"})


def packed(source: bytes, kind="gzip", level=None, threads=None, most=None):
    out = io.BytesIO()
    stream = io.BytesIO(source) if most is None else Trickle(source, most)
    return out, compress(stream, out.write, kind, level, threads)


# -- detection


@pytest.mark.parametrize("kind", sorted(PACK))
def test_the_content_tells_the_format(kind):
    assert detect(PACK[kind](b"content")[:6]) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "none"),
        (b"\x1f\x8b", "none"),
        (b"\x1f\x8b\x07", "none"),
        (b"\x50\x2a\x4d\x18\x00\x00", "zstd"),
        (b"\x5f\x2a\x4d\x18\x00\x00", "zstd"),
        (b"\x60\x2a\x4d\x18\x00\x00", "none"),
        (b"BZhx", "none"),
        (b"\xfd7zXZ", "none"),
    ],
)
def test_detection_at_the_edges(head, kind):
    assert detect(head) == kind


# -- unpacking


@pytest.mark.parametrize("kind", sorted(PACK))
@pytest.mark.parametrize("size", [0, 1, 5, 6, 100_000, len(DATA)])
def test_whatever_it_is_it_is_unpacked(kind, size):
    assert open_decompressed(io.BytesIO(PACK[kind](DATA[:size]))).read() == DATA[:size]


@pytest.mark.parametrize("kind", sorted(PACK))
def test_however_it_comes(kind):
    assert open_decompressed(Trickle(PACK[kind](DATA[:50_000]), 3)).read() == DATA[:50_000]


@pytest.mark.parametrize("kind", PACKED)
def test_several_parts_are_one_stream(kind):
    parts = PACK[kind](DATA[:70_000]) + PACK[kind](b"") + PACK[kind](DATA[70_000:80_000])
    assert open_decompressed(io.BytesIO(parts)).read() == DATA[:80_000]
    assert open_decompressed(Trickle(parts, 1000)).read() == DATA[:80_000]


@pytest.mark.parametrize("kind", PACKED)
def test_zeros_behind_the_end_are_padding(kind):
    assert open_decompressed(io.BytesIO(PACK[kind](b"content") + bytes(300_000))).read() == b"content"


@pytest.mark.parametrize("kind", PACKED)
def test_every_early_end_is_noticed(kind):
    whole = PACK[kind](DATA[:3000])
    for length in range(6, len(whole), 97):
        with pytest.raises(DamagedStream) as caught:
            open_decompressed(io.BytesIO(whole[:length])).read()
        assert isinstance(caught.value, CorruptError)
    with pytest.raises(DamagedStream):
        open_decompressed(io.BytesIO(whole[:-1])).read()


@pytest.mark.parametrize("kind", PACKED)
def test_very_many_members_with_zeros_between(kind):
    words = [b"%d" % number for number in range(9000)]
    packed = {word: PACK[kind](word) + bytes(position % 4 * 4) for position, word in enumerate(words[:50])}
    stream = b"".join(packed[words[position % 50]] for position in range(9000))
    whole = open_decompressed(io.BytesIO(stream + bytes(10_000))).read()
    assert whole == b"".join(words[position % 50] for position in range(9000))


@pytest.mark.parametrize("kind", PACKED)
def test_garbage_behind_the_end_is_noticed(kind):
    with pytest.raises(DamagedStream):
        open_decompressed(io.BytesIO(PACK[kind](b"content") + b"garbage" * 10)).read()


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damage_is_noticed(kind):
    whole = bytearray(PACK[kind](DATA[:3000]))
    for position in range(len(whole) - 8, len(whole)):
        if kind == "gzip":
            whole[position] ^= 0x10
            with pytest.raises(DamagedStream):
                open_decompressed(io.BytesIO(whole)).read()
            whole[position] ^= 0x10
    whole[len(whole) // 2] ^= 0x55
    with pytest.raises(DamagedStream):
        open_decompressed(io.BytesIO(whole)).read()


def test_a_failing_source_is_not_damaged_data():
    class Failing(io.RawIOBase):
        def read(self, size=-1):
            raise OSError("the cable")

    with pytest.raises(OSError, match="the cable"):
        open_decompressed(Failing()).read()


def test_a_bomb_is_unpacked_bit_by_bit():
    bomb = gzip.compress(bytes(100 << 20))
    stream = open_decompressed(io.BytesIO(bomb))
    assert stream.read1(10) == bytes(10)
    pieces = open_decompressed(io.BytesIO(zstandard.ZstdCompressor(level=19).compress(bytes(200 << 20))))
    assert len(pieces.read1()) <= 64 << 20


def test_skippable_frames_of_zstd_are_skipped():
    frame = b"\x50\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"ignored"
    content = PACK["zstd"](b"content")
    assert open_decompressed(io.BytesIO(frame + content + frame + content + frame)).read() == b"contentcontent"


# -- compressing


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, len(DATA)])
def test_what_is_compressed_is_unpacked(kind, size):
    out, result = packed(DATA[:size], kind)
    assert open_decompressed(io.BytesIO(out.getvalue())).read() == DATA[:size]
    assert result == (
        "sha256:" + hashlib.sha256(out.getvalue()).hexdigest(),
        len(out.getvalue()),
        "sha256:" + hashlib.sha256(DATA[:size]).hexdigest(),
        size,
    )


@pytest.mark.parametrize("level", [None, *range(10)])
def test_gzip_of_every_level_is_understood_by_others(level):
    out, result = packed(DATA, "gzip", level)
    assert gzip.decompress(out.getvalue()) == DATA
    assert zlib.decompress(out.getvalue(), 31) == DATA
    assert result.size < len(DATA)


@pytest.mark.parametrize("level", [1, 3, 9])
def test_zstd_is_understood_by_others(level):
    out, _ = packed(DATA, "zstd", level)
    assert zstandard.ZstdDecompressor().decompress(out.getvalue(), max_output_size=len(DATA)) == DATA


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_the_bytes_depend_neither_on_threads_nor_on_pieces(kind):
    expected = packed(DATA, kind, threads=1)[1]
    assert packed(DATA, kind, threads=3)[1] == expected
    assert packed(DATA, kind, most=99_991)[1] == expected
    assert packed(DATA, kind, threads=2, most=1 << 20)[1] == expected


def test_nothing_of_the_machine_is_in_gzips_header():
    assert packed(b"x")[0].getvalue()[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@pytest.mark.parametrize(("kind", "level"), [("bzip2", None), ("xz", 1), ("gzip", 10), ("gzip", -1), ("zstd", 23)])
def test_what_cannot_be_made_is_refused(kind, level):
    with pytest.raises(InvalidError) as caught:
        packed(b"x", kind, level)
    assert caught.value.hint


def test_a_source_that_fails_in_the_middle_fails_the_whole_and_leaves_no_thread():
    class Failing(io.RawIOBase):
        left = 5

        def read(self, size=-1):
            self.left -= 1
            if not self.left:
                raise OSError("the cable")
            return bytes(size)

    before = threading.active_count()
    with pytest.raises(OSError, match="the cable"):
        compress(Failing(), lambda piece: None)
    assert threading.active_count() == before


def test_a_reader_that_is_closed_early_leaves_no_thread():
    before = threading.active_count()
    reader = CompressingReader(io.BytesIO(DATA), "gzip", threads=2)
    assert reader.read(2000)
    reader.close()
    assert threading.active_count() == before


# -- hashing


def test_hashing_on_the_way():
    reader = HashingReader(io.BytesIO(DATA))
    assert reader.read(10) + reader.read() == DATA
    assert (reader.digest, reader.size) == (Digest.of(DATA), len(DATA))
    reader.verify(Digest.of(DATA), len(DATA))
    out = io.BytesIO()
    writer = HashingWriter(out.write, "sha512")
    assert writer.write(DATA[:5]) == 5
    writer.write(memoryview(DATA)[5:])
    assert out.getvalue() == DATA
    assert writer.digest == "sha512:" + hashlib.sha512(DATA).hexdigest()


def test_hashing_what_nobody_reads():
    reader = HashingReader(io.BytesIO(DATA))
    reader.drain()
    reader.verify(Digest.of(DATA))


def test_a_mismatch_says_both_sides():
    reader = HashingReader(io.BytesIO(b"abc"))
    reader.drain()
    with pytest.raises(DigestMismatch) as caught:
        reader.verify(Digest.of(b"abd"))
    assert (caught.value.expected, caught.value.found) == (Digest.of(b"abd"), Digest.of(b"abc"))
    with pytest.raises(CorruptError, match="4 bytes"):
        reader.verify(size=4)


# -- streams


def test_a_stream_of_pieces():
    stream = PieceStream(iter([b"", b"abc", memoryview(b"defg"), b"", b"h"]))
    assert stream.readable()
    assert (stream.read(0), stream.read1(2), stream.read1(), stream.read(3), stream.read(2)) == (
        b"",
        b"ab",
        b"c",
        b"def",
        b"gh",
    )
    assert (stream.read(1), stream.read(), stream.read1()) == (b"", b"", b"")


def test_a_stream_of_pieces_fills_a_buffer():
    buffer = bytearray(5)
    stream = PieceStream([b"ab", b"cd", b"efg"])
    assert (stream.readinto(buffer), bytes(buffer)) == (5, b"abcde")
    assert (stream.readinto(buffer), bytes(buffer[:2])) == (2, b"fg")
    assert io.BufferedReader(PieceStream([b"a\n", b"b\n"])).readlines() == [b"a\n", b"b\n"]


def test_reading_ahead_changes_nothing():
    with ReadAhead(HashingReader(io.BytesIO(DATA)), chunk=1000, depth=2) as stream:
        assert stream.read(1500) + stream.read() == DATA
        assert stream.read() == b""


def test_reading_ahead_brings_exceptions_in_their_place():
    def pieces():
        yield b"first"
        raise CorruptError("broken")

    with ReadAhead(PieceStream(pieces()), chunk=5) as stream:
        assert stream.read(5) == b"first"
        with pytest.raises(CorruptError, match="broken"):
            stream.read(1)
        assert stream.read(1) == b""


def test_reading_ahead_ends_its_thread():
    before = threading.active_count()
    stream = ReadAhead(io.BytesIO(DATA), chunk=1000, depth=1)
    stream.read(10)
    stream.close()
    assert threading.active_count() == before
