"""Ports of the host, taken by listening on them: whoever comes second is told at once, and nothing else has begun."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Container, Iterable

from boxwright.errors import ConflictError, DeniedError, InvalidError, UnavailableError
from boxwright.network.ports import PortBinding, PortSpec
from boxwright.values import NamedTuple

_BACKLOG = 512
_ATTEMPTS = 64
_EVERYWHERE = ("0.0.0.0", "::")


class PortInUse(ConflictError):
    """Somebody else listens on a port. ``holder`` says who in a person's words, where that is known."""

    def __init__(self, address: str, spec: PortSpec, port: int, holder: str | None = None) -> None:
        by = f", by {holder}" if holder else ""
        free = spec._replace(first_port=min(port + 1, 65535), last_port=0)
        super().__init__(
            f"port {port} on {address} is already in use{by}", hint=f"stop it, or publish another port: -p {free}"
        )
        self.address = address
        self.port = port
        self.protocol = spec.protocol
        self.holder = holder


class NoFreePort(ConflictError):
    """None of the ports that would do is free."""

    def __init__(self, spec: PortSpec) -> None:
        ports = f"of {spec.first_port} to {spec.last_port} " if spec.first_port else ""
        super().__init__(f"no port {ports}is free for port {spec.container_port}/{spec.protocol} of the container")
        self.spec = spec


class NotOurAddress(InvalidError):
    """A port is to be published at an address that this machine does not have."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"this machine has no address {address}", hint="publish at one of its own, or at all: -p HOST-PORT:PORT"
        )
        self.address = address


class PortDenied(DeniedError):
    """This user may not listen on a port."""

    def __init__(self, port: int) -> None:
        super().__init__(f"not allowed to listen on port {port}", hint="use a port from 1024, or run it as root")
        self.port = port


class TooManyPorts(UnavailableError):
    """The limit on open files is too low for so many ports."""

    def __init__(self, count: int) -> None:
        super().__init__(f"cannot listen on all {count} ports: too many open files", hint="raise it: ulimit -n 65536")
        self.count = count


class Listener(NamedTuple):
    binding: PortBinding
    socket: socket.socket


def listen(specs: Iterable[PortSpec], describe_holder: Callable[[str, PortSpec, int], str | None]) -> list[Listener]:
    """Return a listening socket for each address of each published port; all or none.

    `describe_holder(address, spec, port)` is asked who has a port that is in use, for the error's message.
    Raises PortInUse, NoFreePort, NotOurAddress, PortDenied and TooManyPorts.
    """
    specs = list(specs)
    listeners: list[Listener] = []
    try:
        for spec in specs:
            own = {(listener.binding.host_port, listener.binding.protocol) for listener in listeners}
            listeners += _listen(spec, own, describe_holder)
    except BaseException as error:
        close(listeners)
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise TooManyPorts(len(specs)) from None
        raise
    return listeners


def close(listeners: Iterable[Listener]) -> None:
    for listener in listeners:
        listener.socket.close()


def _listen(
    spec: PortSpec, own: Container[tuple[int, str]], describe_holder: Callable[[str, PortSpec, int], str | None]
) -> list[Listener]:
    if spec.first_port and spec.first_port == spec.last_port:
        try:
            return _bind_all(spec, spec.first_port)
        except _Taken as taken:
            if (spec.first_port, spec.protocol) in own:
                holder: str | None = "another published port of this container"
            else:
                holder = describe_holder(taken.address, spec, spec.first_port)
            raise PortInUse(taken.address, spec, spec.first_port, holder) from None
    candidates = range(spec.first_port, spec.last_port + 1) if spec.first_port else [0] * _ATTEMPTS
    for port in candidates:
        try:
            return _bind_all(spec, port)
        except _Taken:
            continue
    raise NoFreePort(spec)


class _Taken(Exception):
    def __init__(self, address: str) -> None:
        self.address = address


def _bind_all(spec: PortSpec, port: int) -> list[Listener]:
    """Listen on one port at every address of `spec`; port 0 lets the kernel choose it at the first of them."""
    made: list[Listener] = []
    try:
        for address in (spec.host_address,) if spec.host_address else _EVERYWHERE:
            bound = _bind(address, spec.protocol, port, may_lack=not spec.host_address and ":" in address)
            if bound is not None:
                port = bound.getsockname()[1]
                made.append(Listener(PortBinding(address, port, spec.container_port, spec.protocol), bound))
    except BaseException:
        close(made)
        raise
    return made


def _bind(address: str, protocol: str, port: int, *, may_lack: bool) -> socket.socket | None:
    """Return a socket that listens, or None when this machine lacks the address family and `may_lack` is set."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        bound = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            if may_lack:
                return None
            raise NotOurAddress(address) from None
        raise
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "tcp":
            # Connections of a former life that linger in TIME_WAIT do not keep the port; one that listens does.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        if protocol == "tcp":
            bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRNOTAVAIL and may_lack:
            return None
        raise _translated(error, address, port) from None
    except BaseException:
        bound.close()
        raise
    return bound


def _translated(error: OSError, address: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return _Taken(address)
    if error.errno == errno.EADDRNOTAVAIL:
        return NotOurAddress(address)
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortDenied(port)
    return (
        error
        if error.errno in (errno.EMFILE, errno.ENFILE)
        else UnavailableError(f"cannot listen on port {port} of {address}: {os.strerror(error.errno or 0)}")
    )
