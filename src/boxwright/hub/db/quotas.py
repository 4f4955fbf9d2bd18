"""How many bytes a repository, a namespace or everything may have.

What counts is the size of each blob in each repository that has it: a blob in two repositories of a namespace counts
twice there, though it is stored once. So what somebody has does not change by what others do.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, func, select, update

from boxwright.errors import DeniedError
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.scopes import is_within, scope_text, scopes_of
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tables.life import quota
from boxwright.values import NamedTuple

_QUOTAS = select(quota.c.scope, quota.c.bytes).where(quota.c.scope.in_(bindparam("scopes", expanding=True)))


class QuotaExceeded(DeniedError):
    """There is no room for what is pushed."""

    def __init__(self, usage: Usage, added: int) -> None:
        left = max(0, usage.limit - usage.used)
        super().__init__(
            f"the quota of {scope_text(usage.scope)} is used up: {_size(usage.used)} of {_size(usage.limit)}, "
            f"{_size(left)} left, {_size(added)} more needed",
            hint="delete what is not needed any more; its bytes count until garbage is collected",
        )
        self.usage = usage
        self.added = added


class Usage(NamedTuple):
    """A quota and how much of it is used, in bytes."""

    scope: str
    limit: int
    used: int


def check_room(c: Connection, repository: str, added: int, *, lock: bool) -> None:
    """Raise QuotaExceeded when `added` bytes more would be too many; with `lock`, nobody else adds meanwhile."""
    rows = _QUOTAS.order_by(quota.c.scope)
    for scope, limit in c.execute(rows.with_for_update() if lock else rows, {"scopes": scopes_of(repository)}).all():
        usage = Usage(scope, limit, _used(c, scope))
        if usage.used + added > limit:
            raise QuotaExceeded(usage, added)


def add_bytes(c: Connection, known: int, count: int) -> None:
    """Count bytes that a repository got, or lost when `count` is negative."""
    c.execute(update(t.repository).where(t.repository.c.id == known).values(bytes=t.repository.c.bytes + count))


def _used(c: Connection, scope: str) -> int:
    total = func.coalesce(func.sum(t.repository.c.bytes), 0)
    return int(c.execute(select(total).where(is_within(t.repository.c.name, scope))).scalar_one())


class Quotas:
    """The quotas themselves. Methods may be called from any thread."""

    __slots__ = ("_by", "_db")

    def __init__(self, db: Database, by: Actor) -> None:
        """`by`: who makes changes through it, for the audit log."""
        self._db = db
        self._by = by

    @retried
    def set(self, scope: str, limit: int) -> None:
        """Give a scope so many bytes. What is there stays, even when it is more."""
        with self._db.write() as c:
            row = insert(c, quota).values(scope=scope, bytes=limit)
            c.execute(row.on_conflict_do_update(index_elements=["scope"], set_={"bytes": limit}))
            note(c, self._by, "quota.set", scope_text(scope), detail=_size(limit))

    @retried
    def remove(self, scope: str) -> bool:
        """False when there was none."""
        with self._db.write() as c:
            if not c.execute(delete(quota).where(quota.c.scope == scope)).rowcount:
                return False
            note(c, self._by, "quota.rm", scope_text(scope))
            return True

    @retried
    def usages(self) -> Iterable[Usage]:
        """Return all of them, by scope."""
        with self._db.read() as c:
            rows = c.execute(select(quota.c.scope, quota.c.bytes).order_by(quota.c.scope)).all()
            return [Usage(scope, limit, _used(c, scope)) for scope, limit in rows]


def _size(count: int) -> str:
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    size, index = float(count), 0
    while size >= 999.5 and index < len(units) - 1:
        size /= 1000
        index += 1
    return f"{size:.3g} {units[index]}"
