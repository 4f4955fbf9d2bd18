"""Whose turn it is to ask an upstream, among all processes that share a database.

Inside of a process who comes later joins the one who asks. Between processes nothing can be joined: bytes on their way
are in a file of one of them. So the others wait until it is here, for as long as that is better than to have it twice:
who waits has nothing to give its client meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.errors import UnavailableError
from boxwright.hub.registry.workers import Workers

if TYPE_CHECKING:
    from boxwright.hub.db.leases import Leases

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 15.0
"""Clients, and proxies before us, wait longer than that for the first byte of an answer."""

_POLL_SECONDS = 0.1
_RENEW_SECONDS = 10.0
"""A third of what a turn is believed to last without a word."""


class Turns:
    """The turns of a process. To be used on its event loop."""

    __slots__ = ("_leases", "_patience", "_workers")

    def __init__(self, leases: Leases, workers: Workers, *, patience: float = PATIENCE_SECONDS) -> None:
        """`patience`: how many seconds to wait for another process."""
        self._leases = leases
        self._workers = workers
        self._patience = patience

    async def take(self, what: str, is_here: Callable[[], bool]) -> Turn | None:
        """Return a turn, to be ended, for bringing `what`; None when it is here, since somebody else brought it.

        After the patience is over it is anybody's turn.
        """
        loop, name = asyncio.get_running_loop(), f"upstream {what}"
        deadline = loop.time() + self._patience
        while not await self._workers.ask(self._leases.take, name, 0.0):
            if loop.time() >= deadline:
                return Turn(None, name, self._workers)
            await asyncio.sleep(_POLL_SECONDS)
            if await self._workers.ask(is_here):
                return None
        return Turn(self._leases, name, self._workers)


class Turn:
    """Stays one's own until it is ended."""

    __slots__ = ("_leases", "_name", "_renewing", "_workers")

    def __init__(self, leases: Leases | None, name: str, workers: Workers) -> None:
        self._leases = leases
        self._name = name
        self._workers = workers
        self._renewing = asyncio.create_task(self._renew(leases)) if leases is not None else None

    async def _renew(self, leases: Leases) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                if not await self._workers.ask(leases.renew, self._name):
                    return
            except UnavailableError as error:
                _log.warning("%s: %s", self._name, error)  # perhaps it is there again before the turn is over

    def end(self) -> None:
        """Let the next one have it. Idempotent."""
        if self._leases is None or self._renewing is None:
            return
        self._renewing.cancel()
        ending = self._workers.ask(self._leases.drop, self._name)
        ending.add_done_callback(self._ended)
        self._leases = None

    def _ended(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            _log.warning("%s: %s", self._name, error)  # it ends by itself
