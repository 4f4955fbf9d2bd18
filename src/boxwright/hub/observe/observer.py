"""Everything by which a running server is observed, wired together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from boxwright.hub.observe.access import AccessLog
from boxwright.hub.observe.handler import Handler, ObservedHandler, Operations
from boxwright.hub.observe.health import Health
from boxwright.hub.observe.logs import Logging
from boxwright.hub.observe.metrics import Metrics
from boxwright.hub.observe.settings import LogSettings
from boxwright.hub.observe.timing import TimedBlobStorage
from boxwright.oci.digest import Digest

if TYPE_CHECKING:
    from boxwright.hub.db.metadata import MetadataStore
    from boxwright.hub.edge.origins import Origins
    from boxwright.hub.registry.collector import Collected
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.storage.base import BlobStorage

_NOTHING = Digest("sha256:" + "0" * 64)
"""A digest of which nobody knows the content."""


class Observer:
    """The logs, the numbers and the health of one server."""

    __slots__ = ("_access", "_apart", "_logging", "_workers", "health", "metrics")

    def __init__(self, log: LogSettings, workers: Workers, *, apart: bool = False) -> None:
        """`apart`: metrics are served elsewhere, or nowhere.

        Until it is closed, everything that this process logs is written as `log` says.
        """
        self._workers = workers
        self._apart = apart
        self._logging = Logging(log)
        heard = logging.getLogger().isEnabledFor(logging.INFO)
        self._access = AccessLog(self._logging.output, json=log.format == "json") if log.access and heard else None
        self.metrics = Metrics()
        self.health = Health()

    def watch(self, storage: BlobStorage, metadata: MetadataStore) -> BlobStorage:
        """Let readiness depend on both; return a storage that is to be used in place of `storage`."""
        self.health.check("database", lambda: metadata.blob_size("health", _NOTHING))
        self.health.check("storage", lambda: storage.size(_NOTHING))
        self.metrics.ask("open_uploads", "Uploads that were begun and have not ended.", lambda: len(metadata.uploads()))
        return TimedBlobStorage(storage, self.metrics)

    def around(self, handler: Handler, origins: Origins) -> ObservedHandler:
        """Return a handler that observes another one."""
        operations = Operations(self.health, None if self._apart else self.metrics, self._workers)
        return ObservedHandler(handler, operations, self.metrics, self._access, origins)

    def operations(self) -> Operations:
        """Return the handler of a server that has nothing but the pages for operators."""
        return Operations(self.health, self.metrics, self._workers)

    def collected(self, done: Collected | None, seconds: float) -> None:
        """Count a collection of garbage; None for one that failed."""
        metrics = self.metrics
        metrics.gc_runs.labels("failed" if done is None else "done").inc()
        metrics.gc_seconds.observe(seconds)
        if done is not None:
            metrics.gc_released.inc(done.released)
            metrics.gc_destroyed.inc(done.destroyed)
            metrics.gc_reclaimed.inc(done.size)

    def close(self) -> None:
        """Write what waits to be logged, and log as before."""
        self._logging.close()
