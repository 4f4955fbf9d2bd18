"""What a registry has to know of a manifest: its type, and the digests it names.

More lenient than `boxwright.oci.manifest`, on purpose: a registry stores artifacts of every kind byte for byte and must
not judge their media types. It looks at the members that name content, whatever the type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from boxwright.errors import InvalidError
from boxwright.hub.db.metadata import Requirements
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

# More than RFC 6838 allows, but nothing that would not fit into a header or a database.
_MEDIA_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


class InvalidDocument(InvalidError):
    """Bytes that are no manifest that a registry can hold."""

    def __init__(self, why: str) -> None:
        super().__init__(f"invalid manifest: {why}")


class Document(NamedTuple):
    """A manifest as a registry sees it."""

    media_type: str
    artifact_type: str | None
    subject: Digest | None
    annotations: Mapping[str, str]
    requirements: Requirements


def read_document(raw: bytes, content_type: str | None) -> Document:
    """Read a manifest or index that was pushed as `content_type`. Raises InvalidDocument.

    The type inside and the one announced must agree, so that one digest never reads as two things; at least one of
    them must be there. Parameters of the announced one (``; charset=utf-8``) mean nothing.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidDocument("it is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidDocument("it is not an object")
    if value.get("schemaVersion", 2) != 2:
        raise InvalidDocument("only schemaVersion 2 is supported")
    media_type = _media_type(value.get("mediaType"), content_type)
    if "manifests" in value and ("layers" in value or "config" in value):
        raise InvalidDocument("it is both a manifest and an index")
    if media_type in media.INDEXES and not isinstance(value.get("manifests"), list):
        raise InvalidDocument("an index needs manifests")
    if media_type in media.MANIFESTS and "config" not in value:
        raise InvalidDocument("a manifest needs a config")
    config = value.get("config")
    subject = value.get("subject")
    annotations = value.get("annotations")
    if annotations is not None and not _is_string_map(annotations):
        raise InvalidDocument("annotations are not a map of strings")
    artifact_type = value.get("artifactType")
    if artifact_type and not _is_media_type(artifact_type):
        raise InvalidDocument("artifactType is not a media type")
    if not artifact_type and isinstance(config, dict):
        artifact_type = config.get("mediaType")
    return Document(
        media_type,
        artifact_type if _is_media_type(artifact_type) else None,
        None if subject is None else _digest(subject, "subject"),
        annotations or {},
        _requirements(value, config),
    )


def _media_type(inside: object, announced: str | None) -> str:
    outside = (announced or "").partition(";")[0].strip()
    if inside is not None and not _is_media_type(inside):
        raise InvalidDocument("mediaType is not a media type")
    if not outside:
        if inside is None:
            raise InvalidDocument("neither a Content-Type nor a mediaType says what it is")
        return inside
    if not _is_media_type(outside):
        raise InvalidDocument("the Content-Type is not a media type")
    if inside is not None and outside != inside:
        raise InvalidDocument(f"it says {inside}, but was pushed as {outside}")
    return outside


def _is_media_type(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


def _requirements(value: dict[str, Any], config: object) -> Requirements:
    blobs: dict[Digest, None] = {}
    optional: dict[Digest, None] = {}
    if config is not None:
        blobs[_digest(config, "config")] = None
    # "blobs" is what the short-lived artifact manifest of image-spec 1.1-rc called its layers.
    for member in ("layers", "blobs"):
        for position, entry in enumerate(_list(value, member)):
            digest = _digest(entry, f"{member}[{position}]")
            (optional if _is_foreign(entry) else blobs)[digest] = None
    children = {_digest(entry, f"manifests[{at}]"): None for at, entry in enumerate(_list(value, "manifests"))}
    return Requirements(tuple(blobs), tuple(children), tuple(digest for digest in optional if digest not in blobs))


def _list(value: dict[str, Any], member: str) -> list[Any]:
    entries = value.get(member)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise InvalidDocument(f"{member} is not a list")
    return entries


def _digest(descriptor: object, where: str) -> Digest:
    if not isinstance(descriptor, dict):
        raise InvalidDocument(f"{where} is not a descriptor")
    digest, size = descriptor.get("digest"), descriptor.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidDocument(f"{where} has an invalid size")
    try:
        return Digest.parse(digest if isinstance(digest, str) else "")
    except InvalidError as error:
        raise InvalidDocument(f"{where}: {error.message}") from None


def _is_foreign(descriptor: dict[str, Any]) -> bool:
    """Whether a layer may be fetched from elsewhere, or may not be distributed at all."""
    kind = descriptor.get("mediaType")
    return bool(descriptor.get("urls")) or (
        isinstance(kind, str) and (kind == media.DOCKER_LAYER_FOREIGN or ".layer.nondistributable." in kind)
    )


def _is_string_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
