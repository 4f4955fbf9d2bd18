"""A program and a text → matches.

The program is run for all of its threads at once, character by character (Pike's machine), so that nothing is ever
tried again. Of several matches it finds the one that Perl would: the leftmost, and of those there the first by the
order of alternatives and the greed of repetitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from boxwright.bake.regex.characters import WORD
from boxwright.bake.regex.parser import parse
from boxwright.bake.regex.program import Char, PatternError, Save, Split
from boxwright.values import NamedTuple

_MAX_STEPS = 2_000_000

Slots: TypeAlias = tuple[int, ...]
"""Where each group begins and ends; -1 where it isn't part of the match."""


class Match(NamedTuple):
    text: str
    slots: Slots
    names: tuple[str, ...]
    """Of all groups; empty for one without."""

    @property
    def start(self) -> int:
        return self.slots[0]

    @property
    def end(self) -> int:
        return self.slots[1]

    def group(self, number: int) -> str | None:
        """Return what a group matched, None for one that is no part of the match. Raises IndexError."""
        start, end = self.slots[2 * number], self.slots[2 * number + 1]
        return None if start < 0 or end < 0 else self.text[start:end]

    def groups(self) -> list[str | None]:
        return [self.group(number) for number in range(1, len(self.names) + 1)]


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_left", "_program", "names")

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        self._program, self.names = parse(text)
        self._left = _MAX_STEPS

    def search(self, text: str, start: int = 0) -> Match | None:
        """Return the first match at or behind `start`. Raises PatternError when it takes too long."""
        blank: Slots = (-1,) * (2 * len(self.names) + 2)
        threads: dict[int, Slots] = {}
        found: Slots | None = None
        for at in range(start, len(text) + 1):
            if found is None:
                self._follow(0, blank, text, at, threads)
            elif not threads:
                break
            char = text[at : at + 1]
            following: dict[int, Slots] = {}
            for index, slots in threads.items():
                step = self._program[index]
                if step is None:
                    found = slots
                    break  # threads behind this one would be chosen after it
                assert isinstance(step, Char)
                if char and step.test(char):
                    self._follow(index + 1, slots, text, at + 1, following)
            self._spend(len(threads) + 1)
            threads = following
        return None if found is None else Match(text, found, self.names)

    def matches(self, text: str) -> Iterator[Match]:
        """Yield all matches, from the left; an empty one is not next to the one before."""
        at, last = 0, -1
        while at <= len(text):
            match = self.search(text, at)
            if match is None:
                return
            if match.end > match.start or match.end != last:
                yield match
            last = match.end
            at = match.end if match.end > match.start else match.end + 1

    def _follow(self, index: int, slots: Slots, text: str, at: int, threads: dict[int, Slots]) -> None:
        """Add the threads that go on from a place to characters, the preferred ones first."""
        stack = [(index, slots)]
        seen = threads
        marked: set[int] = set()
        while stack:
            index, slots = stack.pop()
            if index in seen or index in marked:
                continue
            self._spend(1)
            step = self._program[index]
            if isinstance(step, (Char, type(None))):
                seen[index] = slots
                continue
            marked.add(index)
            if isinstance(step, Split):
                stack.append((step.second, slots))
                stack.append((step.first, slots))
            elif isinstance(step, Save):
                stack.append((index + 1, (*slots[: step.slot], at, *slots[step.slot + 1 :])))
            elif _holds(step.kind, text, at):
                stack.append((index + 1, slots))

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise PatternError("the pattern takes too long on this text")


def _holds(kind: str, text: str, at: int) -> bool:
    match kind:
        case "A":
            return at == 0
        case "z":
            return at == len(text)
        case "^":
            return at == 0 or text[at - 1] == "\n"
        case "$":
            return at == len(text) or text[at] == "\n"
        case _:
            before = at > 0 and text[at - 1] in WORD
            after = at < len(text) and text[at] in WORD
            return (before != after) == (kind == "b")
