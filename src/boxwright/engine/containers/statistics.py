"""``stats``: what containers use, now and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.wiring import Wiring
from boxwright.runtime.usage import Usage, measure
from boxwright.store.containers import ContainerRecord
from boxwright.values import NamedTuple

_MOMENT = 0.25  # seconds, of which the first share of the processors is measured


class StatsRow(NamedTuple):
    """One container at one moment."""

    id: str
    name: str
    cpu: float
    """Share of one processor since the row before: 2.0 is two of them at work."""
    usage: Usage | None
    """None for one that doesn't run."""


def statistics(
    wiring: Wiring, names: Sequence[str] = (), *, all: bool = False, every: float = 1.0
) -> Iterator[list[StatsRow]]:
    """Yield what containers use, the first time after a quarter of a second and then `every` so many seconds.

    Without `names` those are that run, with `all` every container. Raises ContainerNotFound.
    """
    before: dict[str, Usage] = _measured(_wanted(wiring, names, all))
    pause = _MOMENT
    while True:
        time.sleep(pause)
        pause = every
        records = _wanted(wiring, names, all)
        now = _measured(records)
        yield [
            StatsRow(each.id, each.name, _share(before.get(each.id), now.get(each.id)), now.get(each.id))
            for each in records
        ]
        before = now


def _wanted(wiring: Wiring, names: Sequence[str], all: bool) -> list[ContainerRecord]:
    if names:
        return [lifecycle.find(wiring, name) for name in names]
    return [record for record in lifecycle.list_all(wiring) if all or record.is_running]


def _measured(records: Sequence[ContainerRecord]) -> dict[str, Usage]:
    found = {}
    for record in records:
        if record.is_running and record.pid:
            try:
                found[record.id] = measure(record.pid)
            except ProcessLookupError:
                continue  # it has just ended
    return found


def _share(before: Usage | None, now: Usage | None) -> float:
    if before is None or now is None or now.when <= before.when:
        return 0.0
    return min(max(now.cpu - before.cpu, 0) / (now.when - before.when), float(os.cpu_count() or 1))
