"""The audit log: who did what, and who was refused. It holds names, never secrets.

What changes accounts is noted in the transaction that changes them. Old entries are dropped: see `AuditLog.prune`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, select

from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables.audit import audit_entry
from boxwright.values import NamedTuple

SUCCESS = "success"
FAILURE = "failure"

KEEP_SECONDS = 90 * 86400.0
KEEP_ENTRIES = 1_000_000

_MAX_TEXT = 500


class Actor(NamedTuple):
    """Who does something, and from where."""

    name: str
    """An account; ``console:NAME`` for a user of the server's machine; ``server:DUTY`` for what a server does by
    itself; "" for nobody in particular.
    """
    address: str = ""


class Entry(NamedTuple):
    """One line of the log."""

    at: float
    actor: str
    address: str
    action: str
    """What was done, as ``noun.verb``: ``token.issue``, ``user.add``."""
    target: str
    """What it was done to."""
    outcome: str
    """SUCCESS or FAILURE."""
    detail: str


def note(
    connection: Connection, by: Actor, action: str, target: str, *, outcome: str = SUCCESS, detail: str = ""
) -> None:
    """Add an entry in the transaction of `connection`."""
    connection.execute(
        insert(audit_entry).values(
            at=time.time(),
            actor=_shown(by.name),
            address=_shown(by.address),
            action=action,
            target=_shown(target),
            outcome=outcome,
            detail=_shown(detail),
        )
    )


class AuditLog:
    """The log in a database. Methods may be called from any thread."""

    __slots__ = ("_clock", "_db")

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    @retried
    def record(self, by: Actor, action: str, target: str, *, outcome: str = SUCCESS, detail: str = "") -> None:
        """Add an entry about something that is no change of the database itself.

        It survives a kill; a power loss may take the last of them.
        """
        with self._db.write(durable=False) as connection:
            note(connection, by, action, target, outcome=outcome, detail=detail)

    @retried
    def entries(
        self,
        *,
        limit: int,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
        address: str | None = None,
        outcome: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> list[Entry]:
        """Return the last `limit` entries that match everything given, the oldest first.

        An `action` that ends in a dot is all that begins so.
        """
        t = audit_entry.c
        query = select(t.at, t.actor, t.address, t.action, t.target, t.outcome, t.detail)
        for column, wanted in ((t.actor, actor), (t.target, target), (t.address, address), (t.outcome, outcome)):
            if wanted is not None:
                query = query.where(column == wanted)
        if action is not None:
            begins = t.action.startswith(action, autoescape=True)
            query = query.where(begins if action.endswith(".") else t.action == action)
        if since is not None:
            query = query.where(t.at >= since)
        if until is not None:
            query = query.where(t.at < until)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(t.id.desc()).limit(limit)).all()
        return [Entry(*row) for row in reversed(rows)]

    @retried
    def prune(self, *, seconds: float = KEEP_SECONDS, entries: int = KEEP_ENTRIES) -> int:
        """Drop what is older than `seconds`, and the oldest of more than `entries`; return how many went."""
        with self._db.write() as connection:
            newest = connection.execute(select(func.max(audit_entry.c.id))).scalar() or 0
            gone = delete(audit_entry).where(
                (audit_entry.c.at < self._clock() - seconds) | (audit_entry.c.id <= newest - entries)
            )
            return connection.execute(gone).rowcount


def _shown(text: str) -> str:
    """Return text as it may stand in a table on somebody's terminal."""
    text = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
