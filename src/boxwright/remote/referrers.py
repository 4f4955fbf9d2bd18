"""Artifacts that refer to an image (distribution-spec "Pushing Manifests with Subject", "Referrers Tag Schema")."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, parse_manifest
from boxwright.oci.reference import Reference
from boxwright.remote.challenge import Scope
from boxwright.remote.failure import nonsense
from boxwright.remote.headers import next_link
from boxwright.remote.upload import BytesSource

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient
    from boxwright.store.attachments import Attachment

_EMPTY = b"{}"
_FALLBACK = re.compile(r"sha(?:256|512)-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?")
_MAX_PAGES = 1_000
_MAX_LISTED = 10_000
# How registries without the API answer: distribution's 404, and what proxies and older registries make of the path.
_UNKNOWN = (400, 404, 405, 501)


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
    described = manifest.descriptor._replace(artifact_type=attachment.artifact_type, annotations=attachment.annotations)
    put_manifest(client, path, subject.digest, manifest, described)
    return described


def put_manifest(
    client: RegistryClient, path: str, subject: Digest, manifest: Manifest | Index, described: Descriptor
) -> None:
    """Store the manifest of an artifact, whose blobs are there, and have it listed as referring to `subject`.

    `described` is how it is listed where the registry doesn't do that by itself. Idempotent.
    """
    if not client.put_artifact(path, manifest):
        _list_under_tag(client, path, subject, described)


def listed(client: RegistryClient, path: str, subject: Digest) -> list[Descriptor]:
    """Return what refers to a digest in a repository, each once, in the registry's order; nothing of one not there.

    Asks the referrers API, and where there is none, the tag that stands in for it (distribution-spec "Listing
    Referrers"). Descriptors are the registry's word: what they name may be gone. Raises RegistryFailure,
    ConnectionFailed, CorruptError.
    """
    what = f"list what refers to {subject} in {client.domain}/{path}"
    url: str | None = f"/v2/{path}/referrers/{subject}"
    found: dict[Digest, Descriptor] = {}
    for _ in range(_MAX_PAGES):
        if url is None:
            return list(found.values())
        response, body = client.session.document(
            url,
            MAX_MANIFEST_BYTES,
            what=what,
            scopes=(Scope.repository(path, "pull"),),
            ok=(200, *_UNKNOWN),
            headers={"Accept": media.OCI_INDEX},
        )
        if response.status in _UNKNOWN:
            return _under_tag(client, path, subject)
        page = parse_manifest(body, media.OCI_INDEX)
        if not isinstance(page, Index):
            raise nonsense(client.domain, what, response.status, "its answer is no index")
        for entry in page.manifests:
            found.setdefault(entry.digest, entry)
        if len(found) > _MAX_LISTED:
            raise nonsense(client.domain, what, response.status, f"it lists more than {_MAX_LISTED}")
        url = next_link(response.header_values("Link"), response.url)
    raise nonsense(client.domain, what, 200, "the list has no end")


def fallback_tag(digest: Digest) -> str:
    """Return the tag under which a registry without the referrers API lists what refers to a digest."""
    return f"{digest.algorithm[:32]}-{digest.hex[:64]}"


def is_fallback_tag(tag: str) -> bool:
    """Return whether a tag stands for what refers to a digest: the specification's, or one of cosign's."""
    return _FALLBACK.fullmatch(tag) is not None


def _under_tag(client: RegistryClient, path: str, subject: Digest) -> list[Descriptor]:
    reference = Reference(client.domain, path, fallback_tag(subject), None)
    if client.resolve(reference) is None:
        return []
    found = client.fetch(reference)
    return list({entry.digest: entry for entry in found.manifests}.values()) if isinstance(found, Index) else []


def _list_under_tag(client: RegistryClient, path: str, subject: Digest, added: Descriptor) -> None:
    known = _under_tag(client, path, subject)
    if all(entry.digest != added.digest for entry in known):
        client.put_manifest(path, fallback_tag(subject), Index.build([*known, added]))
