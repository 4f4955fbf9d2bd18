"""When to ask again: exponential backoff with jitter, and the server's own wish."""

from __future__ import annotations

import random

from boxwright.values import NamedTuple

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that a later request may not get: all others stay what they are."""


class RetryPolicy(NamedTuple):
    """`attempts` counts the first; the delays are seconds."""

    attempts: int = 5
    base: float = 0.2
    longest: float = 10.0
    patience: float = 60.0
    """The longest ``Retry-After`` that is waited for."""

    def delay(self, failures: int, wish: float | None = None, *, jitter: float | None = None) -> float | None:
        """Return how long to wait after the `failures`-th failure (from 1), None to give up.

        `wish` is a ``Retry-After`` in seconds: it is obeyed, or too long to wait for. `jitter` (0 to 1, random by
        default) spreads clients that failed together over the upper half of the delay.
        """
        if failures >= self.attempts:
            return None
        if wish is not None:
            return wish if wish <= self.patience else None
        spread = random.random() if jitter is None else jitter
        longest = min(self.longest, self.base * 2.0 ** (failures - 1))
        return longest * (0.5 + spread / 2)


DEFAULT_POLICY = RetryPolicy()
