"""What ``-p`` and ``-P`` say: which ports of the host lead to which ports of the container. Pure.

80                     container port 80 at a free port of the host, on every address
8080:80                at port 8080
127.0.0.1:8080:80      of one address of the host; an IPv6 address in brackets: [::1]:8080:80
127.0.0.1::80          at a free port of that address
8000-8010:80-90        eleven ports, one to one
8000-8010:80           at the first of these that is free
…/udp                  of UDP; TCP otherwise
"""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.errors import InvalidError, UnsupportedError
from boxwright.values import NamedTuple

PROTOCOLS = ("tcp", "udp")


class InvalidPort(InvalidError):
    """A port or its publishing is written wrongly. ``text`` is what was written."""

    def __init__(self, text: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"invalid port {text[:100]!r}: {reason}", hint=hint or _SYNTAX)
        self.text = text


class UnsupportedProtocol(UnsupportedError):
    """A transport protocol that cannot be published."""

    def __init__(self, text: str, protocol: str) -> None:
        super().__init__(f"cannot publish {text[:100]!r}: only tcp and udp can be published, not {protocol[:20]}")
        self.protocol = protocol


class PortSpec(NamedTuple):
    """One port of the container that is to be published."""

    container_port: int
    protocol: str = "tcp"
    host_address: str = ""  # empty: every address, IPv4 and IPv6
    first_port: int = 0  # 0: any that is free
    last_port: int = 0  # the first free one from first_port to here, both included

    def __str__(self) -> str:
        address = f"[{self.host_address}]" if ":" in self.host_address else self.host_address
        port = str(self.first_port or "") + (f"-{self.last_port}" if self.last_port > self.first_port else "")
        head = f"{address}:{port}:" if address else f"{port}:" if port else ""
        return f"{head}{self.container_port}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")


class PortBinding(NamedTuple):
    """One port of the container that is published, at one address of the host."""

    host_address: str  # "0.0.0.0" and "::" stand for all of their family
    host_port: int
    container_port: int
    protocol: str


def parse_publish(text: str) -> list[PortSpec]:
    """Return what one ``-p`` asks for. Raises InvalidPort and UnsupportedProtocol."""
    rest, protocol = _split_protocol(text)
    address, host, container = _split_address(text, rest)
    if not container:
        raise InvalidPort(text, "no port of the container")
    container_first, container_last = _parse_range(text, container)
    if not container_first:
        raise InvalidPort(text, "port 0 of a container does not exist")
    count = container_last - container_first + 1
    ports = range(container_first, container_last + 1)
    if not host or host == "0":
        return [PortSpec(port, protocol, address) for port in ports]
    first, last = _parse_range(text, host)
    if not first:
        raise InvalidPort(text, "a range cannot begin with port 0")
    if count == 1:
        return [PortSpec(container_first, protocol, address, first, last)]
    if first == last:
        raise InvalidPort(text, f"one port of the host cannot lead to {count}")
    if last - first + 1 != count:
        raise InvalidPort(text, f"the host's range has {last - first + 1} ports, the container's {count}")
    return [PortSpec(port, protocol, address, first + index, first + index) for index, port in enumerate(ports)]


def parse_publishes(texts: Iterable[str]) -> list[PortSpec]:
    """Return what several ``-p`` ask for together, each once.

    Raises also InvalidPort when two of them ask for one port of the host.
    """
    specs: dict[PortSpec, None] = {}
    taken: dict[tuple[str, int, str], PortSpec] = {}
    for text in texts:
        for spec in parse_publish(text):
            if spec in specs:
                continue
            specs[spec] = None
            if not spec.first_port or spec.first_port != spec.last_port:
                continue
            other = taken.setdefault((spec.host_address, spec.first_port, spec.protocol), spec)
            if other is not spec:
                raise InvalidPort(
                    text,
                    f"port {spec.first_port} leads to {other.container_port} already",
                    hint=f"publish another port: -p {spec.first_port + 1}:{spec.container_port}",
                )
    return list(specs)


def parse_exposed(text: str) -> list[tuple[int, str]]:
    """Return the ports, each with its protocol, of one EXPOSE or ``--expose``: ``80``, ``53/udp``, ``80-90/tcp``."""
    rest, protocol = _split_protocol(text)
    first, last = _parse_range(text, rest)
    if not first:
        raise InvalidPort(text, "port 0 does not exist")
    return [(port, protocol) for port in range(first, last + 1)]


def publish_exposed(exposed: Iterable[str], published: Iterable[PortSpec] = ()) -> list[PortSpec]:
    """Return what ``-P`` adds to the `published` ports: every exposed one that isn't there, at a free port."""
    there = {(spec.container_port, spec.protocol) for spec in published}
    ports = {port for text in exposed for port in parse_exposed(text)}
    return [PortSpec(port, protocol) for port, protocol in sorted(ports - there)]


def _split_protocol(text: str) -> tuple[str, str]:
    rest, slash, protocol = text.partition("/")
    protocol = protocol.lower()
    if not slash:
        return rest, "tcp"
    if protocol == "sctp":
        raise UnsupportedProtocol(text, protocol)
    if protocol not in PROTOCOLS:
        raise InvalidPort(text, f"{protocol[:20]!r} is no protocol", hint="write /tcp or /udp")
    return rest, protocol


def _split_address(text: str, rest: str) -> tuple[str, str, str]:
    """Return the address, the host's port and the container's port as they are written, empty where absent."""
    if rest.startswith("["):
        address, bracket, tail = rest[1:].partition("]")
        if not bracket or not tail.startswith(":"):
            raise InvalidPort(text, "the address in brackets does not end with ]:")
        host, colon, container = tail[1:].rpartition(":")
        if not colon:
            raise InvalidPort(text, "after an address come two ports", hint=f"write [{address}]::{container}")
        return _check_address(text, address), host, container
    parts = rest.split(":")
    if len(parts) > 3:
        raise InvalidPort(text, "too many colons", hint="an IPv6 address is written in brackets: [::1]:8080:80")
    if len(parts) == 3:
        # ":8080:80" has always meant every address.
        return _check_address(text, parts[0]) if parts[0] else "", parts[1], parts[2]
    if len(parts) == 2 and "." in parts[0]:
        raise InvalidPort(text, "after an address come two ports", hint=f"write {parts[0]}::{parts[1]}")
    return "", parts[0] if len(parts) == 2 else "", parts[-1]


def _check_address(text: str, address: str) -> str:
    import socket  # 4 ms, which a container without published addresses needn't pay

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))
    except (OSError, ValueError):
        raise InvalidPort(text, f"{address[:50]!r} is no IP address") from None


def _parse_range(text: str, written: str) -> tuple[int, int]:
    first, dash, last = written.partition("-")
    begin = _parse_number(text, first)
    end = _parse_number(text, last) if dash else begin
    if end < begin:
        raise InvalidPort(text, f"the range {written} ends before it begins")
    return begin, end


def _parse_number(text: str, written: str) -> int:
    # int() would take " 80", "+80", "8_0" and the digits of other scripts.
    if not written.isascii() or not written.isdigit() or len(written) > 5 or int(written) > 65535:
        raise InvalidPort(text, f"{written[:30]!r} is no port number (0 to 65535)")
    return int(written)


_SYNTAX = "write [[ADDRESS:]HOST-PORT:]CONTAINER-PORT[/PROTOCOL], such as 8080:80 or 127.0.0.1:8080:80/udp"
