"""Here-documents: which words of a line start one, and the lines that belong to it.

Only the shell forms of ADD, COPY and RUN can have them, alone or as a trigger of ONBUILD. The bodies follow the
instruction, in the order of their markers, each up to a line that is nothing but its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from boxwright.dockerfile.arguments import split_words
from boxwright.values import NamedTuple

_MARKER = re.compile(r"(\d*)<<(-?)\s*([^<]*)", re.ASCII)
_QUOTES = str.maketrans("", "", "'\"\\")
_LEADING_TABS = re.compile("^\t+", re.MULTILINE)
_LINE_END = "\r\n"


class Marker(NamedTuple):
    """One ``<<NAME`` of a line: its body follows the line and ends at a line that is just `name`."""

    name: str
    text: str
    descriptor: int
    """The file descriptor in front of ``<<``; 0 when there is none."""
    chomp: bool
    """``<<-``: leading tabs of the body and of the terminator are dropped."""
    expand: bool
    """No part of the name is quoted: variables in the body expand."""


class Heredoc(NamedTuple):
    """A marker and its body."""

    marker: Marker
    raw: str
    """The lines as they are written, each with its end, without the terminator."""

    @property
    def content(self) -> str:
        """The body as it is meant: without the leading tabs that ``<<-`` drops. Nothing is expanded."""
        return _LEADING_TABS.sub("", self.raw) if self.marker.chomp else self.raw


class Unterminated(ValueError):
    """The text ends before the body of `marker` does."""

    def __init__(self, marker: Marker) -> None:
        super().__init__(marker.text)
        self.marker = marker


def find_markers(rest: str, escape: str) -> tuple[Marker, ...]:
    """Return the here-document markers in an instruction's arguments, in order."""
    markers = []
    for word in split_words(rest, escape):
        match = _MARKER.fullmatch(word)
        name = match[3].translate(_QUOTES) if match else ""
        if match and name:
            markers.append(Marker(name, word, int(match[1][:9] or 0), bool(match[2]), name == match[3]))
    return tuple(markers)


def read_bodies(markers: Sequence[Marker], lines: Sequence[str], start: int) -> tuple[tuple[Heredoc, ...], int]:
    """Return the here-documents whose bodies begin at `lines[start]`, and the index of the first line behind them.

    Lines come without their line feeds. Where the line before the bodies ends with a carriage return, that is how the
    file ends its lines, and nothing that a shell or a file is to have. Raises Unterminated.
    """
    heredocs = []
    index = start
    windows = lines[start - 1].endswith("\r")
    for marker in markers:
        first = index
        while index < len(lines) and not _terminates(lines[index], marker):
            index += 1
        if index == len(lines):
            raise Unterminated(marker)
        body = (line.removesuffix("\r") if windows else line for line in lines[first:index])
        heredocs.append(Heredoc(marker, "".join(f"{line}\n" for line in body)))
        index += 1
    return tuple(heredocs), index


def written(line: str, heredocs: Sequence[Heredoc]) -> str:
    """Return an instruction and its bodies as one text again, as a shell or a parser reads it."""
    return line + "".join(f"\n{heredoc.raw}{heredoc.marker.name}" for heredoc in heredocs)


def _terminates(line: str, marker: Marker) -> bool:
    line = line.rstrip(_LINE_END)
    return (line.lstrip("\t") if marker.chomp else line) == marker.name
