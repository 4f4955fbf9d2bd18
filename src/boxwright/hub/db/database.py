"""The hub's database: SQLite in a file or PostgreSQL, through SQLAlchemy Core.

A `Database` is opened by URL and brings the schema up to date. Every thread has one connection of its own, which stays
open; a transaction is the block of `write`. What has to happen together is done by functions that take the connection
of that block.
"""

from __future__ import annotations

import functools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, exc, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool

from boxwright.errors import InvalidError, UnavailableError
from boxwright.host import faults
from boxwright.hub.db import migrations

_BUSY_SECONDS = 30.0
_CONNECT_SECONDS = 10
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05

_AGAIN = frozenset({"40001", "40P01"})
"""SQLSTATEs of transactions that failed because of others: serialization failure, deadlock."""

_FULL = "53100"
"""The SQLSTATE of a disk that is full."""

_CLOCK = text("SELECT extract(epoch FROM clock_timestamp())")

_P = ParamSpec("_P")
_R = TypeVar("_R")


class InvalidDatabaseURL(InvalidError):
    """Text that names no database. It isn't repeated: it may hold a password."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"invalid database URL: {why}",
            hint="a URL looks like sqlite:////var/lib/hub/registry.db or postgresql://user@host/name",
        )


class DriverMissing(UnavailableError):
    """The package that speaks to this kind of database is not installed."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL needs the package psycopg", hint="pip install 'boxwright[postgres]'")


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached, or failed.

    With `again` nothing was done, and doing it once more may succeed: see `retried`.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(f"the database failed: {message}")
        self.again = again


class DatabaseFull(DatabaseUnavailable):
    """There is no room for what was to be written: nothing was, and all that was there can be read."""


def _ignore(kind: str, seconds: float) -> None:
    """Nobody asked to be told."""


def default_url(root: Path) -> URL:
    """Return the URL of the database of a registry's folder, where none is named."""
    return URL.create("sqlite", database=str(root / "registry.db"))


