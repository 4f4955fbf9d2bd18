"""The notes on content from upstreams, in a database."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.sql.expression import ColumnElement

from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables import upstreams as t
from boxwright.oci.digest import Digest


class SQLNotes:
    """`Notes` in a database, which stays the caller's.

    They survive this process; a power loss may forget the latest, which costs a question to an upstream.
    """

    __slots__ = ("_db",)

    def __init__(self, db: Database) -> None:
        self._db = db

    @retried
    def checked(self, repository: str, tag: str) -> float | None:
        found = select(t.upstream_tag.c.checked).where(*_tag(repository, tag))
        with self._db.read() as c:
            return c.execute(found).scalar()

    @retried
    def check(self, repository: str, tag: str, now: float) -> None:
        with self._db.write(durable=False) as c:
            row = insert(c, t.upstream_tag).values(repository=repository, name=tag, checked=now)
            c.execute(row.on_conflict_do_update(index_elements=["repository", "name"], set_={"checked": now}))

    @retried
    def use(self, repository: str, digest: Digest, now: float, *, older: float) -> None:
        # Looked at first: readers never wait for the one writer.
        with self._db.read() as c:
            used = c.execute(select(t.upstream_manifest.c.used).where(*_manifest(repository, digest))).scalar()
        if used is not None and used >= now - older:
            return
        with self._db.write(durable=False) as c:
            row = insert(c, t.upstream_manifest).values(repository=repository, digest=digest, used=now)
            c.execute(row.on_conflict_do_update(index_elements=["repository", "digest"], set_={"used": now}))

    @retried
    def unused(self, before: float, *, limit: int) -> list[tuple[str, Digest, float]]:
        columns = t.upstream_manifest.c
        found = select(columns.repository, columns.digest, columns.used).where(columns.used < before)
        with self._db.read() as c:
            rows = c.execute(found.order_by(columns.used).limit(limit))
            return [(repository, Digest(digest), used) for repository, digest, used in rows]

    @retried
    def forget(self, repository: str, digest: Digest, before: float) -> bool:
        unused = delete(t.upstream_manifest).where(*_manifest(repository, digest), t.upstream_manifest.c.used < before)
        with self._db.write(durable=False) as c:
            return c.execute(unused).rowcount > 0

    @retried
    def forget_tag(self, repository: str, tag: str) -> None:
        with self._db.write(durable=False) as c:
            c.execute(delete(t.upstream_tag).where(*_tag(repository, tag)))


def _tag(repository: str, tag: str) -> tuple[ColumnElement[bool], ...]:
    return t.upstream_tag.c.repository == repository, t.upstream_tag.c.name == tag


def _manifest(repository: str, digest: Digest) -> tuple[ColumnElement[bool], ...]:
    return t.upstream_manifest.c.repository == repository, t.upstream_manifest.c.digest == digest
