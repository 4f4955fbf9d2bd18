"""One pattern of .dockerignore → sequences of components, so that a tree can be walked with it name by name.

Docker's matcher turns a whole pattern into one regular expression in which ``**`` is ``(.*/)?``: it may stand inside
of a name, too. Each such ``**`` means one of two things, nothing or the rest of this name and any directories below
it, so that ``a**b`` is ``ab`` or ``a*/**/b``, and every pattern is a few sequences of components and ``**``.
"""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.dockerfile.pattern import BadPattern, Component, parse_component
from boxwright.values import NamedTuple

Sequence = tuple[Component | None, ...]
"""Components of a path; None is ``**``: any number of them, at the end at least one."""

_Parts = tuple[str | None, ...]

_DEEP = "**"
_MAX_SEQUENCES = 64


class Rule(NamedTuple):
    excludes: bool
    """False for a rule that starts with ``!``."""
    rests: frozenset[Sequence]
    """What may still match below the directory."""


def opened(sequences: Iterable[Sequence]) -> frozenset[Sequence]:
    """Return the sequences with each ``**`` at the front also skipped, as it stands for no directory, too."""
    rests = set()
    for sequence in sequences:
        rest = sequence
        rests.add(rest)
        while rest[0] is None and len(rest) > 1:
            rest = rest[1:]
            rests.add(rest)
    return frozenset(rests)


def step(rests: frozenset[Sequence], name: str) -> tuple[bool, frozenset[Sequence]]:
    """Go down to `name`: (whether the pattern matches it, what is left to match below it)."""
    below: list[Sequence] = []
    matched = False
    for rest in rests:
        head = rest[0]
        if head is None:
            if len(rest) == 1:
                matched = True
            else:
                below.append(rest)
        elif head.matches(name):
            if len(rest) == 1:
                matched = True
            else:
                below.append(rest[1:])
    return matched, opened(below)


def parse_sequences(pattern: str) -> frozenset[Sequence]:
    """Return what `pattern`, a clean path with wildcards, stands for. Raises BadPattern."""
    tokens = _tokens(pattern)
    rest = pattern[len(_DEEP) :]
    if tokens[0] == _DEEP and rest[:1] not in ("", "/") and not any(char in rest for char in "*?[]\\"):
        # Docker just compares the end of the path when nothing else is special: **x also matches the end of a name.
        tokens[1] = "*" + tokens[1]
    partial: set[tuple[_Parts, str]] = {((), "")}  # whole components, and the beginning of the next one
    for index, token in enumerate(tokens):
        if token == "/":
            partial = {((*done, text), "") for done, text in partial}
        elif token != _DEEP:
            partial = {(done, text + token) for done, text in partial}
        else:
            deep = {((*done, text + "*", None) if text else (*done, None), "") for done, text in partial}
            if index < len(tokens) - 1:
                partial = deep | {(done, text) for done, text in partial if text}
            else:
                partial = deep | {((*done, text + "*"), "") for done, text in partial if text}
        if len(partial) > _MAX_SEQUENCES:
            raise BadPattern(pattern)
    whole = {(*done, text) if text else done for done, text in partial}
    return frozenset(tuple(part if part is None else parse_component(part) for part in parts) for parts in whole)


def _tokens(pattern: str) -> list[str]:
    """Split into ``/``, ``**`` and the text between; a ``/`` or ``**`` right behind ``**`` adds nothing to it."""
    tokens: list[str] = []
    text = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "/" or pattern.startswith(_DEEP, position):
            if text:
                tokens.append(text)
                text = ""
            token = "/" if char == "/" else _DEEP
            if tokens[-1:] != [_DEEP]:
                tokens.append(token)
            position += len(token)
        elif char == "\\" and pattern.startswith("/", position + 1):
            position += 1  # an escaped separator is a separator
        else:
            end = position + 1
            if char == "\\":
                end += 1
            elif char == "[":
                end = _class_end(pattern, position)
            text += pattern[position:end]
            position = end
    if text:
        tokens.append(text)
    return tokens


def _class_end(pattern: str, position: int) -> int:
    """Return where the class that starts at `position` ends; whether it is a good one, parse_component tells."""
    position += 1
    while position < len(pattern) and pattern[position] != "]":
        if pattern[position] == "/":
            raise BadPattern(pattern)
        position += 2 if pattern[position] == "\\" else 1
    return position + 1
