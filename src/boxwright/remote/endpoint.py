"""Where a registry is reached, and how much its TLS is trusted: docker's rules, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError
from boxwright.oci.reference import DEFAULT_DOMAIN
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_DOCKER_HUB = "registry-1.docker.io"


class Endpoint(NamedTuple):
    """One way to reach a registry: its base URL without a trailing slash."""

    scheme: str
    netloc: str
    verify: bool
    """Whether its certificate has to be good."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def split_host(domain: str) -> tuple[str, int | None]:
    """Split ``host:port`` or ``[::1]:port``; the brackets are taken off. Raises InvalidError."""
    host, port = domain, ""
    if domain.startswith("["):
        host, _, rest = domain[1:].partition("]")
        port = rest.removeprefix(":")
    elif domain.count(":") == 1:
        host, _, port = domain.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise InvalidError(f"invalid registry {domain[:200]!r}", hint="a registry is a host, or host:port")
    return host, int(port) if port else None


def is_loopback(domain: str) -> bool:
    """Whether a registry is on this machine by its name alone: 127.0.0.0/8, ::1, localhost."""
    host, _ = split_host(domain)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_insecure(domain: str, entries: Sequence[str], resolve: Callable[[str], Iterable[str]]) -> bool:
    """Whether plain HTTP and unverified certificates are allowed for a registry.

    `entries` are ``insecure-registries``: ``host:port``, a host, or a network in CIDR form. `resolve` gives a host
    name's addresses; it is asked only if there is a network to compare with.
    """
    import ipaddress

    if is_loopback(domain):
        return True
    networks = []
    host, _ = split_host(domain)
    for entry in entries:
        entry = entry.removeprefix("https://").removeprefix("http://").rstrip("/")
        if entry in (domain, host):
            return True
        if "/" in entry:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                raise InvalidError(
                    f"invalid insecure registry {entry[:200]!r}",
                    hint="an entry is host, host:port or a network like 10.0.0.0/8",
                ) from None
    if not networks:
        return False
    literal = _address(host)
    addresses = [literal] if literal else [_address(text) for text in resolve(host)]
    return any(address in network for address in addresses if address is not None for network in networks)


def candidates(domain: str, *, insecure: bool) -> tuple[Endpoint, ...]:
    """Return the ways to try, in order: without TLS, or without a good certificate, only for an insecure registry."""
    netloc = _DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
    if not insecure:
        return (Endpoint("https", netloc, True),)
    return (Endpoint("https", netloc, False), Endpoint("http", netloc, False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    import ipaddress

    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
