"""What is known of files outside the store, so that an unchanged build context is not read again.

Everything here is a hint that can be dropped at any time: a row is used only while the identity or fingerprint that
it was made with is still the same.
"""

from __future__ import annotations

import os
import time

from boxwright.oci.digest import Digest
from boxwright.store.database import Database

# Beyond these the least recently used go; a context's index is about 100 bytes a file.
_MAX_FILES = 20_000
_MAX_CONTEXTS = 500
_MAX_INDEX_BYTES = 256 << 20

# The kernel stamps files by its tick, up to 10 ms: an edit right after another may leave the same times behind.
_SETTLED_NS = 50_000_000


def identity_of(stat: os.stat_result) -> str:
    """Return what changes whenever a file's content may have: an edit that sets mtime back still moves ctime."""
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def is_settled(stat: os.stat_result) -> bool:
    """Whether a later edit of the file is certain to change its times: the last one is long enough ago."""
    return stat.st_ctime_ns < time.time_ns() - _SETTLED_NS


class ContextCache:
    __slots__ = ("_database", "eager")

    def __init__(self, database: Database) -> None:
        self._database = database
        self.eager = False
        """Whether it is worth finding out what files contain before anything was done with them here."""

    def file_digest(self, path: str, stat: os.stat_result) -> Digest | None:
        """Return the digest of a file's content, if it was noted for exactly this state of it."""
        row = self._database.row(
            "SELECT digest FROM file_digests WHERE path = ? AND identity = ?", os.fsencode(path), identity_of(stat)
        )
        return Digest(row[0]) if row else None

    def put_file_digest(self, path: str, stat: os.stat_result, digest: Digest) -> None:
        """Note a digest, unless the file changed so recently that a further change might not be noticed.

        `stat` was taken before the file was read.
        """
        if not is_settled(stat):
            return
        self._database.run(
            "INSERT OR REPLACE INTO file_digests (path, identity, digest, last_used) VALUES (?, ?, ?, ?)",
            *(os.fsencode(path), identity_of(stat), digest, int(time.time())),
        )

    def digest(self, key: str, fingerprint: str) -> Digest | None:
        """Return the content digest of a selection of files, if it was noted with this fingerprint.

        `key` names a context and what is selected from it; the fingerprint covers every file's metadata.
        """
        row = self._database.row("SELECT digest FROM contexts WHERE key = ? AND fingerprint = ?", key, fingerprint)
        return Digest(row[0]) if row else None

    def put_digest(self, key: str, fingerprint: str, digest: Digest) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO contexts (key, fingerprint, digest, last_used) VALUES (?, ?, ?, ?)",
            *(key, fingerprint, digest, int(time.time())),
        )

    def get_index(self, key: str) -> bytes | None:
        """Return what `put_index` stored: the caller's own encoding of a context's files."""
        row = self._database.row("SELECT data FROM context_indexes WHERE key = ?", key)
        return bytes(row[0]) if row else None

    def put_index(self, key: str, data: bytes) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO context_indexes (key, data, last_used) VALUES (?, ?, ?)",
            *(key, data, int(time.time())),
        )

    def trim(self) -> None:
        """Drop what was not used for longest, beyond a fixed amount."""
        with self._database.transaction():
            for table, column, limit in (("file_digests", "path", _MAX_FILES), ("contexts", "key", _MAX_CONTEXTS)):
                self._database.run(
                    f"DELETE FROM {table} WHERE {column} IN"
                    f" (SELECT {column} FROM {table} ORDER BY last_used DESC LIMIT -1 OFFSET {limit})"
                )
            total, doomed = 0, []
            for key, size in self._database.rows(
                "SELECT key, length(data) FROM context_indexes ORDER BY last_used DESC, rowid DESC"
            ):
                total += size
                if total > _MAX_INDEX_BYTES:
                    doomed.append((key,))
            self._database.run_many("DELETE FROM context_indexes WHERE key = ?", doomed)

    def clear(self) -> None:
        """Forget everything."""
        with self._database.transaction():
            for table in ("file_digests", "contexts", "context_indexes"):
                self._database.run(f"DELETE FROM {table}")
