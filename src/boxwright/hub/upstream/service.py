"""All upstreams of a server, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.hub.db.metadata import MetadataStore
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import BlobStorage
from boxwright.hub.upstream.expiry import forget_unused
from boxwright.hub.upstream.fetching import Fetches
from boxwright.hub.upstream.handlers import UpstreamHandlers
from boxwright.hub.upstream.names import Names
from boxwright.hub.upstream.notes import Notes
from boxwright.hub.upstream.refreshing import Refresher
from boxwright.hub.upstream.registry import Counting, Upstream
from boxwright.hub.upstream.settings import UpstreamSettings
from boxwright.hub.upstream.turns import PATIENCE_SECONDS, Turns

if TYPE_CHECKING:
    from boxwright.hub.db.leases import Leases

_log = logging.getLogger(__name__)

_FETCHES = 16
_EXPIRY_SECONDS = 3600.0


class Upstreams:
    """What a server with upstreams has besides its application."""

    __slots__ = ("_keeps", "_metadata", "_names", "_notes", "handlers")

    def __init__(
        self,
        settings: Sequence[UpstreamSettings],
        storage: BlobStorage,
        metadata: MetadataStore,
        notes: Notes,
        workers: Workers,
        leases: Leases,
        spool: Path,
        *,
        patience: float = PATIENCE_SECONDS,
        own: str = "",
        counting: Counting | None = None,
    ) -> None:
        """`spool` is a folder for nameless files, of which each holds a blob while it is being fetched.

        `own` is the host by which clients know this registry, where there is one; `patience` is how many seconds to
        wait for what another process fetches.
        """
        self._names = Names(settings, own)
        turns = Turns(leases, workers, patience=patience)
        self._keeps = [one.keep for one in settings if one.keep is not None]
        self._metadata = metadata
        self._notes = notes
        self.handlers = UpstreamHandlers(
            self._names,
            [Upstream(one, counting) for one in settings],
            workers,
            Refresher(metadata, notes),
            Fetches(storage, metadata, workers, turns, spool, parallel=_FETCHES),
            turns,
        )

    def is_public(self, repository: str) -> bool:
        """Whether everybody may pull a repository."""
        proxied = self._names.find(repository)
        return proxied is not None and proxied.upstream.public

    def forget_unused(self) -> None:
        """See `expiry`. For a thread."""
        if removed := forget_unused(self._names, self._keeps, self._metadata, self._notes):
            _log.info("upstreams: %d manifests that nobody used are forgotten", removed)

    async def tend(self, workers: Workers, leases: Leases) -> None:
        """Forget what nobody uses, at the start and every hour, until cancelled: one of all servers does."""
        from boxwright.hub.db.leases import in_turn

        while True:
            try:
                await workers.move(in_turn, leases, "upstreams", _EXPIRY_SECONDS / 2, self.forget_unused)
            except Exception:
                _log.exception("forgetting what nobody used")  # a busy database, say: tried again
            await asyncio.sleep(_EXPIRY_SECONDS)

    def close(self) -> None:
        """End what is under way."""
        self.handlers.close()
