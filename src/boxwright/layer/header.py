"""The header block of a tar member: its fields, its numbers, its checksum."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from boxwright.layer.entry import Kind

BLOCK: Final = 512

# name mode uid gid size mtime chksum type linkname magic devmajor devminor prefix; uname and gname are skipped:
# names of users mean nothing in another root.
FIELDS: Final = struct.Struct("100s 8s 8s 8s 12s 12s 8s c 100s 8s 64x 8s 8s 155s 12x")
KINDS: Final = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,  # "contiguous", which only matters to long gone systems
    b"S": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHAR,
    b"4": Kind.BLOCK,
    b"5": Kind.DIR,
    b"6": Kind.FIFO,
}


def byte_sum(block: bytes) -> int:
    """Return the sum of a block's bytes."""
    # Adler-32's lower half is one plus the sum of the bytes modulo 65521, which half a block can't reach. This is
    # fifteen times as fast as sum().
    return (zlib.adler32(block[:256]) & 0xFFFF) + (zlib.adler32(block[256:]) & 0xFFFF) - 2


def is_intact(block: bytes, field: bytes) -> bool:
    """Say whether a header's checksum `field` fits: the sum of its bytes, the field itself taken as blanks."""
    try:
        expected = int(field.strip(b"\0 "), 8) + sum(field) - 8 * 0x20
    except ValueError:
        return False
    if byte_sum(block) == expected:
        return True
    # Ancient writers summed the bytes as signed numbers; the checksum's own are digits, which have no sign.
    return byte_sum(block) - 256 * sum(byte > 127 for byte in block) == expected


def number(field: bytes) -> int:
    """Return the value of a numeric field: octal digits, or GNU's big-endian binary with the top bit set.

    Raises ValueError.
    """
    digits = field.strip(b"\0 ")
    try:
        if digits.isdigit():
            return int(digits, 8)
        if field[0] & 0x80:
            value = int.from_bytes(field, "big")
            bits = 8 * len(field)
            return value - (1 << bits) if field[0] & 0x40 else value - (1 << (bits - 1))
        digits = field.partition(b"\0")[0].strip(b" ")
        if not digits:
            return 0
        if digits.isdigit():
            return int(digits, 8)
    except ValueError:
        pass  # an 8 or a 9: said below
    raise ValueError(f"a header's number {field!r}")
