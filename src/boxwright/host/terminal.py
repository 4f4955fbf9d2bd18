"""The terminal in front of a person: its size, and the mode in which every key goes through."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from boxwright.values import NamedTuple

_WINSIZE = struct.Struct("HHHH")


class Size(NamedTuple):
    rows: int
    columns: int


def size(fd: int) -> Size | None:
    """Return the size of the terminal behind `fd`, or None when it is none or doesn't know."""
    try:
        answer = fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(_WINSIZE.size))
    except OSError:
        return None
    rows, columns, _, _ = _WINSIZE.unpack(answer)
    return Size(rows, columns) if rows and columns else None


def resize(fd: int, to: Size) -> None:
    """Tell the terminal behind `fd`, and so the programs in it, its size. Raises OSError."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, _WINSIZE.pack(to.rows, to.columns, 0, 0))


@contextmanager
def raw(fd: int) -> Iterator[None]:
    """Pass every key on as it is, without echo, for the block; not a terminal is fine and changes nothing."""
    if not os.isatty(fd):
        yield
        return
    import tty

    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        yield
    finally:
        # Not TCSAFLUSH: what the person has typed already belongs to the shell.
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def followed(fd: int, apply: Callable[[Size], object]) -> Iterator[None]:
    """Call `apply` with the size of the terminal behind `fd`, now and on each change. For the main thread.

    Without a terminal there it is never called.
    """
    import signal

    def follow(*_: object) -> None:
        now = size(fd)
        if now is not None:
            apply(now)

    before = signal.signal(signal.SIGWINCH, follow)
    try:
        follow()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
