"""Descriptors, manifests and indexes (image-spec descriptor.md, manifest.md, image-index.md; Docker schema 2).

The raw bytes stay beside the parsed form: what has a digest is never written again from its fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.errors import CorruptError, InvalidError
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

MAX_MANIFEST_BYTES = 4 << 20
"""What registries accept at most (distribution-spec "Pushing Manifests")."""


class MalformedManifest(CorruptError):
    """Bytes that are no manifest, index or descriptor."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed manifest: {why}")


class Descriptor(NamedTuple):
    """What names a blob: its type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = {}
    artifact_type: str | None = None
    urls: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: object) -> Descriptor:
        """Raises MalformedManifest."""
        if not isinstance(value, dict):
            raise MalformedManifest("a descriptor is not an object")
        size, media_type = value.get("size"), value.get("mediaType", "")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not isinstance(media_type, str):
            raise MalformedManifest("a descriptor's size or mediaType is missing or wrong")
        try:
            digest = Digest.parse(str(value.get("digest", "")))
        except InvalidError as error:
            raise MalformedManifest(error.message) from None
        platform = value.get("platform")
        annotations = value.get("annotations") or {}
        urls = value.get("urls") or ()
        if not isinstance(annotations, dict) or not isinstance(urls, (list, tuple)):
            raise MalformedManifest("a descriptor's annotations or urls are wrong")
        return cls(
            media_type,
            digest,
            size,
            Platform.from_json(platform) if isinstance(platform, dict) else None,
            annotations,
            value.get("artifactType"),
            tuple(urls),
        )

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.platform:
            value["platform"] = self.platform.to_json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.urls:
            value["urls"] = list(self.urls)
        return value


class Manifest(NamedTuple):
    """An image manifest (or an artifact in its form)."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    subject: Descriptor | None
    artifact_type: str | None
    raw: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.raw))

    @classmethod
    def build(
        cls,
        config: Descriptor,
        layers: Sequence[Descriptor],
        *,
        media_type: str = media.OCI_MANIFEST,
        annotations: Mapping[str, str] | None = None,
        artifact_type: str | None = None,
    ) -> Manifest:
        """Return the manifest of these parts, its bytes being a pure function of them."""
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type,
            **({"artifactType": artifact_type} if artifact_type else {}),
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        if annotations:
            value["annotations"] = dict(sorted(annotations.items()))
        raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(media_type, config, tuple(layers), annotations or {}, None, artifact_type, raw)


class Index(NamedTuple):
    """An image index or a Docker manifest list."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    raw: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.raw))

    @classmethod
    def build(
        cls,
        manifests: Sequence[Descriptor],
        *,
        media_type: str = media.OCI_INDEX,
        annotations: Mapping[str, str] | None = None,
    ) -> Index:
        """Return the index of these manifests, its bytes being a pure function of them."""
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [entry.to_json() for entry in manifests],
        }
        if annotations:
            value["annotations"] = dict(sorted(annotations.items()))
        raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(media_type, tuple(manifests), annotations or {}, raw)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms that there are images for, in the index's order; attestations are none."""
        there = (entry.platform for entry in self.manifests if entry.platform and entry.platform.os != "unknown")
        return tuple(dict.fromkeys(there))

    def select(self, platform: Platform) -> Descriptor | None:
        """Return the best entry for `platform`: the same variant, else one that states none; never an attestation."""
        found = None
        for entry in self.manifests:
            if entry.platform is None or entry.platform.os == "unknown":
                continue
            if entry.platform == platform:
                return entry
            same = (entry.platform.os, entry.platform.architecture) == (platform.os, platform.architecture)
            if same and found is None and (not entry.platform.variant or not platform.variant):
                found = entry
        return found


def parse_manifest(raw: bytes, media_type: str | None = None) -> Manifest | Index:
    """Parse bytes that a registry, layout or archive gave.

    `media_type` is what the outside said of them (Content-Type, a descriptor): it must agree with the ``mediaType``
    inside, where there is one, so that one digest never reads as two things. Raises MalformedManifest.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise MalformedManifest(f"it is larger than {MAX_MANIFEST_BYTES >> 20} MiB")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedManifest("it is not JSON") from None
    if not isinstance(value, dict) or value.get("schemaVersion") != 2:
        raise MalformedManifest("schemaVersion 2 is missing (schema 1 images are not supported)")
    inside = value.get("mediaType")
    outside = (media_type or "").partition(";")[0].strip() or None
    known = (*media.MANIFESTS, *media.INDEXES)
    if inside and outside in known and inside != outside:
        raise MalformedManifest(f"it says {inside}, but {outside} was announced")
    kind = inside or (outside if outside in known else None)
    if kind is None:
        kind = media.OCI_INDEX if "manifests" in value else media.OCI_MANIFEST
    if "layers" in value and "manifests" in value:
        raise MalformedManifest("it has both layers and manifests")
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise MalformedManifest("annotations are not an object")
    if kind in media.INDEXES:
        entries = value.get("manifests")
        if not isinstance(entries, list):
            raise MalformedManifest("manifests are missing")
        return Index(kind, tuple(Descriptor.from_json(entry) for entry in entries), annotations, raw)
    if kind not in media.MANIFESTS:
        raise MalformedManifest(f"unknown type {kind!r}")
    layers = value.get("layers") or []
    if not isinstance(layers, list):
        raise MalformedManifest("layers are not a list")
    subject = value.get("subject")
    return Manifest(
        kind,
        Descriptor.from_json(value.get("config")),
        tuple(Descriptor.from_json(layer) for layer in layers),
        annotations,
        Descriptor.from_json(subject) if subject else None,
        value.get("artifactType"),
        raw,
    )
