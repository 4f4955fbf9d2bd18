"""The colours of a build on a terminal: ours, or those that ``NO_COLOR`` and ``BUILDKIT_COLORS`` say."""

from __future__ import annotations

from collections.abc import Mapping

from boxwright.values import NamedTuple

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


class Colours(NamedTuple):
    """Escape sequences that begin a colour; `plain` ends it."""

    run: str = ""
    """Of a step that was done."""
    built: str = "\x1b[32m"
    cached: str = "\x1b[2m"
    """Of what is less important: a step from the cache, output, an explanation."""
    error: str = "\x1b[31m"
    warning: str = "\x1b[33m"
    plain: str = "\x1b[0m"


def colours(environ: Mapping[str, str]) -> Colours:
    """Return the colours that the environment asks for.

    ``BUILDKIT_COLORS`` is ``run=green:warning=yellow:error=255,0,0``. What isn't understood of it is as if it weren't
    there, as BuildKit has it: it is set once for all tools, and no reason for a build to fail.
    """
    if environ.get("NO_COLOR"):
        return Colours(*[""] * len(Colours._fields))
    chosen = {}
    for part in environ.get("BUILDKIT_COLORS", "").split(":"):
        name, _, value = part.strip().partition("=")
        sequence = _sequence(value)
        if name in ("run", "error", "warning") and sequence:
            chosen[name] = sequence
    return Colours(**chosen)


def _sequence(value: str) -> str:
    value = value.strip().lower()
    bright = value.startswith("light")
    if value.removeprefix("light") in _NAMES:
        return f"\x1b[{(90 if bright else 30) + _NAMES.index(value.removeprefix('light'))}m"
    numbers = [number.strip() for number in value.split(",")]
    if len(numbers) == 3 and all(number.isascii() and number.isdigit() and int(number) < 256 for number in numbers):
        return f"\x1b[38;2;{';'.join(str(int(number)) for number in numbers)}m"
    return ""
