"""Text → expressions: operators by their precedence, calls, ``for``, splats, lists and maps."""

from __future__ import annotations

import re

from boxwright.bake import templates
from boxwright.bake.cursor import Cursor
from boxwright.bake.syntax import (
    Attribute,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    ListOf,
    Literal,
    MapOf,
    Operation,
    Splat,
    Variable,
)
from boxwright.bake.values import parse_number
from boxwright.dockerfile.source import Source

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    ">=": 4,
    "<=": 4,
    ">": 4,
    "<": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_WORDS = {"true": True, "false": False, "null": None}
_ITEM = "*"


def expression(cursor: Cursor) -> Expression:
    """Read an expression. Raises BakeFileError."""
    cursor.deeper()
    cursor.skip()
    start = cursor.position
    found = _operation(cursor, 1)
    cursor.skip()
    if cursor.take("?"):
        then = expression(cursor)
        cursor.skip()
        cursor.expect(":", "between the two results of a condition")
        found = Conditional(found, then, expression(cursor), cursor.place(start))
    cursor.back()
    return found


def whole_expression(source: Source) -> Expression:
    """Return the expression that a text is. Raises BakeFileError."""
    cursor = Cursor(source)
    found = expression(cursor)
    cursor.skip_lines()
    if not cursor.at_end:
        cursor.fail("expected the end of an expression")
    return found


def _operation(cursor: Cursor, least: int) -> Expression:
    start = cursor.position
    left = _unary(cursor)
    while True:
        cursor.skip()
        operator = _operator(cursor)
        if operator is None or _PRECEDENCE[operator] < least:
            return left
        cursor.position += len(operator)
        cursor.skip()
        right = _operation(cursor, _PRECEDENCE[operator] + 1)
        left = Operation(operator, (left, right), cursor.place(start))


def _operator(cursor: Cursor) -> str | None:
    two = cursor.text[cursor.position : cursor.position + 2]
    return two if two in _PRECEDENCE else cursor.char if cursor.char in _PRECEDENCE else None


def _unary(cursor: Cursor) -> Expression:
    start = cursor.position
    if cursor.char in ("-", "!") and not cursor.peek("!="):
        operator = cursor.char
        cursor.position += 1
        cursor.skip()
        cursor.deeper()
        operand = _unary(cursor)
        cursor.back()
        return Operation(operator, (operand,), cursor.place(start))
    return _postfix(cursor, _term(cursor), start)


def _postfix(cursor: Cursor, found: Expression, start: int) -> Expression:
    while True:
        before = cursor.position
        cursor.skip()
        if cursor.peek("...") or not (cursor.char == "." or cursor.char == "["):
            cursor.position = before
            return found
        if cursor.take("["):
            lines, cursor.lines = cursor.lines, False
            cursor.skip()
            if cursor.take("*"):
                cursor.skip()
                cursor.expect("]", "behind [*")
                cursor.lines = lines
                return _splat(cursor, found, start, full=True)
            key = expression(cursor)
            cursor.skip()
            cursor.expect("]", "behind an index")
            cursor.lines = lines
            found = Index(found, key, cursor.place(start))
            continue
        cursor.position += 1
        cursor.skip()
        if cursor.take("*"):
            return _splat(cursor, found, start, full=False)
        found = _attribute(cursor, found, start)


def _attribute(cursor: Cursor, of: Expression, start: int) -> Expression:
    at = cursor.position
    name = cursor.name()
    if name is not None:
        return Attribute(of, name, cursor.place(start))
    digits = re.compile(r"[0-9]{1,9}", re.ASCII).match(cursor.text, cursor.position)
    if digits is None:
        cursor.fail("expected a name behind the point")
    cursor.position = digits.end()
    return Index(of, Literal(int(digits[0]), cursor.place(at)), cursor.place(start))


def _splat(cursor: Cursor, of: Expression, start: int, *, full: bool) -> Expression:
    """Read what is taken from every item; of ``.*`` only names belong to that."""
    each: Expression = Variable(_ITEM, cursor.place(start))
    if full:
        return Splat(of, _ITEM, _postfix(cursor, each, start), cursor.place(start))
    while cursor.peek(".") and not cursor.peek("..."):
        cursor.position += 1
        each = _attribute(cursor, each, start)
    return Splat(of, _ITEM, each, cursor.place(start))


