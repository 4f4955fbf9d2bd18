"""Processes that can't be mistaken for a later one that got the same number."""

from __future__ import annotations

import os
import select
from typing import Self

from boxwright.values import NamedTuple


class Process(NamedTuple):
    """A process, by its number and the moment it was started (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the process that has the number `pid` now, or None; one that waits to be reaped counts as gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                # The name may hold anything, parentheses and spaces too; it ends at the last parenthesis.
                fields = stream.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] in (b"Z", b"X"):
            return None
        return cls(pid, int(fields[19]))

    def is_alive(self) -> bool:
        return Process.of(self.pid) == self

    def open(self) -> int | None:
        """Return a descriptor that becomes readable when the process ends, or None when it has."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.is_alive():  # only now is it certain whose descriptor that is
            return fd
        os.close(fd)
        return None

    def ends_within(self, seconds: float | None) -> bool:
        """Wait for its end, for ever or at most `seconds`; tell whether it came."""
        fd = self.open()
        if fd is None:
            return True
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(None if seconds is None else seconds * 1000))
        finally:
            os.close(fd)
