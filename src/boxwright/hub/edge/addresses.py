"""Where a server listens: ``host:port`` or ``unix:/path``."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack

from boxwright.errors import InvalidError, UnavailableError

_UNIX = "unix:"
_BACKLOG = 512


class AddressInUse(UnavailableError):
    """Something else listens there, or the address is not this machine's."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}", hint="choose another: --addr 127.0.0.1:0 takes any port")
        self.address = address


class InvalidAddress(InvalidError):
    """Text that is no address to listen on."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid address {text[:100]!r}",
            hint="an address looks like 127.0.0.1:5000, [::1]:5000 or unix:/run/registry.sock",
        )
        self.text = text


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``[v6]:port`` or ``:port``. Raises InvalidAddress."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise InvalidAddress(text)
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise InvalidAddress(text)
    return host, int(port)


def listen(address: str) -> list[socket.socket]:
    """Return the listening sockets of an address: one for each protocol of a host, one for a path.

    A socket that a dead server left at a path is replaced. Raises InvalidAddress, AddressInUse.
    """
    if address.startswith(_UNIX):
        return [_listen_unix(address, address.removeprefix(_UNIX))]
    host, port = parse_address(address)
    try:
        return _listen_tcp(host, port)
    except OSError as error:
        raise AddressInUse(address, error.strerror or str(error)) from None


def address_of(address: str, sockets: list[socket.socket]) -> str:
    """Return where an address turned out to be: ``host:port`` with the port that was taken, or ``unix:/path``."""
    if address.startswith(_UNIX):
        return address
    host, _ = parse_address(address)
    name = f"[{host}]" if ":" in host else host or "0.0.0.0"
    return f"{name}:{sockets[0].getsockname()[1]}"


def remove_socket(address: str) -> None:
    """Take away the file of a unix socket that is not listened on any more."""
    if address.startswith(_UNIX):
        try:
            os.unlink(address.removeprefix(_UNIX))
        except FileNotFoundError:
            pass  # somebody else has cleaned up


def _listen_tcp(host: str, port: int) -> list[socket.socket]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with ExitStack() as undo:
        sockets: list[socket.socket] = []
        for family, _, _, _, place in dict.fromkeys(found):
            if sockets and not port:
                place = (place[0], sockets[0].getsockname()[1], *place[2:])  # one port for all
            try:
                one = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            except OSError:
                continue  # a protocol that the name service knows and the kernel does not
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(place)
            one.listen(_BACKLOG)
            one.setblocking(False)
            sockets.append(one)
        if not sockets:
            raise OSError(f"no protocol of this machine reaches {host}")
        undo.pop_all()
        return sockets


def _listen_unix(address: str, path: str) -> socket.socket:
    if not path.startswith("/"):
        raise InvalidAddress(address)
    with ExitStack() as undo:
        one = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode) and _is_dead(path):
                os.unlink(path)
        except FileNotFoundError:
            pass  # the usual case
        try:
            one.bind(path)
            one.listen(_BACKLOG)
        except OSError as error:
            raise AddressInUse(address, error.strerror or str(error)) from None
        one.setblocking(False)
        undo.pop_all()
        return one


def _is_dead(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
