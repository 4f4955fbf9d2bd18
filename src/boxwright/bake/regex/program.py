"""What programs are made of: consume a character, go to one of two places, note a place, look around."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeAlias

from boxwright.bake.regex.characters import Test
from boxwright.values import NamedTuple

_MAX_STEPS = 10_000


class PatternError(ValueError):
    """A pattern that is none, or one that takes too much."""


class Char(NamedTuple):
    test: Test


class Split(NamedTuple):
    first: int
    second: int


class Save(NamedTuple):
    slot: int


class Look(NamedTuple):
    kind: str


Step: TypeAlias = Char | Split | Save | Look | None
"""None: all of it matched."""


class Program:
    """A program as it is put together; places are counted from its beginning."""

    __slots__ = ("_fail", "steps")

    def __init__(self, fail: Callable[[str], NoReturn]) -> None:
        """`fail` is called with what is wrong, when the program gets too large."""
        self._fail = fail
        self.steps: list[Step] = []

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self._check()

    def insert(self, index: int, step: Step) -> None:
        """Put a step before others, whose places move."""
        moved = [
            Split(each.first + (each.first >= index), each.second + (each.second >= index))
            if isinstance(each, Split) and number >= index
            else each
            for number, each in enumerate(self.steps)
        ]
        self.steps = [*moved[:index], step, *moved[index:]]
        self._check()

    def repeat(self, begin: int, least: int, most: int | None, *, lazy: bool) -> None:
        """Have what begins at a place, and ends the program, come from `least` to `most` times; None is any number."""
        piece = self.steps[begin:]
        del self.steps[begin:]
        for _ in range(least if most is not None else max(least - 1, 0)):
            self._copy(piece, begin)
        if most is not None:
            self._up_to(piece, begin, most - least, lazy)
        elif least:
            self._again(piece, begin, lazy)
        else:
            self._any_times(piece, begin, lazy)

    def _up_to(self, piece: list[Step], begin: int, most: int, lazy: bool) -> None:
        """Add a piece as often as it goes, at most so many times."""
        places = []
        for _ in range(most):
            places.append(len(self.steps))
            self.add(None)
            self._copy(piece, begin)
        end = len(self.steps)
        for at in places:
            self.steps[at] = Split(end, at + 1) if lazy else Split(at + 1, end)

    def _any_times(self, piece: list[Step], begin: int, lazy: bool) -> None:
        """Add a piece as often as it goes."""
        at = len(self.steps)
        self.add(None)
        self._again(piece, begin, lazy)
        end = len(self.steps)
        self.steps[at] = Split(end, at + 1) if lazy else Split(at + 1, end)

    def _again(self, piece: list[Step], begin: int, lazy: bool) -> None:
        """Add a piece once or more often."""
        at = len(self.steps)
        self._copy(piece, begin)
        end = len(self.steps) + 1
        self.add(Split(end, at) if lazy else Split(at, end))

    def _copy(self, piece: list[Step], begin: int) -> None:
        by = len(self.steps) - begin
        for step in piece:
            self.add(Split(step.first + by, step.second + by) if isinstance(step, Split) else step)

    def _check(self) -> None:
        if len(self.steps) > _MAX_STEPS:
            self._fail("it is too large")
