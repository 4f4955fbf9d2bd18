"""After a boot: dropping what a power failure may have damaged.

A kill loses nothing that was written. A power failure may lose the content of files whose names survive, so snapshots
that were not made durable before it are not trusted, and neither is anything built on them. It may also bring back
rows whose removal was not on disk yet: a row whose directory or blob is gone is dropped, as it was before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boxwright.oci.digest import ChainID, Digest
from boxwright.store import reach
from boxwright.store.owner import boot_id
from boxwright.store.snapshots import remove_snapshots

if TYPE_CHECKING:
    from boxwright.store.store import Store


def recover(store: Store) -> None:
    """Bring the rows in line with what is certainly on disk, once a boot. Idempotent, safe beside others."""
    with store.database.transaction():
        seen = store.database.row("SELECT value FROM meta WHERE name = 'boot_id'")
        if seen is not None and seen[0] == boot_id():
            return  # another command was first
        if seen is not None:
            present = set(os.listdir(store.layout.snapshots))
            lost = {
                ChainID(Digest(chain))
                for chain, id, durable in store.database.rows("SELECT chain, id, durable FROM snapshots")
                if not durable or id not in present
            }
            drop_snapshots(store, lost)
            drop_lost_blobs(store)
            # A blob that only a dropped snapshot named may be damaged, and must not be taken for what its name says.
            reach.remove_unnamed_blobs(store, list(store.blobs))
        store.database.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('boot_id', ?)", boot_id())


def drop_snapshots(store: Store, lost: set[ChainID]) -> list[ChainID]:
    """Drop snapshots, everything stacked on them, and the images and cached steps that need any of it.

    Inside the caller's transaction. Their directories are left to garbage collection. Returns what was dropped.
    """
    if not lost:
        return []
    children: dict[str | None, list[str]] = {}
    for chain, parent in store.database.rows("SELECT chain, parent FROM snapshots"):
        children.setdefault(parent, []).append(chain)
    doomed: dict[str, None] = {}
    queue: list[str] = sorted(lost)
    while queue:
        chain = queue.pop()
        if chain not in doomed:
            doomed[chain] = None
            queue.extend(children.get(chain, ()))
    store.database.run_many("DELETE FROM images WHERE chain = ?", [(chain,) for chain in doomed])
    chains = [ChainID(Digest(chain)) for chain in doomed]
    remove_snapshots(store.database, store.layout.snapshots, chains)  # cached steps go with them, by reference
    return chains


def drop_lost_blobs(store: Store) -> None:
    """Forget blobs that are not there: an image goes with its configuration, a layer only loses its packed form."""
    present = set(store.blobs)
    for (id,) in store.database.rows("SELECT id FROM images"):
        if id not in present:
            store.database.run("DELETE FROM images WHERE id = ?", id)
    for (digest,) in store.database.rows("SELECT DISTINCT digest FROM attachments"):
        if digest not in present:
            store.database.run("DELETE FROM attachments WHERE digest = ?", digest)
    for id, digest in store.database.rows("SELECT id, manifest_digest FROM images WHERE manifest_digest IS NOT NULL"):
        if digest not in present:
            store.images.set_manifest(Digest(id), None)
    for chain, digest in store.database.rows("SELECT chain, blob_digest FROM snapshots WHERE blob_digest IS NOT NULL"):
        if digest not in present:
            store.snapshots.set_blob(ChainID(Digest(chain)), None)
