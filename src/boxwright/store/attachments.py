"""What is attached to an image and goes where it goes: signatures, bills of materials, statements of provenance.

An attachment is a blob of the store and a row; the artifact that refers to the image's manifest is made when the image
is pushed, for until then there may be no manifest to refer to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from boxwright.host import faults
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.store.images import ImageNotFound
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store


class Attachment(NamedTuple):
    artifact_type: str
    """What it is: ``application/spdx+json``."""
    content: Descriptor
    annotations: Mapping[str, str]
    """Of the artifact."""


def attach(
    store: Store,
    image: Digest,
    artifact_type: str,
    media_type: str,
    data: bytes,
    annotations: Mapping[str, str] | None = None,
    *,
    replace: bool = False,
) -> Digest:
    """Attach content to an image, by its ID, and return the content's digest. Durable, idempotent.

    With `replace` it takes the place of what was attached as the same type before; the content of that goes when the
    store is collected. What is attached is pushed with the image, and goes when the image does. Raises ImageNotFound.
    """
    with store.leases.hold() as lease:
        lease.add("blob", Digest.of(data))
        digest = store.blobs.put(data)
        faults.point("an attachment's content is there")
        with store.database.transaction():
            if store.images.get(image) is None:
                raise ImageNotFound(image)
            if replace:
                store.database.run(
                    "DELETE FROM attachments WHERE image = ? AND artifact_type = ?", image, artifact_type
                )
            store.database.run(
                "INSERT OR REPLACE INTO attachments (image, artifact_type, media_type, digest, size, annotations)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                *(image, artifact_type, media_type, digest, len(data)),
                json.dumps(dict(annotations or {}), sort_keys=True),
            )
    return digest


def of_image(store: Store, image: Digest) -> list[Attachment]:
    """Return what is attached to an image, in an order that stays."""
    rows = store.database.rows(
        "SELECT artifact_type, media_type, digest, size, annotations FROM attachments WHERE image = ?"
        " ORDER BY artifact_type, digest",
        image,
    )
    return [
        Attachment(kind, Descriptor(media_type, Digest(digest), size), json.loads(annotations))
        for kind, media_type, digest, size, annotations in rows
    ]


def blobs(store: Store) -> list[Digest]:
    """Return the content of everything that is attached to anything."""
    return [Digest(row[0]) for row in store.database.rows("SELECT DISTINCT digest FROM attachments")]
