"""urllib3's pools and connections, made to fit: quick to connect, patient in sending, wary of addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ProxyError

from boxwright.remote.socks import SocksProxy

CONNECT_SECONDS = 10.0

Admission = Callable[[str, str], object]
"""Is given the host that is meant and the IP address that was reached; raises when that isn't to be talked to."""


class _Connection(HTTPConnection):
    """Connects within a short time, but lets the peer take longer to read what is sent.

    urllib3 uses one number for both: it is the long one here.
    """

    def connect(self) -> None:
        patience, self.timeout = self.timeout, CONNECT_SECONDS
        try:
            super().connect()
        finally:
            self.timeout = patience
        self.sock.settimeout(patience)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection

    def _validate_conn(self, conn: Any) -> None:
        # Without urllib3's warning of certificates that nobody checks: who allowed that has been asked.
        if conn.is_closed:
            conn.connect()


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _SecurePool}


def _pools_of(plain: type[_Connection]) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools of a kind of connection, and of the same over TLS."""

    class Secure(plain, _SecureConnection):  # type: ignore[misc, valid-type]
        pass

    class Pool(_Pool):
        ConnectionCls = plain

    class SecurePool(_SecurePool):
        ConnectionCls = Secure

    return {"http": Pool, "https": SecurePool}


def through(proxy: SocksProxy) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections are made by a SOCKS proxy."""

    class Proxied(_Connection):
        def _new_conn(self) -> socket.socket:
            try:
                return proxy.connect(self._dns_host, self.port, CONNECT_SECONDS)
            except OSError as error:
                raise ProxyError(str(error), error) from error

    return _pools_of(Proxied)


def guarded(admit: Admission) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections are looked at when they are made: a name that is resolved once to be checked and
    once to be used may be two addresses."""

    class Guarded(_Connection):
        def _new_conn(self) -> socket.socket:
            connection = super()._new_conn()
            if self.proxy is None:
                try:
                    admit(self.host, connection.getpeername()[0])
                except BaseException:
                    connection.close()
                    raise
            return connection

    return _pools_of(Guarded)
