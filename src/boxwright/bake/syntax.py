"""The tree of a bake file. Every node knows which characters of its source it is."""

from __future__ import annotations

from typing import NoReturn, Protocol

from boxwright.bake.mistakes import BakeFileError, lines_of
from boxwright.bake.values import Value
from boxwright.dockerfile.source import Source, Span
from boxwright.values import NamedTuple


class Place(NamedTuple):
    source: Source
    start: int
    end: int

    @property
    def span(self) -> Span:
        return lines_of(self.source, self.start, self.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


def fail(message: str, place: Place, *, hint: str | None = None) -> NoReturn:
    """Raise BakeFileError at a place."""
    raise BakeFileError(message, place.span, mark=place.text.split("\n")[0].strip() or None, hint=hint)


class Expression(Protocol):
    """Any of the following. (Not their union: mypy takes minutes for one of named tuples that hold each other.)"""

    @property
    def place(self) -> Place: ...


class Literal(NamedTuple):
    value: Value
    place: Place


class Variable(NamedTuple):
    name: str
    place: Place


class Attribute(NamedTuple):
    """``of.name``"""

    of: Expression
    name: str
    place: Place


class Index(NamedTuple):
    """``of[key]``"""

    of: Expression
    key: Expression
    place: Place


class Splat(NamedTuple):
    """``of[*].each``, ``of.*.each``: `each` is about the variable that is called `item`."""

    of: Expression
    item: str
    each: Expression
    place: Place


class Call(NamedTuple):
    name: str
    arguments: tuple[Expression, ...]
    expand: bool
    """The last argument is a list of arguments: ``f(list...)``."""
    place: Place


class Operation(NamedTuple):
    operator: str
    operands: tuple[Expression, ...]
    place: Place


class Conditional(NamedTuple):
    condition: Expression
    then: Expression
    otherwise: Expression
    place: Place


class ListOf(NamedTuple):
    items: tuple[Expression, ...]
    place: Place


class MapOf(NamedTuple):
    items: tuple[tuple[Expression, Expression], ...]
    place: Place


class For(NamedTuple):
    """``[for key, value in of : result if condition]``; with `result_key`, a map."""

    key: str | None
    value: str
    of: Expression
    result_key: Expression | None
    result: Expression
    group: bool
    """``…`` stands behind the result: values with one key are a list."""
    condition: Expression | None
    place: Place


class Template(NamedTuple):
    """Texts and values, one behind the other."""

    parts: tuple[Expression, ...]
    place: Place


class Joined(NamedTuple):
    """``%{for …}``: the texts that a list has, one behind the other."""

    of: Expression
    place: Place


class Setting(NamedTuple):
    """``name = expression``"""

    name: str
    expression: Expression
    place: Place


class Block(NamedTuple):
    """``kind "label" { … }``"""

    kind: str
    labels: tuple[str, ...]
    body: Body
    place: Place
    """Of the line that it begins with."""


class Body(NamedTuple):
    settings: tuple[Setting, ...]
    blocks: tuple[Block, ...]

    def get(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)
