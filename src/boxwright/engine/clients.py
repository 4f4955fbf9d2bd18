"""Clients of registries, as this user's settings have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from boxwright.engine.settings import Settings
from boxwright.oci.reference import Reference
from boxwright.remote.credentials import Keychain
from boxwright.remote.progress import Waiting
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient


def client(
    settings: Settings,
    domain: str,
    insecure: tuple[str, ...] = (),
    credentials: Keychain | None = None,
    notice: Callable[[Waiting], object] | None = None,
    namespace: str = "",
) -> RegistryClient:
    """Return a client of a registry; `insecure` are registries beside the settings' that may speak plain HTTP.

    `credentials` replace the user's own; `namespace` is the registry that this one is a mirror of. Nothing is sent
    yet. Raises InvalidError.
    """
    from boxwright.remote.connect import connect
    from boxwright.remote.hosts import host_settings

    return connect(
        domain,
        settings.environ,
        insecure_registries=(*settings.insecure_registries, *insecure),
        credentials=credentials,
        notice=notice,
        host=host_settings(settings.registries, domain),
        rate=settings.limit_rate,
        connections=settings.connections,
        namespace=namespace,
    )


class Place(NamedTuple):
    """Where an image may be pulled from: its registry, or a mirror of that."""

    reference: Reference
    """What it is called there."""
    client: Callable[[], RegistryClient]
    """Makes a client of it."""
    is_mirror: bool


def places(
    settings: Settings,
    reference: Reference,
    insecure: tuple[str, ...] = (),
    notice: Callable[[Waiting], object] | None = None,
) -> list[Place]:
    """Return where to pull an image from, in the order to try: the mirrors of its registry, then that itself."""
    from boxwright.remote.hosts import host_settings

    found = []
    for mirror in host_settings(settings.registries, reference.domain).mirrors:
        there = reference._replace(domain=mirror.domain, path=mirror.prefix + reference.path)
        trusted = (*insecure, mirror.domain) if mirror.insecure else insecure
        # One server may be a mirror of many; where a path tells of which, nothing else has to.
        namespace = "" if mirror.prefix else reference.domain
        ask = partial(client, settings, mirror.domain, trusted, notice=notice, namespace=namespace)
        found.append(Place(there, ask, True))
    found.append(Place(reference, partial(client, settings, reference.domain, insecure, notice=notice), False))
    return found


@contextmanager
def both_ends(
    settings: Settings,
    source: str,
    target: str,
    insecure: tuple[str, ...] = (),
    notice: Callable[[Waiting], object] | None = None,
) -> Iterator[tuple[RegistryClient, RegistryClient]]:
    """Yield clients of two registries, one and the same where they are; an interruption cancels what they do."""
    with client(settings, source, insecure, notice=notice) as one:
        if source == target:
            with _cancelled_with(one):
                yield one, one
            return
        with client(settings, target, insecure, notice=notice) as other, _cancelled_with(one, other):
            yield one, other


@contextmanager
def _cancelled_with(*clients: RegistryClient) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        for each in clients:
            each.cancel()
        raise
