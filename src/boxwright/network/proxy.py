"""The process that holds the published ports of one container. A program of its own, started by `userland`.

It listens, so that the ports are taken for everybody else, and passes on what the kernel's rules do not: IPv6, ::1
above all, and IPv4 should the rules be gone. It ends with the container's first process, or, as long as it was told of
none, with the command that started it; its last act is to have the rules for its ports deleted. So nothing is left
behind even when every other process of boxwright was killed.

It lives as long as its container, of which there may be hundreds, hence what is odd about it: one thread, no site
packages, and ``_socket``, the part of the standard library under ``socket``, without which it is 1 MB larger.

Standard input holds its orders, one a line:

    control FD                          a pipe that brings the first process's ID, or ends
    farewell HEX                        a datagram for netfilter, to be sent at the end
    tcp|udp FD ADDRESS PORT             a socket that listens, and where it leads
"""

from __future__ import annotations

import _socket
import errno
import os
import resource
import select
import sys
import time
from _socket import socket as Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CHUNK = 65536  # bytes
_BACKLOG = 64  # connections taken at once, before others have their turn
_SESSIONS = 1024  # of UDP, for each port
_SESSION_LIFE = 90.0  # seconds without a datagram
_SWEEP = 15.0  # seconds
_IPV6_RECVPKTINFO = 49
_IPV6_PKTINFO = 50
_IP_PKTINFO = 8
_NETLINK_NETFILTER = 12

_READ = select.EPOLLIN
_WRITE = select.EPOLLOUT
_BROKEN = select.EPOLLHUP | select.EPOLLERR


class Loop:
    """Calls whoever waits for a descriptor."""

    __slots__ = ("_epoll", "_handlers", "_watched", "running")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._watched: dict[int, int] = {}
        self.running = True

    def watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Have `handler` called for these events of a descriptor, and for no others from now on.

        The kernel always reports a hang-up, again and again; a descriptor without events is not watched at all.
        """
        if events == self._watched.get(fd, 0):
            return
        if not events:
            self.forget(fd)
            return
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watched[fd] = events
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more, before it is closed. Idempotent."""
        if self._watched.pop(fd, 0):
            del self._handlers[fd]
            self._epoll.unregister(fd)

    def run(self, sweep: Callable[[], bool]) -> None:
        """Run until `running` is unset; call `sweep` now and then while it says that there is something to sweep."""
        sweeping = False
        while self.running:
            for fd, events in self._epoll.poll(_SWEEP if sweeping else -1):
                handler = self._handlers.get(fd)
                if handler is not None:  # removed by another one of the same round
                    handler(events)
            sweeping = sweep()


class Half:
    """One direction of a connection: what was read from `source` and not yet written to `sink`."""

    __slots__ = ("ended", "pending", "sink", "source")

    def __init__(self, source: Socket, sink: Socket) -> None:
        self.source = source
        self.sink = sink
        self.pending = memoryview(b"")
        self.ended = False

    def read(self) -> None:
        data = self.source.recv(_CHUNK)
        if data:
            self.pending = memoryview(data)
            self.write()
        else:
            self.ended = True
            self.sink.shutdown(_socket.SHUT_WR)

    def write(self) -> None:
        try:
            self.pending = self.pending[self.sink.send(self.pending) :]
        except BlockingIOError:
            pass  # the loop tells when there is room


