"""Functions of IP networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from boxwright.bake.functions.signature import Function
from boxwright.bake.values import NUMBER, STRING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Network: TypeAlias = IPv4Network | IPv6Network


def _network(prefix: str) -> Network:
    import ipaddress

    try:
        if "/" not in prefix:
            raise ValueError
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        raise ValueError(f"{prefix[:100]!r} is no prefix like 10.0.0.0/8") from None


def _whole(number: float, what: str) -> int:
    if not isinstance(number, int):
        raise ValueError(f"{what} is a whole number")
    return number


def _host(prefix: str, number: float) -> str:
    network, at = _network(prefix), _whole(number, "the number of a host")
    at = at + network.num_addresses if at < 0 else at
    if not 0 <= at < network.num_addresses:
        raise ValueError(f"the prefix has no host {number}")
    return str(network[at])


def _netmask(prefix: str) -> str:
    network = _network(prefix)
    if network.version != 4:
        raise ValueError("IPv6 has no netmasks")
    return str(network.netmask)


def _subnet(prefix: str, bits: float, number: float) -> str:
    network, new, at = _network(prefix), _whole(bits, "the number of bits"), _whole(number, "the number of a network")
    if new < 0 or network.prefixlen + new > network.max_prefixlen:
        raise ValueError(f"{prefix} cannot have {new} bits more")
    if not 0 <= at < 1 << new:
        raise ValueError(f"{new} bits are not enough for network {at}")
    return _at(network, network.prefixlen + new, at << (network.max_prefixlen - network.prefixlen - new))


def _subnets(prefix: str, *bits: float) -> list[str]:
    """Return networks behind each other, each where the next one of its size may begin."""
    network = _network(prefix)
    found, start = [], 0
    for each in bits:
        new = _whole(each, "the number of bits")
        if new < 1 or network.prefixlen + new > network.max_prefixlen:
            raise ValueError(f"{prefix} cannot have {new} bits more")
        size = 1 << (network.max_prefixlen - network.prefixlen - new)
        start = -(-start // size) * size
        if start + size > network.num_addresses:
            raise ValueError(f"{prefix} has no room for all of these")
        found.append(_at(network, network.prefixlen + new, start))
        start += size
    return found


def _at(network: Network, length: int, offset: int) -> str:
    return f"{network.network_address + offset}/{length}"


NETWORKS = {
    "cidrhost": Function(_host, (STRING, NUMBER)),
    "cidrnetmask": Function(_netmask, (STRING,)),
    "cidrsubnet": Function(_subnet, (STRING, NUMBER, NUMBER)),
    "cidrsubnets": Function(_subnets, (STRING,), NUMBER),
}
