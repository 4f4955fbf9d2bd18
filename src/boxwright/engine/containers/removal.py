"""A container's last moment: its record, its directory, and the volumes that were only its own."""

from __future__ import annotations

from boxwright.errors import ConflictError
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store


def forget(store: Store, record: ContainerRecord, *, volumes: bool) -> None:
    """Remove a container that nothing of runs any more; with `volumes` also its volumes without a name."""
    anonymous = [volume.name for volume in store.volumes.used_by(record.id) if volume.anonymous] if volumes else []
    store.containers.remove(record.id)
    for name in anonymous:
        try:
            store.volumes.remove(name)
        except ConflictError:
            continue  # another container was given it


def drop_unfinished(store: Store, id: str) -> bool:
    """Forget a container whose maker was killed before it was whole; return whether there is none of that ID now."""
    with store.containers.lock_at_once(id) as alone:
        record = store.containers.get(id)
        if record is None:
            return True
        if not alone or record.state != "creating":
            return False
        forget(store, record, volumes=True)
        return True