class Connection:
    """A TCP connection of a client, and one to the container."""

    __slots__ = ("_back", "_client", "_connected", "_forth", "_loop", "_server")

    def __init__(self, loop: Loop, client: Socket, target: tuple[str, int]) -> None:
        server = Socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        for end in (client, server):
            end.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        code = server.connect_ex(target)
        if code not in (0, errno.EINPROGRESS):
            client.close()
            server.close()
            return
        self._loop = loop
        self._client = client
        self._server = server
        self._forth = Half(client, server)
        self._back = Half(server, client)
        self._connected = False
        loop.watch(server.fileno(), _WRITE, self._on_server)

    def _on_client(self, events: int) -> None:
        self._pump(events, self._forth, self._back)

    def _on_server(self, events: int) -> None:
        if not self._connected:
            if self._server.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
                self._close(reset=True)
                return
            self._connected = True
        self._pump(events, self._back, self._forth)

    def _pump(self, events: int, outgoing: Half, incoming: Half) -> None:
        """Move what can be moved: `outgoing` from the end that has `events`, `incoming` to it."""
        try:
            if events & _WRITE and incoming.pending:
                incoming.write()
            if events & (_READ | _BROKEN) and not (outgoing.pending or outgoing.ended):
                outgoing.read()
        except BlockingIOError:
            pass  # there was nothing to read after all
        except OSError:
            self._close(reset=True)
            return
        if events & _BROKEN and outgoing.ended and incoming.pending:
            self._close(reset=True)  # what is pending has no reader any more
        elif self._forth.ended and self._back.ended:
            self._close(reset=False)
        else:
            self._loop.watch(self._client.fileno(), _wanted(self._forth, self._back), self._on_client)
            self._loop.watch(self._server.fileno(), _wanted(self._back, self._forth), self._on_server)

    def _close(self, *, reset: bool) -> None:
        for end in (self._client, self._server):
            self._loop.forget(end.fileno())
            if reset:
                # Closing with a linger time of zero tells the other side that the rest is lost.
                end.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            end.close()


def _wanted(outgoing: Half, incoming: Half) -> int:
    """Return what to wait for at one end of a connection. Nothing is read before the last of it has gone on."""
    return (0 if outgoing.ended or outgoing.pending else _READ) | (_WRITE if incoming.pending else 0)


class TcpPort:
    """A listening socket, whose connections lead to the container."""

    __slots__ = ("_listener", "_loop", "_target")

    def __init__(self, loop: Loop, listener: Socket, target: tuple[str, int]) -> None:
        self._loop = loop
        self._listener = listener
        self._target = target
        loop.watch(listener.fileno(), _READ, self._on_connection)

    def _on_connection(self, _: int) -> None:
        for _ in range(_BACKLOG):
            try:
                # The call below `accept`, which would load the module socket for an object of its own.
                fd, _address = self._listener._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    time.sleep(0.05)  # until others end
                return
            client = Socket(fileno=fd)
            client.setblocking(False)
            try:
                Connection(self._loop, client, self._target)
            except OSError:
                client.close()


class UdpPort:
    """A bound socket: each client that sends to it gets a socket of its own to the container, for the answers."""

    __slots__ = ("_bound", "_loop", "_sessions", "_target")

    def __init__(self, loop: Loop, bound: Socket, target: tuple[str, int]) -> None:
        self._loop = loop
        self._bound = bound
        self._target = target
        self._sessions: dict[Any, Session] = {}
        # Answers must come from the address that was asked, which is not always the one that routing would choose.
        if bound.family == _socket.AF_INET6:
            bound.setsockopt(_socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            bound.setsockopt(_socket.IPPROTO_IP, _IP_PKTINFO, 1)
        loop.watch(bound.fileno(), _READ, self._on_datagram)

    def _on_datagram(self, _: int) -> None:
        for _ in range(_BACKLOG):
            try:
                data, ancillary, _flags, client = self._bound.recvmsg(_CHUNK, 128)
            except OSError:
                return
            session = self._sessions.get(client)
            if session is None:
                session = self._open(client, ancillary)
            if session is not None:
                session.send(data)

    def _open(self, client: Any, ancillary: Any) -> Session | None:
        if len(self._sessions) >= _SESSIONS:
            self._end(min(self._sessions, key=lambda other: self._sessions[other].last_used))
        try:
            server = Socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK)
        except OSError:
            return None
        try:
            server.connect(self._target)
            session = self._sessions[client] = Session(self._bound, server, client, ancillary)
            self._loop.watch(server.fileno(), _READ, session.on_answer)
        except OSError:
            server.close()
            return None
        return session

    def _end(self, client: Any) -> None:
        server = self._sessions.pop(client).server
        self._loop.forget(server.fileno())
        server.close()

    def sweep(self) -> bool:
        """End the sessions that nobody uses; tell whether there are others."""
        oldest = time.monotonic() - _SESSION_LIFE
        for client in [client for client, session in self._sessions.items() if session.last_used < oldest]:
            self._end(client)
        return bool(self._sessions)


