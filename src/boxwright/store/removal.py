"""Removing images, by docker's rules.

A name is untagged; the image itself goes with its last name, unless a container or another image needs it. An ID means
the image, and is refused while several repositories name it, unless forced. Parents that are left without a name and
without use go with it. Layers go when no image, container or cached step needs them: what a build cached stays cached
until the cache is pruned, so that removing and building again is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.errors import ConflictError
from boxwright.oci.digest import ChainID, Digest
from boxwright.oci.reference import Reference
from boxwright.store import attachments, content_index, reach
from boxwright.store.images import ImageRecord, id_digits
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store


class Untagged(NamedTuple):
    """A tag or a ``name@digest`` was removed."""

    ref: Reference


class Deleted(NamedTuple):
    """An image (by its ID) or a layer (by its chain) was removed."""

    digest: Digest


class Removal(NamedTuple):
    events: tuple[Untagged | Deleted, ...]
    """In the order in which docker lists them."""
    reclaimed: reach.Reclaimed


class ImageInUse(ConflictError):
    """An image cannot be removed as things are."""

    def __init__(
        self, message: str, *, image: Digest, container: str | None = None, hint: str, forceable: bool
    ) -> None:
        super().__init__(message, hint=hint)
        self.image = image
        self.container = container
        self.forceable = forceable


def remove_image(store: Store, text: str, *, force: bool = False, prune_parents: bool = True) -> Removal:
    """Remove what `text` names: a tag, a ``name@digest``, or an image by ID or its beginning.

    `force` overrides what is soft: several names, and stopped containers. A running container and dependent images
    are not overridden, except that a name is always removed when forced. Raises ImageNotFound, AmbiguousImage,
    ImageInUse, with nothing changed.
    """
    events: list[Untagged | Deleted] = []
    doomed: list[ImageRecord] = []
    attached = attachments.blobs(store)
    with store.database.transaction():
        record = store.images.find(text)
        variants = _variants(store, record.id)
        by_id = _is_id_of(record.id, text)
        if by_id:
            if _in_one_repository(store, record.id):
                conflict = _conflict(store, record, soft=not force, several=False)
                if conflict is not None:
                    raise conflict
                _untag_all(store, record.id, events)
            _delete(store, record, events, doomed, force=force, prune_parents=prune_parents, quiet=False)
        else:
            ref = Reference.parse(text)
            if not force and _in_one_repository(store, record.id):
                _refuse_to_dangle(store, record, ref)
            if not _untag(store, record.id, ref, events):
                _delete(store, record, events, doomed, force=force, prune_parents=prune_parents, quiet=True)
        for variant in variants:
            _drop_variant(store, variant, events, doomed)
        among = {chain for image in doomed for chain in _chains(store, image.chain)}
        gone = reach.forget_unreachable_snapshots(store, among)
        events.extend(Deleted(chain) for chain in gone.chains)
    if record.manifest or any(image.manifest for image in doomed):
        content_index.refresh(store)
    blobs = [*attached, *(image.id for image in doomed)]
    blobs += [image.manifest.digest for image in doomed if image.manifest]
    return Removal(tuple(events), reach.finish(store, gone, blobs))


def _variants(store: Store, id: Digest) -> set[Digest]:
    """Return the images for other platforms that tags of this one have."""
    images = {image for ref in store.images.refs(id) for image in store.images.publication(ref).images}
    return images - {id}


def _drop_variant(store: Store, id: Digest, events: list[Untagged | Deleted], doomed: list[ImageRecord]) -> None:
    """Delete an image for another platform, now that tags are gone, unless it has a name or a use of its own."""
    record = store.images.get(id)
    if record is None or not record.intermediate or store.images.is_variant(id):
        return
    if not store.images.refs(id) and not store.images.repo_digests(id):
        _delete(store, record, events, doomed, force=False, prune_parents=True, quiet=True)


def _is_id_of(id: Digest, text: str) -> bool:
    digits = id_digits(text)
    return bool(digits) and id.hex.startswith(digits)


def _chains(store: Store, chain: ChainID | None) -> list[ChainID]:
    return [snapshot.chain for snapshot in store.snapshots.stack(chain)]


def _in_one_repository(store: Store, id: Digest) -> bool:
    """Whether removing the one tag (and the digests of its repository) leaves the image without a name."""
    tags, digests = store.images.refs(id), store.images.repo_digests(id)
    return len(tags) <= 1 and len({ref.repository for ref in (*tags, *digests)}) <= 1


def _untag(store: Store, id: Digest, ref: Reference, events: list[Untagged | Deleted]) -> bool:
    """Remove one name; return whether the image still has another."""
    ref = ref._replace(tag=None) if ref.digest else ref.with_default_tag()
    store.images.untag(ref)
    events.append(Untagged(ref))
    tags, digests = store.images.refs(id), store.images.repo_digests(id)
    if ref.digest is None and all(tag.repository != ref.repository for tag in tags):
        # A repository without a tag is of no use to anyone: its digests go too.
        for digest in digests:
            if digest.repository == ref.repository:
                store.images.untag(digest)
                events.append(Untagged(digest))
        digests = [digest for digest in digests if digest.repository != ref.repository]
    return bool(tags or digests)


def _untag_all(store: Store, id: Digest, events: list[Untagged | Deleted]) -> None:
    for ref in (*store.images.refs(id), *store.images.repo_digests(id)):
        store.images.untag(ref)
        events.append(Untagged(ref))


def _delete(
    store: Store,
    record: ImageRecord,
    events: list[Untagged | Deleted],
    doomed: list[ImageRecord],
    *,
    force: bool,
    prune_parents: bool,
    quiet: bool,
) -> None:
    """Delete an image, then its parents as far as they are without name and use.

    `quiet` is for an image that nobody asked to delete, only to untag, and for parents: a conflict leaves it there.
    """
    while True:
        conflict = _conflict(store, record, soft=not force)
        if conflict is not None:
            if quiet:
                return
            raise conflict
        _untag_all(store, record.id, events)
        store.database.run("DELETE FROM images WHERE id = ?", record.id)
        events.append(Deleted(record.id))
        doomed.append(record)
        parent = store.images.get(record.parent) if record.parent and prune_parents else None
        if parent is None or store.images.refs(parent.id) or store.images.repo_digests(parent.id):
            return
        record, force, quiet = parent, False, True


def _conflict(store: Store, record: ImageRecord, *, soft: bool, several: bool = True) -> ImageInUse | None:
    """Return why an image cannot be deleted, or None; `soft` asks for the reasons too that force overrides."""
    what, short = f"cannot remove image {record.id.short}", record.id
    if store.images.is_variant(record.id) and not store.images.refs(record.id):
        return ImageInUse(
            f"{what}: it is one of the platforms of a tag",
            image=short,
            hint="remove the tag",
            forceable=False,
        )
    children = store.images.children(record.id)
    if children:
        return ImageInUse(
            f"{what}: image {children[0].id.short} was made from it",
            image=short,
            hint="remove the images that were made from it first",
            forceable=False,
        )
    users = store.containers.using(record.id)
    for container in users:
        if container.is_running:
            return ImageInUse(
                f"{what}: container {container.name} ({container.id[:12]}) is running it",
                image=short,
                container=container.id,
                hint=f"stop and remove it first: boxwright rm -f {container.name}",
                forceable=False,
            )
    if not soft:
        return None
    names = [*store.images.refs(record.id), *store.images.repo_digests(record.id)]
    if several and len(names) > 1:
        return ImageInUse(
            f"{what}: {len(names)} names refer to it",
            image=short,
            hint=f"remove them one by one, or all at once: boxwright rmi -f {record.id.short}",
            forceable=True,
        )
    if users:
        return _stopped(what, record, users[0].id, users[0].name)
    return None


def _refuse_to_dangle(store: Store, record: ImageRecord, ref: Reference) -> None:
    users = store.containers.using(record.id)
    if users:
        raise _stopped(f"cannot remove {ref.familiar()}", record, users[0].id, users[0].name)


def _stopped(what: str, record: ImageRecord, container: str, name: str) -> ImageInUse:
    return ImageInUse(
        f"{what}: container {name} ({container[:12]}) was made from it",
        image=record.id,
        container=container,
        hint=f"remove the container first (boxwright rm {name}), or use -f",
        forceable=True,
    )
