"""Variables: their blocks, and what the environment says in place of their defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from boxwright.bake.constraints import constraint
from boxwright.bake.entries import fields
from boxwright.bake.syntax import Block, Expression, Literal, Place, Setting, fail
from boxwright.bake.values import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    ConversionError,
    Type,
    Value,
    convert,
    from_json,
    kind,
    parse_bool,
    parse_number,
    to_bool,
    to_json,
    to_string,
    unique,
)
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.bake.evaluation import Evaluator

Lookup: TypeAlias = Callable[[str], str | None]
"""What a command line or the environment says of a name."""

_JSON = "_JSON"
_SETTINGS = ("default", "description", "type")
_RULE_SETTINGS = ("condition", "error_message")


class Rule(NamedTuple):
    """A ``validation`` block."""

    condition: Expression
    message: Expression


class Variable(NamedTuple):
    name: str
    type: Type | None
    """None: whatever the default is."""
    default: Expression | None
    description: Expression | None
    rules: tuple[Rule, ...]
    place: Place

    @classmethod
    def of(cls, block: Block) -> Variable:
        """Read a ``variable`` block. Raises BakeFileError."""
        (name,) = block.labels
        settings = known(block, _SETTINGS, ("validation",))
        type_ = settings.get("type")
        return cls(
            name,
            None if type_ is None or _is_null(type_.expression) else constraint(type_.expression),
            _expression(settings.get("default")),
            _expression(settings.get("description")),
            tuple(_rule(inner) for inner in block.body.blocks),
            block.place,
        )

    def value(self, evaluator: Evaluator, said: tuple[str, bool] | None) -> Value:
        """Return the value; `said` is a text in place of the default, and whether it is JSON. Raises BakeFileError."""
        if self.default is None and said is None:
            return "" if self.type is None else None
        default = None if self.default is None else evaluator.value(self.default)
        try:
            default = default if self.type is None else convert(default, self.type)
        except ConversionError as error:
            assert self.default is not None
            fail(f"the default of {self.name} is not of its type: {error}", self.default.place)
        if said is None:
            return default
        text, is_json = said
        try:
            return self._said(text, default, is_json=is_json)
        except ConversionError as error:
            fail(f"{self.name}={text[:100]}: {error}", self.place)

    def _said(self, text: str, default: Value, *, is_json: bool) -> Value:
        if self.type is not None and is_json:
            return convert(from_json(text), self.type)
        if self.type is not None and self.type.name in ("list", "set", "tuple", "map"):
            return _listed(text, self.type)
        if self.type == ANY:
            return text
        if self.type is not None and not self.type.is_primitive:
            _only_json(self.name, self.type.name)
        if self.type is None and isinstance(default, (list, dict)):
            raise ConversionError(f"give it a type: a {kind(default)} without one cannot be set from outside")
        return _primitive(text, self.type or _type_of(default))

    def check(self, evaluator: Evaluator) -> None:
        """Raises BakeFileError with the message of a validation that says no."""
        for rule in self.rules:
            found = evaluator.value(rule.condition)
            try:
                holds = to_bool(found)
            except ConversionError as error:
                fail(f"the condition is neither true nor false: {error}", rule.condition.place)
            if not holds:
                message = evaluator.value(rule.message)
                text = message if isinstance(message, str) and message else f"the value of {self.name} is not valid"
                fail(text, rule.condition.place)


class Described(NamedTuple):
    """A variable as it is listed."""

    name: str
    type: str
    value: str | None
    description: str


def described(variable: Variable, value: Value, evaluator: Evaluator) -> Described:
    """Return what a list of variables says of one. Raises BakeFileError."""
    told = None if variable.description is None else evaluator.value(variable.description)
    shown = None
    if value is not None:
        shown = to_json(value) if isinstance(value, (list, dict)) else to_string(value)
    return Described(variable.name, "" if variable.type is None else str(variable.type), shown, str(told or ""))


def known(block: Block, settings: tuple[str, ...], blocks: tuple[str, ...] = ()) -> dict[str, Setting]:
    """Return the settings of a block, all of which have to be among `settings`. Raises BakeFileError."""
    for setting in block.body.settings:
        if setting.name not in settings:
            near = did_you_mean(setting.name, settings)
            fail(f"a {block.kind} has no {setting.name}{near}", setting.place, hint=f"there are {', '.join(settings)}")
    for inner in block.body.blocks:
        if inner.kind not in blocks:
            near = f": write {inner.kind} = {{ … }}" if inner.kind in settings else ""
            fail(f"a {block.kind} has no block {inner.kind}{near}", inner.place)
    return {setting.name: setting for setting in block.body.settings}


def _rule(block: Block) -> Rule:
    settings = known(block, _RULE_SETTINGS)
    for name in _RULE_SETTINGS:
        if name not in settings:
            fail(f"a validation needs {name}", block.place)
    return Rule(settings["condition"].expression, settings["error_message"].expression)


def _expression(setting: Setting | None) -> Expression | None:
    return None if setting is None else setting.expression


def _is_null(expression: Expression) -> bool:
    return isinstance(expression, Literal) and expression.value is None


def said_of(name: str, lookup: Lookup, *, typed: bool, taken: Callable[[str], bool]) -> tuple[str, bool] | None:
    """Return what is said in place of a variable's default, and whether it is JSON.

    ``NAME_JSON`` is asked where there is no ``NAME``, and before it for a variable with a type; `taken` tells whether a
    name is that of another variable.
    """
    plain = lookup(name)
    if (plain is None or typed) and not taken(name + _JSON):
        text = lookup(name + _JSON)
        if text is not None:
            return text, True
    return None if plain is None else (plain, False)


def _listed(text: str, wanted: Type) -> Value:
    """Return a list or a map that is written as CSV: ``a,b``, ``x:1,y:2``."""
    if not all(of.is_primitive for of in wanted.of):
        _only_json("this variable", str(wanted))
    parts = fields(text)
    if wanted.name == "tuple":
        if len(parts) != len(wanted.of):
            raise ConversionError(f"a tuple of {len(wanted.of)} is required, and here are {len(parts)}")
        return [_primitive(part, of) for part, of in zip(parts, wanted.of, strict=True)]
    if wanted.name == "map":
        pairs = [part.partition(":") for part in parts]
        for pair in pairs:
            if not pair[1]:
                raise ConversionError(f"{pair[0][:100]!r} has to be a key, ':' and a value")
        return {key: _primitive(value, wanted.of[0]) for key, _, value in pairs}
    items = [_primitive(part, wanted.of[0]) for part in parts]
    return unique(items) if wanted.name == "set" else items


def _only_json(name: str, type_: str) -> NoReturn:
    raise ConversionError(f"{name} is {type_}, and has to be given as JSON: NAME_JSON=…")


def _type_of(value: Value) -> Type:
    return BOOL if isinstance(value, bool) else NUMBER if isinstance(value, (int, float)) else STRING


def _primitive(text: str, wanted: Type) -> Value:
    if wanted == STRING:
        return text
    if wanted == BOOL:
        said = parse_bool(text)
        if said is None:
            raise ConversionError("it has to be true or false")
        return said
    number = parse_number(text)
    if number is None:
        raise ConversionError("it has to be a number")
    return number
