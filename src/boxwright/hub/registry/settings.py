"""What the registry can be told, as sections of the configuration file: [server], [auth], [gc]."""

from __future__ import annotations

from pathlib import Path

from boxwright.hub.configfile import Section
from boxwright.hub.edge.origins import InvalidProxy, InvalidPublicURL, Origins, PublicURL
from boxwright.hub.registry.warnings import InvalidNotice, warning
from boxwright.values import NamedTuple

MAX_PROCESSES = 256
DEFAULT_ADDRESS = "127.0.0.1:5000"
DEFAULT_IDLE = 300.0
"""Seconds."""


class ServerSettings(NamedTuple):
    """[server]: where it listens, what it keeps, how it speaks."""

    root: Path | None = None
    """The folder that holds everything, created when missing; None: the caller's own."""
    address: str = DEFAULT_ADDRESS
    """``host:port``; port 0 takes a free one, an empty host listens everywhere. Or ``unix:/path``."""
    processes: int = 1
    """How many processes share the connections, and the processors."""
    public_url: str = ""
    """``https://host``: what all clients call it. "": clients are told paths, which are right under any name."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks (and ``unix``) whose X-Forwarded-* and Forwarded are believed."""
    idle_timeout: float = DEFAULT_IDLE
    """Seconds that a client may neither send nor take a byte. A transfer as a whole takes as long as it likes."""
    drain_timeout: float = 30.0
    """Seconds that requests get to end when the server is told to."""
    notice: str = ""
    """What clients are to show to their users, in every answer; "": nothing."""
    sparse: bool = False
    """Accept indexes and images of which not every child or layer was pushed."""
    delete: bool = True
    """Let clients delete tags, manifests and blobs, as far as they may."""


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
    default = ServerSettings()
    settings = ServerSettings(
        root=section.path("root", None),
        processes=section.number("processes", 1, least=1, most=MAX_PROCESSES),
        address=section.text("addr", default.address),
        public_url=section.text("public-url", default.public_url),
        trusted_proxies=section.texts("trusted-proxies"),
        idle_timeout=section.duration("idle-timeout", default.idle_timeout),
        drain_timeout=section.duration("drain-timeout", default.drain_timeout),
        notice=section.text("notice", default.notice),
        sparse=section.flag("sparse", default.sparse),
        delete=section.flag("delete", default.delete),
    )
    try:
        if settings.notice:
            warning(settings.notice)
    except InvalidNotice as error:
        raise section.error("notice", f"cannot be shown: {error.message}") from None
    try:
        Origins(settings.trusted_proxies)
    except InvalidProxy as error:
        raise section.error("trusted-proxies", f"has an {error.message}", hint=error.hint) from None
    try:
        if settings.public_url:
            PublicURL.parse(settings.public_url)
    except InvalidPublicURL as error:
        raise section.error("public-url", f"is an {error.message}", hint=error.hint) from None
    return settings


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
