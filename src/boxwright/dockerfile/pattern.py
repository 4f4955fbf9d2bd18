"""Wildcards of one component of a path, by the rules of Go's ``filepath.Match``.

``*`` any text, ``?`` any character, ``[a-z]`` a character of a class, ``[^a-z]`` one that isn't, ``\\`` before a
character: that character. None of them matches a ``/``, since a component has none. COPY and .dockerignore share this.
"""

from __future__ import annotations

import re
from functools import lru_cache

from boxwright.values import NamedTuple

_SPECIAL = frozenset("*?[\\")


class BadPattern(ValueError):
    """Text that is no pattern: an unfinished class, a range without an end, an escape that escapes nothing."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"syntax error in pattern: {pattern[:200]}")
        self.pattern = pattern


@lru_cache(maxsize=4096)
def compiled(expression: str) -> re.Pattern[str]:
    """Compile a component's expression; `re` itself remembers too few of them for a long .dockerignore."""
    return re.compile(expression, re.DOTALL)


class Component(NamedTuple):
    """A pattern for one name."""

    text: str
    literal: str | None
    """The one name that matches, None when there are wildcards."""
    expression: str
    """A regular expression to match whole names with; it never backtracks more than linearly."""

    def matches(self, name: str) -> bool:
        if self.literal is not None:
            return self.literal == name
        return compiled(self.expression).fullmatch(name) is not None


def has_wildcards(text: str) -> bool:
    """Tell whether `text` holds an unescaped ``*``, ``?`` or ``[``. A path without them is taken as it is."""
    position = 0
    while position < len(text):
        if text[position] in "*?[":
            return True
        position += 2 if text[position] == "\\" else 1
    return False


def parse_component(text: str) -> Component:
    """Compile the pattern of one name. Raises BadPattern."""
    if not any(char in _SPECIAL for char in text):
        return Component(text, text, re.escape(text))
    # The pieces between stars have a fixed length each, so the first place where one fits is as good as any later
    # one: that choice is made once (an atomic group) and only the last piece, which must end the name, is searched.
    pieces: list[str] = [""]
    literal: str | None = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "*":
            pieces.append("")
            literal = None
            continue
        if char == "?":
            pieces[-1] += "."
            literal = None
        elif char == "[":
            expression, position = _parse_class(text, position)
            pieces[-1] += expression
            literal = None
        else:
            if char == "\\":
                if position == len(text):
                    raise BadPattern(text)
                char = text[position]
                position += 1
            pieces[-1] += re.escape(char)
            literal = literal + char if literal is not None else None
    first, *rest = pieces
    expression = first
    if rest:
        expression += "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece) + f".*{rest[-1]}"
    return Component(text, literal, expression)


def match(pattern: str, path: str) -> bool:
    """Tell whether a pattern matches a path of as many components, each its own. Raises BadPattern."""
    components = [parse_component(part) for part in pattern.split("/")]
    names = path.split("/")
    return len(components) == len(names) and all(map(Component.matches, components, names))


def _parse_class(text: str, position: int) -> tuple[str, int]:
    """Return the regular expression of the class whose ``[`` stands before `position`, and where the class ends."""
    negated = text[position : position + 1] == "^"
    if negated:
        position += 1
    ranges: list[str] = []
    first = position
    while text[position : position + 1] != "]" or position == first:
        low, position = _class_char(text, position)
        high = low
        if text[position : position + 1] == "-":
            high, position = _class_char(text, position + 1)
        if low <= high:  # a range backwards is allowed, and empty
            ranges.append(re.escape(low) + ("-" + re.escape(high) if high != low else ""))
    if not ranges:
        return ("." if negated else "(?!)"), position + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", position + 1


def _class_char(text: str, position: int) -> tuple[str, int]:
    """Return the character at `position` in a class, and where the next one stands; more text must follow it."""
    char = text[position : position + 1]
    if char in ("", "-", "]"):
        raise BadPattern(text)
    position += 1
    if char == "\\":
        char = text[position : position + 1]
        position += 1
    if not char or position >= len(text):
        raise BadPattern(text)
    return char, position
