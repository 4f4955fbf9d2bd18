"""Clients of registries, as this user's settings have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boxwright.engine.settings import Settings
from boxwright.remote.credentials import Keychain
from boxwright.remote.progress import Waiting

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient


def client(
    settings: Settings,
    domain: str,
    insecure: tuple[str, ...] = (),
    credentials: Keychain | None = None,
    notice: Callable[[Waiting], object] | None = None,
) -> RegistryClient:
    """Return a client of a registry; `insecure` are registries beside the settings' that may speak plain HTTP.

    `credentials` replace the user's own. Nothing is sent yet. Raises InvalidError.
    """
    from boxwright.remote.connect import connect

    return connect(
        domain,
        settings.environ,
        insecure_registries=(*settings.insecure_registries, *insecure),
        credentials=credentials,
        notice=notice,
    )


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
