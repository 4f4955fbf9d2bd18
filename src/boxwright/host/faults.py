"""Dying on purpose, for the crash tests.

Code that writes what must survive a kill calls `point` at each place where dying would matter. In a normal run that
is a call of an empty function. With ``BOXWRIGHT_CRASH_AT=N`` in the environment the process kills itself with SIGKILL
when it reaches the N-th point, so that a test can walk through every state that a crash may leave behind. With N = 0
it only names the points on its way, which tells how many there are.
"""

from __future__ import annotations

import os

VARIABLE = "BOXWRIGHT_CRASH_AT"

if VARIABLE not in os.environ:

    def point(name: str) -> None:
        """Mark a place where dying would matter; `name` says what has just happened, for whoever debugs a crash."""

else:
    import itertools
    import signal
    import sys

    _counter = itertools.count(1)
    _fatal = int(os.environ[VARIABLE])

    def point(name: str) -> None:
        """Kill this process if this is the point that was asked for."""
        number = next(_counter)
        if not _fatal:
            sys.stderr.write(f"point {number}: {name}\n")
        elif number == _fatal:
            sys.stderr.write(f"killed at point {_fatal}: {name}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
