"""A pattern → a program."""

from __future__ import annotations

from typing import NoReturn

from boxwright.bake.regex.characters import ESCAPES, PROPERTIES, SETS, Test, between, folded
from boxwright.bake.regex.program import Char, Look, PatternError, Program, Save, Split, Step
from boxwright.values import NamedTuple

_MAX_REPEAT = 1000
_MAX_DEPTH = 50


class Parsed(NamedTuple):
    steps: tuple[Step, ...]
    names: tuple[str, ...]
    """Of all groups, in the order of their openings; empty for one without."""


def parse(pattern: str) -> Parsed:
    """Return the program of a pattern. Raises PatternError."""
    parser = _Parser(pattern)
    parser.whole()
    return Parsed(tuple(parser.program.steps), tuple(parser.names))


class _Flags(NamedTuple):
    fold: bool = False
    """Upper and lower case are the same."""
    lines: bool = False
    """``^`` and ``$`` are there for every line."""
    dot: bool = False
    """``.`` takes a line's end, too."""
    lazy: bool = False
    """Repetitions take as little as they can, unless they say otherwise."""


class _Parser:
    __slots__ = ("_depth", "at", "names", "program", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.program = Program(self.fail)
        self.names: list[str] = []
        self._depth = 0

    def whole(self) -> None:
        """Read all of the pattern. Raises PatternError."""
        self.program.add(Save(0))
        self.alternatives(_Flags())
        if self.at < len(self.text):
            self.fail("a ) has no (")
        self.program.add(Save(1))
        self.program.add(None)

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
            self.program.insert(begin, Split(begin + 1, len(self.program) + 2))
            ends.append(len(self.program))
            self.program.add(Split(0, 0))
            begin = len(self.program)
            flags = self._sequence(flags)
        for end in ends:
            self.program.steps[end] = Split(len(self.program), len(self.program))
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
                self.program.add(Char(self._class(flags)))
            case ".":
                self.program.add(Char((lambda each: True) if flags.dot else (lambda each: each != "\n")))
            case "^":
                self.program.add(Look("^" if flags.lines else "A"))
            case "$":
                self.program.add(Look("$" if flags.lines else "z"))
            case "\\":
                self._escape(flags)
            case "*" | "+" | "?":
                self.fail(f"nothing stands before {char}")
            case _:
                self._literal(char, flags)

    def _test(self, test: Test, flags: _Flags) -> Test:
        return folded(test) if flags.fold else test

    def _literal(self, char: str, flags: _Flags) -> None:
        self.program.add(Char(self._test(char.__eq__, flags)))

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
        self.program.add(Save(2 * number))
        self.alternatives(flags)
        self._close()
        self.program.add(Save(2 * number + 1))

    def _close(self) -> None:
        if not self._take(")"):
            self.fail("a ( is not closed")

    def _escape(self, flags: _Flags) -> None:
        char = self.text[self.at : self.at + 1]
        if char and char in "bBAz":
            self.at += 1
            self.program.add(Look(char))
        else:
            self.program.add(Char(self._test(self._escaped(), flags)))

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
            chosen = SETS[char.lower()]
            return chosen.__contains__ if char.islower() else lambda each: each not in chosen
        if char in ("p", "P"):
            return self._property(char == "P")
        if char == "x":
            return self._code().__eq__
        if char in ESCAPES:
            return ESCAPES[char].__eq__
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
        test = PROPERTIES.get(name)
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
                test = between(low, high)
            tests.append(test)
        self.at += 1

        def one_of(char: str) -> bool:
            return any(test(char) for test in tests)

        test = self._test(one_of, flags)
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
        chosen = SETS.get(name.removeprefix("^"))
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
        self.program.repeat(begin, least, most, lazy=lazy)

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

    def _take(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False
