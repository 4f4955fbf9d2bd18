"""Time, and how it is written."""

from __future__ import annotations

import time


def rfc3339(seconds: float | None = None, *, nanoseconds: int | None = None) -> str:
    """Return a UTC time as docker writes it: ``2026-11-25T02:08:00.123456789Z``.

    `seconds` since the epoch, or whole `nanoseconds`; now when neither is given.
    """
    if nanoseconds is None:
        nanoseconds = time.time_ns() if seconds is None else int(seconds * 1_000_000_000)
    whole, part = divmod(nanoseconds, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{text}.{part:09d}".rstrip("0").rstrip(".") + "Z"


def parse_rfc3339(text: str) -> float:
    """Return the seconds since the epoch of an RFC 3339 time. Raises ValueError."""
    return parse_rfc3339_ns(text) / 1_000_000_000


def parse_rfc3339_ns(text: str) -> int:
    """Return the nanoseconds since the epoch of an RFC 3339 time, none of its nine digits lost. Raises ValueError."""
    import datetime
    import re

    # fromisoformat takes at most six digits of a second, and docker writes nine.
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)", text)
    if not match:
        raise ValueError(f"not an RFC 3339 time: {text[:64]!r}")
    zone = "+00:00" if match[3] in "Zz" else match[3]
    whole = datetime.datetime.fromisoformat(match[1].upper().replace(" ", "T") + zone).timestamp()
    return int(whole) * 1_000_000_000 + int((match[2] or ".")[1:10].ljust(9, "0"))
