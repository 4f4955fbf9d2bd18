"""Regular expressions as Go has them, in time that a text's length bounds: no pattern makes it run away.

The pattern becomes a program that is run for all of its threads at once, character by character (Pike's machine), so
that nothing is ever tried again. Of several matches it finds the one that Perl would: the leftmost, and of those there
the first by the order of alternatives and the greed of repetitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias

from boxwright.values import NamedTuple

_MAX_PROGRAM = 10_000
_MAX_REPEAT = 1000
_MAX_STEPS = 2_000_000
_MAX_DEPTH = 50

Test: TypeAlias = Callable[[str], bool]
Slots: TypeAlias = tuple[int, ...]
"""Where each group begins and ends; -1 where it isn't part of the match."""

_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_WORD = frozenset(_DIGITS + _UPPER + _LOWER + "_")
_SETS = {
    "d": frozenset(_DIGITS),
    "w": _WORD,
    "s": frozenset("\t\n\f\r "),
    "alnum": frozenset(_DIGITS + _UPPER + _LOWER),
    "alpha": frozenset(_UPPER + _LOWER),
    "ascii": frozenset(map(chr, range(128))),
    "blank": frozenset("\t "),
    "cntrl": frozenset([*map(chr, range(32)), "\x7f"]),
    "digit": frozenset(_DIGITS),
    "graph": frozenset(map(chr, range(33, 127))),
    "lower": frozenset(_LOWER),
    "print": frozenset(map(chr, range(32, 127))),
    "punct": frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": frozenset("\t\n\v\f\r "),
    "upper": frozenset(_UPPER),
    "word": _WORD,
    "xdigit": frozenset(_DIGITS + "abcdefABCDEF"),
}
_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_PROPERTIES: dict[str, Test] = {
    "L": str.isalpha,
    "Lu": str.isupper,
    "Ll": str.islower,
    "N": str.isnumeric,
    "Nd": str.isdecimal,
    "Z": str.isspace,
}


class PatternError(ValueError):
    """A pattern that is none, or one that takes too much."""


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


# What a program is made of: consume a character, go to one of two places, note a place, look around.


class _Char(NamedTuple):
    test: Test


class _Split(NamedTuple):
    first: int
    second: int


class _Save(NamedTuple):
    slot: int


class _Look(NamedTuple):
    kind: str


_Step: TypeAlias = _Char | _Split | _Save | _Look | None
"""None: all of it matched."""


class _Flags(NamedTuple):
    fold: bool = False
    lines: bool = False
    dot: bool = False
    lazy: bool = False


class Pattern:
    """A compiled pattern. Raises PatternError."""

    def __init__(self, text: str) -> None:
        parser = _Parser(text)
        parser.alternatives(_Flags())
        if parser.at < len(text):
            parser.fail("a ) has no (")
        self._program: list[_Step] = [_Save(0), *parser.program, _Save(1), None]
        # Every place in the parser's program is one further on here.
        for index, step in enumerate(self._program):
            if isinstance(step, _Split):
                self._program[index] = _Split(step.first + 1, step.second + 1)
        self.names = tuple(parser.names)
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
                assert isinstance(step, _Char)
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
            if isinstance(step, (_Char, type(None))):
                seen[index] = slots
                continue
            marked.add(index)
            if isinstance(step, _Split):
                stack.append((step.second, slots))
                stack.append((step.first, slots))
            elif isinstance(step, _Save):
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
            before = at > 0 and text[at - 1] in _WORD
            after = at < len(text) and text[at] in _WORD
            return (before != after) == (kind == "b")


