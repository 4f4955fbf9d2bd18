"""What a build leaves for others: the records of its steps, and which layers go with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from boxwright.build import keys
from boxwright.build.cachefile import CacheFile, CacheRecord, ContentNote
from boxwright.oci.digest import DiffID
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.caching import Answer
    from boxwright.build.imports import Imports
    from boxwright.image.image import Layer
    from boxwright.store.store import Store

Mode: TypeAlias = Literal["min", "max"]


class CacheTarget(Protocol):
    """Where a cache is to be kept: the port that the engine fills with registries and folders."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def mode(self) -> Mode:
        """``max``: with the layers of all stages; ``min``: with those of the target alone."""

    @property
    def mounts(self) -> Sequence[str] | None:
        """The IDs of the cache mounts that go along; None for all that the build has."""

    @property
    def ignore_error(self) -> bool:
        """Whether a failure is a warning."""

    def write(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        """Keep a cache in place of what was there: `layers` are those that the file names; `mounts` are IDs.

        What was there stays until the new one is whole. Raises BoxwrightError.
        """


class Exported(NamedTuple):
    """What one build has to give."""

    answers: tuple[tuple[Answer, ...], ...]
    """Of the steps, by stage."""
    notes: tuple[ContentNote, ...]
    own: frozenset[DiffID]
    """The target's own layers."""
    mounts: tuple[str, ...]
    """The IDs of all cache mounts of its steps."""


def cache_file(exported: Exported, mode: Mode) -> CacheFile:
    """Return the document: all records in either mode, since they cost nothing and one may lead to the target's.

    The layers are those that the steps made: what a base image brings comes with it.
    """
    records: dict[str, CacheRecord] = {}
    layers: dict[DiffID, None] = {}
    for answer in (answer for stage in exported.answers for answer in stage):
        document = {**answer.document, "v": keys.VERSION}
        records[answer.key] = CacheRecord(document, answer.diff_id, answer.created)
        if answer.diff_id is not None and (mode == "max" or answer.diff_id in exported.own):
            layers[answer.diff_id] = None
    return CacheFile(tuple(record for _, record in sorted(records.items())), exported.notes, tuple(layers))


def layers_of(file: CacheFile, store: Store, imports: Imports | None) -> tuple[CacheFile, list[Layer]]:
    """Return where the layers of a document are, and the document without those that are nowhere.

    A layer that was never needed here is handed on from the cache that it is in.
    """
    found: list[Layer] = []
    for diff_id in file.layers:
        layer = _stored(diff_id, store) or (imports.layer(diff_id) if imports is not None else None)
        if layer is not None:
            found.append(layer)
    return file._replace(layers=tuple(layer.diff_id for layer in found)), found


def _stored(diff_id: DiffID, store: Store) -> Layer | None:
    from boxwright.store.stored import StoredLayer

    for snapshot in store.snapshots.with_diff_id(diff_id):
        return StoredLayer(store.blobs, store.snapshots, snapshot)
    return None
