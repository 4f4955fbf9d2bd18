"""Taking connections: so many, from whom, with TLS or without.

asyncio's own server would do for plain connections. With it nobody can tell a client that it speaks HTTP to a port of
TLS, replace a certificate without taking the port down, or refuse a connection before anything is spent on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from boxwright.hub.edge.limits import LimitSettings
from boxwright.hub.edge.origins import plain_address
from boxwright.hub.edge.tls import Certificates

_log = logging.getLogger(__name__)

_HELLO = 0x16  # the first byte of every TLS connection
_HELLO_SECONDS = 30.0
"""How long a client may take to begin with TLS, and again to end the handshake."""

_PAUSE_SECONDS = 1.0
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PER_ROUND = 64  # connections taken before the loop looks after others


class Acceptor:
    """Listening sockets, and what came through them.

    `factory` makes the protocol of a connection; `lost` must be called with it when the connection is gone. `spares`
    says whose connections are not counted one by one: a proxy's, which stands for many clients.
    """

    __slots__ = (
        *("_count", "_factory", "_limits", "_loop", "_open", "_per_client", "_sockets", "_spares", "_starting", "_tls"),
    )

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        factory: Callable[[], asyncio.Protocol],
        *,
        limits: LimitSettings,
        tls: Certificates | None = None,
        spares: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = list(sockets)
        self._factory = factory
        self._limits = limits
        self._tls = tls
        self._spares = spares
        self._per_client: Counter[str] = Counter()
        self._count = 0
        self._open: dict[Hashable, str] = {}
        self._starting: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many connections there are."""
        return self._count

    def start(self) -> None:
        """Take connections from now on."""
        for listener in self._sockets:
            self._loop.add_reader(listener, self._accept, listener)

    def stop(self) -> None:
        """Take no more, and close the sockets. What was taken goes on, if a request may have begun."""
        for listener in self._sockets:
            self._loop.remove_reader(listener)
            listener.close()
        self._sockets.clear()
        for task in self._starting:
            task.cancel()

    def lost(self, protocol: Hashable) -> None:
        """Note that the connection of a protocol is gone. Idempotent."""
        client = self._open.pop(protocol, None)
        if client is not None:
            self._leave(client)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_PER_ROUND):
            try:
                connection, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _SCARCE:
                    raise
                # The kernel would say so again at once, for as long as nothing is closed.
                _log.error("no connection can be taken: %s", error.strerror)
                self._loop.remove_reader(listener)
                self._loop.call_later(_PAUSE_SECONDS, self._resume, listener)
                return
            self._take(connection, plain_address(peer[0]) if isinstance(peer, tuple) else "")

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._sockets:
            self._loop.add_reader(listener, self._accept, listener)

    def _take(self, connection: socket.socket, client: str) -> None:
        connection.setblocking(False)
        limits = self._limits
        if self.count >= limits.connections:
            _log.warning("a connection of %s is refused: there are %d", client or "a socket", self.count)
            self._refuse(connection, b"503 Service Unavailable", b"too many connections")
        elif self._per_client[client] >= limits.connections_per_client and not self._spares(client):
            _log.warning("a connection of %s is refused: it has %d", client or "a socket", self._per_client[client])
            self._refuse(connection, b"429 Too Many Requests", b"too many connections from one address")
        else:
            self._per_client[client] += 1
            self._count += 1
            task = self._loop.create_task(self._begin(connection, client))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    def _refuse(self, connection: socket.socket, status: bytes, why: bytes) -> None:
        with connection:
            if self._tls is None:  # a handshake just to say no would be the work that is to be spared
                _say(connection, status, why)

    async def _begin(self, connection: socket.socket, client: str) -> None:
        """Make a protocol of a connection, or close it."""
        protocol: asyncio.Protocol | None = None

        def make() -> asyncio.Protocol:
            nonlocal protocol
            protocol = self._factory()
            self._open[protocol] = client
            return protocol

        begun = handed = False
        try:
            if self._tls is None:
                handed = True
                await self._loop.connect_accepted_socket(make, connection)
                begun = True
            elif await self._begins_with_tls(connection):
                handed = True
                await self._loop.connect_accepted_socket(
                    make, connection, ssl=self._tls.context, ssl_handshake_timeout=_HELLO_SECONDS
                )
                begun = True
        except (
            OSError,
            TimeoutError,
        ) as error:  # ssl.SSLError is an OSError: a client that knows another authority, say
            _log.info("a connection of %s ended before it began: %s", client or "a socket", error)
        finally:
            if not handed:
                connection.close()  # else its transport does, when the loop knows its number no more
            if not begun:
                if protocol is None:
                    self._leave(client)
                else:
                    self.lost(protocol)

    async def _begins_with_tls(self, connection: socket.socket) -> bool:
        """Wait for a client's first byte. One that speaks plain HTTP is told so, where it can understand it."""
        readable = self._loop.create_future()
        self._loop.add_reader(connection, _settle, readable)
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                await readable
        finally:
            self._loop.remove_reader(connection)
        first = connection.recv(1, socket.MSG_PEEK)
        if first and first[0] == _HELLO:
            return True
        if first.isalpha():
            _say(connection, b"400 Bad Request", b"this port speaks HTTPS, the request came as plain HTTP")
        return False

    def _leave(self, client: str) -> None:
        self._count -= 1
        self._per_client[client] -= 1
        if not self._per_client[client]:
            del self._per_client[client]


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _say(connection: socket.socket, status: bytes, why: bytes) -> None:
    """Answer a connection that is about to be closed, if it can be done at once."""
    body = b'{"errors":[{"code":"UNAVAILABLE","message":"%s"}]}\n' % why
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nRetry-After: 5\r\n"
    with contextlib.suppress(OSError):  # the client is gone, or takes nothing: then there is nobody to tell
        connection.send(head % (status, len(body)) + b"Connection: close\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        # What it has sent is read: closing over unread bytes would take the answer back.
        connection.recv(1 << 16)
