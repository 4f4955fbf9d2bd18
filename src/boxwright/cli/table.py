"""Tables as docker prints them: columns padded to their longest cell and three spaces, headings in capitals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

_GAP = 3


def write(out: TextIO, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` below `headings`; the last column is not padded."""
    lines = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        padded = [cell.ljust(width + _GAP) for cell, width in zip(line[:-1], widths, strict=False)]
        out.write("".join(padded) + line[-1].rstrip() + "\n")
