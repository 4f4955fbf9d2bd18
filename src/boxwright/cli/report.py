"""How an error looks to a person."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from boxwright.errors import BoxwrightError


def coloured(stream: TextIO) -> bool:
    """Tell whether `stream` takes colour: a terminal, without NO_COLOR and not TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def report(error: BoxwrightError, stream: TextIO | None = None) -> None:
    """Print what was wrong, where, and what to do next."""
    stream = stream or sys.stderr
    sys.stdout.flush()
    word = "\x1b[31merror:\x1b[0m" if coloured(stream) else "error:"
    stream.write(f"{word} {error.message}\n")
    for line in error.detail:
        stream.write(f"  {line}".rstrip() + "\n")
    if error.hint:
        stream.write(f"  {error.hint}\n")
    stream.flush()


def report_bug(error: Exception) -> bool:
    """Print an exception that nobody foresaw, and return whether it is boxwright's fault; then it says where.

    What the system refuses (a full disk, a file that isn't there) is not.
    """
    if isinstance(error, OSError) and error.errno is not None:
        name = f" ({error.filename})" if error.filename else ""
        sys.stderr.write(f"error: {error.strerror}{name}\n  BOXWRIGHT_DEBUG=1 shows where\n")
        return False
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(
        f"error: a bug in boxwright: {type(error).__name__}: {error}\n"
        f"  at {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}\n"
        "  please report it; BOXWRIGHT_DEBUG=1 shows the whole traceback\n"
    )
    return True
