"""Clients of registries, as this user's settings have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from boxwright.engine.settings import Settings
from boxwright.oci.reference import DEFAULT_DOMAIN, Reference
from boxwright.remote.credentials import Keychain
from boxwright.remote.progress import Notice
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient
    from boxwright.remote.hosts import Mirror
    from boxwright.remote.registries_file import Rule


def client(
    settings: Settings,
    place: Reference | str,
    insecure: tuple[str, ...] = (),
    credentials: Keychain | None = None,
    notice: Callable[[Notice], object] | None = None,
    namespace: str = "",
    purpose: str = "pull",
) -> RegistryClient:
    """Return a client of a registry, given by its domain or by a name in it.

    `insecure` are registries beside the settings' that may speak plain HTTP; `credentials` replace the user's own;
    `namespace` is the registry that this one is a mirror of; `purpose` is what is done, for messages. What docker and
    podman were told counts where our own configuration has no table for the registry. Nothing is sent yet. Raises
    InvalidError, BlockedRegistry.
    """
    from boxwright.remote.connect import connect
    from boxwright.remote.daemon_file import daemon_file
    from boxwright.remote.hosts import HostSettings, host_settings

    domain = place if isinstance(place, str) else place.domain
    host = host_settings(settings.registries, domain)
    if host is None:
        rule = _rule(settings, place)
        host = HostSettings(insecure=rule is not None and rule.insecure)
        insecure = (*insecure, *daemon_file(settings.environ).insecure_registries)
    return connect(
        domain,
        settings.environ,
        insecure_registries=(*settings.insecure_registries, *insecure),
        credentials=credentials,
        notice=notice,
        host=host,
        rate=settings.limit_rate,
        connections=settings.connections,
        namespace=namespace,
        purpose=purpose,
    )


def refuse_blocked(settings: Settings, place: Reference) -> None:
    """Raise BlockedRegistry for a name that podman was told to leave alone, unless our own configuration knows it."""
    from boxwright.remote.hosts import host_settings

    if host_settings(settings.registries, place.domain) is None:
        _rule(settings, place)


def _rule(settings: Settings, place: Reference | str) -> Rule | None:
    """Return what podman was told of a registry, or of a name in it. Raises BlockedRegistry."""
    from boxwright.remote.registries_file import BlockedRegistry, registries_file

    name = place if isinstance(place, str) else place.repository
    rule = registries_file(settings.environ).find(name)
    if rule is not None and rule.blocked:
        raise BlockedRegistry(name, rule)
    return rule


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
    notice: Callable[[Notice], object] | None = None,
) -> list[Place]:
    """Return where to pull an image from, in the order to try: the mirrors of its registry, then that itself.

    The mirrors are those of our own configuration, where that has a table for the registry; else docker's for
    docker.io, then podman's. Raises InvalidError, BlockedRegistry.
    """
    from boxwright.remote.daemon_file import daemon_file
    from boxwright.remote.hosts import host_settings

    def place(there: Reference, trusted: bool, *, namespace: str = "", is_mirror: bool = True) -> Place:
        leave = (*insecure, there.domain) if trusted else insecure
        return Place(there, partial(client, settings, there, leave, notice=notice, namespace=namespace), is_mirror)

    host = host_settings(settings.registries, reference.domain)
    rule = None
    mirrors: tuple[Mirror, ...] = ()
    if host is not None:
        mirrors = host.mirrors
    else:
        rule = _rule(settings, reference)
        if reference.domain == DEFAULT_DOMAIN:
            mirrors = daemon_file(settings.environ).mirrors
    found = []
    for mirror in mirrors:
        there = reference._replace(domain=mirror.domain, path=mirror.prefix + reference.path)
        # One server may be a mirror of many; where a path tells of which, nothing else has to.
        found.append(place(there, mirror.insecure, namespace="" if mirror.prefix else reference.domain))
    if rule is None:
        return [*found, place(reference, False, is_mirror=False)]
    for each in rule.mirrors:
        if each.serves(reference):
            found.append(place(rule.moved(reference, each.location), each.insecure))
    itself = rule.moved(reference, rule.location) if rule.location else reference
    return [*found, place(itself, rule.insecure, is_mirror=False)]


@contextmanager
def both_ends(
    settings: Settings,
    source: Reference,
    target: Reference,
    insecure: tuple[str, ...] = (),
    notice: Callable[[Notice], object] | None = None,
) -> Iterator[tuple[RegistryClient, RegistryClient]]:
    """Yield clients of two registries, one and the same where they are; an interruption cancels what they do."""
    with client(settings, source, insecure, notice=notice, purpose="copy") as one:
        if source.domain == target.domain:
            with _cancelled_with(one):
                yield one, one
            return
        with client(settings, target, insecure, notice=notice, purpose="copy") as other, _cancelled_with(one, other):
            yield one, other


@contextmanager
def _cancelled_with(*clients: RegistryClient) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        for each in clients:
            each.cancel()
        raise
