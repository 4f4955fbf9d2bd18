"""What builds that run at once have in common: one end, turns, and the steps that one of them has already done."""

from __future__ import annotations

import os
import threading
from collections import defaultdict

_COPIES_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""They keep processors and disks busy; more of them would only take turns."""
_COMMANDS_AT_ONCE = 256
"""Commands wait more than they work, so nothing but the machine's means bounds how many run, where nobody says."""


class Together:
    """Shared by builds that run at once; a build that is alone has one of its own. Thread-safe."""

    __slots__ = ("_asked", "_done", "_locks", "_mutex", "cancelled", "commands", "copies")

    def __init__(self, max_parallelism: int = 0, *, share_steps: bool = True) -> None:
        """`max_parallelism` commands run at once, all builds together; 0: as many as have what they need.

        With `share_steps`, what one of the builds did anew is good for the others, although they use no cache.
        """
        self.cancelled = threading.Event()
        """Set: all of them end soon. One that fails sets it."""
        self.commands = threading.BoundedSemaphore(max_parallelism or _COMMANDS_AT_ONCE)
        self.copies = threading.BoundedSemaphore(_COPIES_AT_ONCE)
        self._done: set[str] | None = set() if share_steps else None
        self._mutex = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._asked: set[str] = set()

    @property
    def shares_steps(self) -> bool:
        return self._done is not None

    def lock(self, image: str) -> threading.Lock:
        """Return the lock of whoever looks for an image of this name."""
        with self._mutex:
            return self._locks[image]

    def is_first(self, what: str) -> bool:
        """Whether nobody has said so of this before."""
        with self._mutex:
            if what in self._asked:
                return False
            self._asked.add(what)
            return True

    def note(self, key: str) -> None:
        """Remember that a step was done."""
        if self._done is not None:
            self._done.add(key)

    def has_done(self, key: str) -> bool:
        """Whether one of the builds did this step."""
        return self._done is not None and key in self._done
