"""Use-cases of archives: save, load, import, export."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from boxwright.errors import InvalidError, NotFoundError
from boxwright.host.clock import rfc3339
from boxwright.host.paths import Path
from boxwright.image.oci_layout import Named
from boxwright.oci.config import History, ImageConfig, RunConfig
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import InvalidReference, Reference
from boxwright.store.images import ImageNotFound
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.image.image import Image


def save(
    store: Store, names: Sequence[str], out: BinaryIO, *, form: str = "docker-archive", platform: str | None = None
) -> None:
    """Write images to an archive that docker, podman and skopeo load; layers that they share are written once.

    An image that is given by a repository without a tag is saved with all its tags. Of one for several platforms an
    ``oci-archive`` has all, and a ``docker-archive`` the one that its name means here; with `platform` it is that one.
    Raises ImageNotFound, PlatformNotFound.
    """
    from boxwright.image import docker_archive, oci_layout

    wanted = Platform.parse(platform) if platform else None
    chosen: dict[tuple[Digest, ...], list[Reference]] = {}
    for name in names:
        for id, refs in _named(store, name):
            for ref in (*refs, *((None,) if not refs else ())):
                images = store.images.publication(ref).images if ref is not None else ()
                if wanted is not None:
                    images = (_for_platform(store, name, images or (id,), wanted),)
                elif not images or form != "oci-archive":
                    images = (id,)
                known = chosen.setdefault(images, [])
                if ref is not None and ref not in known:
                    known.append(ref)
    if form != "oci-archive":
        docker_archive.write([Named(_image(store, ids[0]), tuple(refs)) for ids, refs in chosen.items()], out)
        return
    packed: list[oci_layout.Packed | oci_layout.Indexed] = []
    for ids, refs in chosen.items():
        views = [_image(store, id) for id in ids]
        if wanted is None and refs and store.images.publication(refs[0]).images:
            packed.append(oci_layout.indexed(views, store.images.publication(refs[0]).form, tuple(refs)))
        else:
            packed.append(oci_layout.pack(Named(views[0], tuple(refs))))
    oci_layout.write_packed(packed, out)


class PlatformNotFound(NotFoundError):
    """An image is not there for a platform."""

    def __init__(self, name: str, wanted: Platform, there: Sequence[Platform]) -> None:
        super().__init__(
            f"{name} is not here for {wanted}", hint=f"it is here for {', '.join(str(platform) for platform in there)}"
        )


def _for_platform(store: Store, name: str, images: Sequence[Digest], wanted: Platform) -> Digest:
    there = [_image(store, id).config.platform for id in images]
    for id, platform in zip(images, there, strict=True):
        if platform == wanted:
            return id
    raise PlatformNotFound(name, wanted, there)


def _image(store: Store, id: Digest) -> Image:
    record = store.images.get(id)
    if record is None:
        raise ImageNotFound(id)
    return store.images.image(record)


def _named(store: Store, name: str) -> list[tuple[Digest, list[Reference]]]:
    try:
        ref = Reference.parse(name)
    except InvalidReference:
        ref = None  # it may be an ID
    if ref is not None and ref.tag is None and ref.digest is None:
        found: dict[Digest, list[Reference]] = {}
        for tagged, id in store.images.tags():
            if tagged.repository == ref.repository:
                found.setdefault(id, []).append(tagged)
        if found:
            return list(found.items())
    record = store.images.find(name)
    return [(record.id, [ref] if ref is not None and ref.tag is not None and ref.digest is None else [])]


def save_file(
    store: Store, names: Sequence[str], path: str, *, form: str = "docker-archive", platform: str | None = None
) -> None:
    """Write images to the file `path`, which is there whole or not at all. Raises as `save`, NotFoundError, OSError."""
    write_file(path, lambda out: save(store, names, out, form=form, platform=platform))


def write_file(path: str, write: Callable[[BinaryIO], None], *, mode: int = 0o600) -> None:
    """Have `write` fill the file `path`, which is there whole or not at all. Raises what it raises.

    A new file gets `mode`, less what the process's mask takes.

    NotFoundError is for a folder that isn't there, OSError for what the system refuses otherwise.
    """
    from boxwright.host import durable

    target = Path(path)
    if not target.parent.is_dir():
        raise NotFoundError(f"cannot write {path}: there is no folder {target.parent}")
    if target.exists() and not target.is_file():  # a device or a pipe can't be replaced
        with open(target, "wb") as out:
            write(out)
        return
    with durable.replacing(target, mode=mode, durable=False) as out:
        write(out)


def load(store: Store, source: BinaryIO) -> list[str]:
    """Bring the images of an archive into the store; return their names, or IDs where they have none.

    Takes docker's archives, old and new, and OCI layouts, compressed in any way. Raises CorruptError.
    """
    from boxwright.image import docker_archive
    from boxwright.image.tree import open_tree
    from boxwright.store.ingest import ingest_image

    spool = store.layout.root / "cache"
    spool.mkdir(exist_ok=True)
    tree = open_tree(source, spool)
    loaded: list[str] = []
    for named in docker_archive.read_images(tree, Platform.of_machine(os.uname().machine)):
        record = ingest_image(store, named.image, rootless=os.geteuid() != 0)
        for ref in named.refs:
            store.images.tag(ref, record.id)
            loaded.append(ref.familiar())
        if not named.refs:
            loaded.append(str(record.id))
    return loaded


def import_tar(
    store: Store,
    stream: BinaryIO,
    *,
    name: str | None = None,
    changes: Sequence[str] = (),
    message: str = "",
    config: RunConfig | None = None,
    created: str | None = None,
    epoch: int | None = None,
) -> Digest:
    """Make an image of one layer out of a root file system's tar, compressed or not, and return its ID.

    `changes` are Dockerfile instructions that set its configuration, on top of `config`; `created` is RFC 3339, now
    when None; `epoch`, in seconds, bounds the times of the files. Raises CorruptError, InvalidReference.
    """
    from boxwright.store.ingest import ingest_tar

    ref = Reference.parse(name).with_default_tag() if name else None
    if ref is not None and ref.digest is not None:
        raise InvalidError(f"{name} has a digest, and a name for an image has none", hint="use name:tag")
    run = config or RunConfig()
    if changes:
        from boxwright.build.changes import apply_changes

        run = apply_changes(run, changes)
    with store.leases.hold() as lease:
        snapshot = ingest_tar(store, lease, stream, epoch=epoch, rootless=os.geteuid() != 0)
        when = created or rfc3339()
        image = ImageConfig(
            platform=Platform.of_machine(os.uname().machine),
            config=run,
            diff_ids=(snapshot.diff_id,),
            history=(History(created=when, comment=message),),
            created=when,
        )
        record = store.images.add(image)
        store.snapshots.make_durable()
        if ref is not None:
            store.images.tag(ref, record.id)
    return record.id
