"""Caches in folders: OCI image layouts, in which a tag of the index is a cache."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence

from boxwright.build.cachefile import ARTIFACT_TYPE, CONFIG_TYPE, MAX_BYTES, CacheFile, MalformedCache, parse
from boxwright.build.exports import Mode
from boxwright.build.imports import LoadedCache
from boxwright.engine.caches.mountlayers import packed_mounts
from boxwright.engine.caches.options import From, To
from boxwright.engine.caches.registries import paired
from boxwright.errors import UnavailableError
from boxwright.host import durable, faults
from boxwright.host.locks import locked
from boxwright.host.paths import Path
from boxwright.image.image import Layer
from boxwright.image.oci_layout import OCI_LAYOUT, REF_NAME, TreeLayer, blob_name, is_layout, verified
from boxwright.image.tree import Directory, read
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, parse_manifest
from boxwright.remote.artifact import PackedLayer, Packing, Part
from boxwright.store.store import Store

_LOCK = ".lock"


class FolderUnusable(UnavailableError):
    """A cache's folder cannot be read or written."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"cannot use the folder {path}: {(error.strerror or str(error)).lower()}")


class FolderSource:
    """A cache in a folder (see `boxwright.build.imports.CacheSource`)."""

    def __init__(self, wanted: From) -> None:
        self._wanted = wanted
        self._tree: Directory | None = None
        self.name = wanted.where

    def load(self) -> LoadedCache | None:
        try:
            tree = self._tree = Directory(Path(self._wanted.where))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FolderUnusable(self._wanted.where, error) from None
        if not is_layout(tree):
            return None
        entry = _entry(_entries(read(tree, "index.json", MAX_MANIFEST_BYTES)), self._wanted)
        if entry is None:
            return None
        manifest = parse_manifest(verified(tree, entry.digest, MAX_MANIFEST_BYTES), entry.media_type)
        if not isinstance(manifest, Manifest) or manifest.config.media_type != CONFIG_TYPE:
            raise MalformedCache("the folder holds something else under this tag")
        file = parse(verified(tree, manifest.config.digest, MAX_BYTES))
        named = [*file.layers, *(mount.diff_id for mount in file.mounts)]
        layers = {
            diff_id: TreeLayer(tree, blob_name(descriptor.digest), diff_id, descriptor)
            for diff_id, descriptor in paired(named, manifest.layers)
        }
        return LoadedCache(file, layers)

    def close(self) -> None:
        if self._tree is not None:
            self._tree.close()
            self._tree = None


def _entries(raw: bytes) -> tuple[Descriptor, ...]:
    index = parse_manifest(raw, media.OCI_INDEX)
    if not isinstance(index, Index):
        raise MalformedCache("index.json is no index")
    return index.manifests


def _entry(entries: Iterable[Descriptor], wanted: From) -> Descriptor | None:
    for entry in entries:
        if entry.digest == wanted.digest if wanted.digest else entry.annotations.get(REF_NAME) == wanted.tag:
            return entry
    return None


class FolderTarget:
    """A tag in a folder that a cache goes to (see `boxwright.build.exports.CacheTarget`).

    Each blob is there whole or not at all, the index is written last, and what it does not lead to any more is
    removed, where nothing but caches of ours is in the folder: one that is exported to daily does not grow for ever.
    """

    def __init__(self, store: Store, wanted: To) -> None:
        self._store = store
        self._path = Path(os.path.abspath(wanted.where))
        self._tag = wanted.tag
        self._packing = Packing(wanted.compression, wanted.level, wanted.force)
        self.name = wanted.where
        self.mode: Mode = wanted.mode
        self.mounts = wanted.mounts
        self.ignore_error = wanted.ignore_error

    def write(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            with locked(self._path / _LOCK), packed_mounts(self._store, mounts, self._packing) as shared:
                document = file._replace(mounts=tuple(mount for mount, _ in shared)).to_bytes()
                self._write(document, [*map(Part, layers), *(part for _, part in shared)])
        except OSError as error:
            raise FolderUnusable(self.name, error) from error

    @property
    def _blobs(self) -> Path:
        return self._path / "blobs" / "sha256"

    def _write(self, document: bytes, parts: Sequence[Part]) -> None:
        layers = [self._layer(part.layer)._replace(annotations=part.annotations) for part in parts]
        config = Descriptor(CONFIG_TYPE, self._small(document), len(document))
        manifest = Manifest.build(config, layers, artifact_type=ARTIFACT_TYPE)
        self._small(manifest.raw)
        index = self._path / "index.json"
        kept = [entry for entry in self._known(index) if entry.annotations.get(REF_NAME) != self._tag]
        entry = manifest.descriptor._replace(annotations={REF_NAME: self._tag}, artifact_type=ARTIFACT_TYPE)
        entries = [*kept, entry]
        durable.write(self._path / "oci-layout", OCI_LAYOUT)
        value = {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [entry.to_json() for entry in entries],
        }
        durable.write(index, json.dumps(value, separators=(",", ":")).encode())
        self._sweep(entries)

    @staticmethod
    def _known(index: Path) -> tuple[Descriptor, ...]:
        try:
            return _entries(index.read_bytes())
        except FileNotFoundError:
            return ()

    def _layer(self, layer: Layer) -> Descriptor:
        known = self._packing.as_it_is(layer)
        if known is not None and self._place(known.digest).exists():
            return known
        source = PackedLayer(layer, self._packing)
        # Its name is known once it is written, so it is written under another one first.
        temporary = self._blobs / f".{layer.diff_id.hex}"
        with durable.replacing(temporary) as sink:
            for data in source.open(0):
                sink.write(data)
        faults.point("a layer of a cache is written")
        os.rename(temporary, self._place(source.descriptor.digest))
        durable.sync_directory(self._blobs)
        return source.descriptor

    def _small(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        if not self._place(digest).exists():
            durable.write(self._place(digest), data)
        return digest

    def _place(self, digest: Digest) -> Path:
        return self._path / "blobs" / digest.algorithm / digest.hex

    def _sweep(self, entries: Sequence[Descriptor]) -> None:
        if any(entry.artifact_type != ARTIFACT_TYPE for entry in entries):
            return
        needed = {entry.digest.hex for entry in entries}
        for entry in entries:
            manifest = parse_manifest(self._place(entry.digest).read_bytes(), entry.media_type)
            if not isinstance(manifest, Manifest):
                return
            needed |= {blob.digest.hex for blob in (manifest.config, *manifest.layers)}
        for name in sorted(set(os.listdir(self._blobs)) - needed):
            os.unlink(self._blobs / name)
            faults.point("a blob of an older cache is removed")
