"""Sparse files in tar: which parts of a file the archive holds; the rest are zeros.

Four encodings exist: GNU's old one (the map in the header and in blocks after it) and, in extended headers, 0.0
(repeated offset and numbytes records), 0.1 (one record with the map) and 1.0 (the map in front of the data).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from boxwright.values import NamedTuple

BLOCK = 512
MAX_SEGMENTS = 1 << 18
_MAX_LINE = 20


class Segment(NamedTuple):
    offset: int
    length: int


class SparseMap(NamedTuple):
    """`segments` in ascending order, not overlapping, none of them empty, all inside `size`, the file's real size."""

    segments: tuple[Segment, ...]
    size: int

    @property
    def stored(self) -> int:
        """How many bytes of data the archive holds for the file."""
        return sum(segment.length for segment in self.segments)


def checked(numbers: list[int], size: int) -> SparseMap:
    """Return the map that alternating offsets and lengths describe. Raises ValueError."""
    if len(numbers) % 2:
        raise ValueError("a sparse map has an offset without a length")
    segments = []
    position = 0
    for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < position or length < 0 or offset + length > size:
            raise ValueError("a sparse map is out of order or beyond the end of its file")
        position = offset + length
        if length:
            segments.append(Segment(offset, length))
    return SparseMap(tuple(segments), size)


def old_gnu(header: bytes, take: Callable[[int], bytes], number: Callable[[bytes], int]) -> SparseMap:
    """Return the map of a header of type ``S``; `take` reads the blocks that continue it. Raises ValueError."""
    size = number(header[483:495])
    numbers = _old_gnu_table(header[386:482], number)
    more = header[482]
    while more:
        block = take(BLOCK)
        numbers += _old_gnu_table(block[:504], number)
        if len(numbers) > 2 * MAX_SEGMENTS:
            raise ValueError("a sparse map has too many parts")
        more = block[504]
    return checked(numbers, size)


def _old_gnu_table(table: bytes, number: Callable[[bytes], int]) -> list[int]:
    numbers: list[int] = []
    for start in range(0, len(table), 24):
        if not table[start]:  # an unused slot
            break
        numbers += (number(table[start : start + 12]), number(table[start + 12 : start + 24]))
    return numbers


def is_pax(records: Mapping[str, bytes]) -> bool:
    """Say whether the records of an extended header describe a sparse file."""
    return "GNU.sparse.major" in records or "GNU.sparse.map" in records


def pax(records: Mapping[str, bytes], take: Callable[[int], bytes]) -> SparseMap:
    """Return the map that extended records describe; `take` reads from the member's own data (version 1.0).

    Raises ValueError.
    """
    major = records.get("GNU.sparse.major", b"0"), records.get("GNU.sparse.minor", b"1")
    if major == (b"1", b"0"):
        return checked(_leading_map(take), _decimal(records.get("GNU.sparse.realsize", b"")))
    if major[0] != b"0" or "GNU.sparse.map" not in records:
        raise ValueError("an unknown version of sparse files")
    text = records["GNU.sparse.map"]
    numbers = [_decimal(part) for part in text.split(b",")] if text else []
    if len(numbers) > 2 * MAX_SEGMENTS:
        raise ValueError("a sparse map has too many parts")
    return checked(numbers, _decimal(records.get("GNU.sparse.size") or records.get("GNU.sparse.realsize", b"")))


def _leading_map(take: Callable[[int], bytes]) -> list[int]:
    """Read a version 1.0 map: decimal lines (the number of segments, then their numbers), padded to a block."""
    buffer = b""

    def line() -> int:
        nonlocal buffer
        while b"\n" not in buffer:
            if len(buffer) > _MAX_LINE:
                raise ValueError("a sparse map holds something that is not a number")
            buffer += take(BLOCK)
        text, _, buffer = buffer.partition(b"\n")
        return _decimal(text)

    count = line()
    if count > MAX_SEGMENTS:
        raise ValueError("a sparse map has too many parts")
    return [line() for _ in range(2 * count)]


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > _MAX_LINE:
        raise ValueError("a sparse map holds something that is not a number")
    return int(text)
