"""The parts of this room put together, from what a command has at hand."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from boxwright.host.paths import Path
from boxwright.remote.client import RegistryClient
from boxwright.remote.credentials import Keychain
from boxwright.remote.endpoint import is_insecure, is_loopback
from boxwright.remote.hosts import HostSettings, user_configuration
from boxwright.remote.keychain import user_keychain
from boxwright.remote.progress import Notice
from boxwright.remote.transport import CERTIFICATE_DIRECTORIES, PooledTransport

_CONNECTIONS = 3
_NOTHING_SET = HostSettings()


def connect(
    domain: str,
    environment: Mapping[str, str],
    *,
    insecure_registries: Sequence[str] = (),
    credentials: Keychain | None = None,
    notice: Callable[[Notice], object] | None = None,
    host: HostSettings = _NOTHING_SET,
    rate: float | None = None,
    connections: int | None = None,
    namespace: str = "",
    purpose: str = "pull",
) -> RegistryClient:
    """Return a client of a registry (a reference's `domain`), with the user's proxies and credentials.

    Nothing is sent yet. `insecure_registries` are hosts, with or without a port, and networks; `credentials` replace
    the user's own; `notice` hears of every repetition, and of warnings; `host` is what is set for this registry (its
    mirrors are for whoever pulls). `rate` bytes a second pass at most in each direction; a large blob comes over so
    many `connections`, by default over three, or one of loopback. `namespace` is the registry that this one is asked
    for as a mirror, and `purpose` what is done, for messages. Raises InvalidError for a malformed entry or domain.
    """
    if connections is None:
        connections = 1 if is_loopback(domain) else _CONNECTIONS
    return RegistryClient(
        domain,
        credentials=credentials or user_keychain(environment),
        insecure=host.insecure or is_insecure(domain, insecure_registries, _addresses),
        transport=PooledTransport(
            environment=environment,
            certificate_directories=(*CERTIFICATE_DIRECTORIES, *_own_directories(environment)),
            authorities=(host.ca,) if host.ca is not None else (),
            rate=rate,
        ),
        notice=notice,
        connections=connections,
        namespace=namespace,
        purpose=purpose,
    )


def _own_directories(environment: Mapping[str, str]) -> list[Path]:
    """Return where rootless docker and podman look for a user's own certificates."""
    found = (user_configuration(environment, f"{name}/certs.d") for name in ("docker", "containers"))
    return [path for path in found if path is not None]


def _addresses(host: str) -> list[str]:
    """Return a name's addresses, none when it has none."""
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
