"""What the storage knows of a repository: an OCI image index of its manifests and tags, under a key of its own.

    manifests/sha256-<hex>        a manifest, byte for byte, for all repositories that have it
    repositories/<hex>            which manifests and tags a repository has; <hex> is the SHA-256 of its name

Each entry of the index is a manifest, with a tag as ``org.opencontainers.image.ref.name`` if it has one; a manifest
with several tags has several entries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from boxwright.errors import CorruptError, InvalidError
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

MANIFESTS = "manifests/"
REPOSITORIES = "repositories/"

_TAG = "org.opencontainers.image.ref.name"
_NAME = "boxwright.repository"
_TIME = "boxwright.time"


class RecordBroken(CorruptError):
    """A record is not one."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the record {key} cannot be read")
        self.key = key


class Entry(NamedTuple):
    """A manifest of a repository, and perhaps a tag of it."""

    digest: Digest
    media_type: str
    size: int
    time: float
    """When the tag was moved, or else the manifest pushed."""
    tag: str = ""


class Record(NamedTuple):
    """A repository."""

    name: str
    entries: tuple[Entry, ...]

    def to_bytes(self) -> bytes:
        """Return the index."""
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": media.OCI_INDEX,
                "manifests": [_descriptor(one) for one in self.entries],
                "annotations": {_NAME: self.name},
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def read(cls, key: str, raw: bytes) -> Record:
        """Raises RecordBroken."""
        try:
            value = json.loads(raw)
            name = value["annotations"][_NAME]
            if not isinstance(name, str) or repository_key(name) != key:
                raise RecordBroken(key)
            return cls(name, tuple(_entry(one) for one in value["manifests"]))
        except (ValueError, KeyError, TypeError, InvalidError):
            raise RecordBroken(key) from None


def repository_key(name: str) -> str:
    return REPOSITORIES + hashlib.sha256(name.encode()).hexdigest()


def manifest_key(digest: str) -> str:
    return MANIFESTS + digest.replace(":", "-")


def manifest_digests(keys: Iterable[str]) -> set[str]:
    """Return the digests that keys of manifests are about."""
    return {key.removeprefix(MANIFESTS).replace("-", ":", 1) for key in keys}


def _descriptor(entry: Entry) -> dict[str, object]:
    annotations = {_TIME: repr(entry.time)} | ({_TAG: entry.tag} if entry.tag else {})
    return {
        "mediaType": entry.media_type,
        "digest": entry.digest,
        "size": entry.size,
        "annotations": annotations,
    }


def _entry(value: dict[str, object]) -> Entry:
    annotations, size = value["annotations"], value["size"]
    if not isinstance(annotations, dict) or not isinstance(size, int):
        raise ValueError("no descriptor")
    return Entry(
        Digest.parse(str(value["digest"])),
        str(value["mediaType"]),
        size,
        float(annotations[_TIME]),
        str(annotations.get(_TAG, "")),
    )
