"""Versions in tags: their order (Semantic Versioning 2.0.0 §11), and ranges of them.

A tag may leave out what npm's and docker's tags leave out: ``v1``, ``1.27``, ``1.27-alpine``. A range is written as for
npm: ``>=1.2 <2``, ``^1.4``, ``~1.4.2``, ``1.x``, ``1.2 || 1.4``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import total_ordering

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

_VERSION = re.compile(r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_TERM = re.compile(r"(>=|<=|>|<|=|\^|~)?\s*(v?[0-9xX*][0-9A-Za-z.*+-]*)")
_ANY = ("x", "X", "*")


class InvalidRange(InvalidError):
    """Text that is no range of versions."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid range of versions {text!r}", hint='a range looks like ">=1.2 <2", "^1.4" or "1.x"')
        self.text = text


@total_ordering
class Version:
    """A version; build metadata is no part of it."""

    __slots__ = ("numbers", "prerelease")

    def __init__(self, numbers: tuple[int, int, int], prerelease: tuple[str, ...] = ()) -> None:
        self.numbers = numbers
        self.prerelease = prerelease

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Return the version that a tag is; None for one that is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            return None
        major, minor, patch, prerelease = match.groups()
        return cls((int(major), int(minor or 0), int(patch or 0)), tuple(prerelease.split(".")) if prerelease else ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and (self.numbers, self.prerelease) == (other.numbers, other.prerelease)

    def __hash__(self) -> int:
        return hash((self.numbers, self.prerelease))

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        # Numbers before words, and a release after all that came before it.
        parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease]
        return self.numbers, not self.prerelease, parts


class _Bound(NamedTuple):
    """One comparison."""

    holds: Callable[[Version, Version], bool]
    version: Version


class Range:
    """Versions that are wanted."""

    __slots__ = ("_alternatives", "text")

    def __init__(self, text: str) -> None:
        """Raises InvalidRange."""
        self.text = text
        self._alternatives = [self._parse(part) for part in text.split("||")]

    def holds(self, version: Version) -> bool:
        """Whether a version is in it.

        One from before a release is only where the range names one from before the same release (``>=1.2.0-rc.1``);
        ``1.27-alpine`` counts as such.
        """
        return any(self._all_hold(bounds, version) for bounds in self._alternatives)

    @staticmethod
    def _all_hold(bounds: list[_Bound], version: Version) -> bool:
        if not all(bound.holds(version, bound.version) for bound in bounds):
            return False
        named = any(bound.version.prerelease and bound.version.numbers == version.numbers for bound in bounds)
        return not version.prerelease or named

    def _parse(self, text: str) -> list[_Bound]:
        rest = text.replace(",", " ").strip()
        bounds: list[_Bound] = []
        if not rest:
            raise InvalidRange(self.text)
        while rest:
            match = _TERM.match(rest)
            if match is None:
                raise InvalidRange(self.text)
            bounds += self._term(match[1] or "=", match[2])
            rest = rest[match.end() :].lstrip()
        return bounds

    def _term(self, operator: str, text: str) -> list[_Bound]:
        given = _numbers(text)
        lowest = Version.parse(".".join(map(str, (*given, 0, 0, 0)[:3])) if given is not None else text)
        if lowest is None:
            raise InvalidRange(self.text)
        places = len(given) if given is not None else 3
        if operator == ">=" or not places:
            return [_Bound(_at_least, lowest)]
        if operator == "<":
            return [_Bound(_below, _floor(lowest))]
        # Of a version that isn't whole, all that begin with it are meant.
        after = _next(lowest, places - 1)
        if operator == ">":
            return [_Bound(_above, lowest)] if places == 3 else [_Bound(_at_least, after)]
        if operator == "<=":
            return [_Bound(_at_most, lowest)] if places == 3 else [_Bound(_below, _floor(after))]
        if operator == "=" and places == 3:
            return [_Bound(_same, lowest)]
        if operator == "^":
            first = next((index for index, number in enumerate(lowest.numbers) if number), places - 1)
            after = _next(lowest, min(first, places - 1))
        elif operator == "~":
            after = _next(lowest, min(1, places - 1))
        return [_Bound(_at_least, lowest), _Bound(_below, _floor(after))]


def _numbers(text: str) -> tuple[int, ...] | None:
    """Return the numbers of a version that isn't whole (``1``, ``1.x``), None for a whole one."""
    parts = text.removeprefix("v").split(".")
    known: list[int] = []
    for part in parts:
        if part in _ANY:
            return tuple(known)
        if not part.isdigit():
            return None
        known.append(int(part))
    return tuple(known) if len(known) < 3 else None


def _next(version: Version, place: int) -> Version:
    """Return the first version that differs in a place, or in one before it."""
    numbers = [number if index <= place else 0 for index, number in enumerate(version.numbers)]
    numbers[place] += 1
    return Version((numbers[0], numbers[1], numbers[2]))


def _floor(version: Version) -> Version:
    """Return what comes before everything of a release: nothing from before 2 is below 2."""
    return version if version.prerelease else Version(version.numbers, ("0",))


def _at_least(version: Version, bound: Version) -> bool:
    return version >= bound


def _above(version: Version, bound: Version) -> bool:
    return version > bound


def _at_most(version: Version, bound: Version) -> bool:
    return version <= bound


def _below(version: Version, bound: Version) -> bool:
    return version < bound


def _same(version: Version, bound: Version) -> bool:
    return version == bound
