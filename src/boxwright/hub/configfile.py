"""The configuration file of a server: strict TOML, read section by section.

A section's owner asks it for the keys that it knows, each once, with its type. What nobody asked for is refused by name
and line when the file has been read, and so is a value of another type: a mistyped key never passes for its default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from boxwright.errors import InvalidError

_T = TypeVar("_T")

_MAX_BYTES = 1 << 20
_SIZE = re.compile(r"(\d{1,15}) ?([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)


class InvalidSetting(InvalidError):
    """A configuration file with something in it that isn't a setting; `line` is 0 when it is about all of it."""

    def __init__(self, path: Path, line: int, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}{f':{line}' if line else ''}: {why}", hint=hint)
        self.path = path
        self.line = line


class Section:
    """A table of the file: the file itself, or one below it.

    Every getter takes a key and what counts when it is absent, and raises InvalidSetting for a value that is none.
    """

    __slots__ = ("_asked", "_below", "_file", "_steps", "_text", "_values")

    def __init__(self, file: Path, text: str, values: dict[str, Any], steps: tuple[str | int, ...] = ()) -> None:
        self._file = file
        self._text = text
        self._values = values
        self._steps = steps
        self._asked: dict[str, None] = {}
        self._below: list[Section] = []

    # ---- getters

    def text(self, key: str, default: _T, *, choices: Sequence[str] = ()) -> str | _T:
        """Return a text that is not empty; with `choices`, one of them."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            raise self.error(key, "takes a text")
        if choices and value not in choices:
            raise self.error(key, f"is one of {', '.join(choices)}")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.error(key, "takes a list of texts")
        return tuple(value)

    def path(self, key: str, default: _T) -> Path | _T:
        """Return a path; a relative one counts from the folder of the file."""
        value = self.text(key, None)
        return default if value is None else self._file.parent / value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "takes true or false")
        return value

    def number(self, key: str, default: _T, *, least: int = 0, most: int = (1 << 63) - 1) -> int | _T:
        """Return a whole number from `least` to `most`."""
        value = self._take(key)
        if value is None:
            return default
        if type(value) is not int or not least <= value <= most:
            raise self.error(key, f"takes a whole number from {least}" + (f" to {most}" if most < 1 << 62 else ""))
        return value

    def size(self, key: str, default: _T, *, least: int = 1) -> int | _T:
        """Return bytes, at least `least`: a number, or text like ``"512 MiB"``; units are powers of 1024."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
            digits, unit = match.groups()
            value = int(digits) << 10 * " kmgt".index(unit.lower() or " ")
        if type(value) is not int or not least <= value < 1 << 63:
            raise self.error(key, f'takes a size of at least {least} bytes, like 4194304 or "4 MiB"')
        return value

    def duration(self, key: str, default: float) -> float:
        """Return seconds, more than nothing: text like ``"90s"`` or ``"24h"``."""
        value = self._take(key)
        return default if value is None else self._seconds(key, value)

    def duration_or_off(self, key: str, default: float | None) -> float | None:
        """As `duration`; ``"off"`` is None."""
        value = self._take(key)
        if value is None:
            return default
        return None if value == "off" else self._seconds(key, value)

    def section(self, key: str) -> Section:
        """Return a table; an empty one when it is absent."""
        value = self._take(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error(key, "is a section")
        return self._child(value, key)

    def sections(self, key: str) -> list[Section]:
        """Return the tables of an array (``[[key]]``)."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.error(key, f"is a list of sections: [[{key}]]")
        return [self._child(one, key, index) for index, one in enumerate(value)]

    # ---- errors

    def error(self, key: str, why: str, *, hint: str | None = None) -> InvalidSetting:
        """Return the error of a value that its owner cannot take; `why` goes on after the key's name."""
        return InvalidSetting(self._file, self._line(key), f"{self._name(key)} {why}", hint=hint)

    def finish(self) -> None:
        """Raise InvalidSetting for what nobody asked for, here and below."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, 1)
                known = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._asked) or 'none'}"
                raise InvalidSetting(self._file, self._line(key), f"unknown key {self._name(key)}", hint=known)
        for section in self._below:
            section.finish()

    # ---- inside

    def _take(self, key: str) -> Any:
        self._asked[key] = None
        return self._values.get(key)

    def _child(self, values: dict[str, Any], *steps: str | int) -> Section:
        child = Section(self._file, self._text, values, (*self._steps, *steps))
        self._below.append(child)
        return child

    def _seconds(self, key: str, value: object) -> float:
        from boxwright.dockerfile.durations import parse_duration

        try:
            nanoseconds = parse_duration(value) if isinstance(value, str) else 0
        except ValueError:
            nanoseconds = 0
        if nanoseconds <= 0:
            raise self.error(key, 'takes a duration like "90s" or "24h"')
        return nanoseconds / 1e9

    def _name(self, key: str) -> str:
        return ".".join([*(step for step in self._steps if isinstance(step, str)), key])

    def _line(self, key: str) -> int:
        """Return the line in which a key's value begins.

        tomllib tells no places; but it is the line after the longest beginning of the file that parses without the key.
        """
        lines = self._text.splitlines(keepends=True)
        without = 0
        for count in range(1, len(lines) + 1):
            table = _parsed("".join(lines[:count]))
            if table is None:
                continue  # inside of a value of several lines
            if _holds(table, (*self._steps, key)):
                break
            without = count
        return without + 1


def _parsed(text: str) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _holds(value: Any, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        if isinstance(step, int):
            if step >= len(value):
                return False
        elif step not in value:
            return False
        value = value[step]
    return True


def read_file(path: Path) -> Section:
    """Return the file as a section. Raises InvalidSetting when it cannot be read or isn't TOML."""
    import tomllib

    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise InvalidSetting(path, 0, "it is larger than a configuration can be")
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidSetting(path, 0, why or str(error)) from None
    try:
        return Section(path, text, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidSetting(path, 0, str(error)) from None
