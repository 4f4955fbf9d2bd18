"""When a failed delivery is tried again, and when nobody tries any more."""

from __future__ import annotations

import random

_DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 86400.0)
"""Seconds after the first, second … failure: 66 hours, and with them an outage over a weekend."""

_JITTER = 0.2
"""Each delay is longer or shorter by up to this part, so that receivers aren't hit by all servers at once."""

MOST_ATTEMPTS = len(_DELAYS) + 1

_REFUSALS = frozenset({400, 413, 415, 422})
"""Statuses by which a receiver says that it is this one message which it cannot take."""

_REFUSED_ATTEMPTS = 5

GONE = 410
"""The status by which a receiver says that it wants nothing any more."""

DISABLE_AFTER = 5 * 86400.0
"""Seconds without a single success after which a webhook is disabled."""

_MOST_RETRY_AFTER = 3600.0


def delay(attempts: int, *, status: int | None = None, retry_after: float | None = None) -> float | None:
    """Return the seconds to wait after that many failed attempts; None to give up.

    A message that the receiver refuses for its content is given up sooner, since those behind it wait for it.
    `retry_after` is what the receiver asked for: heeded up to an hour.
    """
    if attempts >= (_REFUSED_ATTEMPTS if status in _REFUSALS else MOST_ATTEMPTS):
        return None
    seconds = _DELAYS[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    return max(seconds, min(retry_after or 0.0, _MOST_RETRY_AFTER))
