"""The parts of this room put together, from what a command has at hand."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from boxwright.remote.client import RegistryClient
from boxwright.remote.credential_file import credential_file
from boxwright.remote.credentials import Keychain
from boxwright.remote.endpoint import is_insecure
from boxwright.remote.progress import Waiting
from boxwright.remote.transport import PooledTransport


def connect(
    domain: str,
    environment: Mapping[str, str],
    *,
    insecure_registries: Sequence[str] = (),
    credentials: Keychain | None = None,
    notice: Callable[[Waiting], object] | None = None,
) -> RegistryClient:
    """Return a client of a registry (a reference's `domain`), with the user's proxies and credentials.

    Nothing is sent yet. `insecure_registries` are hosts, with or without a port, and networks; `credentials` replace
    the user's own; `notice` hears of every repetition. Raises InvalidError for a malformed entry or domain.
    """
    return RegistryClient(
        domain,
        credentials=credentials or credential_file(environment),
        insecure=is_insecure(domain, insecure_registries, _addresses),
        transport=PooledTransport(environment=environment),
        notice=notice,
    )


def _addresses(host: str) -> list[str]:
    """Return a name's addresses, none when it has none."""
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
