"""A metadata store in one SQLite file. All SQL of the hub is in this module.

    repository ──< repository_blob >── blob              membership: who may see which bytes
        │
        ├──< manifest ──< manifest_reference             the exact bytes, and every digest they name
        │        │
        └──< tag ┘
    upload                                               open uploads; they name their repository by text,
                                                         since it is created by its first content

The journal is a WAL, so that readers never wait for the one writer. Every thread has a connection of its own.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from boxwright.errors import UnsupportedError
from boxwright.host import faults
from boxwright.hub.db.metadata import (
    BlobInUse,
    ContentMissing,
    Manifest,
    Referrer,
    RepositoryUnknown,
    Requirements,
    Upload,
)
from boxwright.oci.digest import Digest

_BUSY_TIMEOUT_SECONDS = 30.0

_VERSION = 2
_SCHEMA = """
CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE blob (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    touched REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX blob_touched ON blob (touched);
CREATE TABLE repository_blob (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blob (digest),
    touched REAL NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE INDEX repository_blob_touched ON repository_blob (touched);
CREATE INDEX repository_blob_digest ON repository_blob (digest);
CREATE TABLE manifest (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT NOT NULL,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE INDEX manifest_subject ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE manifest_reference (
    manifest_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (manifest_id, digest, kind)
) WITHOUT ROWID;
CREATE INDEX manifest_reference_digest ON manifest_reference (digest);
CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    updated REAL NOT NULL,
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
CREATE INDEX tag_manifest ON tag (manifest_id);
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    owner TEXT NOT NULL,
    started REAL NOT NULL
) WITHOUT ROWID;
"""

# From each version to the next.
_MIGRATIONS = {
    1: """
ALTER TABLE blob RENAME COLUMN created TO touched;
ALTER TABLE repository_blob RENAME COLUMN linked TO touched;
CREATE INDEX blob_touched ON blob (touched);
CREATE INDEX repository_blob_touched ON repository_blob (touched);
""",
}

_MANIFEST_COLUMNS = "m.digest, m.media_type, m.content, m.artifact_type, m.subject, m.annotations"
_GARBAGE = "touched < ? AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest)"
_UNNEEDED = (
    "l.touched < ? AND NOT EXISTS (SELECT 1 FROM manifest_reference f JOIN manifest m ON m.id = f.manifest_id "
    "WHERE f.digest = l.digest AND m.repository_id = l.repository_id)"
)
_LIST_SIZE = 500  # digests in one IN (…): SQLite allows 32766 parameters, some builds 999


class SchemaTooNew(UnsupportedError):
    """The file was written by a later version."""

    def __init__(self, path: Path, version: int) -> None:
        super().__init__(f"{path} has schema {version}, this version knows {_VERSION}", hint="upgrade boxwright")
        self.path = path
        self.version = version


class SQLiteMetadata:
    """A `MetadataStore` in the file `path`, which is created when it is missing."""

    __slots__ = ("_all", "_closed", "_local", "_lock", "_path")

    def __init__(self, path: Path) -> None:
        """Raises SchemaTooNew."""
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._transaction() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > _VERSION:
                raise SchemaTooNew(self._path, version)
            if version == _VERSION:
                return
            for script in [_SCHEMA] if version == 0 else [_MIGRATIONS[step] for step in range(version, _VERSION)]:
                for statement in script.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")

    # -- connections and transactions

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is not None:
            return held
        # Closed by whoever calls close(), hence not by the thread that made it.
        made = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA foreign_keys = ON")
        made.execute("PRAGMA synchronous = FULL")
        with self._lock:
            if self._closed:
                made.close()
                raise sqlite3.ProgrammingError("the metadata store is closed")
            self._all.append(made)
        self._local.connection = made
        return made

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Commit when the block ends, roll back when it raises.

        Without `durable` the commit is not synced: it survives this process, but perhaps not a power loss. The next
        durable one syncs it too.
        """
        db = self._connection()
        if not durable:
            db.execute("PRAGMA synchronous = NORMAL")
        try:
            # IMMEDIATE: a reader that becomes a writer half-way would fail with "database is locked" without waiting.
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            faults.point("a transaction is about to commit")
            db.execute("COMMIT")
            faults.point("a transaction is committed")
        finally:
            if not durable:
                db.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in self._all:
                connection.close()
            self._all.clear()

    # -- blobs

    def claim_blob(self, digest: Digest, size: int) -> None:
        with self._transaction() as db:
            _touch(db, digest, size, time.time())

    def add_blob(self, repository: str, digest: Digest, size: int, *, upload: str | None = None) -> None:
        now = time.time()
        with self._transaction() as db:
            _touch(db, digest, size, now)
            _link(db, _make_repository(db, repository), digest, now)
            if upload is not None:
                db.execute("DELETE FROM upload WHERE id = ?", (upload,))

    def blob_size(self, repository: str, digest: Digest) -> int | None:
        row = (
            self._connection()
            .execute(
                "SELECT b.size FROM repository r JOIN repository_blob l ON l.repository_id = r.id "
                "JOIN blob b ON b.digest = l.digest WHERE r.name = ? AND l.digest = ?",
                (repository, digest),
            )
            .fetchone()
        )
        return int(row[0]) if row else None

    def mount_blob(self, repository: str, digest: Digest, source: str | None) -> bool:
        query = "SELECT 1 FROM repository_blob l JOIN repository r ON r.id = l.repository_id WHERE l.digest = ?"
        arguments: tuple[str, ...] = (digest,)
        if source is not None:
            query, arguments = query + " AND r.name = ?", (digest, source)
        with self._transaction() as db:
            if db.execute(query + " LIMIT 1", arguments).fetchone() is None:
                return False
            _link(db, _make_repository(db, repository), digest, time.time())
            return True

    def touch_blob(self, repository: str, digest: Digest, *, older: float) -> None:
        now = time.time()
        where = "repository_id = (SELECT id FROM repository WHERE name = ?) AND digest = ? AND touched < ?"
        key = (repository, digest, now - older)
        # Looked at first: readers never wait for the one writer.
        if self._connection().execute(f"SELECT 1 FROM repository_blob WHERE {where}", key).fetchone():
            with self._transaction(durable=False) as db:
                db.execute(f"UPDATE repository_blob SET touched = ? WHERE {where}", (now, *key))

    def remove_blob(self, repository: str, digest: Digest) -> bool:
        with self._transaction() as db:
            known = _find_repository(db, repository)
            if known is None:
                return False
            holders = db.execute(
                "SELECT DISTINCT m.digest FROM manifest_reference f JOIN manifest m ON m.id = f.manifest_id "
                "JOIN repository_blob l ON l.repository_id = m.repository_id AND l.digest = f.digest "
                "WHERE f.digest = ? AND m.repository_id = ? ORDER BY m.digest",
                (digest, known),
            ).fetchall()
            if holders:
                raise BlobInUse(repository, digest, [Digest(holder) for (holder,) in holders])
            gone = db.execute("DELETE FROM repository_blob WHERE repository_id = ? AND digest = ?", (known, digest))
            db.execute("UPDATE blob SET touched = ? WHERE digest = ?", (time.time(), digest))
            return gone.rowcount > 0

    # -- garbage

    def release_blobs(self, before: float, *, limit: int) -> int:
        # Found without a transaction, since readers never make the writer wait; asked again in one, row by row.
        rows = (
            self._connection()
            .execute(f"SELECT repository_id, digest FROM repository_blob l WHERE {_UNNEEDED} LIMIT ?", (before, limit))
            .fetchall()
        )
        if not rows:
            return 0
        now, released = time.time(), 0
        with self._transaction() as db:
            for row in rows:
                gone = db.execute(
                    f"DELETE FROM repository_blob AS l WHERE {_UNNEEDED} AND repository_id = ? AND digest = ?",
                    (before, *row),
                )
                if gone.rowcount:
                    db.execute("UPDATE blob SET touched = ? WHERE digest = ?", (now, row[1]))
                    released += 1
        return released

    def garbage(self, before: float) -> list[tuple[Digest, int]]:
        rows = self._connection().execute(f"SELECT digest, size FROM blob WHERE {_GARBAGE}", (before,))
        return [(Digest(digest), size) for digest, size in rows]

    def destroy_blob(self, digest: Digest, before: float, destroy: Callable[[], object]) -> bool:
        with self._transaction() as db:
            if db.execute(f"DELETE FROM blob WHERE {_GARBAGE} AND digest = ?", (before, digest)).rowcount == 0:
                return False
            destroy()
            return True

    # -- manifests and tags

    def put_manifest(
        self, repository: str, manifest: Manifest, requirements: Requirements, tags: Sequence[str], *, sparse: bool
    ) -> None:
        now = time.time()
        with self._transaction() as db:
            known = _find_repository(db, repository)
            missing = _missing(db, known, requirements.blobs, ("repository_blob",))
            if not sparse:
                missing += _missing(db, known, requirements.children, ("manifest", "repository_blob"))
            if missing:
                raise ContentMissing(repository, missing)
            known = _make_repository(db, repository) if known is None else known
            row = (
                known,
                manifest.digest,
                manifest.media_type,
                manifest.artifact_type,
                manifest.subject,
                json.dumps(dict(manifest.annotations)),
                len(manifest.content),
                now,
                manifest.content,
            )
            db.execute(
                "INSERT INTO manifest (repository_id, digest, media_type, artifact_type, subject, annotations, size, "
                "created, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repository_id, digest) DO UPDATE "
                "SET media_type = excluded.media_type, artifact_type = excluded.artifact_type",
                row,
            )
            (manifest_id,) = db.execute(
                "SELECT id FROM manifest WHERE repository_id = ? AND digest = ?", (known, manifest.digest)
            ).fetchone()
            db.executemany(
                "INSERT INTO manifest_reference VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    (manifest_id, digest, kind)
                    for kind, digests in zip(Requirements._fields, requirements, strict=True)
                    for digest in digests
                ],
            )
            db.executemany(
                "INSERT INTO tag VALUES (?, ?, ?, ?) ON CONFLICT (repository_id, name) DO UPDATE "
                "SET manifest_id = excluded.manifest_id, updated = excluded.updated",
                [(known, tag, manifest_id, now) for tag in tags],
            )

    def manifest(self, repository: str, reference: Digest | str) -> Manifest | None:
        if isinstance(reference, Digest):
            query = (
                f"SELECT {_MANIFEST_COLUMNS} FROM repository r JOIN manifest m ON m.repository_id = r.id "
                "WHERE r.name = ? AND m.digest = ?"
            )
        else:
            query = (
                f"SELECT {_MANIFEST_COLUMNS} FROM repository r JOIN tag t ON t.repository_id = r.id "
                "JOIN manifest m ON m.id = t.manifest_id WHERE r.name = ? AND t.name = ?"
            )
        row = self._connection().execute(query, (repository, reference)).fetchone()
        if row is None:
            return None
        digest, media_type, content, artifact_type, subject, annotations = row
        return Manifest(
            Digest(digest),
            media_type,
            content,
            artifact_type,
            Digest(subject) if subject else None,
            json.loads(annotations),
        )

    def remove_manifest(self, repository: str, digest: Digest) -> bool:
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM manifest WHERE digest = ? AND repository_id = (SELECT id FROM repository WHERE name = ?)",
                (digest, repository),
            )
            return gone.rowcount > 0

    def remove_tag(self, repository: str, tag: str) -> bool:
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM tag WHERE name = ? AND repository_id = (SELECT id FROM repository WHERE name = ?)",
                (tag, repository),
            )
            return gone.rowcount > 0

    # -- listings

    def tags(self, repository: str, *, limit: int, last: str | None) -> list[str]:
        db = self._connection()
        known = _find_repository(db, repository)
        if known is None:
            raise RepositoryUnknown(repository)
        rows = db.execute(
            "SELECT name FROM tag WHERE repository_id = ? AND name > ? ORDER BY name LIMIT ?",
            (known, last or "", limit),
        )
        return [name for (name,) in rows]

    def repositories(self, *, limit: int, last: str | None) -> list[str]:
        rows = self._connection().execute(
            "SELECT name FROM repository r WHERE name > ? "
            "AND EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id) ORDER BY name LIMIT ?",
            (last or "", limit),
        )
        return [name for (name,) in rows]

    def referrers(
        self, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
    ) -> list[Referrer]:
        rows = self._connection().execute(
            "SELECT m.digest, m.media_type, m.size, m.artifact_type, m.annotations FROM repository r "
            "JOIN manifest m ON m.repository_id = r.id WHERE r.name = ? AND m.subject = ? AND m.digest > ? "
            "AND (? IS NULL OR m.artifact_type = ?) ORDER BY m.digest LIMIT ?",
            (repository, subject, last or "", artifact_type, artifact_type, limit),
        )
        return [
            Referrer(Digest(digest), media_type, size, kind, json.loads(annotations))
            for digest, media_type, size, kind, annotations in rows
        ]

    # -- uploads

    def add_upload(self, upload: Upload) -> None:
        with self._transaction(durable=False) as db:
            db.execute("INSERT INTO upload VALUES (?, ?, ?, ?)", upload)

    def upload(self, upload_id: str) -> Upload | None:
        row = (
            self._connection()
            .execute("SELECT id, repository, owner, started FROM upload WHERE id = ?", (upload_id,))
            .fetchone()
        )
        return Upload(*row) if row else None

    def uploads(self) -> list[Upload]:
        rows = self._connection().execute("SELECT id, repository, owner, started FROM upload ORDER BY id")
        return [Upload(*row) for row in rows]

    def remove_upload(self, upload_id: str) -> bool:
        with self._transaction(durable=False) as db:
            return db.execute("DELETE FROM upload WHERE id = ?", (upload_id,)).rowcount > 0


