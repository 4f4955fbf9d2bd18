"""Use-cases of volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.engine import filters as filtering
from boxwright.engine.inspecting import volume_json
from boxwright.store.store import Store


def rows(store: Store, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[dict[str, Any]]:
    """Return the volumes by name, as docker's API shows them. Raises InvalidFilter."""
    filters = filters or {}
    filtering.check(filters, ("name", "label", "dangling", "driver"))
    dangling = filtering.boolean("dangling", filters.get("dangling", ()))
    found = []
    for volume in store.volumes.list():
        if dangling is not None and dangling == bool(store.volumes.users(volume.name)):
            continue
        if not all(part in volume.name for part in filters.get("name", ())):
            continue
        if filters.get("driver") and volume.driver not in filters["driver"]:
            continue
        if filtering.labels_match(volume.labels, filters.get("label", ())):
            found.append(volume_json(store, volume))
    return found
