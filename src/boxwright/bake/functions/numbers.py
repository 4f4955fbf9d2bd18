"""Functions of numbers."""

from __future__ import annotations

import math

from boxwright.bake.evaluation import arithmetic
from boxwright.bake.functions.signature import Function
from boxwright.bake.values import NUMBER, STRING, Value, number

_MAX_DIGITS = 100
_MAX_EXPONENT = 1000


def _pow(base: float, exponent: float) -> Value:
    if abs(exponent) > _MAX_EXPONENT or abs(base) > 1e15:
        raise ValueError("the result would be too large")
    return number(math.pow(base, exponent))


def _parse_int(text: str, base: float) -> Value:
    if not isinstance(base, int) or not 2 <= base <= 62:
        raise ValueError("the base is a number from 2 to 62")
    if len(text) > _MAX_DIGITS or base > 36:
        raise ValueError("only numbers of up to 100 digits, to the base of 36 at most, are read")
    return int(text, base)


def _log(value: float, base: float) -> Value:
    if value <= 0 or base <= 0 or base == 1:
        raise ValueError("there is no such logarithm")
    return number(math.log(value, base))


_TWO = (NUMBER, NUMBER)
NUMBERS = {
    "add": Function(lambda a, b: arithmetic("+", a, b), _TWO),
    "subtract": Function(lambda a, b: arithmetic("-", a, b), _TWO),
    "multiply": Function(lambda a, b: arithmetic("*", a, b), _TWO),
    "divide": Function(lambda a, b: arithmetic("/", a, b), _TWO),
    "modulo": Function(lambda a, b: arithmetic("%", a, b), _TWO),
    "negate": Function(lambda a: -a, (NUMBER,)),
    "absolute": Function(abs, (NUMBER,)),
    "ceil": Function(math.ceil, (NUMBER,)),
    "floor": Function(math.floor, (NUMBER,)),
    "int": Function(math.trunc, (NUMBER,)),
    "signum": Function(lambda a: (a > 0) - (a < 0), (NUMBER,)),
    "min": Function(lambda *each: min(each), (NUMBER,), NUMBER),
    "max": Function(lambda *each: max(each), (NUMBER,), NUMBER),
    "pow": Function(_pow, _TWO),
    "log": Function(_log, _TWO),
    "parseint": Function(_parse_int, (STRING, NUMBER)),
}
