"""Pruning what nobody needs, and collecting what nothing refers to.

`prune_*` give up something that could still be used: images without a name, the build cache. `collect` removes what
is garbage already: unreachable layers and blobs, what killed processes left behind. Everything here may run beside
builds, pulls and runs: what they are working on is leased or locked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.errors import ConflictError, NotFoundError
from boxwright.host import faults
from boxwright.host.locks import try_lock_existing
from boxwright.host.paths import Path
from boxwright.host.trees import StillMounted, disk_usage, remove_tree
from boxwright.oci.digest import Digest
from boxwright.store import content_index, partial, reach
from boxwright.store.images import ImageRecord
from boxwright.store.layout import DRAFT, TRASH
from boxwright.store.reach import Reclaimed
from boxwright.store.removal import Deleted, Removal, Untagged, remove_image
from boxwright.store.trash import move_to_trash

if TYPE_CHECKING:
    from boxwright.store.cache_mounts import CacheMount
    from boxwright.store.steps import CachedStep
    from boxwright.store.store import Store


def prune_images(
    store: Store, *, all: bool = False, where: Callable[[ImageRecord], bool] = lambda record: True
) -> Removal:
    """Remove images that have no tag (with `all`: every image that no container uses) and satisfy `where`.

    Images that others are made from, or that a container uses, stay.
    """
    events: list[Untagged | Deleted] = []
    reclaimed = Reclaimed()
    leased = store.leases.held("image")
    for record in store.images.list(all=True):
        tags = store.images.refs(record.id)
        if record.id in leased or (tags and not all) or (not tags and store.images.children(record.id)):
            continue
        if not tags and store.images.is_variant(record.id):
            continue  # it goes with the tag
        if not where(record):
            continue
        for name in [ref.familiar() for ref in tags] or [str(record.id)]:
            try:
                removal = remove_image(store, name)
            except (ConflictError, NotFoundError):
                continue  # in use, or gone already with another one
            events.extend(removal.events)
            reclaimed = reclaimed.plus(removal.reclaimed)
    return Removal(tuple(events), reclaimed)


def prune_build_cache(
    store: Store,
    *,
    all: bool = False,
    unused_for: float | None = None,
    where: Callable[[CachedStep], bool] = lambda step: True,
) -> tuple[int, Reclaimed]:
    """Forget cached steps and remove the layers that only they held; return how many steps, and what came free.

    Without `all`, steps whose layers an image or container holds anyway stay. `unused_for` spares what was used within
    so many seconds, `where` what it says no to.
    """
    horizon = int(time.time() - unused_for) if unused_for is not None else None
    held: set[str] = set() if all else held_by_images(store)
    steps = [
        step.key
        for step in store.steps.list()
        if (horizon is None or step.last_used <= horizon)
        and (step.chain is None or step.chain not in held)
        and where(step)
    ]
    store.contexts.trim()
    store.steps.forget(steps)
    return len(steps), collect(store)


def shrink_build_cache(
    store: Store,
    keep_bytes: int,
    *,
    unused_for: float | None = None,
    step_where: Callable[[CachedStep], bool] = lambda step: True,
    mount_where: Callable[[CacheMount], bool] = lambda mount: True,
) -> tuple[int, int, Reclaimed]:
    """Give up cached steps and cache mounts, least recently used first, until they take `keep_bytes` at most.

    What counts are the layers that the cache alone holds, and what is in cache mounts. `unused_for` spares what was
    used within so many seconds, the others what they say no to. Returns how many steps and mounts went, and what came
    free.
    """
    horizon = time.time() - unused_for if unused_for is not None else None
    steps = [(float(step.last_used), False, step.key) for step in store.steps.list() if step_where(step)]
    caches = store.cache_mounts.list()
    sizes = {cache.name: store.cache_mounts.size(cache.name) for cache in caches}
    mounts = [(cache.last_used, True, cache.name) for cache in caches if mount_where(cache)]
    store.contexts.trim()
    taken = private_usage(store) + sum(sizes.values())
    reclaimed, gone_steps, gone_mounts = Reclaimed(), 0, 0
    for last_used, is_mount, name in sorted([*steps, *mounts], key=lambda item: item[0]):
        if taken <= keep_bytes:
            break
        if horizon is not None and last_used > horizon:
            continue
        if is_mount:
            freed = store.cache_mounts.remove(name)
            if freed is None:
                continue  # a step has it
            reclaimed = reclaimed.plus(Reclaimed(bytes=freed))
            taken -= sizes[name]
            gone_mounts += 1
            continue
        with store.database.transaction():
            store.steps.forget([name])
            gone = reach.forget_unreachable_snapshots(store)
        reclaimed = reclaimed.plus(reach.finish(store, gone))
        taken -= gone.usage
        gone_steps += 1
    return gone_steps, gone_mounts, reclaimed.plus(collect(store))


def cache_usage(store: Store) -> int:
    """Return the bytes of what the build cache alone holds: layers, and cache mounts."""
    return private_usage(store) + sum(store.cache_mounts.size(name) for name in store.cache_mounts.names())


def prune_cache_mounts(
    store: Store, *, unused_for: float | None = None, where: Callable[[CacheMount], bool] = lambda mount: True
) -> tuple[int, Reclaimed]:
    """Remove the cache mounts that no step has mounted; return how many, and what came free.

    `unused_for` spares those that were used within so many seconds, `where` those that it says no to.
    """
    horizon = time.time() - unused_for if unused_for is not None else None
    freed = [
        store.cache_mounts.remove(cache.name)
        for cache in store.cache_mounts.list()
        if (horizon is None or cache.last_used <= horizon) and where(cache)
    ]
    removed = [size for size in freed if size is not None]
    return len(removed), Reclaimed(bytes=sum(removed))


def held_by_images(store: Store) -> set[str]:
    """Return the chains that images and containers hold, with all below them."""
    rows = store.database.rows(
        "WITH RECURSIVE live (chain) AS (SELECT chain FROM images WHERE chain IS NOT NULL"
        " UNION SELECT chain FROM containers WHERE chain IS NOT NULL"
        " UNION SELECT parent FROM live JOIN snapshots USING (chain) WHERE parent IS NOT NULL)"
        " SELECT chain FROM live"
    )
    return {row[0] for row in rows}


def private_usage(store: Store) -> int:
    """Return the bytes of layers that the cache alone holds."""
    held = held_by_images(store)
    return sum(snapshot.usage for snapshot in store.snapshots.list() if snapshot.chain not in held)


def collect(store: Store) -> Reclaimed:
    """Remove everything that nothing refers to: layers, blobs, drafts and trash of processes that are gone."""
    store.leases.drop_dead()
    with store.database.transaction():
        # A directory and its row come together in one transaction, so in here an orphan is one for good. What becomes
        # one only by this transaction has to wait for its end.
        for path in orphans(store):
            move_to_trash(path)
            faults.point("an orphan is trash")
        gone = reach.forget_unreachable_snapshots(store)
    # Listed before the leases are read: whatever is named from now on was leased or named before it was looked for.
    reclaimed = reach.finish(store, gone, list(store.blobs))
    freed = sum(_remove_abandoned(path) for path in abandoned(store))
    content_index.refresh(store)
    return reclaimed.plus(Reclaimed(bytes=freed))


def orphans(store: Store) -> list[Path]:
    """Return the directories of snapshots, containers and volumes without a row. To act on it, ask in a transaction."""
    layout = store.layout
    kinds = (
        (layout.snapshots, "SELECT id FROM snapshots"),
        (layout.containers, "SELECT id FROM containers"),
        (layout.volumes, "SELECT name FROM volumes"),
    )
    found = []
    for directory, known in kinds:
        hidden = set(os.listdir(directory)) - {row[0] for row in store.database.rows(known)}
        found += [directory / name for name in sorted(hidden) if not name.startswith((DRAFT, TRASH))]
    return found


def abandoned(store: Store) -> list[Path]:
    """Return what processes that are gone were about to make or to remove: nobody holds its lock any more.

    Without the partial blobs that the next pull takes up.
    """
    layout = store.layout
    kinds = (
        (layout.snapshots, (DRAFT, TRASH)),
        (layout.containers, (TRASH,)),
        (layout.volumes, (TRASH,)),
        (layout.cache_mounts, (DRAFT, TRASH)),
        (layout.ingest, ("",)),
        (layout.content, (".",)),
        (layout.locks, ("layer-", "step-", "volume-", TRASH)),
    )
    names = [
        directory / name for directory, prefixes in kinds for name in os.listdir(directory) if name.startswith(prefixes)
    ]
    names += _stray_container_locks(store)
    return [path for path in sorted(names) if not partial.is_kept(path) and _is_unlocked(path)]


def _stray_container_locks(store: Store) -> list[Path]:
    """Return the lock files of containers that are gone: who waited for one while it went has made it anew."""
    directory, prefix = store.layout.locks, "container-"
    locks = {name for name in os.listdir(directory) if name.startswith(prefix)}
    known = {f"{prefix}{row[0]}" for row in store.database.rows("SELECT id FROM containers")} if locks else set()
    return [directory / name for name in locks - known]


def _is_unlocked(path: Path) -> bool:
    fd = try_lock_existing(path)
    if fd is None:
        return False
    os.close(fd)
    return True


def _remove_abandoned(path: Path) -> int:
    """Remove one of `abandoned`; return the bytes that came free. Whoever locked it meanwhile keeps it."""
    fd = try_lock_existing(path)
    if fd is None:
        return 0
    try:
        # Out of sight while the lock is held: its maker, about to lock it, finds that it is gone and makes another.
        doomed = move_to_trash(path)
        faults.point("something abandoned is trash")
    finally:
        os.close(fd)
    if doomed is None:
        return 0
    freed = disk_usage(doomed)
    try:
        remove_tree(doomed)
    except StillMounted:
        return 0  # it stays in sight as trash, for fsck to report and for the next collection
    return freed


def unnamed_blobs(store: Store) -> list[Digest]:
    """Return the blobs that no row names and nobody leases."""
    present = list(store.blobs)
    with store.database.transaction():
        kept = reach.named_blobs(store) | store.leases.held("blob")
    return [digest for digest in present if digest not in kept]
