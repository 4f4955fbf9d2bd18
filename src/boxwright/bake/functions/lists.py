"""Functions of lists and maps."""

from __future__ import annotations

from collections.abc import Callable

from boxwright.bake.functions.signature import NULLABLE, Function
from boxwright.bake.values import ANY, NUMBER, STRING, Type, Value, equal, kind, to_list, to_number, to_string, unique

_LIST = Type("list", (ANY,))
_MAP = Type("map", (ANY,))
_TEXTS = Type("list", (STRING,))
_LONGEST_RANGE = 1024
_LARGEST_PRODUCT = 10_000
_DEEPEST = 100


def _whole(value: float, what: str) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{what} is a whole number")
    return value


def _length(value: Value) -> int:
    if isinstance(value, (list, dict)):
        return len(value)
    raise ValueError(f"{kind(value)} has no length")


def _flatten(items: list[Value], depth: int = 0) -> list[Value]:
    if depth > _DEEPEST:
        raise ValueError("the list is nested too deeply")
    flat: list[Value] = []
    for item in items:
        flat += _flatten(item, depth + 1) if isinstance(item, list) else [item]
    return flat


def _merge(*maps: dict[str, Value] | None) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for each in maps:
        if each is not None and not isinstance(each, dict):
            raise ValueError("all arguments have to be maps")
        merged.update(each or {})
    return merged


def _lookup(of: dict[str, Value], key: str, *default: Value) -> Value:
    if key in of:
        return of[key]
    if not default:
        raise ValueError(f"there is no item {key}, and no default for it")
    return default[0]


def _element(items: list[Value], number: float) -> Value:
    if not items:
        raise ValueError("the list is empty")
    return items[_whole(number, "the index") % len(items)]


def _index(of: Value, key: Value) -> Value:
    if isinstance(of, dict):
        return _lookup(of, to_string(key))
    number = _whole(to_number(key), "the index")
    if not 0 <= number < len(to_list(of)):
        raise ValueError(f"there is no item {number}")
    return of[number]


def _has_index(of: Value, key: Value) -> bool:
    if isinstance(of, dict):
        return key in of
    return isinstance(key, int) and 0 <= key < len(to_list(of))


def _index_of(items: list[Value], value: Value) -> int:
    for number, item in enumerate(items):
        if equal(item, value):
            return number
    raise ValueError("there is no such item")


def _slice(items: list[Value], start: float, end: float) -> list[Value]:
    first, last = _whole(start, "the start"), _whole(end, "the end")
    if not 0 <= first <= last <= len(items):
        raise ValueError(f"the list has {len(items)} items")
    return items[first:last]


def _chunks(items: list[Value], size: float) -> list[list[Value]]:
    each = _whole(size, "the size")
    if each < 0:
        raise ValueError("the size cannot be negative")
    return [items[at : at + each] for at in range(0, len(items), each)] if each else [items]


def _range(*numbers: float) -> list[Value]:
    match numbers:
        case (end,):
            start, step = 0.0, 1.0 if end >= 0 else -1.0
        case (start, end):
            step = 1.0 if end >= start else -1.0
        case (start, end, step):
            if step == 0:
                raise ValueError("the step cannot be 0")
        case _:
            raise ValueError("it takes 1 to 3 arguments")
    made: list[Value] = []
    value: float = numbers[0] if len(numbers) > 1 else 0
    whole = all(isinstance(number, int) for number in numbers)
    while (value < end) if step > 0 else (value > end):
        if len(made) == _LONGEST_RANGE:
            raise ValueError(f"it would have more than {_LONGEST_RANGE} items")
        made.append(int(value) if whole else value)
        value += step
    return made


def _zipmap(keys: list[str], values: list[Value]) -> dict[str, Value]:
    if len(keys) != len(values):
        raise ValueError("there have to be as many keys as values")
    return dict(zip(keys, values, strict=True))


def _sets(keep: Callable[[Value, list[list[Value]]], bool]) -> Function:
    """Return a function of several sets whose result are the items that `keep` says yes to."""

    def combined(*sets: list[Value]) -> list[Value]:
        return unique(item for each in sets for item in each if keep(item, list(sets)))

    return Function(combined, (_LIST,), _LIST)


def _product(*sets: list[Value]) -> list[list[Value]]:
    if len(sets) < 2:
        raise ValueError("it takes 2 lists or more")
    found: list[list[Value]] = [[]]
    for items in sets:
        if len(found) * len(items) > _LARGEST_PRODUCT:
            raise ValueError(f"it would have more than {_LARGEST_PRODUCT} items")
        found = [[*before, item] for before in found for item in items]
    return found


def _contains(items: list[Value], value: Value) -> bool:
    return any(equal(item, value) for item in items)


LISTS = {
    "concat": Function(lambda *lists: [item for each in lists for item in each], (), _LIST),
    "contains": Function(
        lambda of, value: _contains(list(of.values()) if isinstance(of, dict) else to_list(of), value), (ANY, NULLABLE)
    ),
    "length": Function(_length, (ANY,)),
    "keys": Function(sorted, (_MAP,)),
    "values": Function(lambda of: [of[key] for key in sorted(of)], (_MAP,)),
    "merge": Function(_merge, (), NULLABLE),
    "lookup": Function(_lookup, (_MAP, STRING, NULLABLE), optional=1),
    "flatten": Function(_flatten, (_LIST,)),
    "distinct": Function(
        lambda items: [item for at, item in enumerate(items) if not _contains(items[:at], item)], (_LIST,)
    ),
    "compact": Function(lambda items: [item for item in items if item], (_TEXTS,)),
    "sort": Function(sorted, (_TEXTS,)),
    "reverselist": Function(lambda items: items[::-1], (_LIST,)),
    "element": Function(_element, (_LIST, NUMBER)),
    "index": Function(_index, (ANY, ANY)),
    "indexof": Function(_index_of, (_LIST, NULLABLE)),
    "hasindex": Function(_has_index, (ANY, ANY)),
    "slice": Function(_slice, (_LIST, NUMBER, NUMBER)),
    "chunklist": Function(_chunks, (_LIST, NUMBER)),
    "coalescelist": Function(lambda *lists: next((each for each in lists if each), []), (), _LIST),
    "range": Function(_range, (NUMBER,), NUMBER),
    "zipmap": Function(_zipmap, (_TEXTS, _LIST)),
    "setunion": _sets(lambda item, sets: True),
    "setintersection": _sets(lambda item, sets: all(_contains(each, item) for each in sets)),
    "setsubtract": Function(
        lambda one, other: unique(item for item in one if not _contains(other, item)), (_LIST, _LIST)
    ),
    "setsymmetricdifference": _sets(lambda item, sets: sum(_contains(each, item) for each in sets) == 1),
    "setproduct": Function(_product, (), _LIST),
    "sethaselement": Function(_contains, (_LIST, NULLABLE)),
}