class Session:
    __slots__ = ("_ancillary", "_bound", "_client", "last_used", "server")

    def __init__(self, bound: Socket, server: Socket, client: Any, ancillary: Any) -> None:
        self._bound = bound
        self._client = client
        self.server = server
        self._ancillary = [item for item in ancillary if item[1] in (_IPV6_PKTINFO, _IP_PKTINFO)]
        self.last_used = time.monotonic()

    def send(self, data: bytes) -> None:
        self.last_used = time.monotonic()
        try:
            self.server.send(data)
        except OSError:
            pass  # nobody listens there, or there is no room: datagrams get lost

    def on_answer(self, _: int) -> None:
        try:
            for _ in range(_BACKLOG):
                data = self.server.recv(_CHUNK)
                self.last_used = time.monotonic()
                self._bound.sendmsg([data], self._ancillary, 0, self._client)
        except OSError:
            pass  # all is read, or the container refused a datagram


class Life:
    """Ends the loop when the process ends that this one is for."""

    __slots__ = ("_control", "_loop", "_told")

    def __init__(self, loop: Loop, control: int) -> None:
        self._loop = loop
        self._control = control
        self._told = b""
        loop.watch(control, _READ, self._on_control)

    def _on_control(self, _: int) -> None:
        data = os.read(self._control, 64)
        if data:
            self._told += data
            return
        self._loop.forget(self._control)
        os.close(self._control)
        try:
            process = os.pidfd_open(int(self._told))
        except (ValueError, OSError):
            self._loop.running = False  # the command ended without a word, or the container already has
            return
        self._loop.watch(process, _READ, self._on_end)

    def _on_end(self, _: int) -> None:
        self._loop.running = False


def say_farewell(datagram: bytes, listeners: list[Socket]) -> None:
    """Send a prepared datagram to netfilter, and free the ports after it.

    As long as they are held here, nobody else can have had rules of the same keys made.
    """
    kernel = Socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_NETFILTER)
    if datagram:
        kernel.send(datagram)
    for listener in listeners:
        listener.close()
    # The last to close a socket of netfilter waits until the kernel has cleared away all that was deleted, 10 ms and
    # more. Nobody who waits for this process shall have to: a child closes it.
    if os.fork() == 0:
        time.sleep(0.1)


def main() -> None:
    orders = b""
    while chunk := os.read(0, 1 << 20):
        orders += chunk
    os.chdir("/")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    name = os.open("/proc/self/comm", os.O_WRONLY)
    os.write(name, b"boxwright-proxy")
    os.close(name)
    loop = Loop()
    farewell = b""
    listeners: list[Socket] = []
    udp_ports: list[UdpPort] = []
    for line in orders.decode().splitlines():
        kind, *words = line.split(" ")
        if kind == "control":
            Life(loop, int(words[0]))
        elif kind == "farewell":
            farewell = bytes.fromhex(words[0])
        else:
            listener = Socket(fileno=int(words[0]))
            listener.setblocking(False)
            listeners.append(listener)
            target = (words[1], int(words[2]))
            if kind == "tcp":
                TcpPort(loop, listener, target)
            else:
                udp_ports.append(UdpPort(loop, listener, target))
    loop.run(lambda: sum(port.sweep() for port in udp_ports) > 0)
    say_farewell(farewell, listeners)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: proxy.py CONTAINER-ID, by boxwright")
    main()
