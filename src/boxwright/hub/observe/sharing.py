"""Numbers that several processes count together: Prometheus' files, a few for each process, in one folder."""

from __future__ import annotations

import os
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path) -> None:
    """Let this process and those that it starts count together, in `folder`, which is emptied of earlier numbers.

    To be called before `metrics` is imported: prometheus_client decides at its import how a number is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[_VARIABLE] = str(folder)


def is_shared() -> bool:
    """Whether several processes count together."""
    return _VARIABLE in os.environ


def gone(pid: int) -> None:
    """Forget what a process that ended was doing; what it has done stays counted."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call] # the package has types in part
