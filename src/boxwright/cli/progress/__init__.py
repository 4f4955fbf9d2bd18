"""A build's events, drawn: one module for each of ``--progress``'s ways."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

from boxwright.build.progress import Event
from boxwright.cli.parsing import UsageError

CHOICES = ("auto", "plain", "tty", "classic", "rawjson", "quiet")


class Renderer(Protocol):
    """A sink of build events; leaving it as a context manager leaves the terminal as it was."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> Renderer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def renderer(name: str) -> Renderer:
    """Return what draws a build as `name` says. ``auto``: alive on a terminal, plain in a log."""
    if name == "auto":
        from boxwright.cli.report import coloured

        # A dumb terminal or NO_COLOR can't have lines that change.
        name = "tty" if sys.stderr.isatty() and coloured(sys.stderr) else "plain"
    if name == "tty":
        from boxwright.cli.progress.tty import Tty

        return Tty(sys.stderr)
    if name == "classic":
        from boxwright.cli.progress.classic import Classic

        return Classic(sys.stdout)
    if name == "rawjson":
        from boxwright.cli.progress.rawjson import RawJson

        return RawJson(sys.stderr)
    if name == "quiet":
        from boxwright.cli.progress.quiet import Quiet

        return Quiet(sys.stderr)
    if name == "plain":
        from boxwright.cli.progress.plain import Plain

        return Plain(sys.stderr)
    raise UsageError(f"unknown --progress {name!r}", hint=f"there are {', '.join(CHOICES)}")
