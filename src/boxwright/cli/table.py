"""Tables as docker prints them: columns as wide as their longest cell and three spaces, ten at least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

_GAP = 3
_LEAST = 10


def write(out: TextIO, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` below `headings`; the last column is not padded."""
    lines = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(_LEAST, *(len(line[column]) + _GAP for line in lines)) for column in range(len(headings))]
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        out.write("".join(padded) + line[-1].rstrip() + "\n")
