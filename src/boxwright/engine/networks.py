"""Use-cases of networks: the bridge, and the two that need no making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.engine import filters as filtering
from boxwright.oci.digest import Digest
from boxwright.store.networks import NetworkNotFound, NetworkRecord
from boxwright.store.store import Store

FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
_DRIVERS = {"bridge": "bridge", "host": "host", "none": "null"}
_NEVER = "0001-01-01T00:00:00Z"


def rows(store: Store, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[NetworkRecord]:
    """Return the networks that ``--network`` takes, made or not, by name. Raises InvalidFilter."""
    filters = filters or {}
    filtering.check(filters, FILTERS)
    dangling = filtering.boolean("dangling", filters.get("dangling", ()))
    if dangling or filters.get("label"):
        return []  # docker never counts its own three as such, and none of them has a label
    made = {record.name: record for record in store.networks.list()}
    found = [made.get(name) or _unmade(name) for name in _DRIVERS]
    return [record for record in found if all(_matches(record, name, values) for name, values in filters.items())]


def find(store: Store, text: str) -> NetworkRecord:
    """Return the network of this name or ID, or whose ID alone begins so. Raises NetworkNotFound."""
    known = rows(store)
    found = [record for record in known if text in (record.name, record.id)]
    found = found or [record for record in known if text and record.id.startswith(text)]
    if len(found) != 1:
        raise NetworkNotFound(text)
    return found[0]


def network_json(store: Store, record: NetworkRecord) -> dict[str, Any]:
    """Return a network as docker's API does."""
    config = [{"Subnet": record.subnet, "Gateway": record.gateway}] if record.subnet else []
    held = store.networks.addresses(record.name) if record.subnet else {}
    return {
        "Name": record.name,
        "Id": record.id,
        "Created": record.created,
        "Scope": "local",
        "Driver": record.driver,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": config},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigOnly": False,
        "Containers": {id: _endpoint(store, id, address) for id, address in held.items()},
        "Options": {},
        "Labels": {},
    }


def _endpoint(store: Store, container: str, address: str) -> dict[str, str]:
    return {"Name": store.containers.find(container).name, "IPv4Address": address}


def _unmade(name: str) -> NetworkRecord:
    """Return what is known of a network without a record: its ID is always the same, and tells that it has none."""
    return NetworkRecord(Digest.of(f"network {name}".encode()).hex, name, _DRIVERS[name], None, None, _NEVER, {})


def _matches(record: NetworkRecord, name: str, values: Sequence[str]) -> bool:
    if name == "name":
        return any(value in record.name for value in values)
    if name == "id":
        return any(record.id.startswith(value) for value in values)
    has = {"driver": record.driver, "scope": "local", "type": "builtin", "dangling": "false"}[name]
    return name == "dangling" or has in values
