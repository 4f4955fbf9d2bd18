"""The build cache: what a step with this key gave.

A key is the hex sha256 of a canonical document that names everything a step depends on; the document is kept, so that
a miss can be explained. A cached step keeps its snapshot until the cache is pruned, whether an image uses it or not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping

from boxwright.oci.digest import ChainID, Digest
from boxwright.store.database import Database, Row
from boxwright.values import NamedTuple

_COLUMNS = "steps.key, steps.chain, steps.document, steps.created, steps.last_used, steps.uses"


class CachedStep(NamedTuple):
    key: str
    chain: ChainID | None
    """The topmost snapshot after the step; None when there is still no layer."""
    document: str
    """JSON: what the key is the digest of."""
    created: int
    """Seconds since the epoch."""
    last_used: int
    uses: int


class StepCache:
    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def lookup(self, key: str) -> CachedStep | None:
        """Return the step with this key, whose snapshot is in the store. Reads only: `touch` notes the use."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM steps WHERE key = ?", key)
        return _step(row) if row else None

    def record(self, key: str, chain: ChainID | None, *, document: str, created: int | None = None) -> CachedStep:
        """Remember what a step gave. A key that is known gets the new result, which must be in the store.

        `created` is when it was done, in seconds since the epoch; None for now.
        """
        now = int(time.time())
        created = now if created is None else created
        self._database.run(
            "INSERT INTO steps (key, chain, document, created, last_used) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET chain = excluded.chain, document = excluded.document,"
            " created = excluded.created, last_used = excluded.last_used",
            *(key, chain, document, created, now),
        )
        return CachedStep(key, chain, document, created, now, 0)

    def touch(self, keys: Iterable[str]) -> None:
        """Note that a build used these steps, in one transaction."""
        now = int(time.time())
        self._database.run_many(
            "UPDATE steps SET last_used = ?, uses = uses + 1 WHERE key = ?", [(now, key) for key in keys]
        )

    def previous(self, slot: str) -> CachedStep | None:
        """Return the step that was at this place the last time (see `place`), or None."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM step_slots JOIN steps USING (key) WHERE slot = ?", slot)
        return _step(row) if row else None

    def place(self, slots: Mapping[str, str]) -> None:
        """Note which key each place has now: slot → key. A slot names a step of one Dockerfile, across its changes.

        Nothing is written for places that did not change, and keys that are not cached are passed over.
        """
        rows = self._database.rows(
            "SELECT slot, key FROM step_slots WHERE slot IN (SELECT value FROM json_each(?))", json.dumps(list(slots))
        )
        known: dict[str, str] = dict(rows)
        changed = [(slot, key) for slot, key in slots.items() if known.get(slot) != key]
        if changed:
            self._database.run_many(
                "INSERT INTO step_slots (slot, key) SELECT ?, key FROM steps WHERE key = ?"
                " ON CONFLICT (slot) DO UPDATE SET key = excluded.key",
                changed,
            )

    def with_chain(self, chain: ChainID) -> list[CachedStep]:
        """Return the steps that gave this snapshot, most recently used first."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM steps WHERE chain = ? ORDER BY last_used DESC, key", chain)
        return [_step(row) for row in rows]

    def list(self) -> list[CachedStep]:
        """Return all steps, least recently used first."""
        return [_step(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM steps ORDER BY last_used, key")]

    def forget(self, keys: Iterable[str]) -> None:
        """Drop steps from the cache; their snapshots stay until they are collected."""
        self._database.run_many("DELETE FROM steps WHERE key = ?", [(key,) for key in keys])


def _step(row: Row) -> CachedStep:
    key, chain, document, created, last_used, uses = row
    return CachedStep(key, ChainID(Digest(chain)) if chain else None, document, created, last_used, uses)
