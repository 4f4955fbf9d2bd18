"""Keeps the storage's records of repositories and manifests up to date, a little behind the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from boxwright.hub.db.changes import MANIFEST
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tables.records import stale_record
from boxwright.hub.rescue.record import Entry, Record, manifest_key, repository_key
from boxwright.hub.storage.base import BlobStorage
from boxwright.oci.digest import Digest

_PAGE = 100


class Recorder:
    """Writes what has changed. Several may run at once: each writes what is true then."""

    __slots__ = ("_db", "_storage")

    def __init__(self, storage: BlobStorage, db: Database) -> None:
        self._storage = storage
        self._db = db

    def record(self) -> int:
        """Record every repository that has changed since it was recorded last; return how many. For a thread.

        Killed at any point it leaves records of which each was true once, and knows what is left to do.
        """
        count = 0
        while page := self._changed():
            for known, name, revision in page:
                self._record(known, name, revision)
                count += 1
        while gone := self._stale():
            for kind, name in gone:
                self._forget(kind, name)
        return count

    @retried
    def _changed(self) -> Sequence[tuple[int, str, int]]:
        r = t.repository.c
        with self._db.read() as c:
            rows = select(r.id, r.name, r.revision).where(r.revision > r.recorded).order_by(r.id).limit(_PAGE)
            return [(known, name, revision) for known, name, revision in c.execute(rows)]

    def _record(self, known: int, name: str, revision: int) -> None:
        while fresh := self._unrecorded(known):
            for _, digest, content in fresh:
                self._storage.put_record(manifest_key(digest), content)
            self._mark([number for number, _, _ in fresh])
        # After what it names.
        self._storage.put_record(repository_key(name), self._entries(known, name).to_bytes())
        self._done(known, revision)

    @retried
    def _unrecorded(self, known: int) -> Sequence[tuple[int, str, bytes]]:
        m = t.manifest.c
        with self._db.read() as c:
            rows = select(m.id, m.digest, m.content).where(m.repository_id == known, ~m.recorded).limit(_PAGE)
            return [(number, digest, content) for number, digest, content in c.execute(rows)]

    @retried
    def _mark(self, numbers: Sequence[int]) -> None:
        with self._db.write(durable=False) as c:
            c.execute(update(t.manifest).where(t.manifest.c.id.in_(numbers)).values(recorded=True))

    @retried
    def _entries(self, known: int, name: str) -> Record:
        m, tag = t.manifest.c, t.tag.c
        with self._db.read() as c:
            rows = (
                select(m.digest, m.media_type, m.size, m.created, tag.name, tag.updated)
                .outerjoin(t.tag, tag.manifest_id == m.id)
                .where(m.repository_id == known)
                .order_by(m.id, tag.name)
            )
            return Record(
                name,
                tuple(
                    Entry(Digest(digest), media_type, size, created if moved is None else moved, tagged or "")
                    for digest, media_type, size, created, tagged, moved in c.execute(rows)
                ),
            )

    @retried
    def _done(self, known: int, revision: int) -> None:
        with self._db.write(durable=False) as c:
            c.execute(update(t.repository).where(t.repository.c.id == known).values(recorded=revision))

    @retried
    def _stale(self) -> Sequence[tuple[str, str]]:
        s = stale_record.c
        with self._db.read() as c:
            return [(kind, name) for kind, name in c.execute(select(s.kind, s.name).limit(_PAGE))]

    @retried
    def _forget(self, kind: str, name: str) -> None:
        """Drop a record if what it is about is gone."""
        s = stale_record.c
        with self._db.write(durable=False) as c:
            c.execute(delete(stale_record).where(s.kind == kind, s.name == name))
            if not _exists(c, kind, name):
                # Inside: whoever brings it back meanwhile finds that it has to be recorded again.
                self._storage.delete_record(manifest_key(name) if kind == MANIFEST else repository_key(name))


def _exists(c: Connection, kind: str, name: str) -> bool:
    if kind == MANIFEST:
        return c.execute(select(t.manifest.c.id).where(t.manifest.c.digest == name).limit(1)).first() is not None
    return c.execute(select(t.repository.c.id).where(t.repository.c.name == name)).first() is not None