class _Parser:
    """Pattern → program. Places in the program are relative to its beginning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.program: list[_Step] = []
        self.names: list[str] = []
        self._depth = 0

    def fail(self, why: str) -> NoReturn:
        raise PatternError(f"{self.text[:100]!r} is no regular expression: {why}")

    def alternatives(self, flags: _Flags) -> None:
        """Read alternatives up to a closing parenthesis, or the end."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fail("it is nested too deeply")
        begin = len(self.program)
        ends: list[int] = []
        flags = self._sequence(flags)
        while self._take("|"):
            # Split before what is there already, and jump behind the rest at its end.
            self._insert(begin, _Split(begin + 1, len(self.program) + 2))
            ends.append(len(self.program))
            self._add(_Split(0, 0))
            begin = len(self.program)
            flags = self._sequence(flags)
        for end in ends:
            self.program[end] = _Split(len(self.program), len(self.program))
        self._depth -= 1

    def _sequence(self, flags: _Flags) -> _Flags:
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            begin = len(self.program)
            if self.text.startswith("(?", self.at) and not self.text.startswith(("(?P<", "(?<"), self.at):
                changed = self._options(flags)
                if changed is not None:
                    flags = changed
                    continue
            elif self._take("\\Q"):
                begin = max(self._quoted(flags), begin)
            else:
                self._atom(flags)
            self._repeated(begin, flags)
        return flags

    def _options(self, flags: _Flags) -> _Flags | None:
        """Read ``(?i)``, and return what holds from there on; or ``(?i:…)``, a group."""
        self.at += 2
        on, within = True, flags
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            match char:
                case "-":
                    on = False
                case "i":
                    within = within._replace(fold=on)
                case "m":
                    within = within._replace(lines=on)
                case "s":
                    within = within._replace(dot=on)
                case "U":
                    within = within._replace(lazy=on)
                case ")":
                    return within
                case ":":
                    self.alternatives(within)
                    self._close()
                    return None
                case _:
                    self.fail(f"there is no (?{char}")
        self.fail("a ( is not closed")

    def _atom(self, flags: _Flags) -> None:
        char = self.text[self.at]
        self.at += 1
        match char:
            case "(":
                self._group(flags)
            case "[":
                self._add(_Char(self._class(flags)))
            case ".":
                self._add(_Char((lambda each: True) if flags.dot else (lambda each: each != "\n")))
            case "^":
                self._add(_Look("^" if flags.lines else "A"))
            case "$":
                self._add(_Look("$" if flags.lines else "z"))
            case "\\":
                self._escape(flags)
            case "*" | "+" | "?":
                self.fail(f"nothing stands before {char}")
            case _:
                self._literal(char, flags)

    def _literal(self, char: str, flags: _Flags) -> None:
        self._add(_Char(_folded(char.__eq__, flags)))

    def _group(self, flags: _Flags) -> None:
        name = ""
        for opening in ("?P<", "?<"):
            if self._take(opening):
                end = self.text.find(">", self.at)
                name = self.text[self.at : end] if end >= 0 else ""
                if not name.isidentifier() or name in self.names:
                    self.fail("the name of a group is none, or there twice")
                self.at = end + 1
                break
        self.names.append(name)
        number = len(self.names)
        self._add(_Save(2 * number))
        self.alternatives(flags)
        self._close()
        self._add(_Save(2 * number + 1))

    def _close(self) -> None:
        if not self._take(")"):
            self.fail("a ( is not closed")

    def _escape(self, flags: _Flags) -> None:
        char = self.text[self.at : self.at + 1]
        if char and char in "bBAz":
            self.at += 1
            self._add(_Look(char))
        else:
            self._add(_Char(_folded(self._escaped(), flags)))

    def _quoted(self, flags: _Flags) -> int:
        """Read a text as it is, up to ``\\E``; return the place of its last character, which alone is repeated."""
        end = self.text.find("\\E", self.at)
        for each in self.text[self.at : end if end >= 0 else None]:
            self._literal(each, flags)
        self.at = end + 2 if end >= 0 else len(self.text)
        return len(self.program) - 1

    def _escaped(self) -> Test:
        """Read what stands behind a backslash, in a class or outside."""
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char.lower() in ("d", "w", "s") and char:
            chosen = _SETS[char.lower()]
            return chosen.__contains__ if char.islower() else lambda each: each not in chosen
        if char in ("p", "P"):
            return self._property(char == "P")
        if char == "x":
            return self._code().__eq__
        if char in _ESCAPES:
            return _ESCAPES[char].__eq__
        if char == "0" or (char.isdigit() and self.text[self.at : self.at + 1].isdigit()):
            digits = char
            while len(digits) < 3 and self.text[self.at : self.at + 1] in tuple("01234567"):
                digits += self.text[self.at]
                self.at += 1
            return chr(int(digits, 8)).__eq__ if all(each in "01234567" for each in digits) else self.fail("it has \\8")
        if not char or char.isalnum():
            self.fail(f"there is no \\{char}")
        return char.__eq__

    def _property(self, negated: bool) -> Test:
        if self._take("{"):
            end = self.text.find("}", self.at)
            name = self.text[self.at : end] if end >= 0 else ""
            self.at = end + 1
        else:
            name = self.text[self.at : self.at + 1]
            self.at += 1
        if name.startswith("^"):
            name, negated = name[1:], not negated
        test = _PROPERTIES.get(name)
        if test is None:
            self.fail(f"the property {name[:20]!r} is not supported")
        return (lambda each: not test(each)) if negated else test

    def _code(self) -> str:
        end = self.text.find("}", self.at) if self._take("{") else self.at + 2
        digits = self.text[self.at : end] if end >= 0 else ""
        self.at = end + (self.text[end : end + 1] == "}" and self.text[self.at - 1] == "{")
        try:
            return chr(int(digits, 16)) if digits.isalnum() else self.fail("it has \\x without digits")
        except (ValueError, OverflowError):
            self.fail(f"\\x{digits[:10]} is no character")

    def _class(self, flags: _Flags) -> Test:
        negated = self._take("^")
        tests: list[Test] = []
        first = True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                self.fail("a [ is not closed")
            first = False
            if self.text.startswith("[:", self.at):
                tests.append(self._posix())
                continue
            test, low = self._member()
            if self.text.startswith("-", self.at) and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                _, high = self._member()
                if not low or not high or low > high:
                    self.fail("a range in [] has no order")
                test = _between(low, high)
            tests.append(test)
        self.at += 1

        def one_of(char: str) -> bool:
            return any(test(char) for test in tests)

        test = _folded(one_of, flags)
        return (lambda char: not test(char)) if negated else test

    def _member(self) -> tuple[Test, str]:
        """Read one member of a class; return its test, and the character that it is, if it is one."""
        if self._take("\\"):
            test = self._escaped()
            owner = getattr(test, "__self__", None)
            return test, owner if isinstance(owner, str) else ""
        char = self.text[self.at : self.at + 1]
        if not char:
            self.fail("a [ is not closed")
        self.at += 1
        return char.__eq__, char

    def _posix(self) -> Test:
        end = self.text.find(":]", self.at)
        name = self.text[self.at + 2 : end] if end >= 0 else ""
        chosen = _SETS.get(name.removeprefix("^"))
        if chosen is None or len(name) < 4:
            self.fail(f"there is no [:{name[:20]}:]")
        self.at = end + 2
        return (lambda char: char not in chosen) if name.startswith("^") else chosen.__contains__

    def _repeated(self, begin: int, flags: _Flags) -> None:
        """Read ``*``, ``+``, ``?`` or ``{n,m}`` behind what begins at a place of the program."""
        bounds = self._bounds()
        if bounds is None:
            return
        least, most = bounds
        lazy = self._take("?") != flags.lazy
        if self._bounds() is not None:
            self.fail("one repetition stands behind another")
        piece = self.program[begin:]
        del self.program[begin:]
        for _ in range(least if most is not None else max(least - 1, 0)):
            self._copy(piece, begin)
        if most is not None:
            self._up_to(piece, begin, most - least, lazy)
        elif least:
            self._again(piece, begin, lazy)
        else:
            self._any_times(piece, begin, lazy)

    def _bounds(self) -> tuple[int, int | None] | None:
        for char, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(char):
                return bounds
        end = self.text.find("}", self.at)
        if not self.text.startswith("{", self.at) or end < 0:
            return None
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        if not low.isdecimal() or not (high.isdecimal() or not high) or (high and not comma):
            return None  # then { is itself
        self.at = end + 1
        least = int(low[:9])
        most = least if not comma else int(high[:9]) if high else None
        if least > _MAX_REPEAT or (most or 0) > _MAX_REPEAT or (most is not None and most < least):
            self.fail("a repetition is too large, or has no order")
        return least, most

    def _up_to(self, piece: list[_Step], begin: int, most: int, lazy: bool) -> None:
        """Add a piece as often as it goes, at most so many times."""
        places = []
        for _ in range(most):
            places.append(len(self.program))
            self._add(None)
            self._copy(piece, begin)
        end = len(self.program)
        for at in places:
            self.program[at] = _Split(end, at + 1) if lazy else _Split(at + 1, end)

    def _any_times(self, piece: list[_Step], begin: int, lazy: bool) -> None:
        """Add a piece as often as it goes."""
        at = len(self.program)
        self._add(None)
        self._again(piece, begin, lazy)
        end = len(self.program)
        self.program[at] = _Split(end, at + 1) if lazy else _Split(at + 1, end)

    def _again(self, piece: list[_Step], begin: int, lazy: bool) -> None:
        """Add a piece once or more often."""
        at = len(self.program)
        self._copy(piece, begin)
        end = len(self.program) + 1
        self._add(_Split(end, at) if lazy else _Split(at, end))

    def _copy(self, piece: list[_Step], begin: int) -> None:
        by = len(self.program) - begin
        for step in piece:
            self._add(_Split(step.first + by, step.second + by) if isinstance(step, _Split) else step)

    def _insert(self, index: int, step: _Step) -> None:
        """Put a step before others, whose places move."""
        moved = [
            _Split(each.first + (each.first >= index), each.second + (each.second >= index))
            if isinstance(each, _Split) and number >= index
            else each
            for number, each in enumerate(self.program)
        ]
        self.program = [*moved[:index], step, *moved[index:]]
        self._check()

    def _add(self, step: _Step) -> None:
        self.program.append(step)
        self._check()

    def _check(self) -> None:
        if len(self.program) > _MAX_PROGRAM:
            self.fail("it is too large")

    def _take(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False


def _between(low: str, high: str) -> Test:
    return lambda char: low <= char <= high


def _folded(test: Test, flags: _Flags) -> Test:
    """Return a test that takes upper and lower case for the same, where that is wanted."""
    if not flags.fold:
        return test
    return lambda char: test(char) or test(char.lower()) or test(char.upper())
