"""argparse, spoken with docker's accent: ``--flag=false``, ``-t=name``, options that end at the first operand."""

from __future__ import annotations

import argparse
import re
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
            formatter_class=_Formatter,
            **settings,
        )
        self._positionals.title = "Operands"
        self._optionals.title = "Options"
        self.add_argument("--help", action="help", help="show this help")

    def error(self, message: str) -> NoReturn:
        hint = f"see {self.prog} --help"
        if message.startswith("unrecognized arguments: "):
            unknown = message.removeprefix("unrecognized arguments: ").split()
            flags = [word for word in unknown if word.startswith("-")]
            message = f"unknown flag: {flags[0]}" if flags else f"too many arguments: {' '.join(unknown)}"
        elif message.startswith("the following arguments are required: "):
            # What may be empty ("COMMAND ...") isn't what is missing.
            missing = message.removeprefix("the following arguments are required: ").split(", ")
            optional = {action.metavar for action in self._actions if action.nargs == argparse.REMAINDER}
            message = "missing " + ", ".join([name for name in missing if name not in optional] or missing)
        else:
            message, hint = _in_our_words(message, hint)
        raise UsageError(message, hint=hint)

    def format_help(self) -> str:
        """Return the help as docker lays it out: how to call it, what it does, then its operands and options."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for group in self._action_groups:
            formatter.start_section(group.title)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        return formatter.format_help()

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


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Two columns, the option with its value once: ``-e, --env NAME=VALUE``."""

    def __init__(self, prog: str) -> None:
        import shutil

        super().__init__(prog, max_help_position=38, width=max(80, min(shutil.get_terminal_size().columns, 120)))

    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None) -> str:
        if prefix == "":  # argparse asks what the parsers of a group's commands shall be called
            return str(self._prog)
        if usage is None:
            operands = [action for action in actions if not action.option_strings]
            shown = [self._format_args(action, self._get_default_metavar_for_positional(action)) for action in operands]
            usage = " ".join([self._prog, "[OPTIONS]", *shown])
        return f"Usage: {usage}\n\n"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        # Long options stand below each other, whether or not there is a short one.
        names = ", ".join(action.option_strings)
        names = names if len(action.option_strings[0]) == 2 else f"    {names}"
        if action.nargs == 0:
            return names
        return f"{names} {self._format_args(action, self._get_default_metavar_for_optional(action))}"


def _in_our_words(message: str, hint: str) -> tuple[str, str]:
    """Translate what argparse says of an option's value; return the message and the hint."""
    found = re.fullmatch(r"argument ([^:]*): (.*)", message, re.DOTALL)
    if not found:
        return message, hint
    name = found[1].partition("/")[0] if "/-" in found[1] else found[1]
    if found[2].startswith("expected "):
        return f"{name} needs a value", hint
    if choice := re.fullmatch(r"invalid choice: (.*?) \(choose from (.*)\)", found[2], re.DOTALL):
        return f"invalid {name} {choice[1]}", f"it is one of {choice[2].replace(chr(39), '')}"
    if value := re.fullmatch(r"invalid (\w+) value: (.*)", found[2], re.DOTALL):
        kind = {"int": "a whole number", "float": "a number"}.get(value[1], f"a {value[1]}")
        return f"invalid {name} {value[2]}: it takes {kind}", hint
    return f"{name}: {found[2]}", hint


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