def _find_repository(db: sqlite3.Connection, name: str) -> int | None:
    row = db.execute("SELECT id FROM repository WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else None


def _make_repository(db: sqlite3.Connection, name: str) -> int:
    found = _find_repository(db, name)
    if found is not None:
        return found
    made = db.execute("INSERT INTO repository (name) VALUES (?)", (name,)).lastrowid
    assert made is not None
    return made


def _link(db: sqlite3.Connection, repository_id: int, digest: Digest, now: float) -> None:
    db.execute(
        "INSERT INTO repository_blob VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET touched = excluded.touched",
        (repository_id, digest, now),
    )


def _touch(db: sqlite3.Connection, digest: Digest, size: int, now: float) -> None:
    db.execute(
        "INSERT INTO blob VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET touched = excluded.touched", (digest, size, now)
    )


def _missing(
    db: sqlite3.Connection, repository_id: int | None, digests: Sequence[Digest], tables: Iterable[str]
) -> list[Digest]:
    """Return those of `digests`, in order, that none of `tables` holds for the repository."""
    if repository_id is None:
        return list(digests)
    found: set[str] = set()
    for first in range(0, len(digests), _LIST_SIZE):
        some = digests[first : first + _LIST_SIZE]
        marks = ",".join("?" * len(some))
        for table in tables:
            rows = db.execute(
                f"SELECT digest FROM {table} WHERE repository_id = ? AND digest IN ({marks})", (repository_id, *some)
            )
            found.update(digest for (digest,) in rows)
    return [digest for digest in digests if digest not in found]
