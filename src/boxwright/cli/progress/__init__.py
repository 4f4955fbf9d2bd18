"""A build's events, drawn: one module for each of ``--progress``'s ways."""

from __future__ import annotations

import sys
from collections.abc import Mapping
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


def renderer(name: str, environ: Mapping[str, str]) -> Renderer:
    """Return what draws a build as `name` says, in the colours that the environment says.

    ``auto``: alive on a terminal, plain in a log. Raises UsageError for a name that there isn't.
    """
    if name == "auto":
        # A dumb terminal can't have lines that change.
        name = "tty" if sys.stderr.isatty() and environ.get("TERM") != "dumb" else "plain"
    if name == "tty":
        from boxwright.cli.progress.colours import colours
        from boxwright.cli.progress.tty import Tty

        return Tty(sys.stderr, colours(environ))
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
