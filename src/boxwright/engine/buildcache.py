"""The build cache as people look at it: a line for each step and each cache mount, and what is to stay of it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from boxwright.engine import filters as filtering
from boxwright.store import gc, usage
from boxwright.store.store import Store
from boxwright.values import NamedTuple

STEP = "regular"
MOUNT = "exec.cachemount"
"""BuildKit's words."""


class CacheItem(NamedTuple):
    id: str
    """A step's key, a cache mount's name."""
    kind: str
    size: int
    """Bytes."""
    in_use: bool
    """An image or container holds the layer anyway, or a step has the mount."""
    created: float
    """Seconds since the epoch, as is `last_used`."""
    last_used: float
    uses: int | None
    description: str
    """The document that the key is the digest of, or the mount's ID."""


class CacheFilter:
    """What ``--filter`` says of the build cache: ``id``, ``type`` and ``inuse``."""

    def __init__(self, store: Store, filters: Mapping[str, Sequence[str]]) -> None:
        """Raises InvalidFilter."""
        self._store = store
        self._ids = tuple(filters.get("id", ()))
        self._kinds = tuple(filters.get("type", ()))
        for kind in self._kinds:
            if kind not in (STEP, MOUNT):
                raise filtering.InvalidFilter(f"invalid filter type={kind}: it takes {STEP} or {MOUNT}")
        self._in_use = filtering.boolean("inuse", filters.get("inuse", ()))
        self._held = gc.held_by_images(store) if self._in_use is not None else set()

    def step(self, key: str, chain: str | None) -> bool:
        if self._in_use is not None and (chain in self._held) != self._in_use:
            return False
        return self._fits(STEP, key)

    def mount(self, name: str, id: str) -> bool:
        if self._in_use is not None and self._store.cache_mounts.in_use(name) != self._in_use:
            return False
        return self._fits(MOUNT, name, id)

    def _fits(self, kind: str, *names: str) -> bool:
        if self._kinds and kind not in self._kinds:
            return False
        return not self._ids or any(name.startswith(id) for id in self._ids for name in names)


class CacheLimits(NamedTuple):
    """How much the layers that only the cache holds, and the cache mounts, may take together, in bytes."""

    most: int | None = None
    """They are pruned down to this."""
    reserved: int = 0
    """So much stays in any case."""
    free: int = 0
    """So much of the disk is to be free."""

    def keep(self, store: Store) -> int:
        """Return how many bytes may stay."""
        taken = gc.cache_usage(store)
        keep = taken if self.most is None else self.most
        if self.free:
            disk = os.statvfs(store.layout.root)
            keep = min(keep, max(0, taken - max(0, self.free - disk.f_bavail * disk.f_frsize)))
        return max(keep, self.reserved)


def items(store: Store, filters: Mapping[str, Sequence[str]] | None = None) -> list[CacheItem]:
    """Return what is in the build cache, least recently used first. Raises InvalidFilter."""
    filters = filters or {}
    filtering.check(filters, ("until", "unused-for", "id", "type", "inuse"))
    before = filtering.until([*filters.get("until", ()), *filters.get("unused-for", ())], time.time())
    wanted = CacheFilter(store, filters)
    measured = usage.measure(store)
    sizes = {step.key: step for step in measured.steps}
    found = []
    for step in store.steps.list():
        if wanted.step(step.key, step.chain):
            size = sizes.get(step.key)
            found.append(
                CacheItem(
                    step.key,
                    STEP,
                    size.size if size is not None else 0,
                    size is not None and size.shared,
                    step.created,
                    step.last_used,
                    step.uses,
                    step.document,
                )
            )
    for mount in measured.cache_mounts:
        if wanted.mount(mount.name, mount.id):
            found.append(
                CacheItem(mount.name, MOUNT, mount.size, mount.in_use, mount.created, mount.last_used, None, mount.id)
            )
    kept = [item for item in found if before is None or item.last_used <= before]
    return sorted(kept, key=lambda item: (item.last_used, item.id))
