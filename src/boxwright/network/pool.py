"""Subnets, which one a bridge may have, and the addresses in them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from boxwright.errors import InvalidError, UnavailableError
from boxwright.values import NamedTuple

CANDIDATES = (
    *(f"172.{number}.0.0/16" for number in (*range(30, 32), *range(18, 30))),
    *(f"10.{number}.0.0/16" for number in range(200, 256)),
    *(f"192.168.{number}.0/24" for number in range(240, 256)),
)
"""Subnets to choose from, in order: not docker's own first choice, 172.17.0.0/16, and all of them private."""


class InvalidSubnet(InvalidError):
    """A subnet is written wrongly, or too small."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"invalid subnet {text[:50]!r}: {reason}", hint="write it like 172.30.0.0/16")
        self.text = text


class NoFreeSubnet(UnavailableError):
    """Every subnet that a network could have is in use."""

    def __init__(self) -> None:
        super().__init__("no private subnet is free: this machine has routes for all of them", hint="set one yourself")


class NoFreeAddress(UnavailableError):
    """Every address of a subnet is in use."""

    def __init__(self, subnet: Subnet) -> None:
        super().__init__(f"no address is free in {subnet}", hint="remove containers, or choose a larger subnet")
        self.subnet = subnet


class Subnet(NamedTuple):
    """An IPv4 network with room for a gateway and at least one container."""

    network: int  # its first address, as a number
    prefix_length: int

    @classmethod
    def parse(cls, text: str) -> Subnet:
        address, slash, length = text.partition("/")
        if not slash or not length.isascii() or not length.isdigit() or len(length) > 2:
            raise InvalidSubnet(text, "no prefix length")
        number = _parse_address(address)
        if number is None:
            raise InvalidSubnet(text, "not an IPv4 address")
        if not 8 <= int(length) <= 30:
            raise InvalidSubnet(text, "the prefix length must be from 8 to 30")
        subnet = cls(number, int(length))
        if number & subnet.size - 1:
            raise InvalidSubnet(text, f"the network's address would be {_format(number & -subnet.size)}")
        return subnet

    def __str__(self) -> str:
        return f"{_format(self.network)}/{self.prefix_length}"

    @property
    def size(self) -> int:
        """How many addresses it has, the network's own and the broadcast address included."""
        return 1 << 32 - self.prefix_length

    @property
    def gateway(self) -> str:
        """The bridge's own address: the first."""
        return self.address(1)

    def address(self, host: int) -> str:
        """Return the address with this number in the subnet, from 1 (the gateway) to ``size - 2``."""
        if not 0 < host < self.size - 1:
            raise ValueError(f"{self} has no host {host}")
        return _format(self.network + host)

    def host(self, address: str) -> int | None:
        """Return the number of an address in the subnet: the inverse of `address`, or None for another one."""
        number = _parse_address(address)
        if number is None or not 0 < number - self.network < self.size - 1:
            return None
        return number - self.network

    def overlaps(self, network: int, prefix_length: int) -> bool:
        shorter = 32 - min(self.prefix_length, prefix_length)
        return self.network >> shorter == network >> shorter


class AddressPool:
    """The addresses from one host number to another, which are given out in turn."""

    __slots__ = ("first", "last", "subnet")

    def __init__(self, subnet: Subnet, first: int, last: int) -> None:
        if not 1 < first <= last < subnet.size - 1:
            raise ValueError(f"{subnet} has no hosts {first} to {last}")
        self.subnet = subnet
        self.first = first
        self.last = last

    def choose(self, taken: Collection[str], after: str | None = None) -> str:
        """Return a free address: the next one after `after` (the last that was given out), else from the start.

        Going on in turn keeps an address unused for as long as possible after its container is gone, since others
        may still remember whose it was. Raises NoFreeAddress.
        """
        size = self.last - self.first + 1
        start = self.subnet.host(after) if after else None
        offset = 0 if start is None or not self.first <= start <= self.last else start - self.first + 1
        for step in range(size):
            address = self.subnet.address(self.first + (offset + step) % size)
            if address not in taken:
                return address
        raise NoFreeAddress(self.subnet)


def borrowing_pool(subnet: Subnet) -> AddressPool | None:
    """The last quarter of a subnet, for whoever needs an address only as long as it lives (see `borrowing`).

    The rest is leased to containers, one after the other from the start. None when the subnet is too small.
    """
    first = max(3, subnet.size * 3 // 4)
    return AddressPool(subnet, first, subnet.size - 2) if first <= subnet.size - 2 else None


def mac_address(address: str) -> bytes:
    """Return the link-layer address that goes with an IPv4 address, as docker makes it: 02:42 and the four bytes.

    So one address never means two of these to neighbours that remember them.
    """
    number = _parse_address(address)
    if number is None:
        raise ValueError(f"not an IPv4 address: {address!r}")
    return b"\x02\x42" + number.to_bytes(4, "big")


def choose_subnet(routes: Iterable[tuple[int, int]]) -> Subnet:
    """Return the first candidate that meets none of the `routes` (network as a number, prefix length).

    The default route is in nobody's way. Raises NoFreeSubnet.
    """
    taken = [route for route in routes if route[1]]
    for text in CANDIDATES:
        subnet = Subnet.parse(text)
        if not any(subnet.overlaps(*route) for route in taken):
            return subnet
    raise NoFreeSubnet


def _parse_address(text: str) -> int | None:
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if any(number > 255 or part != str(number) for number, part in zip(numbers, parts, strict=True)):
        return None  # also 010, which is 8 to some programs and 10 to others
    return int.from_bytes(bytes(numbers), "big")


def _format(number: int) -> str:
    return ".".join(map(str, number.to_bytes(4, "big")))
