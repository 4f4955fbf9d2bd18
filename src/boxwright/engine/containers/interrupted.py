"""What a command leaves that is killed while it makes, starts or freezes a container, and putting that right.

Whoever does one of these holds a lock meanwhile, which the kernel takes from the dead: a container in the midst of
it whose lock is free was left there. The state *creating* tells a container that isn't whole, the mark ``starting``
in its directory one that may wait for its start for ever, and ``frozen`` one that a commit has paused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import attachment_of, bundle_of
from boxwright.engine.containers.removal import forget
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import BoxwrightError, UnavailableError
from boxwright.host import locks
from boxwright.host.clock import rfc3339
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.paths import Path
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle
from boxwright.store.containers import ContainerRecord

if TYPE_CHECKING:
    from boxwright.network.network import Attachment

CREATING = "creating"
FROZEN = "frozen"
"""A file in the container's directory, locked by the command that has paused it for its own sake."""
_FAILED = 128  # docker's exit code for a container that did not start


class StartInterrupted(UnavailableError):
    """The command that started a container was killed before the program ran."""

    def __init__(self) -> None:
        super().__init__("the command that was starting it was killed")


def may_be(record: ContainerRecord, bundle: Bundle) -> bool:
    """Tell whether a command is at work on the container, or was killed over it. Cheap."""
    return (
        record.state == CREATING
        or container.is_being_started(bundle)
        or (record.is_running and os.path.exists(bundle.path(FROZEN)))
    )


def mend(wiring: Wiring, id: str) -> ContainerRecord | None:
    """Put right what a killed command left of a container whose lock is held, and return its record.

    None when the container is gone: one that was never whole, and one with ``--rm`` that never ran. Idempotent.
    """
    record = wiring.store.containers.get(id)
    if record is None:
        return None
    if record.state == CREATING:
        forget(wiring.store, record, volumes=True)
        return None
    bundle = bundle_of(wiring.store, id)
    if container.is_being_started(bundle):
        record = _mend_start(wiring, record, bundle)
    if record is not None and record.is_running and os.path.exists(bundle.path(FROZEN)):
        record = _thaw(wiring, record, bundle)
    return record


def _mend_start(wiring: Wiring, record: ContainerRecord, bundle: Bundle) -> ContainerRecord | None:
    with PrivateMounts() as private:
        if record.is_running and container.has_been_started(wiring.runtime, private, bundle):
            return record
        container.remove(wiring.runtime, private, bundle)
    roll_back(wiring, record, attachment_of(record), StartInterrupted())
    return wiring.store.containers.get(record.id)


def roll_back(wiring: Wiring, record: ContainerRecord, attachment: Attachment | None, error: BaseException) -> None:
    """Leave a container that did not start as docker does: created, with the reason in its state."""
    if attachment is not None:
        wiring.network.detach(attachment)
    wiring.store.networks.release_address("bridge", record.id)
    if wiring.store.containers.get(record.id) is None:
        return
    if ContainerConfig.from_json(record.config).auto_remove:
        forget(wiring.store, record, volumes=True)
        return
    code = getattr(error, "exit_code", None) or _FAILED
    message = error.message if isinstance(error, BoxwrightError) else str(error)
    status = {"error": message, "network": None, "ports": None, "proxy": None, "bridge": None}
    changes: dict[str, object] = {"state": "created"}
    if record.started:
        changes = {"state": "exited", "finished": record.finished or rfc3339()}
    wiring.store.containers.update(record.id, pid=None, exit_code=code, status=status, **changes)


def _thaw(wiring: Wiring, record: ContainerRecord, bundle: Bundle) -> ContainerRecord:
    path = Path(bundle.path(FROZEN))
    fd = locks.try_lock(path)
    if fd is None:
        return record
    try:
        if record.state == "paused":
            with PrivateMounts() as private:
                wiring.runtime.resume(private, record.id)
            record = wiring.store.containers.update(record.id, state="running")
        path.unlink(missing_ok=True)
    finally:
        os.close(fd)
    return record
