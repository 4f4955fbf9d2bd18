"""argparse, spoken with docker's accent: ``--flag=false``, ``-t=name``, options that end at the first operand."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from boxwright.errors import InvalidError

_TRUE = ("true", "1", "t", "T", "TRUE", "True")
_FALSE = ("false", "0", "f", "F", "FALSE", "False")


class UsageError(InvalidError):
    """A command line that does not parse."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of leaving the process."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(
            prog=prog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
        )
        self.add_argument("--help", action="help", help="show this help")

    def error(self, message: str) -> NoReturn:
        hint = f"see {self.prog} --help"
        if message.startswith("unrecognized arguments: "):
            unknown = message.removeprefix("unrecognized arguments: ").split()
            flags = [word for word in unknown if word.startswith("-")]
            message = f"unknown flag: {flags[0]}" if flags else f"too many arguments: {' '.join(unknown)}"
        elif message.startswith("the following arguments are required: "):
            message = "missing " + message.removeprefix("the following arguments are required: ")
        raise UsageError(message, hint=hint)

    def flag(self, *names: str, help: str, default: bool = False, dest: str | None = None) -> None:
        """Declare a boolean option that also takes ``=true`` and ``=false``, as docker's do.

        The spelled-out forms are options of their own, since argparse has no option whose value is optional and
        never the next word.
        """
        dest = dest or names[-1].lstrip("-").replace("-", "_")
        self.add_argument(*names, action="store_true", default=default, dest=dest, help=help)
        for name in names:
            for words, value in ((_TRUE, True), (_FALSE, False)):
                self.add_argument(
                    *(f"{name}={word}" for word in words),
                    action="store_const",
                    const=value,
                    default=default,
                    dest=dest,
                    help=argparse.SUPPRESS,
                )

    def repeated(self, *names: str, help: str, metavar: str | None = None, dest: str | None = None) -> None:
        """Declare an option that may be given several times; its values are a list."""
        self.add_argument(*names, action="append", default=[], metavar=metavar, help=help, dest=dest)

    def refused(self, *names: str, why: str, value: bool = True) -> None:
        """Declare an option of docker's that is known and not supported: using it is an error that says `why`."""
        self.add_argument(*names, action=_Refused, nargs=1 if value else 0, why=why, help=argparse.SUPPRESS)


class _Refused(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, why: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, **settings)
        self.default = argparse.SUPPRESS
        self.why = why

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> NoReturn:
        raise UsageError(f"{option_string} is not supported: {self.why}", hint=f"see {parser.prog} --help")


def converted(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make `convert` usable as an argparse type whose BoxwrightErrors reach the user as they are."""

    # argparse swallows ValueError and TypeError into "invalid value"; a BoxwrightError is neither and passes through.
    def typed(text: str) -> Any:
        return convert(text)

    return typed


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
    import re

    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidError(f"invalid duration {text!r}", hint="a duration looks like 10s, 1m30s or 2h")
    return sum(float(number) * units[unit] for number, unit in parts)


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
