"""Published ports as the rules see them: elements of two maps, each with the container's ID as its comment."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Iterable

from boxwright.host import nftables
from boxwright.host.netlink import NetlinkError
from boxwright.host.nftables import INET, Element, Nftables
from boxwright.network.ports import PortBinding
from boxwright.network.ruleset import ANYWHERE, AT_ADDRESS, MAPS
from boxwright.values import NamedTuple

ANY_IPV4 = "0.0.0.0"

_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
_SERVICE = struct.Struct(">B3xH2x")  # protocol, port: fields of a key are padded to four bytes each
_TARGET = struct.Struct(">4sH2x")  # address, port

Elements = list[tuple[str, list[Element]]]


class Published(NamedTuple):
    """Whom an element of the maps belongs to."""

    map: str
    element: Element

    @property
    def container(self) -> str:
        return self.element.comment


def elements(container: str, address: str, bindings: Iterable[PortBinding]) -> Elements:
    """Return the elements that lead IPv4 bindings to the container's address; IPv6 has none (see `proxy`)."""
    maps: dict[str, list[Element]] = {}
    target = socket.inet_aton(address)
    for binding in bindings:
        if ":" in binding.host_address:
            continue
        name, key = _key(binding.host_address, binding.host_port, binding.protocol)
        maps.setdefault(name, []).append(Element(key, _TARGET.pack(target, binding.container_port), container))
    return list(maps.items())


def publish(nft: Nftables, table: str, added: Elements) -> None:
    """Add elements, all or nothing.

    One that is there already for the same port of the host is replaced: whoever publishes holds the port itself, so
    that element was left by a container that is gone.
    """
    try:
        nft.change_elements(INET, table, add=added)
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
        keys = {(name, element.key) for name, list_ in added for element in list_}
        stale = [entry for entry in _all(nft, table) if (entry.map, entry.element.key) in keys]
        nft.change_elements(INET, table, delete=_grouped(stale), add=added)


def withdraw(nft: Nftables, table: str, container: str) -> None:
    """Delete the elements of one container. Idempotent."""
    _delete(nft, table, [entry for entry in _all(nft, table) if entry.container == container])


def retain(nft: Nftables, table: str, containers: Collection[str]) -> None:
    """Delete the elements of all but the named containers."""
    _delete(nft, table, [entry for entry in _all(nft, table) if entry.container not in containers])


def holder(nft: Nftables, table: str, address: str, port: int, protocol: str) -> str | None:
    """Return the ID of the container that a port of the host leads to, at `address` or any other, if there is one."""
    keys = {_key(ANY_IPV4, port, protocol)}
    if ":" not in address:
        keys.add(_key(address, port, protocol))
    for entry in _all(nft, table):
        same_port = address in (ANY_IPV4, "::") and entry.element.key[-8:] == _service(port, protocol)
        if same_port or (entry.map, entry.element.key) in keys:
            return entry.container
    return None


def farewell(table: str, added: Elements) -> bytes:
    """Return the datagram by which a process without this module deletes the elements."""
    return nftables.deletion(INET, table, added)


def _key(address: str, port: int, protocol: str) -> tuple[str, bytes]:
    if address == ANY_IPV4:
        return ANYWHERE, _service(port, protocol)
    return AT_ADDRESS, socket.inet_aton(address) + _service(port, protocol)


def _service(port: int, protocol: str) -> bytes:
    return _SERVICE.pack(_PROTOCOL_NUMBERS[protocol], port)


def _all(nft: Nftables, table: str) -> list[Published]:
    return [Published(name, element) for name in MAPS for element in nft.elements(INET, table, name)]


def _delete(nft: Nftables, table: str, entries: list[Published]) -> None:
    try:
        nft.change_elements(INET, table, delete=_grouped(entries))
    except NetlinkError as error:
        if error.errno != errno.ENOENT:
            raise
        # A proxy said farewell meanwhile, and one missing element fails them all.
        for entry in entries:
            _delete_one(nft, table, entry)


def _delete_one(nft: Nftables, table: str, entry: Published) -> None:
    try:
        nft.change_elements(INET, table, delete=_grouped([entry]))
    except NetlinkError as error:
        if error.errno != errno.ENOENT:
            raise


def _grouped(entries: list[Published]) -> Elements:
    maps: dict[str, list[Element]] = {}
    for entry in entries:
        maps.setdefault(entry.map, []).append(entry.element)
    return list(maps.items())
