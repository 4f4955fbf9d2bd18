"""Images made of nothing: layers in memory, configurations, stores with something in them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from boxwright.image.image import Image
from boxwright.layer.diff import measure_layer
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.writer import TarWriter
from boxwright.oci import media
from boxwright.oci.config import History, ImageConfig, RunConfig
from boxwright.oci.digest import ChainID, DiffID, Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.containers import ContainerRecord
from boxwright.store.images import ImageRecord
from boxwright.store.snapshots import Snapshot
from boxwright.store.store import Store

AMD64 = Platform("linux", "amd64")


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """Return the tar of a layer with these files; a name that ends with a slash is a directory."""
    pieces: list[bytes] = []
    writer = TarWriter(lambda data: pieces.append(bytes(data)))
    for name, content in files.items():
        if name.endswith("/"):
            writer.add(Entry(name.rstrip("/"), Kind.DIR, mode=0o755))
        else:
            writer.add(Entry(name, Kind.FILE, mode=0o644, size=len(content)), content)
    writer.finish()
    return b"".join(pieces)


class MemoryLayer:
    """A layer in memory: the twin of those in stores, archives and registries."""

    def __init__(self, tar: bytes, *, packing: str | None = None) -> None:
        self._tar = tar
        self.diff_id = DiffID(Digest.of(tar))
        self.size = len(tar)
        self.packed = gzip.compress(tar, mtime=0) if packing == "gzip" else tar
        self.descriptor: Descriptor | None = None
        if packing is not None:
            self.descriptor = Descriptor(media.oci_layer(packing), Digest.of(self.packed), len(self.packed))
        self.opened = 0
        """How often its bytes were asked for."""

    def open(self) -> BinaryIO:
        return io.BytesIO(self._tar)

    def open_packed(self) -> BinaryIO:
        self.opened += 1
        return io.BytesIO(self.packed)


def memory_image(*layers: MemoryLayer, created: str = "2024-05-06T07:08:09Z", with_manifest: bool = False) -> Image:
    """Return an image of these layers; its manifest needs every layer to be packed."""
    config = ImageConfig(
        AMD64,
        RunConfig(cmd=("sh",), env=("PATH=/bin",)),
        tuple(layer.diff_id for layer in layers),
        tuple(History(created, f"RUN step {number}") for number, _ in enumerate(layers)),
        created,
    )
    image = Image.of(config, layers)
    if not with_manifest:
        return image
    descriptor = Descriptor(media.OCI_CONFIG, image.id, len(image.config_bytes))
    packed = [layer.descriptor for layer in layers if layer.descriptor is not None]
    return image._replace(manifest=Manifest.build(descriptor, packed, annotations={"made": "by hand"}))


def ref(text: str) -> Reference:
    return Reference.parse(text)


def add_layer(store: Store, parent: ChainID | None, files: Mapping[str, bytes]) -> Snapshot:
    """Make a snapshot as a build does: files in a draft, measured, committed."""
    with store.snapshots.draft() as draft:
        for name, content in files.items():
            path = draft.fs / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        # Times at the epoch, so that the same files are the same layer whenever they are written.
        measured = measure_layer(draft.fs, epoch=0)
        return draft.commit(parent, measured.diff_id, measured.size, epoch=0)


def add_image(
    store: Store,
    *names: str,
    layers: tuple[Mapping[str, bytes], ...] = ({"file": b"content"},),
    created: str = "2024-05-06T07:08:09Z",
    parent: Digest | None = None,
    labels: Mapping[str, str] | None = None,
    intermediate: bool = False,
) -> ImageRecord:
    """Build an image of these layers and give it names."""
    diff_ids, chain = [], None
    for files in layers:
        snapshot = add_layer(store, chain, files)
        diff_ids.append(snapshot.diff_id)
        chain = snapshot.chain
    config = ImageConfig(AMD64, RunConfig(labels=labels or {}), tuple(diff_ids), (), created)
    record = store.images.add(config, parent=parent, intermediate=intermediate)
    for name in names:
        store.images.tag(ref(name), record.id)
    return record


def add_container(store: Store, name: str, image: ImageRecord, *, state: str = "exited") -> ContainerRecord:
    record = ContainerRecord(
        id=Digest.of(name.encode()).hex,
        name=name,
        image=image.id,
        image_name=str(image.id),
        created="2024-05-06T07:08:10Z",
        state=state,
        chain=image.chain,
    )
    store.containers.add(record)
    return record


def age(path: Path) -> None:
    """Make a store believe that the machine was booted since it was last opened."""
    with Store.open(path) as store:
        store.database.run("UPDATE meta SET value = 'an earlier boot' WHERE name = 'boot_id'")
