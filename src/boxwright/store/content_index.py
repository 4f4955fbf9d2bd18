"""The ``index.json`` of ``content/``: what makes the store an image layout that other tools can read.

It lists the images whose manifest and blobs are all here, which are those that came from a registry or an archive; an
image built here has no packed layers, and no manifest, before it is pushed or saved. The file is written from the
rows after each change of them, so it is never the truth: after a crash it may lag behind, until the next change or
fsck brings it in line.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boxwright.errors import BoxwrightError
from boxwright.host import durable
from boxwright.host.locks import locked
from boxwright.image.oci_layout import Named, index_of, pack

if TYPE_CHECKING:
    from boxwright.store.store import Store


def render(store: Store) -> bytes:
    """Return what index.json has to be now."""
    packed = []
    for record in store.images.list(all=True):
        if record.manifest is None:
            continue
        try:
            view = store.images.image(record)
        except BoxwrightError:
            continue  # removed meanwhile, or damaged, which is for fsck to say
        if view.manifest is not None:
            packed.append(pack(Named(view, tuple(store.images.refs(record.id)))))
    packed.sort(key=lambda item: item.manifest.digest)
    return index_of(packed, ref_name=lambda ref: ref.with_default_tag().familiar())


def refresh(store: Store) -> bool:
    """Bring index.json in line with the rows; return whether it was not."""
    path = store.layout.content / "index.json"
    with locked(store.layout.locks / "content-index"):
        for leftover in os.listdir(store.layout.content):
            if leftover.startswith(f".{path.name}."):
                os.unlink(store.layout.content / leftover)  # of a writer that was killed: whoever writes holds the lock
        wanted = render(store)
        if path.exists() and path.read_bytes() == wanted:
            return False
        durable.write(path, wanted)
    return True
