"""Checking the store: what the rows say against what is on disk, both ways.

Findings are of three kinds. *garbage* is what killed processes leave: nothing refers to it, it costs space, the next
collection takes it. *damage* is something that a row names and that is not as it should be. *stale* is a file that is
written from the rows and lags behind. `repair` removes garbage, rewrites what is stale, and drops what is damaged,
with everything that needs it: an image that is dropped can be pulled or built again, one that lies cannot be trusted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

from boxwright.errors import BoxwrightError, CorruptError
from boxwright.layer.diff import measure_layer
from boxwright.oci.digest import ChainID, Digest, chain_id, chain_ids
from boxwright.store import content_index, gc, reach
from boxwright.store.cache_mounts import DamagedCacheMount
from boxwright.store.images import ImageRecord
from boxwright.store.layout import OCI_LAYOUT
from boxwright.store.recovery import drop_lost_blobs, drop_snapshots
from boxwright.store.snapshots import Snapshot
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store

Severity: TypeAlias = Literal["garbage", "stale", "damage"]


class Finding(NamedTuple):
    severity: Severity
    code: str
    """What kind of finding, for programs: it never changes."""
    message: str
    object: str
    """What it is about: a digest, an ID, a path below the store's root."""


def check(store: Store, *, deep: bool = False, repair: bool = False) -> list[Finding]:
    """Check the store and return what was found, damage first; nothing when all is well.

    `deep` also reads every byte: blobs against their digests, layers made here against theirs. `repair` puts right
    what was found. May run beside other commands, whose unfinished work it leaves alone.
    """
    findings = [*_database(store), *_content(store, deep), *_snapshots(store, deep)]
    findings += [*_images(store), *_objects(store), *_garbage(store)]
    if not any(finding.severity == "damage" for finding in findings):
        findings += _index(store)
    if repair and findings:
        _repair(store, findings)
    order = ("damage", "stale", "garbage")
    return sorted(findings, key=lambda finding: (order.index(finding.severity), finding.code, finding.object))


def _database(store: Store) -> Iterator[Finding]:
    for problem in store.database.problems():
        yield Finding("damage", "database", f"the database is damaged: {problem}", "boxwright.db")


def _content(store: Store, deep: bool) -> Iterator[Finding]:
    present = set(store.blobs)
    for digest in sorted(reach.named_blobs(store)):
        if digest not in present:
            if digest in reach.named_blobs(store) and not store.blobs.has(Digest(digest)):  # not removed meanwhile
                yield Finding("damage", "blob-missing", f"blob {digest} is missing", digest)
        elif deep:
            try:
                store.blobs.verify(Digest(digest))
            except CorruptError:
                yield Finding("damage", "blob-damaged", f"blob {digest} is not what its digest says", digest)
    for row in store.database.rows(
        "SELECT blob_digest, blob_size FROM snapshots WHERE blob_digest IS NOT NULL"
        " UNION SELECT manifest_digest, manifest_size FROM images WHERE manifest_digest IS NOT NULL"
        " UNION SELECT digest, size FROM attachments"
    ):
        digest, size = Digest(row[0]), row[1]
        if digest in present and store.blobs.size(digest) != size:
            yield Finding("damage", "blob-size", f"blob {digest} has not the {size} bytes that it should have", digest)
    layout = store.layout.content / "oci-layout"
    if not layout.exists() or layout.read_bytes() != OCI_LAYOUT:
        yield Finding("stale", "oci-layout", "content/oci-layout is missing or wrong", "content/oci-layout")


def _snapshots(store: Store, deep: bool) -> Iterator[Finding]:
    for snapshot in store.snapshots.list():
        finding = _snapshot(store, snapshot, deep)
        # Another command may have removed it while we looked.
        if finding is not None and store.snapshots.get(snapshot.chain) == snapshot:
            yield finding


def _snapshot(store: Store, snapshot: Snapshot, deep: bool) -> Finding | None:
    name = f"layer {snapshot.chain.short}"
    if not os.path.isdir(store.snapshots.path(snapshot)):
        return Finding("damage", "snapshot-missing", f"the directory of {name} is missing", snapshot.chain)
    if snapshot.chain != chain_id(snapshot.parent, snapshot.diff_id):
        return Finding("damage", "snapshot-chain", f"{name} is not what its parent and content make", snapshot.chain)
    if deep and snapshot.blob is None and not _is_intact(store, snapshot):
        return Finding("damage", "snapshot-changed", f"the files of {name} were changed", snapshot.chain)
    return None


