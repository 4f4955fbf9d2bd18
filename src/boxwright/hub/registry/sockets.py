"""Where a server listens: ``host:port`` or ``unix:/path``."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence

from boxwright.errors import InvalidError, UnavailableError

_BACKLOG = 1024
_UNIX = "unix:"
_SOCKET_MODE = 0o660


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


def listen(address: str, shares: int = 1) -> list[list[socket.socket]]:
    """Take connections on an address and return `shares` lists of sockets, among which the kernel divides them.

    A connection that waits at a share stays there until somebody accepts it; at a unix socket all shares are one. What
    a dead server left at a path is replaced. Raises InvalidAddress, AddressInUse.
    """
    if address.startswith(_UNIX):
        made = _unix(address)
        return [[made], *([made.dup()] for _ in range(shares - 1))]
    host, port = parse_address(address)
    taken: list[socket.socket] = []
    try:
        families = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        result: list[list[socket.socket]] = [[] for _ in range(shares)]
        for family, _, _, _, where in dict.fromkeys(families):
            if shares > 1:
                # Without sharing first: another server of ours that shares, too, would get a part of the connections.
                with _bound(family, _with_port(where, port), shared=False):
                    pass
            for share in result:
                made = _bound(family, _with_port(where, port), shared=shares > 1)
                taken.append(made)
                made.listen(_BACKLOG)
                share.append(made)
                # A free port is free once; all further sockets are to have the same.
                port = made.getsockname()[1]
        return result
    except OSError as error:
        for made in taken:
            made.close()
        raise AddressInUse(address, error.strerror or str(error)) from None


def address_of(address: str, sockets: Sequence[socket.socket]) -> str:
    """Return where an address turned out to be: with the port that was taken."""
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


def _unix(address: str) -> socket.socket:
    path = address.removeprefix(_UNIX)
    if not path.startswith("/"):
        raise InvalidAddress(address)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode) and _is_dead(path):
                os.unlink(path)
        except FileNotFoundError:
            pass  # the usual case
        made.setblocking(False)
        made.bind(path)
        # Who may write here may call: the group's members, too, of which a proxy is to be one.
        os.chmod(path, _SOCKET_MODE)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise AddressInUse(address, error.strerror or str(error)) from None
    return made


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


def _with_port(where: Sequence[object], port: int) -> tuple[object, ...]:
    return (where[0], port, *where[2:])


def _bound(family: int, where: tuple[object, ...], *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(where)
    except BaseException:
        made.close()
        raise
    return made
