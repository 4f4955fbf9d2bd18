"""Snapshots: layers as directories in overlay form, each the child of the one it was applied on.

The directory is the truth for a layer made here; its tar is written again, the same to the byte, when it leaves. A
layer that came from outside keeps its blob too, so that it leaves as it came.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from boxwright.errors import NotFoundError
from boxwright.host import faults
from boxwright.host.locks import locked
from boxwright.host.paths import Path
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_id
from boxwright.oci.manifest import Descriptor
from boxwright.store.database import Database, Row
from boxwright.store.layout import DRAFT, Layout
from boxwright.store.scratch import make_locked
from boxwright.values import NamedTuple

_COLUMNS = "id, chain, parent, diff_id, size, usage, blob_type, blob_digest, blob_size, epoch"


class SnapshotNotFound(NotFoundError):
    def __init__(self, chain: ChainID) -> None:
        super().__init__(
            f"layer {chain.short} is not in the store", hint="pull or build the image again; boxwright fsck tells more"
        )
        self.chain = chain


class Snapshot(NamedTuple):
    """A layer applied on its parents, as a directory of its own files."""

    id: str
    """Short and random: overlay mounts of many layers name them all in one page."""
    chain: ChainID
    parent: ChainID | None
    diff_id: DiffID
    size: int
    """Bytes of the uncompressed tar."""
    usage: int
    """Bytes of content in the layer's files: what people mean by its size, and what listings add up."""
    blob: Descriptor | None
    """The blob in ``content/`` that holds this layer, compressed or not; None for a layer made here."""
    epoch: int | None = None
    """The latest time, in seconds, that members of the tar may have: it is written again with the same one."""


class SnapshotStore:
    __slots__ = ("_database", "_directory", "_layout")

    def __init__(self, layout: Layout, database: Database) -> None:
        self._layout = layout
        self._database = database
        self._directory = layout.snapshots

    @property
    def directory(self) -> Path:
        """The directory below which each snapshot's files are at ``<id>/fs``: the place for relative mount names."""
        return self._directory

    def get(self, chain: ChainID) -> Snapshot | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM snapshots WHERE chain = ?", chain)
        return _snapshot(row) if row else None

    def require(self, chain: ChainID) -> Snapshot:
        """Return the snapshot. Raises SnapshotNotFound."""
        found = self.get(chain)
        if found is None:
            raise SnapshotNotFound(chain)
        return found

    def stack(self, chain: ChainID | None) -> list[Snapshot]:
        """Return the snapshot and all its parents, lowest first; nothing for None. Raises SnapshotNotFound."""
        if chain is None:
            return []
        rows = self._database.rows(
            f"WITH RECURSIVE stack (depth, chain) AS (VALUES (0, ?) UNION ALL"
            f" SELECT depth + 1, parent FROM stack JOIN snapshots USING (chain) WHERE parent IS NOT NULL)"
            f" SELECT {_COLUMNS} FROM stack JOIN snapshots USING (chain) ORDER BY depth DESC",
            chain,
        )
        if not rows:
            raise SnapshotNotFound(chain)
        return [_snapshot(row) for row in rows]

    def with_diff_id(self, diff_id: DiffID) -> list[Snapshot]:
        """Return every snapshot of one layer: the same layer may lie on several parents."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM snapshots WHERE diff_id = ? ORDER BY created, chain", diff_id
        )
        return [_snapshot(row) for row in rows]

    def list(self) -> list[Snapshot]:
        return [_snapshot(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM snapshots ORDER BY chain")]

    def path(self, snapshot: Snapshot) -> Path:
        """Return the directory of the layer's own files."""
        return self._directory / snapshot.id / "fs"

    def draft(self) -> Draft:
        """Begin a new layer in an empty directory of its own."""
        return Draft(self._directory, self._database)

    def set_blob(self, chain: ChainID, blob: Descriptor | None) -> None:
        """Note that a blob in the store holds this layer (durable before it is noted), or that none does any more."""
        self._database.run(
            "UPDATE snapshots SET blob_type = ?, blob_digest = ?, blob_size = ? WHERE chain = ?",
            *_blob_values(blob),
            chain,
        )

    @contextmanager
    def layer_lock(self, chain: ChainID) -> Iterator[None]:
        """Let one process or thread at a time make the layer `chain`: look again whether it is there, inside."""
        path = self._layout.lock("layer", chain.hex[:32])
        with locked(path):
            try:
                yield
            finally:
                os.unlink(path)

    def make_durable(self) -> None:
        """Bring every snapshot to disk, with the rows that name it.

        Costs one syncfs, and nothing when there is nothing new. Until then a snapshot survives a kill, but not a
        power failure: then the store drops it at the next boot, with what is built on it, rather than trust it.
        """
        fresh = [row[0] for row in self._database.rows("SELECT chain FROM snapshots WHERE NOT durable")]
        if not fresh:
            return
        from boxwright.host.syscalls import syncfs  # ctypes: not at every start

        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syncfs(fd)
        finally:
            os.close(fd)
        faults.point("snapshots are synced")
        with self._database.durable_transaction():
            self._database.run_many("UPDATE snapshots SET durable = 1 WHERE chain = ?", [(chain,) for chain in fresh])

    def __contains__(self, chain: ChainID) -> bool:
        return self._database.row("SELECT 1 FROM snapshots WHERE chain = ?", chain) is not None


