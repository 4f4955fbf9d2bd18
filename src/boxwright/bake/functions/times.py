"""Functions of time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from boxwright.bake.functions.signature import Function
from boxwright.bake.values import ANY, STRING, Value

if TYPE_CHECKING:
    from datetime import datetime

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:{_PART.pattern.replace('(', '(?:', 1).replace('(ns', '(?:ns')}){{1,20}}", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def rfc3339(seconds: float) -> str:
    """Return a time since 1970 as text. Raises ValueError."""
    return _at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_date(pattern: str, text: str) -> str:
    """Return a time with the letters of `pattern` replaced: ``YYYY-MM-DD'T'hh:mm``. Raises ValueError."""
    when = _parse(text)

    def replaced(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1].replace("''", "'")
        return _part(match[0], when)

    return _TOKEN.sub(replaced, pattern)


def _part(token: str, when: datetime) -> str:
    hour = when.hour % 12 or 12
    offset = when.strftime("%z")
    zone = f"{offset[:3]}:{offset[3:]}"
    parts = {
        "YYYY": f"{when.year:04}",
        "YY": f"{when.year % 100:02}",
        "MMMM": _MONTHS[when.month - 1],
        "MMM": _MONTHS[when.month - 1][:3],
        "MM": f"{when.month:02}",
        "M": str(when.month),
        "DD": f"{when.day:02}",
        "D": str(when.day),
        "EEEE": _DAYS[when.weekday()],
        "EEE": _DAYS[when.weekday()][:3],
        "hh": f"{when.hour:02}",
        "h": str(when.hour),
        "HH": f"{hour:02}",
        "H": str(hour),
        "AA": "AM" if when.hour < 12 else "PM",
        "aa": "am" if when.hour < 12 else "pm",
        "mm": f"{when.minute:02}",
        "m": str(when.minute),
        "ss": f"{when.second:02}",
        "s": str(when.second),
        "ZZZZZ": zone,
        "ZZZZ": offset,
        "ZZZ": "UTC" if offset == "+0000" else offset,
        "Z": "Z" if offset == "+0000" else zone,
    }
    if token not in parts:
        raise ValueError(f"{token} means nothing in a format of dates; letters as such stand between '…'")
    return parts[token]


def _format_timestamp(pattern: str, when: Value) -> str:
    if not isinstance(when, str):
        when = rfc3339(when)
    return str(int(_parse(when).timestamp())) if pattern == "X" else format_date(pattern, when)


def _parse(text: str) -> datetime:
    from datetime import datetime

    if not _RFC3339.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no time like 2006-01-02T15:04:05Z")
    return datetime.fromisoformat(text.upper())


def _at(seconds: float) -> datetime:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, OSError, TypeError):
        raise ValueError("it is no time") from None


def _unix(seconds: Value) -> dict[str, Value]:
    when = _at(seconds)
    year, week, _ = when.isocalendar()
    return {
        "year": when.year,
        "year_day": when.timetuple().tm_yday,
        "day": when.day,
        "month": when.month,
        "month_name": _MONTHS[when.month - 1],
        "weekday": when.isoweekday() % 7,
        "weekday_name": _DAYS[when.weekday()],
        "hour": when.hour,
        "minute": when.minute,
        "second": when.second,
        "rfc3339": rfc3339(seconds),
        "iso_year": year,
        "iso_week": week,
    }


def _add(text: str, duration: str) -> str:
    from datetime import timedelta

    match = _DURATION.fullmatch(duration)
    if match is None or not duration.strip("+-"):
        raise ValueError(f"{duration[:40]!r} is no duration like 1h30m or -10s")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))
    try:
        when = _parse(text) + timedelta(seconds=-seconds if duration.startswith("-") else seconds)
    except OverflowError:
        raise ValueError("it is no time") from None
    return when.isoformat().replace("+00:00", "Z")


TIMES = {
    "timeadd": Function(_add, (STRING, STRING)),
    "formatdate": Function(format_date, (STRING, STRING)),
    "formattimestamp": Function(_format_timestamp, (STRING, ANY)),
    "unixtimestampparse": Function(_unix, (ANY,)),
}
