"""Whose signatures of a manifest were good: remembered, so that running an image asks no registry again."""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.oci.digest import Digest
from boxwright.store.database import Database


def remember(database: Database, digest: Digest, keys: Iterable[str]) -> None:
    """Note that keys, by their fingerprints, have signed a manifest or index. Idempotent."""
    database.run_many("INSERT OR IGNORE INTO verified (digest, key) VALUES (?, ?)", [(digest, key) for key in keys])


def keys_of(database: Database, digest: Digest) -> set[str]:
    """Return the fingerprints of the keys that are known to have signed a manifest or index."""
    return {key for (key,) in database.rows("SELECT key FROM verified WHERE digest = ?", digest)}
