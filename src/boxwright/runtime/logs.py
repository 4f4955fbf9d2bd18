"""What a container has written, from the file that conmon keeps.

A line of it is ``TIME STREAM TAG TEXT``: the tag F ends a line of the program's output, P is a part of one that was
long, or that came in pieces.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO

from boxwright.values import NamedTuple

_RECORD = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) (.*)", re.DOTALL
)
_BLOCK = 65536
_LONGEST = 1024 * 1024  # of a line that is put together from parts
_SHORT_NAP, _LONG_NAP = 0.01, 0.1


class LogLine(NamedTuple):
    """A line as the program wrote it, with its line feed; without one where the output ends in the middle."""

    time: bytes
    """As conmon wrote it, when the first part came: RFC 3339 with nanoseconds and an offset."""
    stream: str
    """stdout or stderr."""
    text: bytes

    @property
    def nanoseconds(self) -> int:
        """Since the epoch."""
        return parse_time(self.time)


def read_log(
    path: str,
    *,
    tail: int | None = None,
    since: int | None = None,
    until: int | None = None,
    follow: Callable[[], bool] | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of the log at `path`, oldest first; a log that isn't there yet has none.

    `tail`: only the last so many of those there are now; `since`, `until`: of these, only the ones not before and not
    after a time (nanoseconds since the epoch). With `follow` go on with what comes, until it returns False: it is asked
    whether the container may still write, whenever there is nothing new. A log that conmon starts anew is followed
    through. Damaged lines (a cut write) are skipped.
    """
    lines = _join(_follow(path, tail, follow))
    if tail is not None and follow is None:
        # Both streams may end in the middle of a line: their parts lie apart, and other lines between them.
        lines = iter(deque(lines, maxlen=max(tail, 0)))
    for line in lines:
        if since is not None and line.nanoseconds < since:
            continue
        if until is not None and line.nanoseconds > until:
            if follow:
                return
            continue
        yield line


def parse_time(text: bytes) -> int:
    """Return conmon's time as nanoseconds since the epoch. Raises ValueError."""
    # By hand: datetime knows no nanoseconds and takes longer to import than a log to read.
    date, _, rest = text.partition(b"T")
    year, month, day = (int(part) for part in date.split(b"-"))
    clock, fraction, offset = rest[:8], b"", rest[8:]
    if offset[:1] == b".":
        end = next((n for n in range(1, len(offset)) if not offset[n : n + 1].isdigit()), len(offset))
        fraction, offset = offset[1:end], offset[end:]
    hours, minutes, seconds = (int(part) for part in clock.split(b":"))
    if offset not in (b"Z", b"z", b""):
        sign = -1 if offset[:1] == b"-" else 1
        away = sign * (int(offset[1:3]) * 60 + int(offset[-2:]))
    else:
        away = 0
    whole = ((_days(year, month, day) * 24 + hours) * 60 + minutes - away) * 60 + seconds
    return whole * 1_000_000_000 + int(fraction[:9].ljust(9, b"0") or 0)


def format_time(nanoseconds: int) -> str:
    """Return a time as docker's logs show it: UTC, always with nine digits, so that columns line up."""
    whole, part = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:09d}Z"


def _days(year: int, month: int, day: int) -> int:
    """Return the days from the epoch to a date of the Gregorian calendar."""
    # Years begin in March here, so that the day that is sometimes missing comes last.
    year -= month < 3
    century, rest = divmod(year, 400)
    in_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return century * 146097 + rest * 365 + rest // 4 - rest // 100 + in_year - 719468


class _Record(NamedTuple):
    """One line of the file."""

    time: bytes
    stream: str
    is_whole: bool
    text: bytes


def _parse(line: bytes) -> _Record | None:
    match = _RECORD.fullmatch(line)
    if match is None:
        return None
    return _Record(match[1], match[2].decode("ascii"), match[3] == b"F", match[4])


def _join(lines: Iterator[bytes]) -> Iterator[LogLine]:
    """Put the parts of lines together, each stream's own."""
    begun: dict[str, tuple[bytes, list[bytes], int]] = {}
    for line in lines:
        record = _parse(line)
        if record is None:
            continue
        first, parts, size = begun.pop(record.stream, (record.time, [], 0))
        parts.append(record.text)
        size += len(record.text)
        if record.is_whole:
            yield LogLine(first, record.stream, b"".join(parts) + b"\n")
        elif size > _LONGEST:
            yield LogLine(first, record.stream, b"".join(parts))
        else:
            begun[record.stream] = (first, parts, size)
    for stream, (first, parts, _) in begun.items():
        yield LogLine(first, stream, b"".join(parts))


def _follow(path: str, tail: int | None, follow: Callable[[], bool] | None) -> Iterator[bytes]:
    """Yield whole lines of the file, without their line feeds."""
    stream = _open(path)
    while stream is None:
        if follow is None or not follow():
            return
        time.sleep(_LONG_NAP)
        stream = _open(path)
    try:
        if tail is not None:
            stream.seek(_start_of_tail(stream, tail))
        rest, nap, is_last = b"", _SHORT_NAP, follow is None
        while True:
            block = stream.read(_BLOCK)
            if block:
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
                nap = _SHORT_NAP
                continue
            if (later := _successor(path, stream)) is not None:
                # What was written between our last read and the renaming.
                *lines, _ = (rest + stream.read()).split(b"\n")
                yield from lines
                stream.close()
                stream, rest = later, b""
            elif is_last:
                return
            elif follow is not None and not follow():
                is_last = True  # one more look: it may have written before it ended
            else:
                time.sleep(nap)
                nap = min(nap * 1.5, _LONG_NAP)
    finally:
        stream.close()


def _open(path: str) -> BinaryIO | None:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        return None


def _successor(path: str, stream: BinaryIO) -> BinaryIO | None:
    """Return the log that has taken the place of an open one, if one has."""
    try:
        if os.path.samestat(os.stat(path), os.fstat(stream.fileno())):
            return None
    except FileNotFoundError:
        return None
    return _open(path)


def _start_of_tail(stream: BinaryIO, count: int) -> int:
    """Return the offset from which on there are `count` lines of output, parts of one counted as one."""
    end = stream.seek(0, os.SEEK_END)
    if count <= 0:
        return end
    ends: deque[int] = deque()  # where whole lines end, latest first
    position, rest, is_open = end, b"", False
    first = True
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        stream.seek(position)
        block = stream.read(size) + rest
        lines = block.split(b"\n")
        rest = lines[0]
        offset = position + len(block)
        for line in reversed(lines[1:]):
            start = offset - len(line)
            offset = start - 1
            if not line:
                continue
            record = _parse(line)
            if record is None:
                continue
            if first:
                is_open = not record.is_whole
                first = False
            if record.is_whole:
                ends.append(start + len(line) + 1)
                if len(ends) > count - is_open:
                    return ends[-1]
    record = _parse(rest)
    if record is not None and record.is_whole:
        ends.append(len(rest) + 1)
        if len(ends) > count - is_open:
            return ends[-1]
    return 0
