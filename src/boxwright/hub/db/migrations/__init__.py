"""The schema's history, run by alembic: one linear chain in ``versions/NNNN_name.py``, each named by its number.

A database of any earlier version is upgraded when it is opened, in one transaction. What a later version wrote is left
alone.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, exc, inspect, text

from boxwright.errors import UnsupportedError

_HERE = Path(__file__).parent
_LOCK = 0x626F7877  # "boxw": one upgrade at a time, however many servers start at once

RAW_VERSION = 2
"""The last `PRAGMA user_version` of files from before alembic."""

MANAGED = RAW_VERSION + 1
"""The user_version that tells programs from before alembic to leave a file alone."""


class SchemaTooNew(UnsupportedError):
    """A later version wrote this database."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"{name} has schema {version}, this version knows {head()}", hint="upgrade boxwright")
        self.version = version


def known() -> list[str]:
    """Return the revisions that this version knows, in order."""
    return sorted(path.name[:4] for path in (_HERE / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """Return the revision of the tables."""
    return known()[-1]


def is_current(connection: Connection, name: str) -> bool:
    """Whether nothing is to be done. Loads nothing of alembic. Raises SchemaTooNew; `name` is for its message."""
    found = _revision(connection)
    if found is not None and found not in known():
        raise SchemaTooNew(name, found)
    if found is None and connection.dialect.name == "sqlite":
        raw = raw_version(connection)
        if raw > RAW_VERSION:
            raise SchemaTooNew(name, str(raw))
    return found == head()


def upgrade(connection: Connection, name: str) -> None:
    """Bring the schema to `head` inside the transaction of `connection`. Raises SchemaTooNew."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if is_current(connection, name):
        return  # by somebody else, a moment ago
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def raw_version(connection: Connection) -> int:
    """Return SQLite's `PRAGMA user_version`."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    try:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    except exc.NoResultFound:
        return None