def _term(cursor: Cursor) -> Expression:
    start = cursor.position
    char = cursor.char
    if char == '"':
        return templates.quoted(cursor)
    if cursor.peek("<<"):
        return templates.heredoc(cursor)
    if char == "(":
        return _parentheses(cursor)
    if char == "[":
        return _list(cursor)
    if char == "{":
        return _map(cursor)
    number = _NUMBER.match(cursor.text, start)
    if number is not None:
        value = parse_number(number[0])
        if value is None:
            cursor.fail("a number is too long", start)
        cursor.position = number.end()
        return Literal(value, cursor.place(start))
    name = cursor.name()
    if name is None:
        cursor.fail("expected a value")
    if name in _WORDS:
        return Literal(_WORDS[name], cursor.place(start))
    if cursor.char == "(":
        return _call(cursor, name, start)
    return Variable(name, cursor.place(start))


def _parentheses(cursor: Cursor) -> Expression:
    lines, cursor.lines = cursor.lines, False
    cursor.position += 1
    found = expression(cursor)
    cursor.skip()
    cursor.expect(")", "to close the parenthesis")
    cursor.lines = lines
    return found


def _call(cursor: Cursor, name: str, start: int) -> Expression:
    lines, cursor.lines = cursor.lines, False
    cursor.position += 1
    arguments: list[Expression] = []
    expand = False
    while True:
        cursor.skip()
        if cursor.take(")"):
            break
        arguments.append(expression(cursor))
        cursor.skip()
        if cursor.take("..."):
            expand = True
            cursor.skip()
            cursor.expect(")", "behind the last arguments")
            break
        if not cursor.take(","):
            cursor.expect(")", f"or ',' in the arguments of {name}")
            break
    cursor.lines = lines
    return Call(name, tuple(arguments), expand, cursor.place(start))


def _list(cursor: Cursor) -> Expression:
    start = cursor.position
    lines, cursor.lines = cursor.lines, False
    cursor.position += 1
    cursor.skip()
    if cursor.keyword("for"):
        found: Expression = _for(cursor, start, "]")
    else:
        items: list[Expression] = []
        while not cursor.take("]"):
            items.append(expression(cursor))
            cursor.skip()
            if not cursor.take(","):
                cursor.expect("]", "or ',' in a list")
                break
            cursor.skip()
        found = ListOf(tuple(items), cursor.place(start))
    cursor.lines = lines
    return found


def _map(cursor: Cursor) -> Expression:
    start = cursor.position
    lines = cursor.lines
    cursor.position += 1
    cursor.skip_lines()
    if cursor.keyword("for"):
        cursor.lines = False
        found: Expression = _for(cursor, start, "}")
        cursor.lines = lines
        return found
    cursor.lines = True
    items: list[tuple[Expression, Expression]] = []
    while True:
        cursor.skip_lines()
        if cursor.take("}"):
            break
        key = _key(cursor)
        cursor.skip()
        if not (cursor.take("=") or cursor.take(":")):
            cursor.fail("expected '=' or ':' behind the key of a map")
        items.append((key, expression(cursor)))
        cursor.skip()
        if not cursor.take(",") and cursor.char not in ("\n", "}"):
            cursor.fail("expected ',' or a new line in a map")
    cursor.lines = lines
    return MapOf(tuple(items), cursor.place(start))


def _key(cursor: Cursor) -> Expression:
    """Read a key; a bare name means itself."""
    start = cursor.position
    name = cursor.name()
    if name is not None:
        cursor.skip()
        if cursor.char in ("=", ":"):
            return Literal(name, cursor.place(start))
        cursor.position = start
    return expression(cursor)


def _for(cursor: Cursor, start: int, close: str) -> Expression:
    cursor.skip()
    names = [cursor.name()]
    cursor.skip()
    if cursor.take(","):
        cursor.skip()
        names.append(cursor.name())
        cursor.skip()
    value = names[-1]
    if value is None or names[0] is None:
        cursor.fail("expected a name behind 'for'")
    if not cursor.keyword("in"):
        cursor.fail("expected 'in' in a for expression")
    of = expression(cursor)
    cursor.skip()
    cursor.expect(":", "in a for expression")
    result = expression(cursor)
    cursor.skip()
    result_key: Expression | None = None
    group = False
    if close == "}":
        cursor.expect("=>", "in a for expression that makes a map")
        result_key, result = result, expression(cursor)
        cursor.skip()
        group = cursor.take("...")
        cursor.skip()
    condition = expression(cursor) if cursor.keyword("if") else None
    cursor.skip()
    cursor.expect(close, "to close the for expression")
    key = names[0] if len(names) == 2 else None
    return For(key, value, of, result_key, result, group, condition, cursor.place(start))
