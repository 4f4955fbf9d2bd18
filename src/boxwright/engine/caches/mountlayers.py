"""Cache mounts as layers: a tar of their files, packed beside the cache that they go with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from boxwright.build.cachefile import MOUNT_ANNOTATION, SharedMount
from boxwright.host.paths import Path
from boxwright.image.unpacked import Unpacked
from boxwright.layer.compression import compress
from boxwright.layer.diff import open_layer
from boxwright.oci import media
from boxwright.oci.digest import DiffID
from boxwright.oci.manifest import Descriptor
from boxwright.remote.artifact import Packing, Part
from boxwright.store.store import Store


class MountLayer:
    """A packed cache mount in a file (see `boxwright.image.image.Layer`)."""

    __slots__ = ("_path", "descriptor", "diff_id", "size")

    def __init__(self, path: Path, descriptor: Descriptor, diff_id: DiffID, size: int) -> None:
        self._path = path
        self.descriptor = descriptor
        self.diff_id = diff_id
        self.size = size

    def open(self) -> BinaryIO:
        return Unpacked(self.open_packed())

    def open_packed(self) -> BinaryIO:
        return open(self._path, "rb", buffering=0)


@contextmanager
def packed_mounts(store: Store, ids: Sequence[str], packing: Packing) -> Iterator[list[tuple[SharedMount, Part]]]:
    """Yield the cache mounts with these IDs, packed; their files are gone after the block.

    A mount is read while nobody has it for himself; the same files give the same bytes. Raises ReservedName,
    ContentMismatch when a step writes to a shared one meanwhile.
    """
    with ExitStack() as stack:
        scratch = stack.enter_context(store.scratch()) if ids else None
        found: list[tuple[SharedMount, Part]] = []
        for mount in store.cache_mounts.list() if scratch is not None else []:
            if mount.key.id not in ids or mount.instance or scratch is None:
                continue
            path = scratch / mount.name
            with (
                store.cache_mounts.mounted(mount.key, "shared") as data,
                open(path, "wb") as sink,
                open_layer(data) as plain,
            ):
                result = compress(plain, sink.write, packing.kind, packing.level)
            descriptor = Descriptor(media.oci_layer(packing.kind), result.digest, os.stat(path).st_size)
            key = mount.key
            shared = SharedMount(key.id, key.uid, key.gid, key.mode, key.origin, result.diff_id)
            annotations = {
                MOUNT_ANNOTATION: key.id,
                f"{MOUNT_ANNOTATION}.uid": str(key.uid),
                f"{MOUNT_ANNOTATION}.gid": str(key.gid),
                f"{MOUNT_ANNOTATION}.mode": f"{key.mode:o}",
            }
            layer = MountLayer(path, descriptor, result.diff_id, result.uncompressed_size)
            found.append((shared, Part(layer, annotations)))
        yield sorted(found, key=lambda item: item[0])
