"""Artifacts that refer to an image (distribution-spec "Pushing Manifests with Subject", "Referrers Tag Schema")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest, parse_manifest
from boxwright.oci.reference import Reference
from boxwright.remote.upload import BytesSource

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient
    from boxwright.store.attachments import Attachment

_EMPTY = b"{}"


def artifact(subject: Descriptor, attachment: Attachment) -> Manifest:
    """Return the manifest of an artifact that refers to `subject`: a pure function of both."""
    config = Descriptor(media.OCI_EMPTY, Digest.of(_EMPTY), len(_EMPTY))
    value = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": attachment.artifact_type,
        "config": config.to_json(),
        "layers": [attachment.content.to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    if attachment.annotations:
        value["annotations"] = dict(sorted(attachment.annotations.items()))
    raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    parsed = parse_manifest(raw)
    assert isinstance(parsed, Manifest)
    return parsed


def put(client: RegistryClient, path: str, subject: Descriptor, attachment: Attachment, data: bytes) -> Descriptor:
    """Bring an artifact that refers to `subject` into a repository. Idempotent.

    A registry that doesn't know referrers gets them listed under the tag that the specification names for it; two
    pushes to such a registry at the same time may overlook each other. Raises RegistryFailure, ConnectionFailed.
    """
    for content in (_EMPTY, data):
        digest = Digest.of(content)
        if client.stat_blob(path, digest) is None:
            client.upload(path).send(BytesSource(content, digest))
    manifest = artifact(subject, attachment)
    understood = client.put_artifact(path, manifest)
    described = manifest.descriptor._replace(artifact_type=attachment.artifact_type, annotations=attachment.annotations)
    if not understood:
        _list_under_tag(client, path, subject.digest, described)
    return described


def fallback_tag(digest: Digest) -> str:
    """Return the tag under which a registry without the referrers API lists what refers to a digest."""
    return f"{digest.algorithm[:32]}-{digest.hex[:64]}"


def _list_under_tag(client: RegistryClient, path: str, subject: Digest, added: Descriptor) -> None:
    tag = fallback_tag(subject)
    reference = Reference(client.domain, path, tag, None)
    known: tuple[Descriptor, ...] = ()
    if client.resolve(reference) is not None:
        found = client.fetch(reference)
        known = found.manifests if isinstance(found, Index) else ()
    if all(entry.digest != added.digest for entry in known):
        client.put_manifest(path, tag, Index.build([*known, added]))
