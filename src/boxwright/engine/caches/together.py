"""One cache of several builds, for a platform each."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from boxwright.build.cachefile import CacheFile
from boxwright.build.exports import CacheTarget, Mode
from boxwright.image.image import Layer
from boxwright.oci.digest import DiffID


class Together:
    """Gathers what each build gives, and writes all of it to a target at the last one. Thread-safe."""

    def __init__(self, target: CacheTarget, builds: int) -> None:
        self._target = target
        self._left = builds
        self._file = CacheFile()
        self._layers: dict[DiffID, Layer] = {}
        self._mounts: set[str] = set()
        self._lock = threading.Lock()
        self.name = target.name
        self.mode: Mode = target.mode
        self.mounts = target.mounts
        self.ignore_error = target.ignore_error

    def write(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        with self._lock:
            self._gather(file, layers, mounts)

    def _gather(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        records = {record.key: record for record in (*self._file.records, *file.records)}
        notes = {note[:2]: note for note in (*self._file.notes, *file.notes)}
        self._file = CacheFile(
            tuple(record for _, record in sorted(records.items())), tuple(note for _, note in sorted(notes.items()))
        )
        self._layers.update({layer.diff_id: layer for layer in layers})
        self._mounts.update(mounts)
        self._left -= 1
        if not self._left:
            # In an order that doesn't depend on which build ended first.
            gathered = dict(sorted(self._layers.items()))
            whole = self._file._replace(layers=tuple(gathered))
            self._target.write(whole, list(gathered.values()), sorted(self._mounts))
