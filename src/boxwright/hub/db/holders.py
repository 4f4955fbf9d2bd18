"""Who holds something in the database: which process on which machine, in a text that others can judge.

    BOOT/PID-NAMESPACE/PID/START/TOKEN

A holder on this machine that has died is known to be gone at once. Of one elsewhere nobody knows, so what it holds it
holds for a time only.
"""

from __future__ import annotations

import os
import secrets

from boxwright.host.pids import Process


def new_holder() -> str:
    """Return a holder in this process, unlike any other."""
    process = Process.of(os.getpid())
    started = process.started if process is not None else 0
    return f"{_place()}/{os.getpid()}/{started}/{secrets.token_hex(8)}"


def is_gone(holder: str) -> bool:
    """Whether a holder's process has certainly ended."""
    place, pid, started, _ = holder.rsplit("/", 3)
    return place == _place() and not Process(int(pid), int(started)).is_alive()


def _place() -> str:
    """Return what tells apart places in which a process number means something else."""
    with open("/proc/sys/kernel/random/boot_id") as stream:
        boot = stream.read().strip()
    return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
