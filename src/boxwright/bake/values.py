"""Values: None, bool, int, float, str, list and dict; their types, and how one becomes another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from boxwright.values import NamedTuple

Value: TypeAlias = Any
"""None | bool | int | float | str | list[Value] | dict[str, Value]"""

_NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)"
_UNITS = "kmgtp"
_LONGEST_NUMBER = 100
_LARGEST_NUMBER = 10**_LONGEST_NUMBER
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class ConversionError(ValueError):
    """A value that can't become what it should."""


class Type(NamedTuple):
    """A type constraint: ``list(string)``."""

    name: str
    """``any``, ``string``, ``number``, ``bool``, ``list``, ``set``, ``map``, ``tuple`` or ``object``."""
    of: tuple[Type, ...] = ()
    """What a list, set or map is of; the elements of a tuple; the attributes of an object."""
    names: tuple[str, ...] = ()
    """An object's attributes."""

    @property
    def is_primitive(self) -> bool:
        return self.name in ("string", "number", "bool")

    def __str__(self) -> str:
        match self.name:
            case "list" | "set" | "map":
                return f"{self.name} of {self.of[0]}"
            case "any":
                return "any type"
            case _:
                return self.name


ANY = Type("any")
STRING = Type("string")
NUMBER = Type("number")
BOOL = Type("bool")


def kind(value: Value) -> str:
    """Return what a person calls it."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "object"


def number(value: float) -> int | float:
    """Return a number as it is written: whole ones without a point. Raises ConversionError for none, or a huge one."""
    if isinstance(value, int):
        if abs(value) > _LARGEST_NUMBER:  # numbers that grow without end would take all time and memory
            raise ConversionError("the number is too large")
        return value
    if not math.isfinite(value):
        raise ConversionError("it is no number")
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def exactly(operator: Callable[[Any, Any], Any], left: float, right: float) -> int | float:
    """Return the result of an operator on numbers as they are written: 0.1 + 0.2 is 0.3. Raises ConversionError."""
    if isinstance(left, int) and isinstance(right, int):
        return number(operator(left, right))
    from decimal import Decimal, InvalidOperation, Overflow

    try:
        return number(float(operator(Decimal(repr(left)), Decimal(repr(right)))))
    except (InvalidOperation, Overflow, OverflowError):
        raise ConversionError("the number is too large") from None


def to_string(value: Value) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(number(value)) if "e" not in repr(value) else f"{value:f}".rstrip("0").rstrip(".")
        case _:
            raise ConversionError(f"a string is required, and this is {_a(value)}")


def to_number(value: Value) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        found = parse_number(value)
        if found is not None:
            return found
    raise ConversionError(f"a number is required, and this is {_a(value)}")


def parse_number(text: str) -> int | float | None:
    """Return the number that a text is, or None."""
    import re

    if len(text) > _LONGEST_NUMBER or not re.fullmatch(_NUMBER, text):
        return None
    if text.lstrip("-").isdecimal():
        return int(text)
    found = float(text)
    if not math.isfinite(found):
        return None
    if found.is_integer() and abs(found) < _LARGEST_NUMBER:
        from decimal import Decimal

        return int(Decimal(text))
    return found


def to_bool(value: Value) -> bool:
    match value:
        case bool():
            return value
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise ConversionError(f"true or false is required, and this is {_a(value)}")


def parse_bool(text: str) -> bool | None:
    """Return what a text of the environment means, or None."""
    return True if text in _TRUE else False if text in _FALSE else None


def to_list(value: Value) -> list[Value]:
    if isinstance(value, list):
        return value
    raise ConversionError(f"a list is required, and this is {_a(value)}")


def to_map(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    raise ConversionError(f"a map is required, and this is {_a(value)}")


def convert(value: Value, wanted: Type) -> Value:
    """Return `value` as one of a type. Raises ConversionError."""
    if value is None or wanted.name == "any":
        return value
    match wanted.name:
        case "string":
            return to_string(value)
        case "number":
            return to_number(value)
        case "bool":
            return to_bool(value)
        case "list":
            return [convert(each, wanted.of[0]) for each in to_list(value)]
        case "set":
            return unique(convert(each, wanted.of[0]) for each in to_list(value))
        case "map":
            return {key: convert(each, wanted.of[0]) for key, each in to_map(value).items()}
        case "tuple":
            items = to_list(value)
            if len(items) != len(wanted.of):
                raise ConversionError(f"a tuple of {len(wanted.of)} is required, and this has {len(items)}")
            return [convert(each, of) for each, of in zip(items, wanted.of, strict=True)]
        case _:
            return _object(to_map(value), wanted)


def size(text: str) -> int:
    """Return the bytes of ``64m``, ``1.5GiB``, ``128MiB``. Raises ConversionError."""
    digits = text.strip().lower().removesuffix("ib").removesuffix("b").strip()
    factor = 1
    if digits and digits[-1] in _UNITS:
        factor = 1024 ** (_UNITS.index(digits[-1]) + 1)
        digits = digits[:-1].strip()
    number = parse_number(digits)
    if number is None or number < 0:
        raise ConversionError(f"{text[:100]!r} is no size: it is a number with k, m or g behind it, as in 512m")
    return int(number * factor)


def unique(values: Any) -> list[Value]:
    """Return each value once; those that can be ordered are, as in a set."""
    found: dict[str, Value] = {}
    for value in values:
        found.setdefault(canonical(value), value)
    if all(isinstance(value, str) for value in found.values()):
        return sorted(found.values())
    return list(found.values())


def canonical(value: Value) -> str:
    """Return a text that only equal values share."""
    import json

    return f"{kind(value)}:{json.dumps(value, sort_keys=True, ensure_ascii=True)}"


def equal(one: Value, other: Value) -> bool:
    return canonical(one) == canonical(other) or (kind(one) == kind(other) == "number" and bool(one == other))


def to_json(value: Value, *, indent: int | None = None, sort: bool = True) -> str:
    """Return a value as Go writes JSON: maps by their keys, with ``<``, ``>`` and ``&`` escaped, fit for a page."""
    import json

    separators = (",", ": " if indent else ":")
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, sort_keys=sort)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def from_json(text: str) -> Value:
    """Return the value of a JSON text. Raises ConversionError."""
    import json

    try:
        return json.loads(
            text, parse_int=_whole, parse_float=lambda each: number(float(each)), parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"it is no JSON: {error}") from None


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return int(text)


def _constant(text: str) -> Value:
    raise ValueError(f"{text} is no JSON")


def _object(value: dict[str, Value], wanted: Type) -> dict[str, Value]:
    made = {}
    for name, of in zip(wanted.names, wanted.of, strict=True):
        if name not in value:
            raise ConversionError(f'the attribute "{name}" is required')
        made[name] = convert(value[name], of)
    return made


def _a(value: Value) -> str:
    name = kind(value)
    return name if value is None else f"an {name}" if name[0] in "aeiou" else f"a {name}"
