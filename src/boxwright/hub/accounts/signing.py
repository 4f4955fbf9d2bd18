"""The keys that access tokens are signed with, in the database: every server of the hub has them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from boxwright.hub.accounts.keys import StoredKey
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables.accounts import signing_key as t

_ROTATION = Actor("server:keys")


class SQLKeys:
    """A `KeyStore`. Who can read the database can sign, as it can also replace every password."""

    __slots__ = ("_by", "_db")

    def __init__(self, database: Database, by: Actor = _ROTATION) -> None:
        """`by`: who makes keys and removes them, for the audit log."""
        self._db = database
        self._by = by

    @retried
    def keys(self) -> list[StoredKey]:
        with self._db.read() as connection:
            rows = connection.execute(select(t.c.kid, t.c.jwk, t.c.created).order_by(t.c.created.desc(), t.c.kid))
            return [StoredKey(*row) for row in rows]

    @retried
    def add_key(self, key: StoredKey) -> None:
        with self._db.write() as connection:
            connection.execute(insert(t).values(key._asdict()))
            note(connection, self._by, "key.add", key.kid)

    @retried
    def remove_keys(self, before: float) -> None:
        with self._db.write() as connection:
            self._remove(connection, t.c.created < before)

    @retried
    def replace_keys(self, key: StoredKey) -> None:
        """Keep this key alone: nothing that another one signed is good any more."""
        with self._db.write() as connection:
            self._remove(connection, t.c.kid != key.kid)
            connection.execute(insert(t).values(key._asdict()))
            note(connection, self._by, "key.add", key.kid)

    def _remove(self, connection: Connection, condition: ColumnElement[bool]) -> None:
        for kid in connection.execute(delete(t).where(condition).returning(t.c.kid)).scalars().all():
            note(connection, self._by, "key.rm", kid)
