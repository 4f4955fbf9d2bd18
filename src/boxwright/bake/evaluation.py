"""Expression and scope → value. What it costs is bounded, whatever the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add, mul, sub, truediv
from typing import Any, Protocol

from boxwright.bake.mistakes import BakeFileError
from boxwright.bake.syntax import (
    Attribute,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    Joined,
    ListOf,
    Literal,
    MapOf,
    Operation,
    Place,
    Splat,
    Template,
    Variable,
    fail,
)
from boxwright.bake.values import (
    ConversionError,
    Value,
    convert,
    equal,
    exactly,
    kind,
    to_bool,
    to_number,
    to_string,
)
from boxwright.dockerfile.suggest import did_you_mean

_MAX_STEPS = 300_000
_MAX_SIZE = 1 << 20  # characters of a text, items of a list
_MAX_TOTAL = 1 << 26  # of all that is made on the way
_MAX_DEPTH = 100
_LAZY = frozenset({"try", "can", "convert"})


class Names(Protocol):
    """What the names of a file mean."""

    def variable(self, name: str) -> Value:
        """Return a variable's value. Raises KeyError for an unknown name, BakeFileError for what is wrong in it."""

    def is_block(self, name: str) -> bool:
        """Whether the name is that of blocks, whose attributes can be read: ``target.app.tags``."""

    def block(self, kind: str, name: str, attribute: str | None) -> Value:
        """Return an attribute of a block, or all of them. Raises KeyError, BakeFileError."""

    def function(self, name: str) -> Callable[[Sequence[Value]], Value]:
        """Return a function, which raises ValueError for arguments that it can't take. Raises KeyError."""

    def known(self) -> Sequence[str]:
        """Return all names of variables."""


