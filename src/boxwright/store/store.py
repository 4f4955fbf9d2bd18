"""The store: one directory with everything that boxwright keeps.

Opening is part of every command, so it does no more than connect to the database; what is in a module of its own
(collection, checking, importing) is imported by who needs it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from boxwright.host.paths import Path, StrPath
from boxwright.store.database import Database
from boxwright.store.layout import Layout, StoreDenied
from boxwright.store.owner import boot_id

if TYPE_CHECKING:
    from boxwright.store.blobs import BlobStore
    from boxwright.store.cache_mounts import CacheMountStore
    from boxwright.store.containers import ContainerStore
    from boxwright.store.contexts import ContextCache
    from boxwright.store.images import ImageStore
    from boxwright.store.leases import LeaseStore
    from boxwright.store.networks import NetworkStore
    from boxwright.store.snapshots import SnapshotStore
    from boxwright.store.steps import StepCache
    from boxwright.store.volumes import VolumeStore


class Store:
    """Open with `Store.open`, close by leaving the context. Safe for any number of threads and processes."""

    def __init__(self, layout: Layout, database: Database) -> None:
        self.layout = layout
        self.database = database

    @classmethod
    def open(cls, root: StrPath) -> Store:
        """Open the store in `root`, made when it is missing.

        The first opening after a boot also drops what a power failure may have left half-written (see recovery.py).
        Raises StoreDenied, StoreTooNew, StoreCorrupt, StoreUnavailable.
        """
        layout = Layout(Path(root))
        try:
            fresh = layout.database.stat().st_size == 0
        except FileNotFoundError:
            fresh = True
        except OSError as error:
            raise StoreDenied(root, (error.strerror or "permission denied").lower()) from None
        if fresh:
            layout.create()
        store = cls(layout, Database(layout.database))
        try:
            seen = store.database.row("SELECT value FROM meta WHERE name = 'boot_id'")
            if seen is None or seen[0] != boot_id():
                from boxwright.store.recovery import recover

                recover(store)
        except BaseException:
            store.close()
            raise
        return store

    # Imported on use: to see what containers run, nobody has to know what an image is.

    @cached_property
    def blobs(self) -> BlobStore:
        from boxwright.store.blobs import BlobStore

        return BlobStore(self.layout)

    @cached_property
    def leases(self) -> LeaseStore:
        from boxwright.store.leases import LeaseStore

        return LeaseStore(self.database)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        from boxwright.store.snapshots import SnapshotStore

        return SnapshotStore(self.layout, self.database)

    @cached_property
    def images(self) -> ImageStore:
        from boxwright.store.images import ImageStore

        return ImageStore(self.database, self.blobs, self.snapshots, self._refresh_index)

    @cached_property
    def containers(self) -> ContainerStore:
        from boxwright.store.containers import ContainerStore

        return ContainerStore(self.layout, self.database)

    @cached_property
    def volumes(self) -> VolumeStore:
        from boxwright.store.volumes import VolumeStore

        return VolumeStore(self.layout, self.database)

    @cached_property
    def networks(self) -> NetworkStore:
        from boxwright.store.networks import NetworkStore

        return NetworkStore(self.database)

    @cached_property
    def steps(self) -> StepCache:
        from boxwright.store.steps import StepCache

        return StepCache(self.database)

    @cached_property
    def cache_mounts(self) -> CacheMountStore:
        from boxwright.store.cache_mounts import CacheMountStore

        return CacheMountStore(self.layout)

    @cached_property
    def contexts(self) -> ContextCache:
        from boxwright.store.contexts import ContextCache

        return ContextCache(self.database)

    def scratch(self) -> AbstractContextManager[Path]:
        """Return a directory for the block of a ``with``, on the store's own file system; see scratch.py."""
        from boxwright.store.scratch import scratch

        return scratch(self.layout.ingest)

    def _refresh_index(self) -> None:
        # Not inside a transaction: it may be rolled back, and writing a file takes long.
        if not self.database.in_transaction:
            from boxwright.store import content_index

            content_index.refresh(self)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
