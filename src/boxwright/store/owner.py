"""Which process owns something, in a way that outlives a reused process number."""

from __future__ import annotations

import os
from functools import lru_cache

from boxwright.values import NamedTuple


class Owner(NamedTuple):
    pid: int
    started: str
    """The process's start time in kernel ticks, since numbers are used again."""
    boot: str

    @classmethod
    def current(cls) -> Owner:
        return cls(os.getpid(), _start_time(os.getpid()) or "", boot_id())

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == boot_id() and _start_time(self.pid) == self.started


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return what the kernel calls this boot."""
    with open("/proc/sys/kernel/random/boot_id") as stream:
        return stream.read().strip()


def _start_time(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            # The program's name is in parentheses and may hold any character: what follows the last one is fields.
            fields = stream.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in (b"Z", b"X"):  # dead, only not reaped yet
        return None
    return fields[19].decode()
