"""Not more than so many bytes a second, over all connections of a command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_BURST_SECONDS = 0.1
_LEAST_PIECE = 1 << 10


class Limiter:
    """Lets bytes pass at `rate` bytes a second at most, in one direction. Threads may share it.

    Whoever has taken a piece waits until the line would be free again; so the pieces have to be small, see `piece`.
    """

    __slots__ = ("_clock", "_free_at", "_lock", "_rate", "_sleep")

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def piece(self) -> int:
        """How many bytes to take at a time, so that nobody waits for long."""
        return max(_LEAST_PIECE, int(self._rate * _BURST_SECONDS))

    def passed(self, count: int) -> None:
        """Wait for as long as `count` bytes take, behind those of other threads."""
        with self._lock:
            now = self._clock()
            # Time in which nothing passed is not saved up.
            self._free_at = max(self._free_at, now) + count / self._rate
            wait = self._free_at - now
        if wait > 0:
            self._sleep(wait)
