"""What a container's record stands for: its directory, and how it is attached to the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.runtime.bundle import Bundle
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.network.network import Attachment


def bundle_of(store: Store, id: str) -> Bundle:
    """Return a container's directory as the runtime knows it."""
    return Bundle(str(store.containers.directory(id)), id)


def attachment_of(record: ContainerRecord) -> Attachment | None:
    """Return how a container is attached to the bridge."""
    link = record.status.get("network")
    if not link:
        return None
    from boxwright.network.network import Attachment
    from boxwright.network.ports import PortBinding

    return Attachment(
        container=record.id,
        bridge=link["bridge"],
        interface=link["interface"],
        address=link["address"],
        prefix_length=link["prefix_length"],
        gateway=link["gateway"],
        mac=link["mac"],
        ports=tuple(PortBinding(*binding) for binding in record.status.get("ports") or ()),
        proxy_pid=link["proxy_pid"],
    )
