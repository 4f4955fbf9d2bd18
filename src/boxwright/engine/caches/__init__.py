"""Where caches of builds come from and go to: registries, folders and images behind the ports of the builder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from boxwright.engine.caches.options import parse_from, parse_to
from boxwright.engine.settings import Settings
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.exports import CacheTarget
    from boxwright.build.imports import CacheSource
    from boxwright.engine.caches.options import From, To


def sources(
    store: Store, settings: Settings, texts: Iterable[str], insecure: tuple[str, ...]
) -> tuple[CacheSource, ...]:
    """Return the caches of ``--cache-from``. Raises InvalidCache, UnsupportedError, InvalidReference."""
    return tuple(_source(store, settings, parse_from(text), insecure) for text in texts)


def _source(store: Store, settings: Settings, wanted: From, insecure: tuple[str, ...]) -> CacheSource:
    if wanted.kind == "local":
        from boxwright.engine.caches.folders import FolderSource

        return FolderSource(wanted)
    from boxwright.engine.caches.registries import ImageSource, RegistrySource

    remote = RegistrySource(settings, wanted, insecure)
    return ImageSource(store, remote, wanted) if wanted.kind == "image" else remote


def targets(
    store: Store, settings: Settings, texts: Iterable[str], insecure: tuple[str, ...], *, builds: int = 1
) -> tuple[tuple[CacheTarget, ...], bool]:
    """Return the places of ``--cache-to``, and whether the image is one of them. Raises as `sources`.

    With several `builds`, for a platform each, a place gets the caches of all of them at once, after the last one.
    """
    wanted = [parse_to(text) for text in texts]
    places = tuple(_target(store, settings, each, insecure) for each in wanted if each.kind != "inline")
    inline = len(places) < len(wanted)
    if builds > 1 and places:
        from boxwright.engine.caches.together import Together

        places = tuple(Together(place, builds) for place in places)
    return places, inline


def _target(store: Store, settings: Settings, wanted: To, insecure: tuple[str, ...]) -> CacheTarget:
    if wanted.kind == "local":
        from boxwright.engine.caches.folders import FolderTarget

        return FolderTarget(store, wanted)
    from boxwright.engine.caches.registries import RegistryTarget

    return RegistryTarget(store, settings, wanted, insecure)
