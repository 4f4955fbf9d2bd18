"""Repositories: parts of transactions that find, make and lock them.

What two transactions may decide about each other is settled by locks, always taken in this order: blob, repository,
membership. SQLite has one writer at a time and needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, exists, select
from sqlalchemy.sql.expression import ScalarSelect

from boxwright.hub.db.database import insert
from boxwright.hub.db.tables import registry as t

_ID = select(t.repository.c.id).where(t.repository.c.name == bindparam("repository"))
_LOCKED_ID = _ID.with_for_update(key_share=True)


def find_repository(c: Connection, name: str) -> int | None:
    """Return the repository's number, None when it is unknown."""
    return c.execute(_ID, {"repository": name}).scalar()


def lock_repository(c: Connection, name: str) -> int | None:
    """Return the repository's number and keep its manifests, tags and memberships to this transaction."""
    return c.execute(_LOCKED_ID, {"repository": name}).scalar()


def lock_repositories(c: Connection, known: Iterable[int]) -> None:
    """Lock several, in an order that all keep."""
    if c.dialect.name != "sqlite":
        rows = select(t.repository.c.id).where(t.repository.c.id.in_(known)).order_by(t.repository.c.id)
        c.execute(rows.with_for_update(key_share=True)).all()


def make_repository(c: Connection, name: str) -> int:
    """Return the repository's number; created when it is new."""
    found = find_repository(c, name)
    if found is None:
        c.execute(insert(c, t.repository).values(name=name).on_conflict_do_nothing())
        found = find_repository(c, name)
        assert found is not None, "an inserted row is there"
    return found


def number_of(name: str) -> ScalarSelect[int]:
    """Return the repository's number as a part of a statement."""
    return select(t.repository.c.id).where(t.repository.c.name == name).scalar_subquery()


def list_repositories(c: Connection, *, limit: int, last: str | None, containing: str) -> list[str]:
    """See `MetadataStore.repositories`."""
    filled = exists(t.manifest.c.id).where(t.manifest.c.repository_id == t.repository.c.id)
    named = select(t.repository.c.name).where(t.repository.c.name > (last or ""), filled)
    if containing:
        named = named.where(t.repository.c.name.contains(containing, autoescape=True))
    return list(c.scalars(named.order_by(t.repository.c.name).limit(limit)))
