"""docker-bake.json → the tree that an HCL file would have: its strings are templates."""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.bake.mistakes import BakeFileError
from boxwright.bake.syntax import Block, Body, Expression, ListOf, Literal, MapOf, Place, Setting, fail
from boxwright.bake.templates import template
from boxwright.bake.values import ConversionError, Value, from_json
from boxwright.dockerfile.source import Source, Span

_LABELLED = ("group", "target", "variable", "function")
_NESTED = {"variable": ("validation",)}
_MAX_DEPTH = 100


def parse_json(source: Source) -> Body:
    """Parse a JSON file. Raises BakeFileError."""
    text = source.text.removeprefix("\ufeff")
    whole = Span(source, 1, max(len(source.lines()), 1))
    try:
        found = from_json(text)
    except ConversionError as error:
        raise BakeFileError(str(error), whole) from None
    if not isinstance(found, dict):
        raise BakeFileError("the file has to be a JSON object", whole)
    return _body(found, source, "", _LABELLED)


def _body(found: dict[str, Value], source: Source, path: str, blocks: Iterable[str]) -> Body:
    settings: list[Setting] = []
    inner: list[Block] = []
    for name, value in found.items():
        where = f"{path}.{name}" if path else name
        if name == "//":
            continue
        if name not in blocks:
            settings.append(Setting(name, _expression(value, source, where, 0), _place(source, name)))
        elif path:
            inner += [
                Block(name, (), _body(each, source, where, ()), _place(source, name))
                for each in _objects(value, where, source)
            ]
        else:
            inner += _labelled(name, value, source)
    return Body(tuple(settings), tuple(inner))


def _labelled(kind: str, value: Value, source: Source) -> Iterable[Block]:
    for named in _objects(value, kind, source):
        for label, bodies in named.items():
            where = f"{kind}.{label}"
            for body in _objects(bodies, where, source):
                inner = _body(body, source, where, _NESTED.get(kind, ()))
                yield Block(kind, (label,), inner, _place(source, label))


def _objects(value: Value, where: str, source: Source) -> list[dict[str, Value]]:
    listed = value if isinstance(value, list) else [value]
    for each in listed:
        if not isinstance(each, dict):
            fail(f"{where} has to be a JSON object", _place(source, where.rpartition(".")[2]))
    return listed


def _expression(value: Value, source: Source, where: str, depth: int) -> Expression:
    if depth > _MAX_DEPTH:
        fail(f"{where.partition('.')[0]} is nested too deeply", _place(source, where.partition(".")[0]))
    if isinstance(value, str):
        return template(Source(f"{source.name} ({where})", value))
    place = Place(source, 0, 0)
    if isinstance(value, list):
        return ListOf(tuple(_expression(each, source, where, depth + 1) for each in value), place)
    if isinstance(value, dict):
        return MapOf(
            tuple(
                (
                    template(Source(f"{source.name} ({where})", key)),
                    _expression(each, source, f"{where}.{key}", depth + 1),
                )
                for key, each in value.items()
            ),
            place,
        )
    return Literal(value, place)


def _place(source: Source, name: str) -> Place:
    """Return where a key stands first."""
    at = source.text.find(f'"{name}"')
    return Place(source, max(at, 0), max(at, 0) + len(name) + 2)
