"""How pulls, pushes and copies are shown: a line a layer in a log, bars on a terminal."""

from __future__ import annotations

import io
import re

from boxwright.cli.transfers import Progress
from boxwright.oci.digest import Digest
from boxwright.remote.progress import Event, LayerBytes, LayerDone, LayerExists, PlaceFailed, Waiting, Warned

_ONE, _TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
_EVENTS: list[Event] = [
    LayerExists(_ONE),
    LayerBytes(_TWO, 10, 100),
    Waiting("h answered with status 503", 1.5, 1),
    Warned("h", "this registry moves in May"),
    PlaceFailed("mirror.lan does not have it"),
    LayerDone(_TWO, 100),
]
_ASIDES = [
    "  h answered with status 503: trying again in 1.5s",
    "  h says: this registry moves in May",
    "  mirror.lan does not have it: asking the next",
]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(out: io.StringIO, *, quiet: bool = False) -> str:
    with Progress(out, quiet=quiet) as progress:
        for event in _EVENTS:
            progress(event)
    return out.getvalue()


def _screen(text: str) -> list[str]:
    """Return what a terminal has in its lines after all that was written to it."""
    lines: list[str] = []
    row = 0
    for part in re.findall(r"\x1b\[\d+A|[^\x1b]*\n|\x1b\[2K", text):
        if part.endswith("A"):
            row -= int(part[2:-1])
        elif part.endswith("\n"):
            lines[row : row + 1] = [part[:-1]]
            row += 1
    return lines


def test_a_log_has_a_line_for_what_is_settled_or_said() -> None:
    lines = _shown(io.StringIO()).splitlines()
    assert lines == ["  111111111111  exists", *_ASIDES, "  222222222222  done  100 B"]


def test_what_is_said_stays_above_the_bars_of_a_terminal() -> None:
    screen = _screen(_shown(_Terminal()))
    assert screen == [*_ASIDES, "  111111111111  exists", "  222222222222  done  100 B"]


def test_a_quiet_one_says_nothing() -> None:
    assert _shown(_Terminal(), quiet=True) == _shown(io.StringIO(), quiet=True) == ""
