"""Brute force slowed down: how long somebody has to wait before another password is looked at.

Failures are counted for three subjects, in the database, so that every process and every restart knows them:

    an account at an address    5 free, then 1, 2, 4 … seconds, at most 5 minutes: who guesses one password
    an address                  30 free, then the same: who tries one password on many accounts
    an account                  never waits by itself, or anybody could lock its user out; but past 100 failures from
                                everywhere, each address has but 2 free tries

So the right user, from an address of their own, is never kept waiting for what others do. An address of IPv6 is its
/64, which is what one subscriber has. A quarter of an hour without a failure forgets the count.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from sqlalchemy import case, delete, select

from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables.accounts import login_failure as t
from boxwright.values import NamedTuple

WINDOW_SECONDS = 900.0
MAX_WAIT = 300.0
FREE_TRIES = 5
FREE_TRIES_UNDER_ATTACK = 2
FREE_TRIES_OF_ADDRESS = 30
ATTACK = 100

_PRUNE_SECONDS = 86400.0


class _Failures(NamedTuple):
    number: int = 0
    last: float = 0.0


def wait_after(failures: int, free: int) -> float:
    """Return how many seconds after its last failure a subject has to wait."""
    return 0.0 if failures < free else min(2.0 ** min(failures - free, 20), MAX_WAIT)


def network_of(address: str) -> str:
    """Return what stands for an address: itself, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Throttle:
    """The counts in a database. Methods may be called from any thread."""

    __slots__ = ("_clock", "_db")

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    @retried
    def wait(self, account: str, address: str) -> float:
        """Return how many seconds this account may not be tried from this address; 0: now."""
        pair, place, whole = _subjects(account, address)
        now = self._clock()
        query = select(t.c.subject, t.c.count, t.c.last).where(
            t.c.subject.in_((pair, place, whole)), t.c.last > now - WINDOW_SECONDS
        )
        with self._db.read() as connection:
            counts = {subject: _Failures(count, last) for subject, count, last in connection.execute(query)}
        free = FREE_TRIES_UNDER_ATTACK if counts.get(whole, _Failures()).number >= ATTACK else FREE_TRIES
        ends = [
            counts[subject].last + wait_after(counts[subject].number, tries)
            for subject, tries in ((pair, free), (place, FREE_TRIES_OF_ADDRESS))
            if subject in counts
        ]
        return max(0.0, max(ends, default=now) - now)

    @retried
    def failed(self, account: str, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        with self._db.write(durable=False) as connection:
            for subject in sorted(_subjects(account, address)):  # in one order, or two of them wait for each other
                row = insert(connection, t).values(subject=subject, count=1, last=now)
                recent = t.c.last > now - WINDOW_SECONDS
                counted = row.on_conflict_do_update(
                    index_elements=[t.c.subject], set_={"count": case((recent, t.c.count + 1), else_=1), "last": now}
                )
                connection.execute(counted)

    @retried
    def succeeded(self, account: str, address: str) -> None:
        """Forget the failures of an account at an address.

        Those of the address stay: who has one password could try many accounts otherwise.
        """
        pair, _, _ = _subjects(account, address)
        with self._db.read() as connection:
            if not connection.execute(select(t.c.count).where(t.c.subject == pair)).first():
                return
        with self._db.write(durable=False) as connection:
            connection.execute(delete(t).where(t.c.subject == pair))

    @retried
    def prune(self) -> int:
        """Drop counts that no longer mean anything; return how many."""
        with self._db.write() as connection:
            return connection.execute(delete(t).where(t.c.last < self._clock() - _PRUNE_SECONDS)).rowcount


def _subjects(account: str, address: str) -> tuple[str, str, str]:
    place = network_of(address)
    return f"{account}@{place}", f"@{place}", f"{account}@"