class Draft:
    """A layer being made: `fs` for its files, `work` for overlay's own use.

    Its directory is locked for as long as this process lives; without its lock it is garbage. Used as a context
    manager, it is discarded at the end of the block unless it was committed.
    """

    __slots__ = ("_database", "_directory", "_fd", "path")

    def __init__(self, directory: Path, database: Database) -> None:
        self._directory = directory
        self._database = database
        self.path, self._fd = make_locked(directory, DRAFT)
        os.mkdir(self.fs)
        os.chmod(self.fs, 0o755)  # it may become the root of a container: whatever the umask
        os.mkdir(self.work, 0o700)
        faults.point("a draft is made")

    @property
    def fs(self) -> Path:
        return self.path / "fs"

    @property
    def work(self) -> Path:
        return self.path / "work"

    def commit(
        self,
        parent: ChainID | None,
        diff_id: DiffID,
        size: int,
        blob: Descriptor | None = None,
        *,
        usage: int | None = None,
        epoch: int | None = None,
    ) -> Snapshot:
        """Make this the snapshot of `diff_id` on `parent`, at once and whole.

        `size` is that of the uncompressed tar, which was measured with `epoch`; `usage`, the bytes of content in its
        files, is taken to be the same when it isn't given. Without a blob, ``write_layer(fs, epoch=epoch)`` has to give
        `diff_id` whenever the layer leaves: what shall not be in the layer is not in the directory.

        Nothing may be mounted on the draft any more. When the chain exists meanwhile, this draft is dropped and the
        existing snapshot returned, with `blob` noted if it had none. Raises SnapshotNotFound when the parent is gone.
        """
        from boxwright.host.trees import remove_tree

        chain = chain_id(parent, diff_id)
        remove_tree(self.work)
        snapshots = SnapshotStore(Layout(self._directory.parent), self._database)
        with self._database.transaction():
            existing = snapshots.get(chain)
            if existing is None:
                if parent is not None and parent not in snapshots:
                    raise SnapshotNotFound(parent)
                usage = size if usage is None else usage
                snapshot = self._place(Snapshot("", chain, parent, diff_id, size, usage, blob, epoch))
            elif blob is not None and existing.blob is None:
                snapshots.set_blob(chain, blob)
                existing = existing._replace(blob=blob)
        if existing is not None:
            self.discard()
            return existing
        self._close()
        return snapshot

    def _place(self, snapshot: Snapshot) -> Snapshot:
        # Inside the caller's transaction: a collector, which sweeps in a transaction of its own, never sees the
        # directory without its row.
        while True:
            snapshot = snapshot._replace(id=os.urandom(4).hex())
            target = self._directory / snapshot.id
            if not target.exists():
                break
        os.rename(self.path, target)
        faults.point("a snapshot is in place, without its row")
        id, chain, parent, diff_id, size, usage, blob, epoch = snapshot
        self._database.run(
            f"INSERT INTO snapshots ({_COLUMNS}, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(id, chain, parent, diff_id, size, usage, *_blob_values(blob), epoch, int(time.time())),
        )
        return snapshot

    def discard(self) -> None:
        """Remove the draft; nothing after `commit` or `discard`. Raises StillMounted."""
        if self._fd >= 0:
            from boxwright.host.trees import remove_tree

            remove_tree(self.path)
            self._close()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def remove_snapshots(database: Database, directory: Path, chains: list[ChainID]) -> list[Path]:
    """Forget snapshots that nothing refers to, inside the caller's transaction; children are given with their parents.

    Returns the directories to remove once the transaction is committed: rows go first, so that a kill leaves
    garbage, never a row without its directory.
    """
    doomed = []
    for chain in chains:
        row = database.row("SELECT id FROM snapshots WHERE chain = ?", chain)
        if row is not None:
            doomed.append(directory / row[0])
    database.run_many("UPDATE snapshots SET parent = NULL WHERE chain = ?", [(chain,) for chain in chains])
    database.run_many("DELETE FROM snapshots WHERE chain = ?", [(chain,) for chain in chains])
    return doomed


def _blob_values(blob: Descriptor | None) -> tuple[str | None, str | None, int | None]:
    return (blob.media_type, blob.digest, blob.size) if blob else (None, None, None)


def _snapshot(row: Row) -> Snapshot:
    id, chain, parent, diff_id, size, usage, blob_type, blob_digest, blob_size, epoch = row
    return Snapshot(
        id,
        ChainID(Digest(chain)),
        ChainID(Digest(parent)) if parent else None,
        DiffID(Digest(diff_id)),
        size,
        usage,
        Descriptor(blob_type, Digest(blob_digest), blob_size) if blob_digest else None,
        epoch,
    )