class Budget:
    """How much one file may compute."""

    __slots__ = ("depth", "made", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.made = 0
        self.depth = 0


class Evaluator:
    """Evaluates expressions of one file; `local` are the names of the place where they stand."""

    def __init__(self, names: Names, local: Mapping[str, Value] | None = None, budget: Budget | None = None) -> None:
        self._names = names
        self._local = dict(local or {})
        self._budget = budget or Budget()

    def within(self, local: Mapping[str, Value]) -> Evaluator:
        """Return one that knows further names, on the same budget."""
        return Evaluator(self._names, {**self._local, **local}, self._budget)

    def isolated(self, local: Mapping[str, Value]) -> Evaluator:
        """Return one for the body of a function, which sees its parameters alone beside the file's names."""
        return Evaluator(self._names, local, self._budget)

    def value(self, expression: Expression) -> Value:
        """Return the value. Raises BakeFileError with the place."""
        budget = self._budget
        budget.steps += 1
        budget.depth += 1
        if budget.steps > _MAX_STEPS or budget.depth > _MAX_DEPTH:
            fail("the file computes too much", expression.place)
        try:
            found = self._value(expression)
        except ConversionError as error:
            fail(str(error), expression.place)
        except RecursionError:
            fail("this is nested too deeply", expression.place)
        finally:
            budget.depth -= 1
        if isinstance(found, (str, list, dict)):
            budget.made += len(found)
            if len(found) > _MAX_SIZE or budget.made > _MAX_TOTAL:
                fail("a value is too long", expression.place)
        return found

    def _value(self, expression: Expression) -> Value:
        match expression:
            case Literal():
                return expression.value
            case Template():
                return "".join(self._text(part) for part in expression.parts)
            case Joined():
                return "".join(self._text(Literal(each, expression.place)) for each in self.value(expression.of))
            case Variable():
                return self._variable(expression)
            case Attribute():
                return self._attribute(expression)
            case Index():
                return index(self.value(expression.of), self.value(expression.key), expression.place)
            case Splat():
                return self._splat(expression)
            case Call():
                return self._call(expression)
            case Operation():
                return self._operation(expression)
            case Conditional():
                return self._conditional(expression)
            case ListOf():
                return [self.value(item) for item in expression.items]
            case MapOf():
                return {to_string(self._not_null(key)): self.value(item) for key, item in expression.items}
            case For():
                return self._for(expression)
        raise AssertionError(expression)

    def _text(self, part: Expression) -> str:
        value = self.value(part)
        if value is None:
            fail("a null cannot be put into a text", part.place)
        try:
            return to_string(value)
        except ConversionError as error:
            fail(str(error), part.place)

    def _not_null(self, expression: Expression) -> Value:
        value = self.value(expression)
        if value is None:
            fail("this is null, and must have a value", expression.place)
        return value

    def _variable(self, expression: Variable) -> Value:
        name = expression.name
        if name in self._local:
            return self._local[name]
        if self._names.is_block(name):
            fail(f"{name} has to be followed by a name and an attribute", expression.place, hint=f"{name}.app.tags")
        try:
            return self._names.variable(name)
        except KeyError:
            known = [*self._local, *self._names.known()]
            fail(f"there is no variable {name}{did_you_mean(name, known)}", expression.place)

    def _attribute(self, expression: Attribute) -> Value:
        found = self._of_block(expression)
        if found is not None:
            block, name, attribute = found
            try:
                return self._names.block(block, name, attribute)
            except KeyError:
                fail(f"there is no {block} {name}{f' with {attribute}' if attribute else ''}", expression.place)
        of = self.value(expression.of)
        if not isinstance(of, dict):
            fail(f"{kind(of)} has no attribute {expression.name}", expression.place)
        if expression.name not in of:
            fail(f"there is no attribute {expression.name}{did_you_mean(expression.name, of)}", expression.place)
        return of[expression.name]

    def _of_block(self, expression: Attribute) -> tuple[str, str, str | None] | None:
        """Take ``target.app.tags`` and ``target.app`` apart."""
        inner = expression.of
        if isinstance(inner, Attribute) and isinstance(inner.of, Variable):
            root, name, attribute = inner.of.name, inner.name, expression.name
            if root not in self._local and self._names.is_block(root):
                return root, name, attribute
        if isinstance(inner, Variable) and inner.name not in self._local and self._names.is_block(inner.name):
            return inner.name, expression.name, None
        return None

    def _splat(self, expression: Splat) -> Value:
        of = self.value(expression.of)
        items = [] if of is None else of if isinstance(of, list) else [of]
        return [self.within({expression.item: item}).value(expression.each) for item in items]

    def _call(self, expression: Call) -> Value:
        if expression.name in _LAZY:
            return self._convert(expression) if expression.name == "convert" else self._try(expression)
        try:
            function = self._names.function(expression.name)
        except KeyError:
            from boxwright.bake.functions import FUNCTIONS, UNSUPPORTED

            if expression.name in UNSUPPORTED:
                fail(f"the function {expression.name} is not supported", expression.place)
            near = did_you_mean(expression.name, FUNCTIONS)
            fail(f"there is no function {expression.name}{near}", expression.place)
        arguments = [self.value(each) for each in expression.arguments]
        if expression.expand:
            last = arguments.pop()
            if not isinstance(last, list):
                fail("what stands before … has to be a list", expression.arguments[-1].place)
            arguments += last
        try:
            return function(arguments)
        except BakeFileError:
            raise
        except (ValueError, OverflowError, RecursionError, MemoryError) as error:
            fail(f"{expression.name}: {error}", expression.place)

    def _try(self, expression: Call) -> Value:
        error: BakeFileError | None = None
        for argument in expression.arguments:
            try:
                value = self.value(argument)
            except BakeFileError as failed:
                error = failed
                continue
            return True if expression.name == "can" else value
        if expression.name == "can":
            return False
        if error is None:
            fail("try needs an argument", expression.place)
        raise error

    def _convert(self, expression: Call) -> Value:
        from boxwright.bake.constraints import constraint

        if len(expression.arguments) != 2 or expression.expand:
            fail("convert takes a value and a type", expression.place)
        return convert(self.value(expression.arguments[0]), constraint(expression.arguments[1]))

    def _operation(self, expression: Operation) -> Value:
        operator, operands = expression.operator, expression.operands
        if operator in ("&&", "||"):
            left = to_bool(self._not_null(operands[0]))
            return left if left == (operator == "||") else to_bool(self._not_null(operands[1]))
        if operator in ("==", "!="):
            return equal(*map(self.value, operands)) == (operator == "==")
        if operator == "!":
            return not to_bool(self._not_null(operands[0]))
        numbers = [to_number(self._not_null(each)) for each in operands]
        if len(numbers) == 1:
            return -numbers[0]
        try:
            return arithmetic(operator, numbers[0], numbers[1])
        except ValueError as error:
            fail(str(error), expression.place)

    def _conditional(self, expression: Conditional) -> Value:
        """Return one of two results; where the other one would be a text, it is one, too."""
        chosen, other = expression.then, expression.otherwise
        if not to_bool(self._not_null(expression.condition)):
            chosen, other = other, chosen
        value = self.value(chosen)
        if not isinstance(value, (bool, int, float)):
            return value
        try:
            return to_string(value) if isinstance(self.value(other), str) else value
        except BakeFileError:  # the other one may be what the condition guards against
            return value

    def _for(self, expression: For) -> Value:
        made: list[tuple[str, Value]] = []
        for key, item in items(self.value(expression.of), expression.place):
            local = {expression.value: item}
            if expression.key is not None:
                local[expression.key] = key
            inner = self.within(local)
            if expression.condition is not None and not to_bool(inner._not_null(expression.condition)):
                continue
            name = "" if expression.result_key is None else to_string(inner._not_null(expression.result_key))
            made.append((name, inner.value(expression.result)))
        if expression.result_key is None:
            return [value for _, value in made]
        if expression.group:
            groups: dict[str, list[Value]] = {}
            for name, value in made:
                groups.setdefault(name, []).append(value)
            return groups
        result = dict(made)
        if len(result) < len(made):
            fail("two items have the same key", expression.place, hint="write … behind the value to have lists")
        return result


def _remainder(left: Any, right: Any) -> Any:
    """Return what a division leaves, with the sign of `left`."""
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def items(of: Value, place: Place) -> Iterator[tuple[Value, Value]]:
    """Yield the keys, or numbers, and the items of a list or a map, whose keys are sorted."""
    if isinstance(of, list):
        yield from enumerate(of)
    elif isinstance(of, dict):
        for key in sorted(of):
            yield key, of[key]
    else:
        fail(f"a list or a map is required, and this is {kind(of)}", place)


def index(of: Value, key: Value, place: Place) -> Value:
    """Return ``of[key]``. Raises BakeFileError."""
    if isinstance(of, list):
        number_ = to_number(key)
        if not isinstance(number_, int) or not 0 <= number_ < len(of):
            fail(f"there is no item {to_string(key)}: the list has {len(of)}", place)
        return of[number_]
    if isinstance(of, dict):
        name = to_string(key)
        if name not in of:
            fail(f"there is no item {name}{did_you_mean(name, of)}", place)
        return of[name]
    fail(f"{kind(of)} has no items", place)


def arithmetic(operator: str, left: float, right: float) -> Value:
    """Return the result of an operator on two numbers. Raises ValueError."""
    match operator:
        case "+":
            return exactly(add, left, right)
        case "-":
            return exactly(sub, left, right)
        case "*":
            return exactly(mul, left, right)
        case "/" | "%" if right == 0:
            raise ValueError("a division by zero")
        case "/":
            return left // right if isinstance(left, int) and left % right == 0 else exactly(truediv, left, right)
        case "%":
            return exactly(_remainder, left, right)
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "<":
            return left < right
        case _:
            return left <= right
