"""The command line, as docker speaks it: ``--flag=false``, ``-it``, ``-t=name``, options that end at an operand.

argparse isn't used: it takes 5 ms to import with what it imports, more to declare the options of ``run``, and it has
no option whose value may only be written behind a ``=``. What is declared here is a table; help.py renders it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from boxwright.errors import InvalidError

if TYPE_CHECKING:
    from typing import Literal

_TRUE = ("true", "1", "t", "T", "TRUE", "True")
_FALSE = ("false", "0", "f", "F", "FALSE", "False")
_KINDS = {int: "a whole number", float: "a number"}


class UsageError(InvalidError):
    """A command line that does not parse."""


class OperandsError(UsageError):
    """Too few operands, too many, or a command that is none: docker says 1 to that, and 125 to a wrong flag."""

    exit_code = 1


class HelpWanted(Exception):
    """``--help`` was given, or a group without a command: `parser` is the one whose help is meant."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


class Option:
    """An option, or an operand, whose `names` are empty."""

    __slots__ = ("choices", "convert", "default", "dest", "help", "kind", "metavar", "names", "nargs", "why")

    def __init__(
        self,
        kind: Literal["value", "list", "flag", "help", "refused", "refused flag"],
        names: tuple[str, ...],
        dest: str,
        *,
        help: str | None,
        metavar: str | None = None,
        default: Any = None,
        convert: Callable[[str], Any] | None = None,
        choices: Sequence[str] = (),
        nargs: str = "",
        why: str = "",
    ) -> None:
        self.kind = kind
        self.names = names
        self.dest = dest
        self.help = help
        """None: not shown."""
        self.metavar = metavar or (",".join(choices) if choices else dest.upper())
        self.default = default
        self.convert = convert
        self.choices = choices
        self.nargs = nargs
        """How many words an operand takes: one, at most one (``?``), any number (``*``), one or more (``+``),
        all that follow (``...``)."""
        self.why = why

    @property
    def takes_value(self) -> bool:
        """Whether the next word is its value, when none stands behind a ``=``."""
        return self.kind in ("value", "list", "refused")

    def value(self, text: str) -> Any:
        """Return what `text` means for it. Raises UsageError."""
        name = self.names[0] if self.names else self.metavar
        if self.choices and text not in self.choices:
            raise UsageError(f"invalid {name} {text!r}", hint=f"it is one of {', '.join(self.choices)}")
        if self.convert is None:
            return text
        try:
            return self.convert(text)
        except ValueError:
            # Looked up by what it is, which need not be one of the functions in there.
            kind = _KINDS.get(self.convert, "something else")  # type: ignore[call-overload]
            raise UsageError(f"invalid {name} {text!r}: it takes {kind}") from None


