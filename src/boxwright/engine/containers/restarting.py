"""The end of a container that nobody waits for, and its next start, if its restart policy has one.

No daemon watches. The command that a container's monitor starts when the container has ended waits as long as docker
would, and starts it again; so policies work as long as the machine is up, and nothing starts after it has booted.
"""

from __future__ import annotations

import time

from boxwright.engine.containers import interrupted, lifecycle, starting
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.wiring import Wiring
from boxwright.host import mounts
from boxwright.store.containers import ContainerRecord


def ended_unattended(wiring: Wiring, id: str) -> None:
    """Note a container's end as its monitor's child, and start it again if its policy says so.

    The monitor's mount namespace is ours then, with the container's root file system in it: only without that can
    the directory of a container with ``--rm`` be removed.
    """
    mounts.detach(bundle_of(wiring.store, id).rootfs)
    # The monitor has reported the end before it starts us, and waits for us: there is nothing to wait for.
    with wiring.store.containers.lock(id):
        interrupted.mend(wiring, id)
        record = lifecycle.finish(wiring, id)
    if record is not None:
        again(wiring, record)


def again(wiring: Wiring, record: ContainerRecord) -> None:
    """Start a container that has ended when its policy says so (`restarts.due`); or leave it.

    To be called once for each end, without its lock. Nothing is done for one that a person stopped, started or removed
    meanwhile. Raises what a start raises, after which no policy tries again, as with docker.
    """
    at = record.status.get("restart_at")
    if at is None:
        return
    time.sleep(max(0.0, at - time.time()))
    containers = wiring.store.containers
    with containers.lock(record.id):
        current = containers.get(record.id)
        if current is not None and current.state == "exited" and current.status.get("restart_at") == at:
            starting.begin(wiring, current, restarts=int(current.status.get("restarts") or 0) + 1)
