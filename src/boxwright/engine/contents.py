"""What is in an image: its packages, as a document."""

from __future__ import annotations

from boxwright.errors import InvalidError
from boxwright.layer.union import UnionView
from boxwright.sbom import cyclonedx, spdx
from boxwright.sbom.inventory import Inventory, take_inventory
from boxwright.sbom.subject import Subject
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from boxwright.values import NamedTuple

MEDIA_TYPES = {"spdx": "application/spdx+json", "cyclonedx": "application/vnd.cyclonedx+json"}
_FORMS = {"spdx": spdx.document, "cyclonedx": cyclonedx.document}


class Sbom(NamedTuple):
    document: bytes
    """JSON in UTF-8. The same image gives the same bytes."""
    inventory: Inventory
    """What it was made of."""


def sbom(store: Store, name: str, form: str = "spdx") -> Sbom:
    """Look through an image's layers where they lie. Raises ImageNotFound, InvalidError for a form that there isn't."""
    if form not in _FORMS:
        raise InvalidError(f"unknown form of SBOM: {form}", hint=f"there are {', '.join(_FORMS)}")
    record = store.images.find(name)
    refs = store.images.refs(record.id)
    return sbom_of(store, record, refs[0].familiar() if refs else record.id.short, form)


def sbom_of(store: Store, record: ImageRecord, name: str, form: str = "spdx") -> Sbom:
    """Do so with an image that was found already; `name` is what the document calls it."""
    with store.leases.hold() as lease:
        if record.chain is not None:
            lease.add("snapshot", record.chain)
        layers = [store.snapshots.path(snapshot) for snapshot in store.snapshots.stack(record.chain)]
        inventory = take_inventory(UnionView(layers))
    subject = Subject(name, record.id, store.images.config(record).platform, record.created)
    return Sbom(_FORMS[form](subject, inventory), inventory)
