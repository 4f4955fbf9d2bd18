"""Here-documents: which words of a line start one. Only the shell forms of ADD, COPY and RUN can have them."""

from __future__ import annotations

import re

from boxwright.dockerfile.arguments import split_words
from boxwright.values import NamedTuple

_MARKER = re.compile(r"(\d*)<<(-?)\s*([^<]+)", re.ASCII)
_QUOTES = str.maketrans("", "", "'\"\\")


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


def find_markers(rest: str, escape: str) -> tuple[Marker, ...]:
    """Return the here-document markers in an instruction's arguments, in order."""
    markers = []
    for word in split_words(rest, escape):
        match = _MARKER.fullmatch(word)
        name = match[3].translate(_QUOTES) if match else ""
        if match and name:
            markers.append(Marker(name, word, int(match[1][:9] or 0), bool(match[2]), name == match[3]))
    return tuple(markers)
