"""Content for a metadata store that needs no bytes: manifests that are nothing but a text."""

from __future__ import annotations

from boxwright.hub.db.metadata import Manifest, MetadataStore, Requirements
from boxwright.oci.digest import Digest

REPO = "ada/tools"


def d(text: str) -> Digest:
    return Digest.of(text.encode())


def push(
    store: MetadataStore,
    content: str,
    *names: str,
    repo: str = REPO,
    needs: Requirements | None = None,
    subject: Digest | None = None,
) -> None:
    """Store a manifest and give it names."""
    one = Manifest(d(content), "application/x", content.encode(), subject=subject)
    store.put_manifest(repo, one, needs or Requirements(), names, sparse=False)
