"""Ranges of bytes: of a blob that is read (RFC 9110 §14), and of an upload that is written (distribution-spec)."""

from __future__ import annotations

import re

from boxwright.values import NamedTuple

_SPEC = re.compile(r"(\d*)-(\d*)")
_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/(?:\d+|\*))?")
_MAX_DIGITS = 19  # what fits 64 bits; longer numbers are nonsense, and slow to parse

MAX_RANGES = 64
"""How many ranges of one blob may be asked for at once; zstd:chunked asks for dozens."""


class Span(NamedTuple):
    """`length` bytes from `start`."""

    start: int
    length: int

    @property
    def last(self) -> int:
        """The position of the last byte."""
        return self.start + self.length - 1

    def content_range(self, size: int) -> str:
        """Return the Content-Range of this part of `size` bytes."""
        return f"bytes {self.start}-{self.last}/{size}"


class Unsatisfiable(ValueError):
    """Ranges were asked for, and none of them is inside."""


def parse_range(header: str | None, size: int) -> list[Span] | None:
    """Return what a Range header asks of `size` bytes; None when everything is to be sent.

    An unknown unit and text that is no range are ignored, as RFC 9110 wants it. Ends are clamped to the size, ranges
    that start behind it are left out. Raises Unsatisfiable when none remains, when one ends before it starts
    (``500-0``; the conformance suite expects 416), and when there are more than MAX_RANGES.
    """
    if header is None:
        return None
    unit, equals, rest = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    spans: list[Span] = []
    specs = [spec.strip() for spec in rest.split(",") if spec.strip()]
    if not specs:
        return None
    if len(specs) > MAX_RANGES:
        raise Unsatisfiable
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if not match or spec == "-" or max(map(len, match.groups())) > _MAX_DIGITS:
            return None
        first, last = match.groups()
        if not first:
            length = min(int(last), size)
            start = size - length
        else:
            start = int(first)
            if last and int(last) < start:
                raise Unsatisfiable
            length = (min(int(last), size - 1) if last else size - 1) - start + 1
        if length > 0 and start < size:
            spans.append(Span(start, length))
    if not spans:
        raise Unsatisfiable
    return spans


def parse_content_range(header: str) -> Span | None:
    """Return what a chunk of an upload says it is (``0-1023``, both ends inclusive), None when it is unsound."""
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if not match or max(map(len, match.groups())) > _MAX_DIGITS:
        return None
    first, last = map(int, match.groups())
    return Span(first, last - first + 1) if last >= first else None


def upload_range(size: int) -> str:
    """Return the Range header that says an upload holds `size` bytes.

    No unit, since clients parse two bare numbers; an empty upload is ``0-0`` like one of one byte, since they parse
    no other form.
    """
    return f"0-{max(size - 1, 0)}"
