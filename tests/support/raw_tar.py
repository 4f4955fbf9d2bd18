"""Tar archives put together block by block, to say things that no well-behaved writer would."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: bytes,
    flag: bytes = b"0",
    *,
    size: int | bytes = 0,
    link: bytes = b"",
    mode: bytes = b"0000644\0",
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 0,
    magic: bytes = b"ustar\x0000",
    major: int | bytes = 0,
    minor: int | bytes = 0,
    prefix: bytes = b"",
    tail: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One header block; a number given as bytes goes in as it is."""

    def number(value: int | bytes, width: int) -> bytes:
        return (b"%0*o\0" % (width - 1, value)) if isinstance(value, int) else value

    block = bytearray(BLOCK)
    at = 0
    for field, width in (
        (name, 100),
        (mode, 8),
        (number(uid, 8), 8),
        (number(gid, 8), 8),
        (number(size, 12), 12),
        (number(mtime, 12), 12),
        (b" " * 8, 8),
        (flag, 1),
        (link, 100),
        (magic, 8),
        (b"root", 32),
        (b"root", 32),
        (number(major, 8), 8),
        (number(minor, 8), 8),
        (prefix, 155),
        (tail, 12),
    ):
        assert len(field) <= width, field
        block[at : at + len(field)] = field
        at += width
    block[148:156] = checksum if checksum is not None else b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes, data: bytes = b"", flag: bytes = b"0", **fields: object) -> bytes:
    """A header and its content."""
    return header(name, flag, size=len(data), **fields) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def pax(records: Iterable[tuple[bytes, bytes]], flag: bytes = b"x") -> bytes:
    """An extended header."""
    return member(b"PaxHeader", b"".join(record(key, value) for key, value in records), flag)


def gnu_long(flag: bytes, name: bytes) -> bytes:
    return member(b"././@LongLink", name + b"\0", flag)


def archive(*parts: bytes) -> BinaryIO:
    return io.BytesIO(b"".join(parts) + END)


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a socket may."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._data = data
        self._most = most
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        size = self._most if size < 0 else min(size, self._most)
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece
