"""What the configuration says of upstreams: the sections [[upstream]]."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from boxwright.errors import InvalidError, UnavailableError
from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple

EVERYTHING = "*"
"""The prefix of a server that is nothing but a mirror."""

_DOCKER_HUB = "registry-1.docker.io"
_NAMESPACE = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")

DEFAULT_CHECK = 300.0
DEFAULT_KEEP = 30 * 86400.0


class PasswordMissing(UnavailableError):
    """The password of an upstream is not where the configuration says it is."""

    def __init__(self, prefix: str, why: str) -> None:
        super().__init__(f"no password for the upstream {prefix}: {why}")
        self.prefix = prefix


class UpstreamSettings(NamedTuple):
    """One [[upstream]]."""

    prefix: str
    """Names that begin with it and a slash are from there; "*": all names that no other upstream has."""
    url: str
    """``https://host[:port]`` or ``http://host[:port]``."""
    namespaces: tuple[str, ...]
    """What clients call it that use us as its mirror (containerd's ``?ns=``)."""
    username: str = ""
    password_file: Path | None = None
    password_variable: str | None = None
    check: float = DEFAULT_CHECK
    """Seconds for which a tag is believed before the upstream is asked again."""
    keep: float | None = DEFAULT_KEEP
    """Seconds after its last use when a manifest is forgotten; None: never."""
    allow: tuple[str, ...] = ()
    """Hosts that it may send us to beside itself, whatever their address and without TLS."""
    library: bool = False
    """Whether names without a slash are in ``library/`` there."""
    public: bool = False
    """Where there are accounts: whether everybody may pull what is from there, or those to whom it was granted."""

    @property
    def domain(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def plain(self) -> bool:
        """Whether it is spoken to without TLS."""
        return self.url.startswith("http://")

    def password(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the password, which is read each time. Raises PasswordMissing."""
        if self.password_variable is not None:
            try:
                return environment[self.password_variable]
            except KeyError:
                raise PasswordMissing(self.prefix, f"{self.password_variable} is not set") from None
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise PasswordMissing(self.prefix, f"{self.password_file}: {error}") from None


def read_upstreams(sections: Sequence[Section]) -> tuple[UpstreamSettings, ...]:
    """Raises InvalidSetting."""
    found: dict[str, UpstreamSettings] = {}
    namespaces: set[str] = set()
    for section in sections:
        one = _read(section)
        if one.prefix in found:
            raise section.error("prefix", f"{one.prefix!r} is another upstream's already")
        if taken := namespaces.intersection(one.namespaces):
            raise section.error("ns", f"{min(taken)!r} is another upstream's already")
        namespaces.update(one.namespaces)
        found[one.prefix] = one
    return tuple(found.values())


def _read(section: Section) -> UpstreamSettings:
    prefix = section.text("prefix", None)
    if prefix is None or not (prefix == EVERYTHING or _PREFIX.fullmatch(prefix)):
        raise section.error("prefix", 'takes the beginning of repository names, like "docker.io", or "*" for all')
    url = section.text("url", None)
    if url is None:
        raise section.error("url", "is missing")
    try:
        url = _origin(url)
    except InvalidError as error:
        raise section.error("url", error.message) from None
    host = urlsplit(url).netloc
    namespaces = section.texts("ns", ("docker.io",) if host == _DOCKER_HUB else (host,))
    for namespace in namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            raise section.error("ns", f"{namespace[:100]!r} is no host")
    username = section.text("username", "")
    file, variable = section.path("password-file", None), section.text("password-env", None)
    if (file is not None and variable is not None) or (username != "") != (file is not None or variable is not None):
        raise section.error("username", "goes together with one of password-file and password-env")
    allow = section.texts("allow")
    for name in allow:
        if not _NAMESPACE.fullmatch(name):
            raise section.error("allow", f"{name[:100]!r} is no host")
    return UpstreamSettings(
        prefix,
        url,
        namespaces,
        username,
        file,
        variable,
        section.duration("check", DEFAULT_CHECK),
        section.duration_or_off("keep", DEFAULT_KEEP),
        allow,
        section.flag("library", host == _DOCKER_HUB),
        section.flag("public", False),
    )


def _origin(url: str) -> str:
    """Return scheme and host of a URL that has nothing else. Raises InvalidError."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidError("takes a URL like https://registry.example.com, without a path")
    if "@" in parts.netloc:
        raise InvalidError("holds no credentials: see username and password-file")
    return f"{parts.scheme}://{parts.netloc}"
