"""What refers to an image in a registry, attached to the image here: bills of materials, provenance, bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.oci.manifest import Manifest
from boxwright.oci.reference import Reference
from boxwright.store import attachments
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient

MAX_ATTACHED_BYTES = 64 << 20
"""Content that is larger stays in the registry."""


def bring_referrers(store: Store, client: RegistryClient, path: str, image: ImageRecord) -> int:
    """Attach what refers to an image's manifest in a repository, and return how much that is. Idempotent.

    What can be attached, and pushed again as it was, is content in one piece: an artifact of one layer that says
    nothing of that layer. cosign's simple signatures do, and so stay where they are; `copy` takes everything. Raises
    RegistryFailure, ConnectionFailed, CorruptError.
    """
    from boxwright.remote import referrers
    from boxwright.remote.failure import NotInRegistry

    if image.manifest is None:
        return 0
    count = 0
    for entry in referrers.listed(client, path, image.manifest.digest):
        try:
            artifact = client.fetch(Reference(client.domain, path, None, entry.digest), entry)
        except NotInRegistry:
            continue  # deleted since it was listed
        if not isinstance(artifact, Manifest) or len(artifact.layers) != 1:
            continue
        (content,) = artifact.layers
        if content.annotations or content.size > MAX_ATTACHED_BYTES or not artifact.artifact_type:
            continue
        with client.open_blob(path, content) as blob:
            data = blob.read_all()
        attachments.attach(
            store, image.id, artifact.artifact_type, content.media_type, data, dict(artifact.annotations)
        )
        count += 1
    return count