def _is_intact(store: Store, snapshot: Snapshot) -> bool:
    """Whether a layer that exists as a directory alone still gives the tar that its digest was taken of."""
    try:
        measured = measure_layer(store.snapshots.path(snapshot), epoch=snapshot.epoch)
    except (BoxwrightError, OSError):
        return False
    return measured.diff_id == snapshot.diff_id


def _images(store: Store) -> Iterator[Finding]:
    for record in store.images.list(all=True):
        problem = _problem_of(store, record)
        if problem is not None and store.images.get(record.id) is not None:
            yield Finding("damage", "image", f"image {record.id.short}: {problem}", record.id)


def _problem_of(store: Store, record: ImageRecord) -> str | None:
    try:
        chains = chain_ids(store.images.config(record).diff_ids)
        if record.chain != (chains[-1] if chains else None):
            return "its row names other layers than its configuration"
        if [snapshot.chain for snapshot in store.snapshots.stack(record.chain)] != chains:
            return "not all of its layers are there"
        store.images.image(record)
    except BoxwrightError as error:
        return error.message
    return None


def _objects(store: Store) -> Iterator[Finding]:
    for container in store.containers.list():
        path = store.containers.directory(container.id)
        if not path.is_dir() and store.containers.get(container.id) is not None:
            yield Finding("damage", "container-missing", f"container {container.name} has lost its files", container.id)
    for volume in store.volumes.list():
        if not store.volumes.path(volume.name).is_dir() and store.volumes.get(volume.name) is not None:
            yield Finding("damage", "volume-missing", f"the directory of volume {volume.name} is missing", volume.name)
    for name in store.cache_mounts.names():
        try:
            store.cache_mounts.get(name)
        except DamagedCacheMount:
            yield Finding("damage", "cache-mount-damaged", f"cache/mounts/{name} is no cache mount", name)
        except FileNotFoundError:
            continue  # removed meanwhile


def _garbage(store: Store) -> Iterator[Finding]:
    root = store.layout.root
    with store.database.transaction():
        orphans = gc.orphans(store)
        unreachable = reach.unreachable_snapshots(store)
    for path in orphans:
        name = os.path.relpath(path, root)
        yield Finding("garbage", "orphan", f"{name} belongs to nothing", name)
    for path in gc.abandoned(store):
        name = os.path.relpath(path, root)
        yield Finding("garbage", "abandoned", f"{name} was left behind", name)
    for chain in unreachable:
        yield Finding("garbage", "snapshot-unused", f"nothing refers to layer {chain.short}", chain)
    for digest in gc.unnamed_blobs(store):
        yield Finding("garbage", "blob-unused", f"nothing refers to blob {digest}", digest)


def _index(store: Store) -> Iterator[Finding]:
    path = store.layout.content / "index.json"
    if not path.exists() or path.read_bytes() != content_index.render(store):
        yield Finding("stale", "index", "content/index.json lags behind", "content/index.json")


def _repair(store: Store, findings: list[Finding]) -> None:
    with store.database.transaction():
        for finding in findings:
            if finding.code in ("blob-damaged", "blob-size"):
                store.blobs.delete(Digest(finding.object))
        drop_lost_blobs(store)
        codes = ("snapshot-missing", "snapshot-chain", "snapshot-changed")
        drop_snapshots(store, {ChainID(Digest(finding.object)) for finding in findings if finding.code in codes})
        for record in store.images.list(all=True):
            if _problem_of(store, record) is not None:
                store.database.run("DELETE FROM images WHERE id = ?", record.id)
        for finding in findings:
            if finding.code == "container-missing":
                store.database.run("DELETE FROM containers WHERE id = ?", finding.object)
            elif finding.code == "volume-missing":
                store.volumes.path(finding.object).mkdir(parents=True, exist_ok=True)
            elif finding.code == "cache-mount-damaged":
                store.cache_mounts.remove(finding.object)
    gc.collect(store)
    if any(finding.code == "oci-layout" for finding in findings):
        store.layout.write_content_files()
    content_index.refresh(store)
