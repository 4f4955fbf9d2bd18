"""What a template can call: Go's own functions and those that docker adds, and how Go prints values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from boxwright.cli.template_syntax import TemplateError

_MOST = 100_000


class Nothing:
    """No value came through the pipe."""


NOTHING = Nothing()


def truth(value: Any) -> bool:
    return bool(value) if not isinstance(value, Nothing) else False


def shown(value: Any) -> str:
    """Return a value as Go's %v prints it."""
    if value is None:
        return "<no value>"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(item)}" for key, item in _fields(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(shown(item) for item in value) + "]"
    return str(value)


def _json(value: Any) -> str:
    if isinstance(value, Mapping):
        # In its own order, which is that of docker's types.
        value = {name: field for name, field in value.items() if not callable(field)}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _fields(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the items of a mapping in Go's order, without those that are functions."""
    return [(name, field) for name, field in sorted(value.items()) if not callable(field)]


def within_reason(number: int) -> int:
    """Return a width or a count, unless nobody can mean so much. Raises TemplateError."""
    if number > _MOST:
        raise TemplateError(f"{number} is more than {_MOST}")
    return number


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None if value is None else value[key]
    return value


def _printf(form: str, *values: Any) -> str:
    texts = iter(values)

    def one(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        value = next(texts, NOTHING)
        if value is NOTHING:
            raise ValueError(f"there is no value for {match[0]}")
        for width in re.findall(r"\d+", match[1]):
            within_reason(int(width) if len(width) < 9 else _MOST + 1)
        if match[2] == "v":
            return f"%{match[1]}s" % shown(value)
        if match[2] == "q":
            return json.dumps(str(value))
        return str(f"%{match[1]}{match[2]}" % value)

    return re.sub(r"%([-+ 0-9.]*)([vsdqxXfgt%])", one, form)


def _pad(text: str, before: int, after: int) -> str:
    return f"{' ' * within_reason(before)}{text}{' ' * within_reason(after)}" if text else text


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": _json,
    "join": lambda items, separator: separator.join(shown(item) for item in items or ()),
    "split": lambda text, separator: text.split(separator),
    "upper": lambda text: shown(text).upper(),
    "lower": lambda text: shown(text).lower(),
    "title": lambda text: shown(text).title(),
    "pad": _pad,
    "truncate": lambda text, width: text[:width],
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "print": lambda *values: "".join(map(shown, values)),
    "printf": _printf,
    "len": lambda value: len(value or ()),
    "index": _index,
    "slice": lambda value, *bounds: value[slice(*bounds)] if len(bounds) != 1 else value[bounds[0] :],
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda first, other: first != other,
    "lt": lambda first, other: first < other,
    "le": lambda first, other: first <= other,
    "gt": lambda first, other: first > other,
    "ge": lambda first, other: first >= other,
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
}