class Parser:
    """The options and operands of one command, or the commands of a group."""

    def __init__(self, prog: str, description: str = "") -> None:
        self.prog = prog
        self.description = description
        self.usage: str | None = None
        """How to call it, where that isn't what the operands say."""
        self.options: list[Option] = []
        self.operands: list[Option] = []
        self.commands: dict[str, tuple[Parser, str]] = {}
        """A group's commands: name → parser and summary."""
        self.elsewhere: dict[str, str] = {}
        """Further commands of a group that are verbs of their own (``image ls`` is ``images``): name → summary."""
        self._named: dict[str, Option] = {}
        self._declare(Option("help", ("--help",), "help", help="show this help"))

    # ---- declaring

    def add_argument(
        self,
        *names: str,
        help: str,
        metavar: str | None = None,
        nargs: Literal["", "?", "*", "+", "..."] = "",
        default: Any = None,
        type: Callable[[str], Any] | None = None,
        choices: Sequence[str] = (),
        dest: str | None = None,
    ) -> None:
        """Declare an option with a value, of which the last one counts, or the next operand: as argparse would.

        `type` may raise UsageError or ValueError. `nargs` is an operand's; after one with ``...`` options end at the
        first operand.
        """
        option = Option(
            "value",
            names if names[0].startswith("-") else (),
            dest or _dest(names),
            help=help,
            metavar=metavar,
            default=default,
            convert=type,
            choices=choices,
            nargs=nargs,
        )
        if option.names:
            self._declare(option)
        else:
            self.operands.append(option)

    def repeated(self, *names: str, help: str, metavar: str | None = None, dest: str | None = None) -> None:
        """Declare an option that may be given several times; its values are a list."""
        self._declare(Option("list", names, dest or _dest(names), help=help, metavar=metavar))

    def flag(self, *names: str, help: str, default: bool | None = False, dest: str | None = None) -> None:
        """Declare a boolean option that also takes ``=true`` and ``=false``, and never the next word.

        With the default None it can be told whether it was given.
        """
        self._declare(Option("flag", names, dest or _dest(names), help=help, default=default))

    def refused(self, *names: str, why: str, value: bool = True) -> None:
        """Declare an option of docker's that is known and not supported: using it is an error that says `why`."""
        self._declare(Option("refused" if value else "refused flag", names, "", help=None, why=why))

    def command(self, name: str, *, help: str, description: str = "") -> Parser:
        """Declare a command of a group and return its parser; its name becomes the value of ``verb``.

        Of a group within a group, ``verb`` is the names of both: ``user add``.
        """
        parser = Parser(f"{self.prog} {name}", description)
        self.commands[name] = (parser, help)
        return parser

    def _declare(self, option: Option) -> None:
        self.options.append(option)
        for name in option.names:
            self._named[name] = option

    # ---- parsing

    def parse(self, words: Sequence[str]) -> SimpleNamespace:
        """Return the values of all options and operands as attributes. Raises UsageError, HelpWanted."""
        values = {
            option.dest: [] if option.kind == "list" else option.default
            for option in self.options
            if option.kind in ("value", "list", "flag")
        }
        stops = bool(self.commands) or any(operand.nargs == "..." for operand in self.operands)
        operands: list[str] = []
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            if word == "--":
                operands += words[index:]
                break
            if len(word) > 1 and word[0] == "-":
                index = self._option(word, words, index, values)
                continue
            operands.append(word)
            if stops:
                operands += words[index:]
                break
        if self.commands:
            return self._command(operands)
        self._operands(operands, values)
        return SimpleNamespace(**values)

    def _option(self, word: str, words: Sequence[str], index: int, values: dict[str, Any]) -> int:
        """Take the option, or the letters of options, in `word`; return the index of the next word."""
        if word.startswith("--"):
            name, equals, text = word.partition("=")
            return self._take(name, text if equals else None, words, index, values)
        letters = word[1:]
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            option = self._named.get(name)
            if letters.startswith("="):
                return self._take(name, letters[1:], words, index, values)
            if letters and option is not None and option.takes_value:
                return self._take(name, letters, words, index, values)
            index = self._take(name, None, words, index, values)
        return index

    def _take(self, name: str, text: str | None, words: Sequence[str], index: int, values: dict[str, Any]) -> int:
        option = self._named.get(name)
        if option is None:
            self._fail(f"unknown flag: {name}")
        if option.kind == "help":
            raise HelpWanted(self)
        if option.why:
            self._fail(f"{name} is not supported: {option.why}")
        if option.kind == "flag":
            if text is not None and text not in _TRUE and text not in _FALSE:
                self._fail(f"invalid {name} {text!r}: it takes true or false")
            values[option.dest] = text is None or text in _TRUE
            return index
        if text is None:
            if index == len(words):
                self._fail(f"{option.names[0]} needs a value")
            text = words[index]
            index += 1
        value = self._value(option, text)
        if option.kind == "list":
            values[option.dest].append(value)
        else:
            values[option.dest] = value
        return index

    def _operands(self, words: list[str], values: dict[str, Any]) -> None:
        missing = [operand.metavar for operand in self.operands[len(words) :] if operand.nargs not in ("?", "*", "...")]
        if missing:
            raise OperandsError(f"missing {', '.join(missing)}", hint=self._hint)
        for position, operand in enumerate(self.operands):
            later = len(self.operands) - position - 1
            if operand.nargs in ("*", "+", "..."):
                taken = words[: len(words) - later] if later else words
                words = words[len(taken) :]
                values[operand.dest] = [self._value(operand, word) for word in taken]
            elif words:
                values[operand.dest] = self._value(operand, words[0])
                words = words[1:]
            else:
                values[operand.dest] = operand.default
        if words:
            raise OperandsError(f"too many arguments: {' '.join(words)}", hint=self._hint)

    def _command(self, words: list[str]) -> SimpleNamespace:
        if not words:
            raise HelpWanted(self)
        found = self.commands.get(words[0])
        if found is None:
            known = ", ".join([*self.elsewhere, *self.commands])
            raise OperandsError(f"invalid COMMAND {words[0]!r}", hint=f"it is one of {known}")
        values = found[0].parse(words[1:])
        values.verb = f"{words[0]} {values.verb}" if found[0].commands else words[0]
        return values

    def _value(self, option: Option, text: str) -> Any:
        try:
            return option.value(text)
        except UsageError as error:
            error.hint = error.hint or self._hint
            raise

    def family(self) -> Iterator[Parser]:
        """Yield it and every parser below it, in the order in which they were declared."""
        yield self
        for parser, _ in self.commands.values():
            yield from parser.family()

    @property
    def _hint(self) -> str:
        return f"see {self.prog} --help"

    def _fail(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self._hint)

    def help(self) -> str:
        """Return the text of ``--help``."""
        from boxwright.cli.help import render

        return render(self)


def _dest(names: tuple[str, ...]) -> str:
    name = next((name for name in names if name.startswith("--")), names[0])
    return name.lstrip("-").replace("-", "_")


def size(text: str) -> int:
    """Parse docker's sizes: ``512m``, ``1g``, ``1.5GiB``, plain bytes; units are powers of 1024."""
    digits = text.strip().lower().removesuffix("ib").removesuffix("b")
    factor = 1
    if digits and digits[-1] in "kmgtp":
        factor = 1024 ** ("kmgtp".index(digits[-1]) + 1)
        digits = digits[:-1]
    try:
        value = float(digits)
    except ValueError:
        value = -1.0
    if value < 0 or value != value or value == float("inf"):
        raise InvalidError(f"invalid size {text!r}", hint="a size is a number with k, m or g behind it: 512m")
    return int(value * factor)


def duration(text: str) -> float:
    """Parse Go's durations (``1h30m``, ``10s``, ``1.5s``, ``300ms``) or plain seconds; return seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidError(f"invalid duration {text!r}", hint="a duration looks like 10s, 1m30s or 2h")
    return sum(float(number) * units[unit] for number, unit in parts)


def patience(text: str) -> float:
    """Parse how long to wait before a kill: as `duration`; -1 is for ever."""
    return -1.0 if text == "-1" else duration(text)


def key_values(items: Sequence[str]) -> dict[str, str]:
    """Turn ``NAME=value`` items into a mapping; a bare name gets an empty value."""
    return dict(item.partition("=")[::2] for item in items)


def filters(items: Sequence[str]) -> dict[str, list[str]]:
    """Turn ``--filter name=value`` items into name → values. Raises UsageError."""
    found: dict[str, list[str]] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"invalid filter {item!r}", hint="a filter looks like name=value")
        found.setdefault(name.strip().lower(), []).append(value.strip())
    return found
