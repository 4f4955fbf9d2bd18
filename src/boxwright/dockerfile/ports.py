"""What EXPOSE takes: ``80``, ``8000-8010/udp``, and, since people write it, ``8080:80`` and ``127.0.0.1:8080:80``."""

from __future__ import annotations

from boxwright.values import NamedTuple

_PROTOCOLS = ("tcp", "udp", "sctp")
_MAX_PORT = 65535


class PortRange(NamedTuple):
    """Ports `first` to `last`, both within. `published` is the part before the last colon, which has no effect."""

    first: int
    last: int
    protocol: str
    published: str = ""

    def ports(self) -> tuple[str, ...]:
        """Return ``port/protocol`` for each of them."""
        return tuple(f"{port}/{self.protocol}" for port in range(self.first, self.last + 1))


def parse_port(text: str) -> PortRange:
    """Parse one word of EXPOSE; the protocol comes out in lower case. Raises ValueError that says why."""
    published, _, rest = text.rpartition(":")
    ports, _, protocol = rest.partition("/")
    if not ports:
        raise ValueError(f"no port specified: {text}<empty>")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"invalid proto: {protocol}")
    first, last = _parse_range(ports, "containerPort")
    if published:
        address, colon, host_ports = published.rpartition(":")
        if colon:
            _check_address(address)
        if host_ports:
            host_first, host_last = _parse_range(host_ports, "hostPort")
            if first != last and host_last - host_first != last - first:
                raise ValueError(f"invalid ranges specified for container and host Ports: {ports} and {host_ports}")
    return PortRange(first, last, protocol, published)


def _parse_range(text: str, what: str) -> tuple[int, int]:
    first_text, dash, last_text = text.partition("-")
    if not dash:
        last_text = first_text
    numbers = []
    for part in (first_text, last_text):
        if not (part.isascii() and part.isdecimal()) or int(part[-6:]) > _MAX_PORT or len(part.lstrip("0")) > 5:
            raise ValueError(f"invalid {what}: {text}")
        numbers.append(int(part[-6:]))
    if numbers[1] < numbers[0]:
        raise ValueError(f"invalid {what}: {text}")
    return numbers[0], numbers[1]


def _check_address(text: str) -> None:
    if not text:
        return
    import ipaddress  # only a mistake or a misunderstanding comes here

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(f"invalid IP address: {text}") from None
