"""Duties that one of all servers has to do now and then: collecting garbage, sweeping uploads.

A duty has a name and a row. Who takes its turn is alone with it as long as it renews the turn; a server that dies loses
it at once to one on the same machine, and after `TURN_SECONDS` to any other. All of this saves work and nothing else:
every duty has to be such that two at once, or one that was thought dead, do no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import delete, select, update

from boxwright.hub.db.database import Database, DatabaseUnavailable, current_time, insert, retried
from boxwright.hub.db.holders import is_gone, new_holder
from boxwright.hub.db.tables.leases import lease

TURN_SECONDS = 30.0


class Leases(Protocol):
    """Whose turn it is. Methods may be called from any thread."""

    def take(self, name: str, every: float) -> bool:
        """Take the turn of a duty, if nobody has it and it was done last at least `every` seconds ago."""

    def renew(self, name: str) -> bool:
        """Keep a turn; False when another one has it."""

    def give_back(self, name: str, *, done: bool) -> None:
        """End a turn that is still one's own; `done` when the duty was."""

    def drop(self, name: str) -> None:
        """End a turn that is still one's own, and forget that there was such a duty: it comes only once."""


class SQLLeases:
    """The `Leases` of all servers that share a database."""

    __slots__ = ("_db", "_holder")

    def __init__(self, db: Database) -> None:
        self._db = db
        self._holder = new_holder()

    @retried
    def take(self, name: str, every: float) -> bool:
        with self._db.write(durable=False) as c:
            c.execute(insert(c, lease).values(name=name).on_conflict_do_nothing())
            row = select(lease.c.holder, lease.c.until, lease.c.done).where(lease.c.name == name)
            found = c.execute(row.with_for_update()).first()
            if found is None:
                return False  # dropped in between: whoever asks again gets it
            holder, until, done = found
            now = current_time(c)
            if holder is not None and until > now and not is_gone(holder):
                return False
            # One that is done in the future was written by a clock that has been set right since.
            if done is not None and now - every < done <= now:
                return False
            mine = {"holder": self._holder, "until": now + TURN_SECONDS}
            c.execute(update(lease).where(lease.c.name == name).values(mine))
            return True

    @retried
    def renew(self, name: str) -> bool:
        with self._db.write(durable=False) as c:
            mine = lease.c.name == name, lease.c.holder == self._holder
            return c.execute(update(lease).where(*mine).values(until=current_time(c) + TURN_SECONDS)).rowcount > 0

    @retried
    def give_back(self, name: str, *, done: bool) -> None:
        with self._db.write(durable=False) as c:
            mine = lease.c.name == name, lease.c.holder == self._holder
            free = {"holder": None, "until": None} | ({"done": current_time(c)} if done else {})
            c.execute(update(lease).where(*mine).values(free))

    @retried
    def drop(self, name: str) -> None:
        with self._db.write(durable=False) as c:
            c.execute(delete(lease).where(lease.c.name == name, lease.c.holder == self._holder))


class NoLeases:
    """The `Leases` of a server that is alone: it is always its turn."""

    def take(self, name: str, every: float) -> bool:
        return True

    def renew(self, name: str) -> bool:
        return True

    def give_back(self, name: str, *, done: bool) -> None:
        """Nobody waits for it."""

    def drop(self, name: str) -> None:
        """Nobody waits for it."""


def in_turn(leases: Leases, name: str, every: float, duty: Callable[[], object]) -> bool:
    """Do `duty` if its turn can be taken, renewing the turn while it runs; return whether it was done. For a thread."""
    if not leases.take(name, every):
        return False
    done = False
    with _renewing(leases, name):
        try:
            duty()
            done = True
        finally:
            leases.give_back(name, done=done)
    return True


@contextmanager
def _renewing(leases: Leases, name: str) -> Iterator[None]:
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(TURN_SECONDS / 3):
            try:
                if not leases.renew(name):
                    return
            except DatabaseUnavailable:
                continue  # perhaps it can be reached before the turn is over

    thread = threading.Thread(target=renew, name=f"turn of {name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
