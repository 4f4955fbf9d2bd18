"""What the names of some files mean together: variables, functions, and what targets and groups say of themselves.

Whatever a name stands for is evaluated when it is asked for the first time; asking for it meanwhile is a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from boxwright.bake.evaluation import Evaluator
from boxwright.bake.functions import FUNCTIONS
from boxwright.bake.functions.signature import Function
from boxwright.bake.syntax import Block, Body, Expression, ListOf, Literal, Place, Setting, Variable, fail
from boxwright.bake.targets import ATTRIBUTES, is_name, texts
from boxwright.bake.values import ConversionError, Value, kind, to_string
from boxwright.bake.variables import Lookup, known, said_of
from boxwright.bake.variables import Variable as Declared
from boxwright.values import NamedTuple

BLOCKS = ("group", "target", "variable", "function")
_MAX_TARGETS = 10_000
_MATRIX = ("matrix", "name")
_GROUP = ("description", "targets")


class Outside(NamedTuple):
    """What files may know of the world."""

    lookup: Lookup
    """Values in place of the defaults of variables."""
    builtin: Mapping[str, str] = {}
    """Variables that are there in any case, and that nothing changes."""
    functions: Mapping[str, Function] = {}
    """``timestamp``, ``homedir`` and others that are not the same every time."""


class Named(NamedTuple):
    """A block under one of its names: a target with a matrix has several."""

    name: str
    block: Block
    local: Mapping[str, Value]
    """The values of its matrix."""


class UserFunction(NamedTuple):
    name: str
    params: tuple[str, ...]
    rest: str | None
    result: Expression
    place: Place

    @classmethod
    def of(cls, block: Block) -> UserFunction:
        """Read a ``function`` block. Raises BakeFileError."""
        settings = known(block, ("params", "variadic_params", "result"))
        for needed in ("params", "result"):
            if needed not in settings:
                fail(f"a function needs {needed}", block.place)
        params = settings["params"].expression
        if not isinstance(params, ListOf):
            fail("the parameters of a function are a list of names", params.place, hint="params = [a, b]")
        rest = settings.get("variadic_params")
        return cls(
            block.labels[0],
            tuple(map(_word, params.items)),
            None if rest is None else _word(rest.expression),
            settings["result"].expression,
            block.place,
        )

    def bound(self, arguments: Sequence[Value]) -> dict[str, Value]:
        """Return what the names of the parameters mean in a call. Raises ValueError."""
        given, wanted = len(arguments), len(self.params)
        if given < wanted or (given > wanted and self.rest is None):
            more = " or more" if self.rest is not None else ""
            raise ValueError(f"it takes {wanted} argument{'' if wanted == 1 else 's'}{more}, and here are {given}")
        local = dict(zip(self.params, arguments, strict=False))
        if self.rest is not None:
            local[self.rest] = list(arguments[wanted:])
        return local


class Scope:
    """See `boxwright.bake.evaluation.Names`."""

    def __init__(self, bodies: Sequence[Body], outside: Outside) -> None:
        """Raises BakeFileError."""
        self._outside = outside
        self._evaluator = Evaluator(self)
        self._settings: dict[str, Setting] = {}
        self._declared: dict[str, Declared] = {}
        self._functions: dict[str, UserFunction] = {}
        self._blocks: list[Block] = []
        self._values: dict[str, Value] = dict(outside.builtin)
        self._attributes: dict[tuple[int, int, str], Value] = {}
        self._named: list[Named] | None = None
        self._busy: dict[Any, None] = {}
        for body in bodies:
            self._add(body)

    def _add(self, body: Body) -> None:
        for setting in body.settings:
            if setting.name in BLOCKS:
                fail(f"{setting.name} is a block", setting.place, hint=f'write {setting.name} "name" {{ … }}')
            self._settings[setting.name] = setting
        for block in body.blocks:
            if block.kind not in BLOCKS:
                fail(f"there is no block {block.kind}", block.place, hint=f"there are {', '.join(BLOCKS)}")
            if len(block.labels) != 1:
                fail(f"a {block.kind} has one name", block.place, hint=f'write {block.kind} "name" {{ … }}')
            if block.kind == "variable":
                self._declared[block.labels[0]] = Declared.of(block)
            elif block.kind == "function":
                self._functions[block.labels[0]] = UserFunction.of(block)
            else:
                self._blocks.append(block)

    # ---- what a file defines

    @property
    def declared(self) -> Mapping[str, Declared]:
        """The variables that blocks declare."""
        return self._declared

    @property
    def settings(self) -> Sequence[str]:
        """The names of what is set outside of blocks."""
        return tuple(self._settings)

    def evaluator(self, local: Mapping[str, Value] | None = None) -> Evaluator:
        return self._evaluator.within(local) if local else self._evaluator

    def named(self) -> list[Named]:
        """Return all groups and targets, in the order of the files. Raises BakeFileError."""
        if self._named is None:
            with self._once("the names of targets", None):
                found: list[Named] = []
                for block in self._blocks:
                    found += self._expanded(block)
                    if len(found) > _MAX_TARGETS:
                        fail(f"these are more than {_MAX_TARGETS} targets", block.place)
                self._named = found
        return self._named

    def attributes(self, named: Named) -> dict[str, Any]:
        """Return what a group or a target says, decoded. Raises BakeFileError."""
        allowed = tuple(ATTRIBUTES) if named.block.kind == "target" else _GROUP
        settings = known(named.block, (*allowed, *_MATRIX))
        return {name: self._attribute(named, name) for name in settings if name not in _MATRIX}

    # ---- names

    def variable(self, name: str) -> Value:
        if name in self._values:
            return self._values[name]
        setting, declared = self._settings.get(name), self._declared.get(name)
        if setting is None and declared is None:
            raise KeyError(name)
        with self._once(name, declared.place if declared else None):
            if setting is not None:
                value = self._evaluator.value(setting.expression)
            else:
                assert declared is not None
                said = said_of(name, self._outside.lookup, typed=declared.type is not None, taken=self._is_taken)
                value = declared.value(self._evaluator, said)
        self._values[name] = value
        return value

    def _is_taken(self, name: str) -> bool:
        return name in self._declared or name in self._outside.builtin

    def is_block(self, name: str) -> bool:
        return name in ("group", "target")

    def block(self, kind: str, name: str, attribute: str | None) -> Value:
        found = [named for named in self.named() if named.block.kind == kind and named.name == name]
        if not found:
            raise KeyError(name)
        if attribute == "name":
            return name
        if attribute is None:
            return {key: _shown(kind, key, value) for named in found for key, value in self.attributes(named).items()}
        if attribute not in (ATTRIBUTES if kind == "target" else _GROUP):
            raise KeyError(attribute)
        value = None
        for named in found:
            if named.block.body.get(attribute) is not None:
                value = _shown(kind, attribute, self._attribute(named, attribute))
        return value

    def function(self, name: str) -> Callable[[Sequence[Value]], Value]:
        builtin = FUNCTIONS.get(name) or self._outside.functions.get(name)
        if builtin is not None:
            return builtin.__call__
        user = self._functions[name]

        def call(arguments: Sequence[Value]) -> Value:
            with self._once(f"{name}()", user.place):
                return self._evaluator.isolated(user.bound(arguments)).value(user.result)

        return call

    def known(self) -> Sequence[str]:
        return (*self._values, *self._settings, *self._declared)

    # ---- blocks

    def _attribute(self, named: Named, attribute: str) -> Any:
        block = named.block
        key = (id(block), id(named.local), attribute)
        if key in self._attributes:
            return self._attributes[key]
        setting = block.body.get(attribute)
        assert setting is not None
        with self._once(key, setting.place, f"{block.kind}.{named.name}.{attribute}"):
            value = self.evaluator(named.local).value(setting.expression)
        try:
            decoded = None if value is None else _decoded(block.kind, attribute, value)
        except ConversionError as error:
            fail(f"{attribute}: {error}", setting.place)
        self._attributes[key] = decoded
        return decoded

    def _expanded(self, block: Block) -> Iterator[Named]:
        """Yield a block under each of its names."""
        label = block.labels[0]
        if not is_name(label):
            _bad_name(label, block.place)
        matrix, name = block.body.get("matrix"), block.body.get("name")
        if block.kind == "group" and (matrix or name):
            fail("a group has neither a matrix nor another name", (matrix or name or block).place)
        if matrix is None:
            if name is not None:
                fail("a target has another name only with a matrix", name.place)
            yield Named(label, block, {})
            return
        seen: set[str] = set()
        for local in self._combinations(matrix):
            title = label
            if name is not None:
                try:
                    title = to_string(self.evaluator(local).value(name.expression))
                except ConversionError as error:
                    fail(str(error), name.place)
                if not is_name(title):
                    _bad_name(title, name.place)
            if title in seen:
                fail(f"two combinations of the matrix have the name {title}", (name or matrix).place)
            seen.add(title)
            yield Named(title, block, local)

    def _combinations(self, matrix: Setting) -> list[dict[str, Value]]:
        axes = self._evaluator.value(matrix.expression)
        if not isinstance(axes, dict):
            fail(f"a matrix is a map of lists, and this is {kind(axes)}", matrix.place)
        found: list[dict[str, Value]] = [{}]
        for axis, items in axes.items():
            if not isinstance(items, list):
                fail(f"a matrix is a map of lists, and {axis} is {kind(items)}", matrix.place)
            if len(found) * len(items) > _MAX_TARGETS:
                fail(f"these are more than {_MAX_TARGETS} targets", matrix.place)
            found = [{**local, axis: item} for local in found for item in items]
        return found

    @contextmanager
    def _once(self, key: Any, place: Place | None, name: str | None = None) -> Iterator[None]:
        """Mark something as being evaluated; raises BakeFileError when it already is."""
        if key in self._busy:
            message = f"{name or key} refers to itself"
            if place is None:
                place = Place(self._blocks[0].place.source, 0, 0)
            fail(message, place)
        self._busy[key] = None
        try:
            yield
        finally:
            del self._busy[key]


def _decoded(kind_: str, attribute: str, value: Value) -> Any:
    if kind_ == "target":
        return ATTRIBUTES[attribute].decode(value)
    return to_string(value) if attribute == "description" else texts(value)


def _shown(kind_: str, attribute: str, decoded: Any) -> Value:
    """Return an attribute as files see it."""
    if decoded is None or isinstance(decoded, (str, bool)):
        return decoded
    if isinstance(decoded, tuple):
        return [item if isinstance(item, str) else item.to_json() for item in decoded]
    return dict(decoded)


def _word(expression: Expression) -> str:
    """Return a name that isn't looked up: in JSON, a text."""
    if isinstance(expression, Variable):
        return expression.name
    if isinstance(expression, Literal) and isinstance(expression.value, str) and expression.value.isidentifier():
        return expression.value
    fail("the name of a parameter is required", expression.place)


def _bad_name(name: str, place: Place) -> None:
    fail(f"{name[:100]!r} is no name: it has letters, digits, _ and - only", place)
