"""Leases: a process's claim on blobs, snapshots and images that no other row names yet.

A pull that has stored two of three layers, a build whose steps are done but whose image is not: garbage collection in
another process must leave these alone. A lease is void when its process is dead, so nothing has to be cleaned up.

The order that makes it safe: first lease a name, then look whether the object is there. Collection decides and removes
in one transaction, so it either sees the lease, or has removed the object before the look.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Literal, TypeAlias

from boxwright.oci.digest import Digest
from boxwright.store.database import Database
from boxwright.store.owner import Owner

Kind: TypeAlias = Literal["blob", "snapshot", "image"]


class Lease:
    """Names kept from collection until the block ends. Thread-safe."""

    __slots__ = ("_database", "_owner", "_token")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = Owner.current()
        self._token = os.urandom(8).hex()

    def add(self, kind: Kind, *objects: Digest) -> None:
        """Claim objects by digest (a snapshot by its chain), whether they exist or not. Idempotent."""
        if not objects:
            return
        self._database.run_many(
            "INSERT OR IGNORE INTO leases (token, kind, object, pid, started, boot) VALUES (?, ?, ?, ?, ?, ?)",
            [(self._token, kind, str(name), *self._owner) for name in objects],
        )

    def release(self) -> None:
        """Give everything up. Idempotent."""
        self._database.run("DELETE FROM leases WHERE token = ?", self._token)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class LeaseStore:
    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self) -> Lease:
        """Return an empty lease, to be used as a context manager."""
        return Lease(self._database)

    def held(self, kind: Kind) -> set[str]:
        """Return what living processes claim. To act on the answer, ask inside the transaction that acts."""
        alive: dict[Owner, bool] = {}
        claimed = set()
        for name, *owner in self._database.rows("SELECT object, pid, started, boot FROM leases WHERE kind = ?", kind):
            process = Owner(*owner)
            if process not in alive:
                alive[process] = process.is_alive()
            if alive[process]:
                claimed.add(name)
        return claimed

    def drop_dead(self) -> int:
        """Remove the leases of dead processes; return how many there were."""
        owners = {Owner(*row) for row in self._database.rows("SELECT DISTINCT pid, started, boot FROM leases")}
        return sum(
            self._database.run("DELETE FROM leases WHERE pid = ? AND started = ? AND boot = ?", *owner)
            for owner in owners
            if not owner.is_alive()
        )
