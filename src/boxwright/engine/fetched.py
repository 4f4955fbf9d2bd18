"""What builds that run at once have fetched as contexts: each repository and each file once, for all of them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack

from boxwright.build.context import Material
from boxwright.host.paths import Path
from boxwright.store.store import Store
from boxwright.values import NamedTuple


class Arrival(NamedTuple):
    """Something that was fetched: a directory or a file, only to be read."""

    path: Path
    material: Material


class Fetched:
    """Directories and files, kept until the end of the block. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stack = ExitStack()
        self._mutex = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._found: dict[str, Arrival | None] = {}

    def __enter__(self) -> Fetched:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def get(self, name: str, fetch: Callable[[Path], Arrival | None]) -> Arrival | None:
        """Return what `fetch` returned for this name, which is called once, with an empty directory of its own.

        Whoever asks meanwhile waits; where it raises, the next one tries anew. What is there is only read.
        """
        with self._mutex:
            lock = self._locks[name]
        with lock:
            if name not in self._found:
                with ExitStack() as stack:
                    found = fetch(stack.enter_context(self._store.scratch()))
                    kept = stack.pop_all()
                with self._mutex:
                    self._stack.push(kept)
                    self._found[name] = found
            return self._found[name]
