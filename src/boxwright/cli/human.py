"""Numbers and times as people read them, in docker's words, since eyes and scripts know them."""

from __future__ import annotations

import time


def size(count: float, precision: int = 4) -> str:
    """Return bytes with a decimal unit: ``182MB``, ``1.2kB``; at most `precision` significant digits."""
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    index = 0
    while count >= 1000.0 and index < len(units) - 1:
        count /= 1000.0
        index += 1
    return f"{count:.{precision}g}{units[index]}" if count < 10**precision else f"{count:.0f}{units[index]}"


def binary_size(count: float) -> str:
    """Return bytes with a binary unit, as docker says memory: ``320KiB``, ``23.54GiB``."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    index = 0
    while count >= 1024.0 and index < len(units) - 1:
        count /= 1024.0
        index += 1
    return f"{count:.4g}{units[index]}"


def spaced_size(count: float) -> str:
    """Return bytes as running text has them: ``62.4 MB``."""
    text = size(count, 3)
    digits = text.rstrip("BkMGTPE")
    return f"{digits} {text[len(digits) :]}"


def duration(seconds: float) -> str:
    """Return docker's rough words for a span: ``About a minute``, ``3 hours``, ``2 weeks``."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600 / 24 / 365)} years"


def ago(when: str) -> str:
    """Return ``3 minutes ago`` for an RFC 3339 time, ``N/A`` for none."""
    from boxwright.host.clock import parse_rfc3339

    if not when or when.startswith("0001-01-01"):
        return "N/A"
    try:
        return f"{duration(max(0.0, time.time() - parse_rfc3339(when)))} ago"
    except ValueError:
        return "N/A"


def timestamp(when: str) -> str:
    """Return an RFC 3339 time as docker's lists show it, in the local zone: ``2026-11-25 03:06:06 +0000 UTC``."""
    from boxwright.host.clock import parse_rfc3339

    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(parse_rfc3339(when)))
    except (ValueError, OverflowError):
        return "N/A"


def seconds(span: float) -> str:
    """Return a measured time: ``0.1s``, ``11.8s``, ``2m04s``."""
    if span < 60:
        return f"{span:.1f}s"
    return f"{int(span) // 60}m{int(span) % 60:02d}s"


def shortened(text: str, width: int) -> str:
    """Cut `text` to `width` characters, the last being an ellipsis when something was cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def without_colours(text: str) -> str:
    """Leave out of a text what tells a terminal about colours, the cursor and the window's title."""
    import re

    return re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])", "", text)
