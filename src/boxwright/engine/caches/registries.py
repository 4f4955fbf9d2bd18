"""Caches in registries: as artifacts of their own, and inside of images."""

from __future__ import annotations

import os
from collections.abc import Sequence

from boxwright.build.cachefile import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    INLINE_FIELD,
    MAX_BYTES,
    CacheFile,
    MalformedCache,
    from_json,
    parse,
)
from boxwright.build.exports import Mode
from boxwright.build.imports import LoadedCache
from boxwright.engine.caches.mountlayers import packed_mounts
from boxwright.engine.caches.options import From, To
from boxwright.engine.clients import client as client_of
from boxwright.engine.settings import Settings
from boxwright.errors import BoxwrightError, NotFoundError, UnsupportedError
from boxwright.image.image import Layer
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import DiffID
from boxwright.oci.manifest import Descriptor
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.artifact import Packing, Part, push_artifact
from boxwright.remote.client import RegistryClient
from boxwright.remote.pull import RemoteLayer
from boxwright.store.images import MAX_CONFIG_BYTES
from boxwright.store.packed import PackedLayers
from boxwright.store.store import Store


class NoCacheInside(UnsupportedError):
    """An image or an artifact that carries no cache of ours."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} carries no build cache",
            hint="build it with --cache-to type=inline, or export to a name of its own",
        )


def inline(config: ImageConfig) -> CacheFile | None:
    """Return the cache that an image carries, None when it carries none. Raises MalformedCache."""
    value = config.extra.get(INLINE_FIELD)
    return from_json(value) if value is not None else None


class RegistrySource:
    """A cache in a registry (see `boxwright.build.imports.CacheSource`)."""

    def __init__(self, settings: Settings, wanted: From, insecure: tuple[str, ...]) -> None:
        self._settings = settings
        self._reference = Reference.parse(wanted.where).with_default_tag()
        self._insecure = insecure
        self._client: RegistryClient | None = None
        self.name = self._reference.familiar()

    def load(self) -> LoadedCache | None:
        client = self._client = client_of(self._settings, self._reference, self._insecure)
        platform = Platform.of_machine(os.uname().machine)
        try:
            manifest = client.fetch_manifest(self._reference, platform).manifest
        except NotFoundError:
            return None
        config = manifest.config
        if config.media_type == CONFIG_TYPE:
            file = parse(self._read(client, config, MAX_BYTES))
            named = [*file.layers, *(mount.diff_id for mount in file.mounts)]
        elif config.media_type in (media.OCI_CONFIG, media.DOCKER_CONFIG):
            image = ImageConfig.parse(self._read(client, config, MAX_CONFIG_BYTES))
            found = inline(image)
            if found is None:
                raise NoCacheInside(self.name)
            file, named = found, list(image.diff_ids)
        else:
            raise NoCacheInside(self.name)
        return LoadedCache(file, self._layers(client, named, manifest.layers))

    def _read(self, client: RegistryClient, blob: Descriptor, limit: int) -> bytes:
        if blob.size > limit:
            raise MalformedCache(f"it is larger than {limit >> 20} MiB")
        with client.open_blob(self._reference.path, blob) as stream:
            return stream.read_all()

    def _layers(
        self, client: RegistryClient, named: Sequence[DiffID], layers: Sequence[Descriptor]
    ) -> dict[DiffID, Layer]:
        return {
            diff_id: RemoteLayer(client, self._reference.path, diff_id, descriptor)
            for diff_id, descriptor in paired(named, layers)
        }

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def paired(named: Sequence[DiffID], layers: Sequence[Descriptor]) -> list[tuple[DiffID, Descriptor]]:
    """Return what a document names with the layers of its manifest. Raises MalformedCache."""
    if len(named) != len(layers):
        raise MalformedCache(f"it names {len(named)} layers, {len(layers)} are there")
    for layer in layers:
        if media.compression_of(layer.media_type) is None:
            raise MalformedCache(f"a layer is of type {layer.media_type[:80]!r}")
    return list(zip(named, layers, strict=True))


class ImageSource:
    """What a bare name says: the image of this name here, if it carries a cache, else what the registry has."""

    def __init__(self, store: Store, remote: RegistrySource, wanted: From) -> None:
        self._store = store
        self._remote = remote
        self._reference = Reference.parse(wanted.where)
        self.name = self._reference.familiar()

    def load(self) -> LoadedCache | None:
        record = self._store.images.resolve(self._reference)
        if record is not None:
            image = self._store.images.image(record)
            found = inline(image.config)
            if found is not None:
                return LoadedCache(found, {layer.diff_id: layer for layer in image.layers})
        try:
            return self._remote.load()
        except BoxwrightError as error:
            if record is None:
                raise
            raise NoCacheInside(self.name) from error

    def close(self) -> None:
        self._remote.close()


class RegistryTarget:
    """A tag in a registry that a cache goes to (see `boxwright.build.exports.CacheTarget`)."""

    def __init__(self, store: Store, settings: Settings, wanted: To, insecure: tuple[str, ...]) -> None:
        self._store = store
        self._settings = settings
        self._reference = Reference.parse(wanted.where).with_default_tag()
        self._packing = Packing(wanted.compression, wanted.level, wanted.force)
        self._insecure = insecure
        self.name = self._reference.familiar()
        self.mode: Mode = wanted.mode
        self.mounts = wanted.mounts
        self.ignore_error = wanted.ignore_error

    def write(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        with (
            packed_mounts(self._store, mounts, self._packing) as shared,
            client_of(self._settings, self._reference, self._insecure) as client,
        ):
            push_artifact(
                client,
                self._reference,
                file._replace(mounts=tuple(mount for mount, _ in shared)).to_bytes(),
                [*map(Part, layers), *(part for _, part in shared)],
                artifact_type=ARTIFACT_TYPE,
                config_type=CONFIG_TYPE,
                packing=self._packing,
                packed=PackedLayers(self._store.database),
            )
