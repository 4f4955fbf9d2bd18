"""Where in a Python program an instruction was written."""

from __future__ import annotations

import sys
from itertools import islice

from boxwright.dockerfile.source import Source, Span
from boxwright.values import NamedTuple

_ROOM = __name__.rpartition(".")[0]


class Place(NamedTuple):
    """The lines `first` to `last` of a Python file, counted from 1."""

    file: str
    first: int
    last: int


def calling_place() -> Place:
    """Return where the function that is not of this package, but called into it, stands."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_ROOM):
        frame = frame.f_back
    positions = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    first = last = frame.f_lineno
    if positions is not None and positions[1] is not None:
        last = max(first, positions[1])
    return Place(frame.f_code.co_filename, first, last)


class Files:
    """The texts of Python files, each read once."""

    __slots__ = ("_sources",)

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def span(self, place: Place, text: str) -> Span:
        """Return the place with its lines. Where they cannot be had (a prompt), `text` is shown in their stead."""
        source = self._sources.get(place.file)
        if source is None:
            source = self._sources[place.file] = Source(_shown(place.file), _read(place.file))
        count = len(source.lines())
        if place.last > count:
            own = Source(source.name, text)
            return Span(own, 1, max(len(own.lines()), 1))
        return Span(source, place.first, place.last)


def _read(file: str) -> str:
    import linecache

    return "".join(linecache.getlines(file))


def _shown(file: str) -> str:
    """Return a file's name as short as it can be read from here."""
    import os

    try:
        near = os.path.relpath(file)
    except (OSError, ValueError):  # the current directory is gone
        return file
    return file if file.startswith("<") or near.startswith("..") else near
