"""Expression → type, for a variable and for ``convert``: ``list(string)``, ``object({ name = string })``."""

from __future__ import annotations

from boxwright.bake.expressions import whole_expression
from boxwright.bake.syntax import Call, Expression, ListOf, Literal, MapOf, Variable, fail
from boxwright.bake.values import ANY, BOOL, NUMBER, STRING, Type
from boxwright.dockerfile.source import Source

_WORDS = {"any": ANY, "bool": BOOL, "number": NUMBER, "string": STRING}
_COLLECTIONS = ("list", "map", "set")
_HINT = "there are string, number, bool, any, list(…), set(…), map(…), tuple([…]) and object({…})"


def constraint(expression: Expression) -> Type:
    """Return the type that an expression names. Raises BakeFileError."""
    match expression:
        case Literal(value=str() as text):  # of a JSON file
            return constraint(whole_expression(Source(expression.place.source.name, text)))
        case Variable(name=name) if name in _WORDS:
            return _WORDS[name]
        case Call(name=name, arguments=(one,), expand=False) if name in _COLLECTIONS:
            return Type(name, (constraint(one),))
        case Call(name="tuple", arguments=(ListOf() as listed,), expand=False):
            return Type("tuple", tuple(constraint(item) for item in listed.items))
        case Call(name="object", arguments=(MapOf() as mapped,), expand=False):
            names = [key.value if isinstance(key, Literal) else None for key, _ in mapped.items]
            if all(isinstance(name, str) for name in names):
                return Type("object", tuple(constraint(of) for _, of in mapped.items), tuple(map(str, names)))
    fail("this is no type", expression.place, hint=_HINT)
