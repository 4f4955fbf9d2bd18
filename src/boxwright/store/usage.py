"""How much disk everything takes: the figures of ``system df``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boxwright.host.trees import disk_usage
from boxwright.oci.digest import ChainID, Digest
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store


class ImageUsage(NamedTuple):
    id: Digest
    size: int
    """Bytes of all its layers."""
    shared: int
    """Of these, bytes of layers that other images have too."""
    containers: int


class ContainerUsage(NamedTuple):
    id: str
    size: int
    """Bytes of its own, writable layer."""
    running: bool


class VolumeUsage(NamedTuple):
    name: str
    size: int
    containers: int


class StepUsage(NamedTuple):
    key: str
    size: int
    """Bytes of the step's layer."""
    shared: bool
    """Whether an image or container holds that layer anyway."""


class CacheMountUsage(NamedTuple):
    name: str
    id: str
    """As it is in the Dockerfile."""
    size: int
    created: float
    """Seconds since the epoch."""
    last_used: float
    in_use: bool


class Usage(NamedTuple):
    images: tuple[ImageUsage, ...]
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    steps: tuple[StepUsage, ...]
    layers: int
    """Bytes of all layers that images hold, each counted once, with the blobs that hold them packed."""
    layers_unused: int
    """Of these, bytes that would come free with the images that no container uses."""
    cache: int
    """Bytes of layers that only cached steps hold."""
    cache_mounts: tuple[CacheMountUsage, ...]


def measure(store: Store) -> Usage:
    """Measure everything. Containers' layers, volumes and cache mounts are walked, however large they are."""
    snapshots = {snapshot.chain: snapshot for snapshot in store.snapshots.list()}
    sizes = {chain: snap.usage + (snap.blob.size if snap.blob else 0) for chain, snap in snapshots.items()}

    def stack(chain: ChainID | None) -> list[ChainID]:
        chains = []
        while chain is not None and chain in snapshots:
            chains.append(chain)
            chain = snapshots[chain].parent
        return chains

    containers = store.containers.list()
    images = store.images.list(all=True)
    holders: dict[ChainID, int] = {}
    for image in images:
        for chain in stack(image.chain):
            holders[chain] = holders.get(chain, 0) + 1
    in_use = {chain for container in containers for chain in stack(container.chain)}
    users: dict[Digest | None, int] = {}
    for container in containers:
        users[container.image] = users.get(container.image, 0) + 1
    held = holders.keys() | in_use
    steps = store.steps.list()
    cached = {chain for step in steps for chain in stack(step.chain)}
    return Usage(
        tuple(
            ImageUsage(
                image.id,
                image.size,
                sum(snapshots[chain].usage for chain in stack(image.chain) if holders[chain] > 1),
                users.get(image.id, 0),
            )
            for image in images
            if not image.intermediate
        ),
        tuple(
            ContainerUsage(
                container.id,
                disk_usage(os.path.join(store.containers.directory(container.id), "upper")),
                container.is_running,
            )
            for container in containers
        ),
        tuple(
            VolumeUsage(volume.name, disk_usage(store.volumes.path(volume.name)), len(store.volumes.users(volume.name)))
            for volume in store.volumes.list()
        ),
        tuple(
            StepUsage(step.key, snapshots[step.chain].usage if step.chain in snapshots else 0, step.chain in held)
            for step in steps
            if step.chain is not None
        ),
        sum(sizes[chain] for chain in holders),
        sum(sizes[chain] for chain in holders if chain not in in_use),
        sum(sizes[chain] for chain in cached - held),
        tuple(
            CacheMountUsage(
                mount.name,
                mount.key.id,
                store.cache_mounts.size(mount.name),
                mount.created,
                mount.last_used,
                store.cache_mounts.in_use(mount.name),
            )
            for mount in store.cache_mounts.list()
        ),
    )
