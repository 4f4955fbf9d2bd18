"""The cache of a build as a document that travels: what its steps gave, and what is needed to believe and use it.

A record is a step's document, whose digest is its key, so nothing has to be said of the key itself: a record can only
ever answer the step that it describes. The layer below a step is in the document, the layer that it made is named by
its DiffID, and the bytes of that layer are verified against it when they are fetched. What nobody can verify is that
the step really gives that layer: a cache is as good as whoever may write it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from boxwright.build.keys import canonical, document_key
from boxwright.errors import CorruptError, InvalidError
from boxwright.oci.digest import DiffID, Digest
from boxwright.values import NamedTuple

ARTIFACT_TYPE = "application/vnd.boxwright.cache.v1"
CONFIG_TYPE = "application/vnd.boxwright.cache.config.v1+json"
INLINE_FIELD = "io.boxwright.cache"
"""Where an image's configuration holds the cache of its own layers."""
MOUNT_ANNOTATION = "io.boxwright.cache.mount"
"""On the layer of a cache mount: its ID."""
MAX_BYTES = 32 << 20
"""Of a document: about 30,000 steps."""
VERSION = 1
_MAX_ITEMS = 200_000
_LATEST = 1 << 40
"""Seconds since the epoch, beyond which no time is believed."""


class MalformedCache(CorruptError):
    """Bytes that are no cache of ours."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed build cache: {why}")


class CacheRecord(NamedTuple):
    """What one step gave."""

    document: Mapping[str, Any]
    """With its version."""
    layer: DiffID | None
    """The layer that it made; None when it made none."""
    created: int
    """Seconds since the epoch: it goes into the image, which is to be the same one."""

    @property
    def key(self) -> str:
        return document_key(self.document).key


class ContentNote(NamedTuple):
    """What files of a stack of layers contain: with it, a copy of them is answered without fetching the layers."""

    selection: str
    """Names which files of which layers: see `copying.CopyWork`."""
    revision: str
    digest: Digest


class SharedMount(NamedTuple):
    """A cache mount whose files travel, too."""

    id: str
    uid: int
    gid: int
    mode: int
    origin: str
    diff_id: DiffID


class CacheFile(NamedTuple):
    records: tuple[CacheRecord, ...] = ()
    notes: tuple[ContentNote, ...] = ()
    layers: tuple[DiffID, ...] = ()
    """Those whose bytes are with the document, in the order of the manifest's layers; an image's own are not named."""
    mounts: tuple[SharedMount, ...] = ()
    """Their layers follow in the manifest."""

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"v": VERSION, "records": [_record(record) for record in self.records]}
        if self.notes:
            value["contents"] = [list(note) for note in self.notes]
        if self.layers:
            value["layers"] = list(self.layers)
        if self.mounts:
            value["mounts"] = [mount._asdict() for mount in self.mounts]
        return value

    def to_bytes(self) -> bytes:
        """Return the canonical JSON: the same cache is the same bytes."""
        return canonical(self.to_json()).encode()


def parse(raw: bytes) -> CacheFile:
    """Raises MalformedCache."""
    if len(raw) > MAX_BYTES:
        raise MalformedCache(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedCache("it is not JSON") from None
    return from_json(value)


def from_json(value: object) -> CacheFile:
    """Raises MalformedCache."""
    if not isinstance(value, dict):
        raise MalformedCache("it is not an object")
    if value.get("v") != VERSION:
        raise MalformedCache(f"its version is {value.get('v')!r}, and {VERSION} is known")
    try:
        return CacheFile(
            tuple(_parsed_record(item) for item in _items(value, "records")),
            tuple(
                ContentNote(_text(selection), _text(revision), Digest.parse(_text(digest)))
                for selection, revision, digest in _items(value, "contents")
            ),
            tuple(DiffID(Digest.parse(_text(item))) for item in _items(value, "layers")),
            tuple(_parsed_mount(item) for item in _items(value, "mounts")),
        )
    except (InvalidError, TypeError, ValueError, KeyError) as error:
        raise MalformedCache(str(error) or type(error).__name__) from None


def _record(record: CacheRecord) -> dict[str, Any]:
    value: dict[str, Any] = {"document": dict(record.document), "created": record.created}
    if record.layer is not None:
        value["layer"] = record.layer
    return value


def _parsed_record(item: Any) -> CacheRecord:
    document, layer = item["document"], item.get("layer")
    if not isinstance(document, dict):
        raise MalformedCache("a record has no document")
    return CacheRecord(
        document,
        DiffID(Digest.parse(_text(layer))) if layer is not None else None,
        _number(item["created"], _LATEST),
    )


def _parsed_mount(item: Any) -> SharedMount:
    return SharedMount(
        _text(item["id"]),
        _number(item["uid"], 1 << 32),
        _number(item["gid"], 1 << 32),
        _number(item["mode"], 0o10000),
        _text(item["origin"]),
        DiffID(Digest.parse(_text(item["diff_id"]))),
    )


def _items(value: Mapping[str, Any], name: str) -> list[Any]:
    items = value.get(name, [])
    if not isinstance(items, list) or len(items) > _MAX_ITEMS:
        raise MalformedCache(f"{name} is no list, or too long")
    return items


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedCache(f"{value!r:.80} is not a string")
    return value


def _number(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise MalformedCache(f"{value!r:.80} is not a number that makes sense")
    return value
