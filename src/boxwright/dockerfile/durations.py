"""Durations as Go writes them: ``1h30m``, ``1.5s``, ``100ms``."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
# Each digit can be read in one way only: otherwise what is no duration is tried in exponentially many.
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PART = rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)"
_MAX = (1 << 63) - 1


def parse_duration(text: str) -> int:
    """Return nanoseconds, which may be negative. Raises ValueError that says why."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not re.fullmatch(f"(?:{_PART})+", rest, re.ASCII):
        if re.fullmatch(_NUMBER, rest, re.ASCII):
            raise ValueError(f"missing unit in duration {text[:100]!r}")
        raise ValueError(f"invalid duration {text[:100]!r}")
    total = 0
    for number, unit in re.findall(_PART, rest, re.ASCII):
        whole, _, fraction = number.partition(".")
        total += int(whole[:20] or 0) * _UNITS[unit]
        if fraction:
            total += int(fraction[:18]) * _UNITS[unit] // 10 ** len(fraction[:18])
    if total > _MAX:
        raise ValueError(f"invalid duration {text[:100]!r}: longer than 292 years")
    return sign * total
