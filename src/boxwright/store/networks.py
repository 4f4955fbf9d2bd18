"""Networks and the addresses that containers hold in them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from typing import Any

from boxwright.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from boxwright.host.clock import rfc3339
from boxwright.store.database import Database, Row
from boxwright.values import NamedTuple

_COLUMNS = "id, name, driver, subnet, gateway, created, config"
_UNSHARED = 4  # addresses: of a subnet as small as that, nothing is kept back for those without a row


class NetworkNotFound(NotFoundError):
    def __init__(self, text: str) -> None:
        super().__init__(f"no such network: {text}", hint="list what is here: boxwright network ls")
        self.text = text


class NetworkExists(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"network {name} exists already", hint=f"remove it first: boxwright network rm {name}")
        self.name = name


class NetworkInUse(ConflictError):
    def __init__(self, name: str, containers: tuple[str, ...]) -> None:
        super().__init__(
            f"network {name} is in use by container {', '.join(id[:12] for id in containers)}",
            hint="stop the container, or disconnect it first: boxwright network disconnect",
        )
        self.containers = containers


class SubnetOverlaps(ConflictError):
    def __init__(self, subnet: str, other: str, network: str) -> None:
        super().__init__(f"subnet {subnet} overlaps {other} of network {network}", hint="choose another --subnet")


class AddressInUse(ConflictError):
    def __init__(self, address: str, network: str, container: str) -> None:
        super().__init__(f"address {address} of network {network} is held by container {container[:12]}")


class AddressesExhausted(UnavailableError):
    def __init__(self, network: str, subnet: str) -> None:
        super().__init__(
            f"network {network} has no free address left in {subnet}",
            hint="remove stopped containers, or make a network with a larger --subnet",
        )


class NetworkRecord(NamedTuple):
    id: str
    name: str
    driver: str
    subnet: str | None
    """IPv4, ``172.18.0.0/16``."""
    gateway: str | None
    created: str
    """RFC 3339."""
    config: Mapping[str, Any]
    """JSON: bridge name, labels, options and whatever else the network room keeps."""


class NetworkStore:
    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnet: str | None = None,
        gateway: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> NetworkRecord:
        """Add a network. Raises NetworkExists, SubnetOverlaps, InvalidError for a malformed subnet."""
        record = NetworkRecord(os.urandom(32).hex(), name, driver, subnet, gateway, rfc3339(), config or {})
        with self._database.transaction():
            if self.get(name) is not None:
                raise NetworkExists(name)
            if subnet is not None:
                self._refuse_overlap(subnet)
            self._database.run(
                f"INSERT INTO networks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                *record[:-1],
                json.dumps(dict(record.config), separators=(",", ":")),
            )
        return record

    def _refuse_overlap(self, subnet: str) -> None:
        import ipaddress

        try:
            wanted = ipaddress.IPv4Network(subnet)
        except ValueError as error:
            raise InvalidError(f"invalid subnet {subnet!r}: {error}") from None
        for other in self.list():
            if other.subnet is not None and wanted.overlaps(ipaddress.IPv4Network(other.subnet)):
                raise SubnetOverlaps(subnet, other.subnet, other.name)

    def get(self, name: str) -> NetworkRecord | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM networks WHERE name = ?", name)
        return _record(row) if row else None

    def find(self, text: str) -> NetworkRecord:
        """Return the network with this name or ID, or whose ID alone begins so. Raises NetworkNotFound."""
        found = self.get(text)
        if found is not None:
            return found
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM networks WHERE id >= ? AND id < ? LIMIT 2", text, text + "g"
        )
        if len(rows) != 1 or not text:
            raise NetworkNotFound(text)
        return _record(rows[0])

    def list(self) -> list[NetworkRecord]:
        return [_record(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM networks ORDER BY name")]

    def update_config(self, name: str, config: Mapping[str, Any]) -> None:
        """Replace what the network room keeps. Raises NetworkNotFound."""
        text = json.dumps(dict(config), separators=(",", ":"))
        if not self._database.run("UPDATE networks SET config = ? WHERE name = ?", text, name):
            raise NetworkNotFound(name)

    def move(self, name: str, subnet: str, gateway: str) -> NetworkRecord:
        """Give a network another subnet; every address in the old one is forgotten. Raises NetworkNotFound."""
        with self._database.transaction():
            record = self.find(name)
            self._database.run("DELETE FROM addresses WHERE network = ?", record.id)
            self._database.run(
                "UPDATE networks SET subnet = ?, gateway = ?, next_host = 0 WHERE id = ?", subnet, gateway, record.id
            )
        return record._replace(subnet=subnet, gateway=gateway)

    def remove(self, name: str) -> None:
        """Remove a network that no container holds an address in. Raises NetworkNotFound, NetworkInUse."""
        with self._database.transaction():
            record = self.find(name)
            holders = tuple(self.addresses(record.name))
            if holders:
                raise NetworkInUse(name, holders)
            self._database.run("DELETE FROM networks WHERE id = ?", record.id)

    def lease_address(self, network: str, container_id: str, *, wanted: str | None = None) -> str:
        """Return the address that a container holds in a network, given to it now if it has none.

        Addresses are given out one after the other and used again only when all have been, so that whoever still
        remembers a removed container does not reach another one. The last quarter of the subnet is not given out:
        it is lent to processes that have no row (see `boxwright.network.pool`). The address is `wanted`, where that
        is given.
        The container's row exists; removing it releases the address. Idempotent. Raises NetworkNotFound,
        AddressInUse, AddressesExhausted, InvalidError for a wanted address outside of the subnet.
        """
        with self._database.transaction():
            record = self.find(network)
            if record.subnet is None:
                raise InvalidError(f"network {network} gives no addresses")
            held = self.addresses(record.name).get(container_id)
            if held is not None and wanted in (None, held):
                return held
            start, count = _range_of(record.subnet)
            taken = {address: container for container, address in self.addresses(record.name).items()}
            if wanted is not None:
                number = _number_of(wanted)
                if number is None or not 0 < number - start < count - 1 or wanted == record.gateway:
                    raise InvalidError(f"address {wanted} cannot be used in subnet {record.subnet}")
                if wanted in taken:
                    raise AddressInUse(wanted, record.name, taken[wanted])
                self.release_address(network, container_id)
                return self._take(record, container_id, wanted)
            row = self._database.row("SELECT next_host FROM networks WHERE id = ?", record.id)
            # Host numbers from 1 on; of a subnet too small to share, all but the broadcast address.
            hosts = (count * 3 // 4 if count > _UNSHARED else count - 1) - 1
            first = max(row[0], 1) if row else 1
            for step in range(min(hosts, len(taken) + 2)):
                host = (first - 1 + step) % hosts + 1
                address = _text_of(start + host)
                if address not in taken and address != record.gateway:
                    self._database.run("UPDATE networks SET next_host = ? WHERE id = ?", host + 1, record.id)
                    return self._take(record, container_id, address)
            raise AddressesExhausted(record.name, record.subnet)

    def _take(self, record: NetworkRecord, container_id: str, address: str) -> str:
        try:
            self._database.run(
                "INSERT INTO addresses (network, address, container) VALUES (?, ?, ?)",
                *(record.id, address, container_id),
            )
        except sqlite3.IntegrityError:
            raise NotFoundError(f"no such container: {container_id}") from None
        return address

    def release_address(self, network: str, container_id: str) -> bool:
        """Give a container's address back; return whether it held one."""
        sql = (
            "DELETE FROM addresses WHERE container = ?"
            " AND network IN (SELECT id FROM networks WHERE name = ? OR id = ?)"
        )
        return self._database.run(sql, container_id, network, network) > 0

    def addresses(self, network: str) -> dict[str, str]:
        """Return container ID → address of everyone who holds one in the network of this name."""
        rows = self._database.rows(
            "SELECT container, address FROM addresses JOIN networks ON id = network WHERE name = ?", network
        )
        return dict(rows)

    def of_container(self, container_id: str) -> dict[str, str]:
        """Return network name → address of one container."""
        rows = self._database.rows(
            "SELECT name, address FROM addresses JOIN networks ON id = network WHERE container = ? ORDER BY name",
            container_id,
        )
        return dict(rows)


# Addresses by plain arithmetic: the ipaddress module takes longer to import than a lease takes.


def _range_of(subnet: str) -> tuple[int, int]:
    """Return the first address of a subnet, as a number, and how many addresses it has."""
    address, _, length = subnet.partition("/")
    start = _number_of(address)
    assert start is not None, "a subnet was checked before it was written"
    return start, 1 << 32 - int(length or 32)


def _number_of(address: str) -> int | None:
    """Return an IPv4 address as a number, or None for anything else."""
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        return None
    number = 0
    for part in parts:
        if int(part) > 255:
            return None
        number = number << 8 | int(part)
    return number


def _text_of(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _record(row: Row) -> NetworkRecord:
    id, name, driver, subnet, gateway, created, config = row
    return NetworkRecord(id, name, driver, subnet, gateway, created, json.loads(config))
