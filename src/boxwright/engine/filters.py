"""What docker's ``--filter`` understands, so far as the verbs share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from boxwright.errors import InvalidError


class InvalidFilter(InvalidError):
    """A filter that the verb doesn't have, or a value that the filter doesn't take."""

    def __init__(self, message: str, known: Iterable[str] = ()) -> None:
        names = ", ".join(sorted(known))
        super().__init__(message, hint=f"filters here are {names}" if names else None)


def check(filters: Mapping[str, Sequence[str]], known: Iterable[str]) -> None:
    """Raise InvalidFilter when a filter isn't one of `known`."""
    names = set(known)
    for name in filters:
        if name not in names:
            raise InvalidFilter(f"invalid filter {name!r}", names)


def boolean(name: str, values: Sequence[str]) -> bool | None:
    """Return what a yes-or-no filter says, None when it isn't given. Raises InvalidFilter."""
    said: bool | None = None
    for value in values:
        if value.lower() not in ("true", "false", "1", "0"):
            raise InvalidFilter(f"invalid filter {name}={value}: it takes true or false")
        said = value.lower() in ("true", "1")
    return said


def labels_match(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Tell whether `labels` satisfy every ``name`` or ``name=value``."""
    for item in wanted:
        name, equals, value = item.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def until(values: Sequence[str], now: float) -> float | None:
    """Return the time before which something has to be made for ``until=``, None when it isn't given.

    Raises InvalidFilter.
    """
    limit = None
    for value in values:
        try:
            limit = moment(value, int(now * 1_000_000_000)) / 1_000_000_000
        except ValueError:
            raise InvalidFilter(f"invalid filter until={value}: it takes 24h, or 2026-01-31") from None
    return limit


def moment(text: str, now: int) -> int:
    """Return a time in nanoseconds since the epoch: a span back from `now` (``1h30m``), seconds, or a date or time.

    What has no zone is in UTC. Raises ValueError.
    """
    import re

    from boxwright.host.clock import parse_rfc3339_ns

    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)([dhms])", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return now - sum(int(number) * units[unit] for number, unit in parts) * 1_000_000_000
    if match := re.fullmatch(r"(\d+)(?:\.(\d{1,9})\d*)?", text):
        return int(match[1]) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
    full = text if "T" in text else text + "T00:00:00"
    return parse_rfc3339_ns(full if re.search(r"[Zz]|[+-]\d\d:?\d\d$", full) else full + "Z")
