"""What a server does besides answering: at once and then at intervals, in turn with all servers of its database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from boxwright.hub.db.leases import in_turn

if TYPE_CHECKING:
    from boxwright.hub.db.database import Database
    from boxwright.hub.db.leases import Leases
    from boxwright.hub.edge.tls import Certificates
    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.collector import Collector
    from boxwright.hub.registry.sessions import UploadSessions
    from boxwright.hub.registry.workers import Workers

_log = logging.getLogger(__name__)

HOUR = 3600.0
RECORD_SECONDS = 30.0
_UPLOAD_DAYS = 7
_WATCH_SECONDS = 10.0  # from one look at the certificate's files to the next


class Chores:
    """Tasks of the running event loop, from when they are begun to `stop`. What they do is done in threads."""

    __slots__ = ("_leases", "_tasks", "_workers")

    def __init__(self, workers: Workers, leases: Leases) -> None:
        self._workers = workers
        self._leases = leases
        self._tasks: list[asyncio.Task[Any]] = []

    def begin(self, chore: Coroutine[Any, Any, object]) -> None:
        """Begin one that has its own rhythm."""
        self._tasks.append(asyncio.create_task(chore))

    def regularly(self, name: str, duty: Callable[[], object], seconds: float) -> None:
        """Have one of all servers call `duty`, now and then every so many seconds."""
        self.begin(self._regularly(name, duty, seconds))

    def watch(self, certificates: Certificates) -> None:
        """Take up certificates that were renewed."""
        self.begin(self._watch(certificates))

    def collect(self, collector: Collector, interval: float, observer: Observer) -> None:
        """Collect garbage every so many seconds, and tell the observer how it went."""
        self.begin(self._collect(collector, interval, observer))

    def stop(self) -> None:
        """Begin nothing more."""
        for task in self._tasks:
            task.cancel()

    async def _regularly(self, name: str, duty: Callable[[], object], seconds: float) -> None:
        while True:
            try:
                await self._workers.move(in_turn, self._leases, name, seconds / 2, duty)
            except Exception:
                _log.exception("%s", name)  # the database is away, say: tried again
            await asyncio.sleep(seconds)

    async def _watch(self, certificates: Certificates) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            await self._workers.move(certificates.refresh)

    async def _collect(self, collector: Collector, interval: float, observer: Observer) -> None:
        def collect() -> None:
            done = collector.collect()
            observer.collected(done, time.monotonic() - started)
            if done.released or done.destroyed:
                _log.info("garbage: %d blobs released, %d destroyed (%d bytes)", *done)

        while True:
            started = time.monotonic()
            try:
                # Servers wake up at different times: with the whole interval, one that wakes a moment early would wait
                # twice.
                await self._workers.move(in_turn, self._leases, "garbage", interval / 2, collect)
            except Exception:
                _log.exception("garbage collection")  # a full disk, say: tried again
                observer.collected(None, time.monotonic() - started)
            await asyncio.sleep(interval)


def sweep(sessions: UploadSessions) -> None:
    """Drop abandoned uploads."""
    sessions.sweep(_UPLOAD_DAYS * 86400.0)


def prune(database: Database) -> None:
    """Apply the rules of retention."""
    from boxwright.hub.db.audit import Actor
    from boxwright.hub.db.retention import Retention

    for one in Retention(database, Actor("server:retention")).prune(dry_run=False):
        _log.info("retention: %s of %s went", one.tag or one.digest, one.repository)
