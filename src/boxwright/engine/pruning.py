"""Use-cases of cleaning up: what takes space, and giving it back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from boxwright.engine import filters as filtering
from boxwright.engine.buildcache import CacheFilter, CacheLimits
from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.restarts import is_awaited
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.steps import sweep
from boxwright.errors import ConflictError
from boxwright.host.clock import parse_rfc3339
from boxwright.store import gc, usage
from boxwright.store.cache_mounts import CacheMount
from boxwright.store.images import ImageRecord
from boxwright.store.removal import Removal, Untagged
from boxwright.store.steps import CachedStep
from boxwright.store.store import Store
from boxwright.values import NamedTuple

Filters = Mapping[str, Sequence[str]]


class Pruned(NamedTuple):
    removed: tuple[str, ...]
    """Names or IDs, in the words of docker's report."""
    reclaimed: int
    """Bytes."""


class AllPruned(NamedTuple):
    removed_by_kind: tuple[tuple[str, tuple[str, ...]], ...]
    reclaimed: int


class DiskUsage(NamedTuple):
    """One line of ``system df``; sizes in bytes."""

    name: str
    total: int
    active: int
    size: int
    reclaimable: int


def disk_usage(store: Store) -> list[DiskUsage]:
    """Return what images, containers, volumes and the build cache take."""
    found = usage.measure(store)
    containers = found.containers
    volumes = found.volumes
    return [
        DiskUsage(
            "Images",
            len(found.images),
            sum(1 for image in found.images if image.containers),
            found.layers,
            found.layers_unused,
        ),
        DiskUsage(
            "Containers",
            len(containers),
            sum(1 for item in containers if item.running),
            sum(item.size for item in containers),
            sum(item.size for item in containers if not item.running),
        ),
        DiskUsage(
            "Local Volumes",
            len(volumes),
            sum(1 for volume in volumes if volume.containers),
            sum(volume.size for volume in volumes),
            sum(volume.size for volume in volumes if not volume.containers),
        ),
        DiskUsage(
            "Build Cache",
            len(found.steps) + len(found.cache_mounts),
            sum(1 for mount in found.cache_mounts if mount.in_use),
            found.cache + sum(mount.size for mount in found.cache_mounts),
            found.cache + sum(mount.size for mount in found.cache_mounts if not mount.in_use),
        ),
    ]


def described(removal: Removal) -> list[str]:
    """Return docker's lines for a removal of images: ``Untagged: …``, ``Deleted: …``."""
    return [
        f"Untagged: {event.ref.familiar()}" if isinstance(event, Untagged) else f"Deleted: {event.digest}"
        for event in removal.events
    ]


def images(store: Store, *, all: bool = False, filters: Filters | None = None) -> Pruned:
    """Remove images without a name, or with `all` every one that no container uses. Raises InvalidFilter."""
    filters = filters or {}
    filtering.check(filters, ("until", "label", "dangling"))
    if filtering.boolean("dangling", filters.get("dangling", ())) is False:
        all = True
    before = filtering.until(filters.get("until", ()), time.time())

    def where(record: ImageRecord) -> bool:
        if before is not None and not _older(record.created, before):
            return False
        labels = filters.get("label", ())
        return not labels or filtering.labels_match(store.images.config(record).config.labels, labels)

    removal = gc.prune_images(store, all=all, where=where)
    # docker's report of a prune begins its words small, unlike that of rmi.
    told = tuple(line[:1].lower() + line[1:] for line in described(removal))
    return Pruned(told, removal.reclaimed.bytes)


