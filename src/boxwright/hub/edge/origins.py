"""Where a call came from, when proxies may stand between: X-Forwarded-* and Forwarded (RFC 7239).

Such headers are believed only from the proxies that were named: everybody else could write there what they like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boxwright.errors import InvalidError
from boxwright.hub.edge.tls import certificate_user
from boxwright.hub.registry.access import Origin
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

UNIX = "unix"
"""The word for whoever comes through a unix socket, among trusted proxies."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
_PAIR = re.compile(r'\s*([A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*', re.ASCII)
_MAX_HOPS = 20


class InvalidProxy(InvalidError):
    """Text that names no network of proxies."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid proxy {text[:100]!r}",
            hint="a proxy is an address or a network: 10.0.0.5, 10.0.0.0/8, fd00::/8, unix",
        )


class InvalidPublicURL(InvalidError):
    """Text that is no URL under which a registry can be reached."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid public URL {text[:200]!r}: {why}", hint="it looks like https://registry.example.com")


class PublicURL(NamedTuple):
    """The one name that all clients use, whatever proxies do on the way."""

    scheme: str
    host: str

    @classmethod
    def parse(cls, text: str) -> PublicURL:
        """Read ``https://host[:port]``. Raises InvalidPublicURL."""
        try:
            parts = urlsplit(text)
            _ = parts.port  # raises for one that is none
        except ValueError as error:
            raise InvalidPublicURL(text, str(error)) from None
        if parts.scheme not in ("http", "https"):
            raise InvalidPublicURL(text, "it begins with http:// or https://")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidPublicURL(text, "clients look for a registry at the root of a host, so it has no path")
        if not _HOST.fullmatch(parts.netloc):
            raise InvalidPublicURL(text, "it has no host, or more than a host and a port")
        return cls(parts.scheme, parts.netloc)


class _Hop(NamedTuple):
    """What one proxy said of whoever called it; "" for what it did not say."""

    address: str = ""
    scheme: str = ""
    host: str = ""


class Origins:
    """Tells the origins of calls. Every call comes through a peer: its address, "" for one on a unix socket."""

    __slots__ = ("_networks", "_public", "_unix")

    def __init__(self, proxies: Sequence[str] = (), public: PublicURL | None = None) -> None:
        """`proxies` are addresses and networks, and UNIX. Raises InvalidProxy."""
        self._networks: list[IPv4Network | IPv6Network] = []
        self._unix = UNIX in proxies
        for text in proxies:
            if text != UNIX:
                try:
                    self._networks.append(ip_network(text, strict=False))
                except ValueError:
                    raise InvalidProxy(text) from None
        self._public = public

    def absolute(self, path: str) -> str:
        """Return a path as clients are told it: as it is, which is right behind every proxy, or of the public URL."""
        return path if self._public is None else f"{self._public.scheme}://{self._public.host}{path}"

    def trusts(self, address: str) -> bool:
        """Whether a peer is one of our proxies."""
        if not address:
            return self._unix
        if not self._networks:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def vouches(self, request: web.BaseRequest) -> bool:
        """Whether one of our proxies sent a request on, so that its headers are to be believed."""
        return self.trusts(plain_address(request.remote or ""))

    def of(self, request: web.BaseRequest) -> Origin:
        """Return where a request came from."""
        transport = request.transport
        tls = None if transport is None else transport.get_extra_info("ssl_object")
        user = "" if tls is None else certificate_user(tls)
        return self.origin(request.remote or "", request.scheme, request.headers, user=user)

    def origin(self, peer: str, scheme: str, headers: Mapping[str, str], *, user: str = "") -> Origin:
        """Return where a call came from.

        `scheme` is what the peer spoke with us; `user` whom its certificate proves, which is about the client only if
        the peer isn't a proxy.
        """
        address = plain_address(peer)
        host = headers.get("Host", "")
        if self.trusts(address):
            hop = self._client(address, headers)
            address, scheme, host = hop.address or address, hop.scheme or scheme, hop.host or host
            user = ""
        if self._public is not None:
            scheme, host = self._public
        return Origin(address, scheme, host if _HOST.fullmatch(host) else "", user)

    def _client(self, peer: str, headers: Mapping[str, str]) -> _Hop:
        """Return what our proxies say of the client: of the first one in the chain that isn't a proxy of ours."""
        hops = _x_forwarded(headers)
        if hops is None:
            hops = _forwarded(headers.get("Forwarded", ""))
        found = _Hop(peer)
        # The last one was written by our peer, the one before by the proxy that it names: as long as we trust that.
        for hop in reversed(hops[-_MAX_HOPS:]):
            if not self.trusts(found.address):
                break
            found = _Hop(hop.address or found.address, hop.scheme or found.scheme, hop.host or found.host)
            if not hop.address:
                break  # hidden on purpose ("unknown", "_secret"): nobody can tell what stands before
        return found


@lru_cache(4096)
def plain_address(text: str) -> str:
    """Return an IP address in its shortest form, an IPv4 one also when it came through an IPv6 socket; else ""."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _x_forwarded(headers: Mapping[str, str]) -> list[_Hop] | None:
    """Return the hops of X-Forwarded-*, None when there is no such header.

    They go before Forwarded: most proxies write the former, and pass on what a client wrote into the latter.
    """
    addresses, schemes, hosts = (_listed(headers, f"X-Forwarded-{name}") for name in ("For", "Proto", "Host"))
    if not (addresses or schemes or hosts):
        return None
    hops = [_Hop(_node(address)) for address in addresses] or [_Hop()]
    # A proxy sets them anew, or adds to them as to the addresses: then there is one for each.
    for position, hop in enumerate(hops):
        scheme = schemes[position] if len(schemes) == len(hops) else (schemes or [""])[-1]
        host = hosts[position] if len(hosts) == len(hops) else (hosts or [""])[-1]
        hops[position] = _Hop(hop.address, _scheme(scheme), host)
    return hops


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    # A header that comes several times is one list. Only a multi-dictionary has `getall`.
    every = getattr(headers, "getall", None)
    lines = every(name, ()) if every is not None else filter(None, [headers.get(name)])
    return [item.strip() for line in lines for item in line.split(",") if item.strip()]


def _forwarded(text: str) -> list[_Hop]:
    hops: list[_Hop] = []
    for element in _split(text):
        pairs: dict[str, str] = {}
        for part in _split(element, ";"):
            match = _PAIR.fullmatch(part)
            if match is None:
                return []  # one that cannot be read may be anything: none of them is believed
            name, quoted, token = match.groups()
            pairs[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        hops.append(_Hop(_node(pairs.get("for", "")), _scheme(pairs.get("proto", "")), pairs.get("host", "")))
    return hops


def _split(text: str, separator: str = ",") -> list[str]:
    """Split where no quotes are open."""
    parts: list[str] = []
    begin = 0
    quoted = escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begin:position])
            begin = position + 1
    return [part for part in (*parts, text[begin:]) if part.strip()]


def _node(text: str) -> str:
    """Return the address of ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80``; else ""."""
    if text.startswith("["):
        return plain_address(text[1:].partition("]")[0])
    return plain_address(text.partition(":")[0] if text.count(":") == 1 else text)


def _scheme(text: str) -> str:
    scheme = text.lower()
    return scheme if scheme in ("http", "https") else ""
