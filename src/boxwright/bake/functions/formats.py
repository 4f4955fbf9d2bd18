"""``format`` and ``formatlist``: Go's verbs."""

from __future__ import annotations

import re

from boxwright.bake.functions.signature import NULLABLE, Function
from boxwright.bake.values import STRING, Value, to_bool, to_json, to_number, to_string

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d{1,4})?(?:\.(?P<precision>\d{0,4}))?(?:\[(?P<index>\d{1,4})\])?(?P<verb>.)",
    re.DOTALL,
)
_BASES = {"b": "b", "d": "d", "o": "o", "x": "x", "X": "X"}


def formatted(pattern: str, *values: Value) -> str:
    """Return a pattern with its verbs replaced by values. Raises ValueError."""
    at = 0
    used = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal at, used
        verb = match["verb"]
        if verb == "%":
            return "%"
        if match["index"]:
            at = int(match["index"]) - 1
        if not 0 <= at < len(values):
            raise ValueError(f"there is no value for {match[0]}")
        value = values[at]
        at += 1
        used = max(used, at)
        return _one(value, match)

    result = _VERB.sub(replaced, pattern)
    if used < len(values):
        raise ValueError(f"{len(values)} values are given, and {used} are used")
    return result


def _one(value: Value, match: re.Match[str]) -> str:
    verb, flags = match["verb"], match["flags"]
    precision = match["precision"]
    if verb == "v":
        text = "null" if value is None else to_json(value) if isinstance(value, (list, dict)) else to_string(value)
    elif value is None:
        raise ValueError(f"null has no form as {match[0]}")
    elif verb in ("s", "q"):
        text = to_string(value)
        text = text if precision is None else text[: int(precision or 0)]
        text = to_json(text) if verb == "q" else text
    elif verb == "t":
        text = to_string(to_bool(value))
    elif verb in _BASES:
        number = int(to_number(value))
        sign = "+" if "+" in flags else " " if " " in flags else ""
        text = format(number, f"{sign}{'#' if '#' in flags else ''}{_BASES[verb]}")
    elif verb in "eEfFgG":
        sign = "+" if "+" in flags else ""
        text = format(float(to_number(value)), f"{sign}.{6 if precision is None else int(precision or 0)}{verb}")
        if verb in "gG" and precision is None:
            text = to_string(to_number(value))
    else:
        raise ValueError(f"there is no verb {match[0]}")
    width = int(match["width"] or 0)
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and verb not in "sqvt":
        return text.zfill(width)
    return text.rjust(width)


def _format_list(pattern: str, *values: Value) -> list[str]:
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(lengths) > 1:
        raise ValueError("all lists have to have as many items")
    count = lengths.pop() if lengths else 1
    return [
        formatted(pattern, *(value[number] if isinstance(value, list) else value for value in values))
        for number in range(count)
    ]


FORMATS = {
    "format": Function(formatted, (STRING,), NULLABLE),
    "formatlist": Function(_format_list, (STRING,), NULLABLE),
}
