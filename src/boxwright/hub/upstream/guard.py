"""Whom an upstream may send us to: token servers, and where its redirects lead.

A registry that we are told to trust with images is not thereby trusted with our network. It must not make this server
fetch from its neighbours, or from addresses that a cloud keeps its secrets at.
"""

from __future__ import annotations

import ipaddress

from boxwright.errors import DeniedError
from boxwright.hub.upstream.settings import UpstreamSettings
from boxwright.remote.headers import origin_of
from boxwright.remote.transport import PooledTransport, Request, Response


class NotAdmitted(DeniedError):
    """An upstream sends us where it has no business to."""

    def __init__(self, upstream: UpstreamSettings, host: str, why: str) -> None:
        super().__init__(
            f"the upstream {upstream.prefix} leads to {host[:200]}, {why}",
            hint=f'if that is right, add it to the upstream: allow = ["{host[:200]}"]',
        )
        self.upstream = upstream
        self.host = host


class GuardedTransport(PooledTransport):
    """A transport that talks to an upstream and to whom it may send us.

    Its own host may have any address, and so may those that the configuration allows. Others have to be reached with
    TLS, at a public address: the one that the connection really has is looked at before anything is sent.
    """

    def __init__(self, upstream: UpstreamSettings, *, idle_seconds: float) -> None:
        super().__init__(idle_seconds=idle_seconds, admit=self._admit)
        self._upstream = upstream
        self._trusted = frozenset({upstream.host, *(_host(entry) for entry in upstream.allow)})

    def send(self, request: Request) -> Response:
        origin = origin_of(request.url)
        if origin is not None and origin.scheme != "https" and origin.host not in self._trusted:
            raise NotAdmitted(self._upstream, origin.host, "without TLS")
        return super().send(request)

    def _admit(self, host: str, address: str) -> None:
        if host not in self._trusted and not is_public(address):
            raise NotAdmitted(self._upstream, host, f"which has the private address {address}")


def is_public(text: str) -> bool:
    """Whether an IP address is one of the internet's, and of a single machine."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # Other spellings of IPv4 addresses: mapped, and what NAT64 and 6to4 carry.
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _host(entry: str) -> str:
    return entry.partition(":")[0].lower()
