"""Where a webhook may point.

Whoever may set a webhook makes this server send requests. It must not be able to reach what only this server's own
network can reach: other services on this machine, a cloud's metadata, the database.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from boxwright.errors import DeniedError, InvalidError, UnavailableError
from boxwright.values import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LAST_32 = 0xFFFFFFFF


class AddressForbidden(DeniedError):
    """A host has no address that a webhook may point at."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        super().__init__(
            f"{host} is {', '.join(addresses)}, where webhooks are not allowed to go",
            hint='name its network: allow = ["10.0.0.0/8"] in the section [webhooks] of the configuration',
        )
        self.host = host


class HostUnknown(UnavailableError):
    """A host's name has no address."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"cannot resolve {host}: {why}")
        self.host = host


class Target(NamedTuple):
    """An address to connect to, as `socket` takes it."""

    family: int
    address: tuple[Any, ...]


class AddressPolicy:
    """Addresses that webhooks may be sent to: all of the public internet, and the networks in `allowed`."""

    __slots__ = ("_allowed", "_lookup")

    def __init__(self, allowed: Iterable[Network] = (), lookup: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._allowed = tuple(allowed)
        self._lookup = lookup

    def permits(self, address: Address) -> bool:
        """Whether webhooks may go there. An address that stands for an IPv4 one is judged as that."""
        address = _meant(address)
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        return address.is_global and not address.is_multicast

    def resolve(self, host: str, port: int) -> Target:
        """Return the first address of a host that is permitted. Asked once: what is returned is what to connect to.

        Raises AddressForbidden, HostUnknown.
        """
        try:
            found = self._lookup(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise HostUnknown(host, getattr(error, "strerror", None) or str(error)) from None
        addresses: dict[str, None] = {}
        for family, _, _, _, where in found:
            text = str(where[0]).partition("%")[0]
            if self.permits(ipaddress.ip_address(text)):
                return Target(family, where)
            addresses[text] = None
        raise AddressForbidden(host, list(addresses))


def parse_network(text: str) -> Network:
    """Return a network (``10.0.0.0/8``) or the one of a single address. Raises InvalidError."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidError(f"invalid network {text!r}", hint="a network looks like 10.0.0.0/8 or fd00::/8") from None


def _meant(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LAST_32)
    return address
