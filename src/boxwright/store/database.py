"""The one SQLite file, and the one way to it.

Every process opens the file for itself (WAL: readers never wait, writers queue for milliseconds); the threads of a
process share one connection behind a lock. A process that forks must not touch the store in the child before exec.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from boxwright.errors import BoxwrightError, CorruptError, UnavailableError, UnsupportedError
from boxwright.host import faults
from boxwright.host.paths import Path
from boxwright.store.schema import MIGRATIONS
from boxwright.store.space import FREE_SOME, is_full

Value: TypeAlias = "str | int | bytes | None"
Row: TypeAlias = "tuple[Any, ...]"

# Writers hold the lock for milliseconds; twenty commands at once, on a slow disk, still pass well within this.
_BUSY_SECONDS = 60.0


class StoreCorrupt(CorruptError):
    """The database file is damaged or is no database."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the store's database {path} is damaged: {why}",
            hint="move the file away: images can be pulled and built again, and snapshots without rows are removed",
        )
        self.path = path


class StoreTooNew(UnsupportedError):
    """The store was written by a later version."""

    def __init__(self, path: Path, version: int) -> None:
        super().__init__(
            f"the store's database {path} has format {version}, and this version knows {len(MIGRATIONS)}",
            hint="use the version of boxwright that wrote it, or another --root",
        )
        self.version = version


class StoreUnavailable(UnavailableError):
    """The database cannot be reached: locked for too long, disk full, I/O error."""


class Database:
    """Rows, read and written in short transactions.

    All methods are safe to call from any thread. Statements are passed as literals, values as parameters.
    """

    __slots__ = ("_connection", "_depth", "_lock", "path")

    def __init__(self, path: Path) -> None:
        """Open the file, creating or migrating it first where needed; the directory exists.

        Raises StoreTooNew, StoreCorrupt, StoreUnavailable.
        """
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        with self._translated():
            # No implicit transactions: a write without `transaction` is its own.
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        try:
            with self._translated():
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute("PRAGMA foreign_keys = ON")
                version = self._version()
            if version != len(MIGRATIONS):
                self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock, self._translated():
            self._connection.close()

    def rows(self, sql: str, *values: Value) -> list[Row]:
        with self._lock, self._translated():
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row, or None."""
        with self._lock, self._translated():
            row: Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement that writes; return how many rows it touched."""
        with self._lock:
            with self._translated():
                count = self._connection.execute(sql, values).rowcount
            if not self._depth:
                faults.point("a statement of its own is executed")
        return count

    def run_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Execute a statement that writes once per element, in one transaction."""
        with self.transaction(), self._translated():
            self._connection.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything in the block one transaction that holds the write lock from its beginning.

        Inside another transaction of this thread it joins that one. Other threads wait, other processes' writers
        too: hash, copy and compress before, not inside. Rolled back when the block raises.
        """
        with self._lock:
            if self._depth:
                yield
                return
            with self._translated():
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                self._roll_back()
                raise
            self._depth -= 1
            faults.point("a transaction is about to commit")
            with self._translated():
                try:
                    self._connection.execute("COMMIT")
                except sqlite3.Error:
                    self._roll_back()
                    raise
            faults.point("a transaction is committed")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # a full disk makes SQLite roll back by itself
            self._connection.execute("ROLLBACK")

    @contextmanager
    def durable_transaction(self) -> Iterator[None]:
        """Like `transaction`, and on disk (not only safe from a kill) when the block has ended."""
        with self._lock:
            self._connection.execute("PRAGMA synchronous = FULL")
            try:
                with self.transaction():
                    yield
            finally:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside `transaction`."""
        with self._lock:  # another thread's is over, then
            return self._depth > 0

    def problems(self) -> list[str]:
        """Return what SQLite's own check finds wrong with the file and with references between rows."""
        found = [str(row[0]) for row in self.rows("PRAGMA integrity_check(20)") if row[0] != "ok"]
        for table, _, referenced, _ in self.rows("PRAGMA foreign_key_check"):
            found.append(f"a row of {table} refers to a row of {referenced} that does not exist")
        return found

    def _version(self) -> int:
        row: Row = self._connection.execute("PRAGMA user_version").fetchone()
        return int(row[0])

    def _migrate(self) -> None:
        from boxwright.host.locks import locked

        with locked(self.path.with_name("locks") / "database"), self._translated():
            version = self._version()
            if version > len(MIGRATIONS):
                raise StoreTooNew(self.path, version)
            self._connection.execute("PRAGMA journal_mode = WAL")
            for number in range(version, len(MIGRATIONS)):
                # executescript would commit before it begins, so the script brings its own transaction.
                self._connection.executescript(
                    f"BEGIN EXCLUSIVE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT"
                )
                faults.point("the database is migrated")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a broken constraint means something to the caller, who knows which one
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.Error) -> BoxwrightError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return StoreCorrupt(self.path, str(error))
        if name.startswith("SQLITE_BUSY"):
            return StoreUnavailable(f"the store is busy: another command held it for {_BUSY_SECONDS:.0f} seconds")
        if name.startswith("SQLITE_FULL"):
            return StoreUnavailable(f"no space left for the store's database {self.path}", hint=FREE_SOME)
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            return StoreUnavailable(f"cannot write the store's database {self.path}: {error}")
        if name.startswith("SQLITE_IOERR"):
            if is_full(self.path.parent):  # what SQLite shares among processes doesn't fit, so no command can open it
                return StoreUnavailable(
                    f"no space left for the store's database {self.path}",
                    hint=f"remove something else from that disk; then {FREE_SOME}",
                )
            return StoreUnavailable(f"cannot use the store's database {self.path}: {error}")
        raise error  # a mistake in a statement: ours, not the machine's
