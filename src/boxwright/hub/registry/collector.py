"""Garbage collection while the registry serves: nothing stops, nothing that is in use goes.

Two things become garbage. A blob that its repository no longer names in any manifest leaves the repository; bytes that
no repository has any more leave the storage. Both wait for the delay since they were last touched (pushed, mounted,
looked for, released), so that a push which found a blob with HEAD can still name it in its manifest, and so that what
was deleted by mistake can be pushed again at no cost.

Why a push beside it loses nothing: a manifest is stored in the transaction that checks that its repository has what it
names, and a blob is released in one that checks that no manifest names it. Before bytes become a blob they are claimed,
which touches them; what is unclaimed for the delay is condemned before it is destroyed, and cannot be claimed then (see
`hub/storage/claims.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from boxwright.errors import NotFoundError
from boxwright.hub.db.metadata import Member, MetadataStore
from boxwright.hub.extra import need
from boxwright.hub.storage.base import BlobStorage
from boxwright.hub.storage.claims import destroy
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

_BATCH = 200
"""How much one transaction may do: pushes wait for its end."""

_PAGE = 1000


class RegistryMissing(NotFoundError):
    """There is no registry in this folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"no registry in {root}", hint="--root names the folder that registry serve was given")
        self.root = root


class Collected(NamedTuple):
    released: int
    """Blobs that left a repository."""
    destroyed: int
    """Blobs whose bytes left the storage."""
    size: int
    """Their bytes."""


class Collector:
    """Collects what nobody touched for `delay` seconds. Several may run at once, in any number of processes."""

    __slots__ = ("_clock", "_delay", "_metadata", "_storage")

    def __init__(
        self, storage: BlobStorage, metadata: MetadataStore, delay: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._metadata = metadata
        self._delay = delay
        self._clock = clock

    def collect(self) -> Collected:
        """Collect once. For a thread. Killed at any point it leaves nothing behind that the next one doesn't find."""
        before = self._clock() - self._delay
        released = destroyed = size = 0
        member: Member | None = None
        while members := self._metadata.unneeded_blobs(before, limit=_BATCH, last=member):
            member = members[-1]
            released += self._metadata.release_blobs(members, before)
        last: Digest | None = None
        while page := self._metadata.garbage(before, limit=_PAGE, last=last):
            sizes = dict(page)
            last = page[-1][0]
            for digest in destroy(self._storage, self._metadata, list(sizes), before):
                destroyed += 1
                size += sizes[digest]
        return Collected(released, destroyed, size)


def collect_in(root: Path, delay: float, database: str | None = None) -> Collected:
    """Collect once in a registry's folder, whether servers run there or not; `database` is its URL if they name one.

    Raises RegistryMissing, HubExtraMissing, and what opening the database raises.
    """
    need("sqlalchemy", "alembic")
    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.db.sql import SQLMetadata
    from boxwright.hub.storage.location import has_storage, locate, open_storage

    if not ((root / "registry.db").exists() if database is None else has_storage(root)):
        raise RegistryMissing(root)
    storage = open_storage(locate(root, None))
    metadata = SQLMetadata(Database(database or default_url(root)))
    try:
        return Collector(storage, metadata, delay).collect()
    finally:
        metadata.close()
        storage.close()
