"""Forgetting what came from an upstream and nobody uses. The bytes are garbage then, and go as all garbage does."""

from __future__ import annotations

import time
from collections.abc import Callable

from boxwright.hub.db.metadata import MetadataStore
from boxwright.hub.db.tags import TagImmutable
from boxwright.hub.events import outbox
from boxwright.hub.upstream.names import Names
from boxwright.hub.upstream.notes import Notes

_BATCH = 200


def forget_unused(
    names: Names,
    keeps: list[float],
    metadata: MetadataStore,
    notes: Notes,
    clock: Callable[[], float] = time.time,
) -> int:
    """Remove manifests that were not used for as long as their upstream says; return how many. For a thread.

    `keeps` are the seconds of all upstreams that forget. What is used again meanwhile stays, or is fetched anew. A kill
    in between leaves a manifest that is removed by the next call.
    """
    now, removed = clock(), 0
    passed: set[tuple[str, str]] = set()
    while keeps:
        rows = [row for row in notes.unused(now - min(keeps), limit=_BATCH + len(passed)) if row[:2] not in passed]
        for repository, digest, used in rows:
            proxied = names.find(repository)
            keep = proxied.upstream.keep if proxied is not None else None
            if keep is None or used >= now - keep:
                passed.add((repository, digest))  # of an upstream that keeps longer, or is no longer configured
                continue
            try:
                with outbox.silently():
                    removed += metadata.remove_manifest(repository, digest) is not None
            except TagImmutable:
                pass  # somebody wants it to stay, and may change their mind
            else:
                notes.forget(repository, digest, now - keep)
            passed.add((repository, digest))
        if not rows:
            break
    return removed