class Database:
    """An open database. Its methods may be called from any thread."""

    __slots__ = ("_all", "_closed", "_engine", "_local", "_lock", "_sqlite", "observe")

    def __init__(self, url: str | URL) -> None:
        """Open ``sqlite:///FILE`` (created when missing) or ``postgresql://…`` and upgrade its schema if it is older.

        Raises InvalidDatabaseURL, DriverMissing, DatabaseUnavailable, SchemaTooNew.
        """
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[Connection] = []
        self._closed = False
        self.observe: Callable[[str, float], object] = _ignore
        """Told of each block that ended: read or write, and its seconds, with those of waiting for a lock."""
        self._engine = _engine(url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def _prepare(self) -> None:
        with self.read() as connection:
            if migrations.is_current(connection, self.name):
                return
        with self.write() as connection:
            migrations.upgrade(connection, self.name)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Ask questions: each statement sees what was committed before it, and none waits for a writer.

        Inside a `write` of the same thread it is that transaction. Raises DatabaseUnavailable.
        """
        started = time.perf_counter()
        connection = self._connection()
        try:
            yield connection
        except exc.DBAPIError as error:
            raise self._failure(error) from error
        finally:
            self.observe("read", time.perf_counter() - started)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises. They don't nest.

        When it has returned, what it did survives a power loss; without `durable` it survives this process, and power
        losses after the next durable one.

        In SQLite there is one writer at a time, from the first to the last line of the block. PostgreSQL runs it as
        READ COMMITTED: rows that a decision stands on have to be locked (``with_for_update``) first.

        Raises DatabaseUnavailable; when PostgreSQL has sacrificed it to another transaction, it says `again`.
        """
        started = time.perf_counter()
        connection = self._connection()
        if getattr(self._local, "writing", False):
            raise RuntimeError("a transaction inside a transaction")
        self._local.writing = True
        committing = False
        try:
            self._begin(connection, durable)
            try:
                yield connection
                faults.point("a transaction is about to commit")
                committing = True
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            faults.point("a transaction is committed")
        except exc.DBAPIError as error:
            raise self._failure(error, unknown=committing) from error
        finally:
            self._local.writing = False
            if self._sqlite and not durable:
                connection.exec_driver_sql("PRAGMA synchronous = FULL")
            self.observe("write", time.perf_counter() - started)

    def _roll_back(self, connection: Connection) -> None:
        if connection.closed or connection.invalidated:
            return
        # SQLite ends some transactions by itself, on a full disk for example, and others not even when COMMIT fails.
        if not self._sqlite or getattr(connection.connection.dbapi_connection, "in_transaction", False):
            connection.exec_driver_sql("ROLLBACK")

    def _begin(self, connection: Connection, durable: bool) -> None:
        if self._sqlite:
            if not durable:
                connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
            # IMMEDIATE: a reader that becomes a writer half-way would fail with "database is locked" without waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit TO off")

    def close(self) -> None:
        """End all connections. Idempotent."""
        with self._lock:
            self._closed = True
            self._local = threading.local()
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._engine.dispose()

    def _connection(self) -> Connection:
        held: Connection | None = getattr(self._local, "connection", None)
        if held is not None:
            return held
        self._check_open()
        try:
            # Autocommit for SQLAlchemy: a transaction begins and ends where `write` says so, and questions have none.
            made = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except exc.DBAPIError as error:
            raise DatabaseUnavailable(_reason(error)) from error
        with self._lock:
            if not self._closed:
                self._all.append(made)
                self._local.connection = made
                return made
        made.close()
        raise DatabaseUnavailable("it was closed")

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("it was closed")

    def _failure(self, error: exc.DBAPIError, *, unknown: bool = False) -> Exception:
        """Return what to raise; `unknown`: nobody can say whether the commit took place."""
        if error.connection_invalidated:
            self._forget()
            return DatabaseUnavailable(_reason(error), again=not unknown)
        if getattr(error.orig, "sqlstate", None) in _AGAIN:
            return DatabaseUnavailable(_reason(error), again=True)
        if _is_full(error.orig):
            return DatabaseFull(_reason(error))
        if isinstance(error, exc.OperationalError):
            return DatabaseUnavailable(_reason(error))
        return error

    def _forget(self) -> None:
        """Drop this thread's connection, which is broken."""
        broken: Connection = self._local.connection
        del self._local.connection
        with self._lock:
            if broken in self._all:
                self._all.remove(broken)
        broken.close()


def retried(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Do a function once more when the database says so: for those whose whole work is one read or one transaction."""

    @functools.wraps(method)
    def attempts(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for attempt in range(1, _ATTEMPTS):
            try:
                return method(*args, **kwargs)
            except DatabaseUnavailable as error:
                if not error.again:
                    raise
                time.sleep(random.uniform(0, _PAUSE_SECONDS * 2**attempt))
        return method(*args, **kwargs)

    return attempts


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, which SQLAlchemy spells once for each database."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def current_time(connection: Connection) -> float:
    """Return the time by the one clock that all who share the database go by, in seconds since the epoch."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(_CLOCK).scalar_one())


def _engine(given: str | URL) -> Engine:
    try:
        url = make_url(given)
        backend = url.get_backend_name()
    except (exc.ArgumentError, ValueError):
        raise InvalidDatabaseURL("it cannot be read") from None
    if url.drivername not in ("sqlite", "postgresql"):
        raise InvalidDatabaseURL("only sqlite: and postgresql: are supported")
    if backend == "postgresql":
        try:
            return create_engine(
                url.set(drivername="postgresql+psycopg"),
                poolclass=NullPool,
                hide_parameters=True,
                connect_args={"connect_timeout": _CONNECT_SECONDS},
            )
        except ModuleNotFoundError:
            raise DriverMissing from None
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise InvalidDatabaseURL("sqlite: names a file")
    # Closed by whoever calls close(), hence not by the thread that made it.
    arguments: dict[str, Any] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: object) -> None:
    # The journal is a WAL, so that readers never wait for the one writer.
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _is_full(error: BaseException | None) -> bool:
    if getattr(error, "sqlstate", None) == _FULL:
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _reason(error: exc.DBAPIError) -> str:
    """Return the first line of what the driver says: no statement, no values, no URL."""
    return (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
