"""Records of extended tar headers (POSIX.1-2001 pax): ``<length> <key>=<value>\\n``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SCHILY_XATTR = "SCHILY.xattr."
LIBARCHIVE_XATTR = "LIBARCHIVE.xattr."

_NO_NUL = frozenset((b"path", b"linkpath", b"GNU.sparse.name"))
_TIME = re.compile(rb"(-?)(\d{1,20})(?:\.(\d*))?")


def parse_records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the (key, value) pairs of an extended header's content, in its order. Raises ValueError."""
    position = 0
    end = len(data)
    while position < end:
        space = data.find(b" ", position, position + 20)
        if space < 0:
            # Some writers pad the last record with NULs up to the block.
            if not data[position:].strip(b"\0"):
                return
            raise ValueError("an extended header's record has no length")
        digits = data[position:space]
        if not digits.isdigit():
            raise ValueError("an extended header's record has no length")
        stop = position + int(digits)
        if stop <= space or stop > end or data[stop - 1] != 0x0A:
            raise ValueError("an extended header's record has a wrong length")
        key, equals, value = data[space + 1 : stop - 1].partition(b"=")
        if not equals or not key:
            raise ValueError("an extended header's record has no key")
        if b"\0" in key or (key in _NO_NUL and b"\0" in value):
            raise ValueError("an extended header's record holds a NUL")
        yield key.decode("utf-8", "surrogateescape"), value
        position = stop


def format_records(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the content of an extended header that holds `records` in the given order."""
    parts = []
    for key, value in records:
        payload = len(key) + len(value) + 3  # the blank, the equals sign and the line's end
        length = payload + len(str(payload))
        if payload + len(str(length)) != length:  # the length counts its own digits: 99 + 2 digits has 3
            length = payload + len(str(length))
        parts.append(b"%d %s=%s\n" % (length, key, value))
    return b"".join(parts)


def parse_time(value: bytes) -> int:
    """Return the nanoseconds since the epoch of a decimal time in seconds. Raises ValueError."""
    match = _TIME.fullmatch(value)
    if not match:
        raise ValueError("an extended header's time is not a number")
    sign, whole, part = match.groups()
    nanoseconds = int(whole) * 1_000_000_000 + int((part or b"")[:9].ljust(9, b"0"))
    return -nanoseconds if sign else nanoseconds


def parse_integer(value: bytes) -> int:
    """Return the number that a record holds. Raises ValueError."""
    if not value.isdigit() or len(value) > 20:
        raise ValueError("an extended header's value is not a number")
    return int(value)


def parse_xattr(key: str, value: bytes) -> tuple[str, bytes] | None:
    """Return the extended attribute that a record sets, or None when it sets none. Raises ValueError."""
    if key.startswith(SCHILY_XATTR):
        return key[len(SCHILY_XATTR) :], value
    if key.startswith(LIBARCHIVE_XATTR):
        import base64
        import binascii
        from urllib.parse import unquote

        try:
            # bsdtar leaves the padding away.
            decoded = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
        except binascii.Error:
            raise ValueError("an extended attribute is not base64") from None
        name = unquote(key[len(LIBARCHIVE_XATTR) :], errors="surrogateescape")
        if "\0" in name:
            raise ValueError("an extended attribute's name holds a NUL")
        return name, decoded
    return None
