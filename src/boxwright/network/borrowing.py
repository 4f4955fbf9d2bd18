"""Addresses for those who need one only as long as they live, such as the steps of a build. Nothing is stored."""

from __future__ import annotations

import os
from typing import Self

from boxwright.host import locks
from boxwright.host.paths import Path
from boxwright.network.pool import AddressPool


class BorrowedAddress:
    """An address that this process has until it gives it back or ends, kill -9 included."""

    __slots__ = ("_lock", "address")

    def __init__(self, address: str, lock: int) -> None:
        self.address = address
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def borrow(pool: AddressPool, directory: Path) -> BorrowedAddress:
    """Return an address of the pool that no other process has borrowed by the same `directory`.

    A file in there with the address as its name is locked; it stays behind, empty. The directory belongs on a file
    system that a restart clears, such as /run. Raises NoFreeAddress.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken: set[str] = set()
    # Not everybody begins at the same place: addresses that were just given back get some rest.
    after = pool.subnet.address(pool.first + os.getpid() % (pool.last - pool.first + 1))
    while True:
        address = pool.choose(taken, after)
        lock = locks.try_lock(directory / address)
        if lock is not None:
            return BorrowedAddress(address, lock)
        taken.add(address)
