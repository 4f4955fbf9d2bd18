"""What the registry can be told, as sections of the configuration file: [server], [auth], [gc]."""

from __future__ import annotations

from pathlib import Path

from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple

MAX_PROCESSES = 256
DEFAULT_ADDRESS = "127.0.0.1:5000"


class ServerSettings(NamedTuple):
    """[server]: where it listens, what it keeps, how it speaks."""

    root: Path | None = None
    """The folder that holds everything, created when missing; None: the caller's own."""
    address: str = DEFAULT_ADDRESS
    """``host:port``; port 0 takes a free one, an empty host listens everywhere."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """The key of `tls_cert`, where the certificate's file does not hold it."""
    processes: int = 1
    """How many processes share the connections, and the processors."""
    sparse: bool = False
    """Accept indexes and images of which not every child or layer was pushed."""


class AuthSettings(NamedTuple):
    """[auth]: who may come in."""

    htpasswd: Path | None = None
    """Lines of ``user:bcrypt hash``; None lets everybody in."""


class GarbageSettings(NamedTuple):
    """[gc]: when what nothing names is destroyed."""

    delay: float | None = 86400.0
    """Seconds for which garbage is kept; None: for ever."""
    interval: float = 3600.0
    """Seconds from one collection to the next."""


def read_server(section: Section) -> ServerSettings:
    """Raises InvalidSetting."""
    return ServerSettings(
        root=section.path("root", None),
        address=section.text("addr", DEFAULT_ADDRESS),
        tls_cert=section.path("tls-cert", None),
        tls_key=section.path("tls-key", None),
        processes=section.number("processes", 1, least=1, most=MAX_PROCESSES),
        sparse=section.flag("sparse", False),
    )


def read_auth(section: Section) -> AuthSettings:
    """Raises InvalidSetting."""
    return AuthSettings(section.path("htpasswd", None))


def read_garbage(section: Section) -> GarbageSettings:
    """Raises InvalidSetting."""
    default = GarbageSettings()
    return GarbageSettings(
        delay=section.duration_or_off("delay", default.delay),
        interval=section.duration("interval", default.interval),
    )