def containers(wiring: Wiring, *, filters: Filters | None = None) -> Pruned:
    """Remove all containers that do not run. Raises InvalidFilter."""
    from boxwright.host.trees import disk_usage as measure

    filters = filters or {}
    filtering.check(filters, ("until", "label"))
    before = filtering.until(filters.get("until", ()), time.time())
    removed: list[str] = []
    reclaimed = 0
    for record in lifecycle.list_all(wiring):
        labels = ContainerConfig.from_json(record.config).labels
        if record.is_running or is_awaited(record) or not filtering.labels_match(labels, filters.get("label", ())):
            continue
        if before is not None and not _older(record.created, before):
            continue
        size = measure(wiring.store.containers.directory(record.id) / "upper")
        try:
            lifecycle.remove(wiring, record.id)
        except ConflictError:
            continue  # started in between
        removed.append(record.id)
        reclaimed += size
    return Pruned(tuple(removed), reclaimed)


def volumes(store: Store, *, all: bool = False, filters: Filters | None = None) -> Pruned:
    """Remove volumes that no container uses: those without a name, or with `all` the named ones, too."""
    from boxwright.host.trees import disk_usage as measure

    filters = filters or {}
    filtering.check(filters, ("label", "all"))
    all = all or bool(filtering.boolean("all", filters.get("all", ())))
    removed: list[str] = []
    reclaimed = 0
    for volume in store.volumes.list():
        if not (all or volume.anonymous) or store.volumes.users(volume.name):
            continue
        if not filtering.labels_match(volume.labels, filters.get("label", ())):
            continue
        size = measure(store.volumes.path(volume.name))
        try:
            store.volumes.remove(volume.name)
        except ConflictError:
            continue  # a container was given it in between
        removed.append(volume.name)
        reclaimed += size
    return Pruned(tuple(removed), reclaimed)


def build_cache(store: Store, *, filters: Filters | None = None, limits: CacheLimits | None = None) -> Pruned:
    """Forget cached steps, with the layers that nothing else holds, and what RUNs cached. Raises InvalidFilter.

    With `limits` the least recently used go first, only as many as must.
    """
    filters = filters or {}
    filtering.check(filters, ("until", "unused-for", "id", "type", "inuse"))
    before = filtering.until([*filters.get("until", ()), *filters.get("unused-for", ())], time.time())
    unused = None if before is None else time.time() - before
    wanted = CacheFilter(store, filters)

    def step_where(step: CachedStep) -> bool:
        return wanted.step(step.key, step.chain)

    def mount_where(mount: CacheMount) -> bool:
        return wanted.mount(mount.name, mount.key.id)

    if limits is not None:
        steps, mounts, freed = gc.shrink_build_cache(
            store, limits.keep(store), unused_for=unused, step_where=step_where, mount_where=mount_where
        )
    else:
        steps, freed = gc.prune_build_cache(store, all=True, unused_for=unused, where=step_where)
        mounts, more = gc.prune_cache_mounts(store, unused_for=unused, where=mount_where)
        freed = freed.plus(more)
    told = [f"{steps} cached steps"] * (steps > 0) + [f"{mounts} cache mounts"] * (mounts > 0)
    return Pruned(tuple(told), freed.bytes)


def everything(
    wiring: Wiring, *, all: bool = False, with_volumes: bool = False, filters: Filters | None = None
) -> AllPruned:
    """Remove stopped containers, images that nobody needs, the build cache and garbage; volumes if asked for.

    Steps of builds that were killed are ended.

    When no container is left, the bridge goes, too: the next container makes it again.
    """
    store = wiring.store
    parts = [("Deleted Containers", containers(wiring, filters=filters))]
    if with_volumes:
        parts.append(("Deleted Volumes", volumes(store)))
    parts.append(("Deleted Images", images(store, all=all, filters=filters)))
    cache = build_cache(store, filters={name: v for name, v in (filters or {}).items() if name == "until"})
    parts.append(("Deleted build cache", cache))
    sweep(wiring)
    garbage = gc.collect(store)
    if not store.containers.list():
        wiring.remove_network()
    reclaimed = sum(part.reclaimed for _, part in parts) + garbage.bytes
    return AllPruned(tuple((title, part.removed) for title, part in parts), reclaimed)


def _older(created: str, limit: float) -> bool:
    try:
        return parse_rfc3339(created) < limit
    except ValueError:
        return True  # no date is as old as can be
