"""What the user has set for single registries: mirrors, trust. The tables ``[registry."host:port"]`` of config.toml.

[registry."docker.io"]
mirrors = ["https://mirror.lan", "http://cache.lan:5000/hub"]

[registry."registry.lan:5000"]
insecure = true                # plain HTTP, and any certificate
ca = "/etc/ssl/registry.pem"   # further authorities
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boxwright.errors import InvalidError
from boxwright.host.paths import Path
from boxwright.oci.reference import DEFAULT_DOMAIN
from boxwright.remote.endpoint import split_host
from boxwright.values import NamedTuple


class InvalidHost(InvalidError):
    """A table of a registry that doesn't say clearly what it wants."""

    def __init__(self, domain: str, why: str) -> None:
        super().__init__(f'registry."{domain[:200]}": {why}', hint="docs/reference/configuration.md shows such tables")
        self.domain = domain


class InvalidRegistriesFile(InvalidError):
    """A file of docker's or podman's about registries that they would not take either; `line` is 0 where unknown."""

    def __init__(self, path: Path, line: int, why: str, hint: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}", hint=hint)
        self.path = path
        self.line = line


class InvalidMirror(InvalidError):
    """Text that is no place of a mirror."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"the mirror {text[:200]!r} is {why}", hint="a mirror looks like https://mirror.lan:5000")


class Mirror(NamedTuple):
    """A registry that has what another one has, perhaps below a path of its own."""

    domain: str
    prefix: str = ""
    """What goes before the names of repositories: ``hub/``, or nothing."""
    insecure: bool = False


class HostSettings(NamedTuple):
    """What is set for one registry; the mirrors are in the order in which they are asked."""

    mirrors: tuple[Mirror, ...] = ()
    insecure: bool = False
    ca: Path | None = None


def parse_hosts(value: object, folder: Path) -> dict[str, HostSettings]:
    """Read the table of tables; relative paths in it are from `folder`. Raises InvalidHost, InvalidError."""
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise InvalidError('registries are written [registry."host:port"]')
    return {domain: _parse_host(domain, table, folder) for domain, table in value.items()}


def host_settings(hosts: Mapping[str, HostSettings], domain: str) -> HostSettings | None:
    """Return what is set for a registry, by its host and port, else by its host alone; None when nothing is."""
    host, _ = split_host(domain)
    return hosts.get(domain) or hosts.get(host)


def user_configuration(environment: Mapping[str, str], name: str) -> Path | None:
    """Return where a file of the user's own configuration would be, None for a user without a home."""
    home = environment.get("HOME")
    base = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    return Path(base) / name if base else None


def _parse_host(domain: str, table: Mapping[str, Any], folder: Path) -> HostSettings:
    split_host(domain)
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == "mirrors" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            try:
                values[name] = tuple(map(parse_mirror, value))
            except InvalidMirror as error:
                raise InvalidHost(domain, error.message) from None
        elif name == "insecure" and isinstance(value, bool):
            values[name] = value
        elif name == "ca" and isinstance(value, str) and value:
            values[name] = folder / value
        else:
            raise InvalidHost(domain, f"{name} = {value!r} is nothing that can be set for it")
    return HostSettings(**values)


def parse_mirror(text: str) -> Mirror:
    """Parse ``https://host[:port][/path]``; without a scheme, TLS is meant. Raises InvalidError."""
    scheme, found, rest = text.rpartition("://")
    if found and scheme not in ("http", "https"):
        raise InvalidMirror(text, "no http or https URL")
    host, _, prefix = rest.partition("/")
    if not host or "@" in host or "?" in rest:
        raise InvalidMirror(text, "not a host, perhaps with a path")
    split_host(host)
    prefix = prefix.strip("/")
    if host in ("index.docker.io", "registry-1.docker.io"):
        host = DEFAULT_DOMAIN
    return Mirror(host, f"{prefix}/" if prefix else "", insecure=scheme == "http")
