"""A TCP connection through a SOCKS 5 proxy (RFC 1928), with or without a password (RFC 1929).

The proxy resolves names, whether its URL says ``socks5`` or ``socks5h``, as Go does: a name may mean something only
behind the proxy.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from urllib.parse import unquote, urlsplit

from boxwright.values import NamedTuple

SCHEMES = ("socks5", "socks5h")

_VERSION = 5
_NO_PASSWORD, _PASSWORD = 0, 2
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REFUSALS = {
    1: "it failed",
    2: "its rules don't allow it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the connection is refused",
    6: "the way is too long",
    7: "it makes no connections",
    8: "it doesn't know such addresses",
}


class SocksRefused(OSError):
    """The proxy doesn't make the connection."""


class SocksProxy(NamedTuple):
    host: str
    port: int
    username: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str) -> SocksProxy:
        """Read ``socks5://[user:password@]host[:1080]``, which `boxwright.remote.proxy.proxy_for` has checked."""
        parts = urlsplit(url)
        return cls(
            parts.hostname or "", parts.port or 1080, unquote(parts.username or ""), unquote(parts.password or "")
        )

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """Return a connection to a host, by name or address. Raises OSError (SocksRefused) within `seconds` a step."""
        connection = socket.create_connection((self.host, self.port), seconds)
        try:
            self._greet(connection)
            connection.sendall(bytes([_VERSION, _CONNECT, 0]) + _address(host) + struct.pack(">H", port))
            _, refusal, _, kind = _read(connection, 4)
            if refusal:
                raise SocksRefused(f"the proxy says: {_REFUSALS.get(refusal, 'no')}")
            # Where it connects from says nothing to us, but has to be read.
            length = {_IPV4: 4, _IPV6: 16}.get(kind) or _read(connection, 1)[0]
            _read(connection, length + 2)
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self, connection: socket.socket) -> None:
        methods = [_NO_PASSWORD, _PASSWORD] if self.username else [_NO_PASSWORD]
        connection.sendall(bytes([_VERSION, len(methods), *methods]))
        version, method = _read(connection, 2)
        if version != _VERSION or method not in methods:
            raise SocksRefused("the proxy wants to know who asks" if version == _VERSION else "it is no SOCKS 5 proxy")
        if method == _PASSWORD:
            words = (self.username.encode()[:255], self.password.encode()[:255])
            connection.sendall(b"\x01" + b"".join(bytes([len(word)]) + word for word in words))
            if _read(connection, 2)[1]:
                raise SocksRefused("the proxy does not accept the user name or password")


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise SocksRefused("the proxy hung up")
        data += part
    return data
