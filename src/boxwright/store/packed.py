"""What is known of layers outside: as what a layer made here left, and which repositories have a blob.

Only hints: a push asks the registry before it relies on them. Rows of layers that the store no longer has are
dropped when others are added.
"""

from __future__ import annotations

import time

from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor
from boxwright.store.database import Database


class PackedLayers:
    """Rows of packed layers and their origins. Every method is atomic."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, diff_id: DiffID, packing: str = "gzip") -> Descriptor | None:
        """Return what a layer was compressed to the last time, None when it never was.

        `packing` names how: ``gzip``, or with a level ``zstd:19``.
        """
        row = self._database.row(
            "SELECT media_type, digest, size FROM packed_layers WHERE diff_id = ? AND packing = ?", diff_id, packing
        )
        return Descriptor(row[0], Digest(row[1]), row[2]) if row else None

    def put(self, diff_id: DiffID, packed: Descriptor, packing: str = "gzip") -> None:
        """Remember what a layer was compressed to."""
        with self._database.transaction():
            self._database.run("DELETE FROM packed_layers WHERE diff_id NOT IN (SELECT diff_id FROM snapshots)")
            self._database.run(
                "INSERT OR REPLACE INTO packed_layers (diff_id, packing, media_type, digest, size)"
                " VALUES (?, ?, ?, ?, ?)",
                *(diff_id, packing, packed.media_type, packed.digest, packed.size),
            )

    def origins(self, digest: Digest, domain: str) -> list[str]:
        """Return the repositories of a registry (``domain/path``) that had a blob, the latest first."""
        rows = self._database.rows(
            "SELECT repository FROM blob_origins WHERE digest = ? AND substr(repository, 1, ?) = ? ORDER BY added DESC",
            *(digest, len(domain) + 1, f"{domain}/"),
        )
        return [row[0] for row in rows]

    def add_origin(self, repository: str, *digests: Digest) -> None:
        """Remember that a repository has these blobs."""
        with self._database.transaction():
            self._database.run(
                "DELETE FROM blob_origins WHERE digest NOT IN (SELECT digest FROM packed_layers)"
                " AND digest NOT IN (SELECT blob_digest FROM snapshots WHERE blob_digest IS NOT NULL)"
            )
            self._database.run_many(
                "INSERT INTO blob_origins (digest, repository, added) VALUES (?, ?, ?)"
                " ON CONFLICT (digest, repository) DO UPDATE SET added = excluded.added",
                [(digest, repository, time.time_ns() // 1_000_000) for digest in digests],
            )
