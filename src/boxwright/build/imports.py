"""Caches from elsewhere: their records answer steps by key, and a layer is fetched when something needs its files.

Nothing of them is needed: one that is missing, broken or slow to be reached costs a warning, and its steps are done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from boxwright.build.cachefile import CacheFile, CacheRecord, SharedMount
from boxwright.build.failure import LayersLost
from boxwright.errors import BoxwrightError, CancelledError
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_id
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.host.paths import Path
    from boxwright.image.image import Layer
    from boxwright.store.cache_mounts import CacheKey
    from boxwright.store.leases import Lease
    from boxwright.store.store import Store


class LoadedCache(NamedTuple):
    """A cache that was found; nothing but its document has been read."""

    file: CacheFile
    layers: Mapping[DiffID, Layer]
    """Where the bytes of layers are."""


class CacheSource(Protocol):
    """A cache that somebody named: the port that the engine fills with registries and folders."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def load(self) -> LoadedCache | None:
        """Return the cache, None when there is none there (yet). Raises BoxwrightError."""

    def close(self) -> None:
        """Give up connections; no layer is opened any more. Idempotent."""


class Found(NamedTuple):
    """What an imported record says of a step."""

    chain: ChainID | None
    layer: DiffID | None
    created: int


class Imports:
    """All imported caches of one build; thread-safe. `close` it in any case."""

    def __init__(
        self, store: Store, sources: Iterable[CacheSource], warn: Callable[[str], object], *, rootless: bool = False
    ) -> None:
        """`warn` is called from several threads."""
        self._store = store
        self._sources = list(sources)
        self._warn = warn
        self._rootless = rootless
        self._records: dict[str, CacheRecord] = {}
        self._notes: dict[tuple[str, str], Digest] = {}
        self._layers: dict[DiffID, Layer] = {}
        self._mounts: dict[CacheKey, Layer] = {}
        self._made: dict[ChainID, tuple[ChainID | None, DiffID]] = {}
        self._whole = False  # only what can be fetched answers
        self._fetching = threading.Lock()

    def load(self) -> None:
        """Read the documents of all sources; those that cannot be read are warned of."""
        for source in self._sources:
            try:
                loaded = source.load()
            except CancelledError:
                raise
            except BoxwrightError as error:
                self._warn(f"the cache {source.name} is left out: {error.message}")
                continue
            if loaded is None:
                self._warn(f"there is no cache at {source.name} yet")
            else:
                self._add(loaded)

    def _add(self, loaded: LoadedCache) -> None:
        # What is named first goes first.
        for record in loaded.file.records:
            self._records.setdefault(record.key, record)
        for note in loaded.file.notes:
            self._notes.setdefault((note.selection, note.revision), note.digest)
        for diff_id, layer in loaded.layers.items():
            self._layers.setdefault(diff_id, layer)
        for mount in loaded.file.mounts:
            if mount.diff_id in loaded.layers:
                self._mounts.setdefault(_key(mount), loaded.layers[mount.diff_id])

    # -- answers

    def find(self, key: str, parent: ChainID | None) -> Found | None:
        """Return what a step gives on `parent`, None when no cache knows it or its layer is nowhere to be had."""
        record = self._records.get(key)
        if record is None:
            return None
        if record.layer is None:
            return Found(parent, None, record.created)
        chain = chain_id(parent, record.layer)
        if self._whole and record.layer not in self._layers and chain not in self._store.snapshots:
            return None
        self._made[chain] = (parent, record.layer)
        return Found(chain, record.layer, record.created)

    def content(self, selection: str, revision: str) -> Digest | None:
        """Return what files of layers contain (see `ContentNote`), None when no cache says."""
        return self._notes.get((selection, revision))

    def layer(self, diff_id: DiffID) -> Layer | None:
        """Return where a layer's bytes are, None when no cache has them."""
        return self._layers.get(diff_id)

    # -- files

    def fetch(self, chain: ChainID, lease: Lease, cancelled: threading.Event) -> None:
        """Bring the layers of an answer into the store, verified, held by `lease`. Idempotent.

        Raises LayersLost when they cannot be had; from then on, what cannot be had gives no answer any more.
        """
        with self._fetching:
            if chain in self._store.snapshots:
                return
            from boxwright.store.ingest import ingest_layers

            layers = self._stack(chain)
            try:
                ingest_layers(self._store, lease, layers, rootless=self._rootless, cancelled=cancelled)
            except CancelledError:
                raise
            except BoxwrightError as error:
                for layer in layers:
                    self._layers.pop(layer.diff_id, None)
                raise self._lost(chain, error.message) from error

    def _stack(self, chain: ChainID) -> list[Layer]:
        """Return the layers of an answer, lowest first: those that are here, and those that are to be fetched."""
        from boxwright.store.stored import StoredLayer

        store = self._store
        layers: list[Layer] = []
        current: ChainID | None = chain
        while current is not None and current not in store.snapshots:
            made = self._made.get(current)
            layer = self._layers.get(made[1]) if made is not None else None
            if made is None or layer is None:
                raise self._lost(chain, "it was not exported")
            layers.append(layer)
            current = made[0]
        below = [StoredLayer(store.blobs, store.snapshots, snapshot) for snapshot in store.snapshots.stack(current)]
        return [*below, *reversed(layers)]

    def _lost(self, chain: ChainID, why: str) -> LayersLost:
        self._whole = True
        return LayersLost(chain, why)

    def filler(self, key: CacheKey) -> Callable[[Path], None] | None:
        """Return what fills an empty cache mount with what was exported of it, None when nothing was.

        The function returns having filled the directory whole, or having left it empty, with a warning.
        """
        layer = self._mounts.get(key)
        return None if layer is None else lambda data: self._fill(key, layer, data)

    def _fill(self, key: CacheKey, layer: Layer, data: Path) -> None:
        import os

        from boxwright.host.trees import remove_tree
        from boxwright.layer.apply import apply_layer
        from boxwright.layer.hashing import HashingReader

        os.rmdir(data)
        try:
            with layer.open() as stream:
                hashing = HashingReader(stream)
                apply_layer(hashing, data, rootless=self._rootless)
                hashing.drain()
                hashing.verify(layer.diff_id)
        except CancelledError:
            raise
        except BoxwrightError as error:
            if data.exists():
                remove_tree(data)
            os.mkdir(data)
            self._warn(f"the cache mount {key.id} starts empty: {error.message}")

    def close(self) -> None:
        for source in self._sources:
            source.close()


def _key(mount: SharedMount) -> CacheKey:
    from boxwright.store.cache_mounts import CacheKey

    return CacheKey(mount.id, mount.uid, mount.gid, mount.mode, mount.origin)
