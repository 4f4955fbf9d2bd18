"""Functions of truth and comparison."""

from __future__ import annotations

import operator

from boxwright.bake.functions.signature import NULLABLE, Function
from boxwright.bake.values import BOOL, NUMBER, Value, equal


def _coalesce(*values: Value) -> Value:
    for value in values:
        if value is not None:
            return value
    raise ValueError("all arguments are null")


LOGIC = {
    "and": Function(lambda a, b: a and b, (BOOL, BOOL)),
    "or": Function(lambda a, b: a or b, (BOOL, BOOL)),
    "not": Function(operator.not_, (BOOL,)),
    "equal": Function(equal, (NULLABLE, NULLABLE)),
    "notequal": Function(lambda a, b: not equal(a, b), (NULLABLE, NULLABLE)),
    "greaterthan": Function(operator.gt, (NUMBER, NUMBER)),
    "greaterthanorequalto": Function(operator.ge, (NUMBER, NUMBER)),
    "lessthan": Function(operator.lt, (NUMBER, NUMBER)),
    "lessthanorequalto": Function(operator.le, (NUMBER, NUMBER)),
    "coalesce": Function(_coalesce, (), NULLABLE),
}
