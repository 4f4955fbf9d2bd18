"""``semvercmp``: whether a version is within what a constraint says, ``>= 1.2, < 2 || ^3``."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from boxwright.bake.functions.signature import Function
from boxwright.bake.values import STRING
from boxwright.values import NamedTuple

_MAX = 1000
_SUFFIX = r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
_VERSION = re.compile(rf"v?(\d{{1,18}})(?:\.(\d{{1,18}}))?(?:\.(\d{{1,18}}))?{_SUFFIX}", re.ASCII)
_PATTERN = rf"v?(\d{{1,18}}|[xX*])(?:\.(\d{{1,18}}|[xX*]))?(?:\.(\d{{1,18}}|[xX*]))?{_SUFFIX}"
_TERM = re.compile(rf"\s*(=>|=<|>=|<=|!=|~>|=|>|<|~|\^)?\s*{_PATTERN}\s*(?:,|\s|$)", re.ASCII)
_RANGE = re.compile(rf"\s*({_PATTERN})\s+-\s+({_PATTERN})\s*", re.ASCII)


class Version(NamedTuple):
    numbers: tuple[int, int, int]
    before: str
    """What it is a release before: ``rc.1``."""

    def compare(self, other: Version) -> int:
        """Return less than, more than, or exactly 0."""
        if self.numbers != other.numbers:
            return -1 if self.numbers < other.numbers else 1
        if not self.before or not other.before:
            return bool(other.before) - bool(self.before)
        for one, two in zip_longest(self.before.split("."), other.before.split(".")):
            if one != two:
                return -1 if _rank(one) < _rank(two) else 1
        return 0


class Term(NamedTuple):
    """One part of a constraint; `given` says how many numbers it names."""

    operator: str
    version: Version
    given: int

    def holds(self, version: Version) -> bool:
        if version.before and not self.version.before:
            return False
        return _OPERATORS[self.operator](self, version)

    def _equal(self, version: Version) -> bool:
        if self.given < 3:
            return version.numbers[: self.given] == self.version.numbers[: self.given]
        return version.compare(self.version) == 0

    def _greater(self, version: Version) -> bool:
        if self.given < 3:
            return version.numbers[: self.given] > self.version.numbers[: self.given]
        return version.compare(self.version) > 0

    def _at_least(self, version: Version) -> bool:
        return version.compare(self.version) >= 0

    def _tilde(self, version: Version) -> bool:
        same = min(self.given, 2)
        return self._at_least(version) and version.numbers[:same] == self.version.numbers[:same]

    def _caret(self, version: Version) -> bool:
        major, minor, _ = self.version.numbers
        same = 1 if major or self.given < 2 else 2 if minor or self.given < 3 else 3
        return self._at_least(version) and version.numbers[:same] == self.version.numbers[:same]


_OPERATORS: dict[str, Callable[[Term, Version], bool]] = {
    "": Term._equal,
    "=": Term._equal,
    "!=": lambda term, version: not term._equal(version),
    ">": Term._greater,
    "<": lambda term, version: version.compare(term.version) < 0,
    ">=": Term._at_least,
    "=>": Term._at_least,
    "<=": lambda term, version: not term._greater(version),
    "=<": lambda term, version: not term._greater(version),
    "~": Term._tilde,
    "~>": Term._tilde,
    "^": Term._caret,
}


def _rank(identifier: str | None) -> tuple[int, int, str]:
    """Return what an identifier of a release before another is ordered by: none, numbers, words."""
    if identifier is None:
        return 0, 0, ""
    return (1, int(identifier), "") if identifier.isdecimal() else (2, 0, identifier)


def _version(text: str) -> Version:
    match = _VERSION.fullmatch(text) if len(text) <= _MAX else None
    if match is None:
        raise ValueError(f"{text[:40]!r} is no version")
    return Version((int(match[1]), int(match[2] or 0), int(match[3] or 0)), match[4] or "")


def _terms(text: str) -> list[Term]:
    text = _RANGE.sub(lambda match: f">={match[1]} <={match[6]} ", text)
    found, at = [], 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise ValueError(f"{text[:40]!r} is no constraint of versions")
        numbers: list[int] = []
        for part in match.group(2, 3, 4):
            if part is None or part in ("x", "X", "*"):
                break
            numbers.append(int(part))
        given = len(numbers)
        operator = (match[1] or "") if given else "="
        padded = (*numbers, 0, 0, 0)
        found.append(Term(operator, Version((padded[0], padded[1], padded[2]), match[5] or ""), given))
        at = match.end()
    return found


def _fits(version: str, constraint: str) -> bool:
    wanted = _version(version.strip())
    if not constraint.strip() or len(constraint) > _MAX:
        raise ValueError("it is no constraint of versions")
    choices = [_terms(each) for each in constraint.split("||")]
    return any(all(term.holds(wanted) for term in terms) for terms in choices)


VERSIONS = {"semvercmp": Function(_fits, (STRING, STRING))}
