"""A container's changes → an image: what ``commit`` does."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence

from boxwright.build.changes import apply_changes
from boxwright.host.clock import rfc3339
from boxwright.host.paths import Path
from boxwright.layer.apply import apply_layer
from boxwright.layer.diff import open_layer
from boxwright.layer.hashing import HashingReader
from boxwright.layer.union import UnionView
from boxwright.oci.config import History, ImageConfig, RunConfig
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_id
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.leases import Lease
from boxwright.store.snapshots import Snapshot
from boxwright.store.store import Store


def commit_container(
    store: Store,
    upper: Path,
    chain: ChainID | None,
    *,
    base: Digest | None,
    run: RunConfig,
    created_by: str = "",
    message: str = "",
    author: str = "",
    changes: Sequence[str] = (),
    exclude: Collection[str] = (),
    ref: Reference | None = None,
    epoch: int | None = None,
) -> Digest:
    """Add an image of a container's layers, and what it changed as one layer more; return the image's ID.

    `upper` is what the container changed, in overlay form; it is only read, and nothing may write to it meanwhile.
    `chain` are the layers below it, `base` the image that it was made from (which may be gone), `run` how it runs and
    `created_by` what, for the history. `changes` are instructions, as in a Dockerfile, that change the configuration.
    `exclude` names paths in `upper` that are no part of it. `ref` is a name for the image. All is durable on return.

    Raises DockerfileError for a change that is wrong or touches files, SnapshotNotFound, ReservedName,
    InexpressibleLayer, ContentMismatch when something writes to the container's files meanwhile.
    """
    config = apply_changes(run, changes)
    record = store.images.get(base) if base is not None else None
    created = rfc3339(time.time() if epoch is None else epoch)
    with store.leases.hold() as lease:
        if chain is not None:
            lease.add("snapshot", chain)
        below = store.snapshots.stack(chain)
        diff_id = _add_layer(store, lease, upper, below, exclude, epoch)
        image = ImageConfig(
            Platform.of_machine(os.uname().machine),
            config,
            (*(snapshot.diff_id for snapshot in below), diff_id),
            (History(created, created_by, author, message),),
            created,
            author,
        )
        if record is not None:
            known = store.images.config(record)
            image = image._replace(
                platform=known.platform, history=(*known.history, *image.history), author=author or known.author
            )
        added = store.images.add(image, parent=record.id if record is not None else None)
        if ref is not None:
            store.images.tag(ref, added.id)
    store.snapshots.make_durable()
    return added.id


def _add_layer(
    store: Store,
    lease: Lease,
    upper: Path,
    below: Sequence[Snapshot],
    exclude: Collection[str],
    epoch: int | None,
) -> DiffID:
    """Copy what the container changed into a snapshot of its own, in one pass, hashed on its way."""
    parent = below[-1].chain if below else None
    view = UnionView([store.snapshots.path(snapshot) for snapshot in below]) if below else None
    with store.snapshots.draft() as draft:
        # A container that was not stopped could put a link into a file's place, and have one of the host's committed.
        content = open_layer(upper, epoch=epoch, exclude=exclude, opened=UnionView([upper]).open)
        tar = HashingReader(content)
        applied = apply_layer(tar, draft.fs, lower=view)
        tar.drain()
        diff_id = DiffID(tar.digest)
        lease.add("snapshot", chain_id(parent, diff_id))
        draft.commit(parent, diff_id, applied.size, usage=applied.content)
    return diff_id
