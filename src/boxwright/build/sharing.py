"""The caches around one build: those that it takes from, and those that it leaves."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from boxwright.build.cachefile import INLINE_FIELD
from boxwright.build.exports import Exported, cache_file, layers_of
from boxwright.build.imports import Imports
from boxwright.build.progress import Event, Sink, Warned
from boxwright.errors import BoxwrightError, CancelledError
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.request import BuildRequest


def one_at_a_time(sink: Sink) -> Sink:
    """Return a sink that may be called by several threads at once: warnings about caches come from any."""
    telling = threading.Lock()

    def tell(event: Event) -> None:
        with telling:
            sink(event)

    return tell


@contextmanager
def imported(request: BuildRequest, store: Store, sink: Sink) -> Iterator[Imports]:
    """Yield the caches that a build takes from, loaded."""
    imports = Imports(store, request.cache_from, lambda text: sink(Warned(text)), rootless=os.geteuid() != 0)
    try:
        imports.load()
        yield imports
    finally:
        imports.close()


def inline_field(exported: Exported) -> dict[str, Any]:
    """Return the field of an image's configuration that holds the cache of its own layers."""
    # The image has the layers, and names them itself.
    return {INLINE_FIELD: cache_file(exported, "min")._replace(layers=()).to_json()}


def export(request: BuildRequest, exported: Exported, store: Store, imports: Imports | None, sink: Sink) -> None:
    """Write the cache of a build to where it is wanted.

    Raises what a target raises, unless that one's failures are to be ignored: then it is warned of.
    """
    for target in request.cache_to:
        file, layers = layers_of(cache_file(exported, target.mode), store, imports)
        mounts = [id for id in exported.mounts if target.mounts is None or id in target.mounts]
        try:
            target.write(file, layers, mounts)
        except BoxwrightError as error:
            if isinstance(error, CancelledError) or not target.ignore_error:
                raise
            sink(Warned(f"the cache was not exported to {target.name}: {error.message}"))
