"""Doing something where a container's files are: with its root as the root.

A thread of its own steps into the container's root, so that every path and every symbolic link leads where it would
lead inside, whatever the container does at the same time. A running container is met in its own mounts; for a
stopped one its layers and volumes are mounted, for this thread alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.wiring import Wiring
from boxwright.host import mounts, syscalls
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.paths import Path
from boxwright.layer.union import UnionView
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle, Layers
from boxwright.runtime.preparation import mount_rootfs
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store

T = TypeVar("T")


def layers_of(store: Store, record: ContainerRecord) -> Layers:
    """Return the directories of a container's root file system."""
    directory = store.containers.directory(record.id)
    lowers = [str(store.snapshots.path(snapshot)) for snapshot in store.snapshots.stack(record.chain)]
    return Layers(lowers, str(directory / "upper"), str(directory / "work"))


def view_of(store: Store, record: ContainerRecord) -> UnionView:
    """Return the files of a container as they are now, its own layer on top; what is mounted in it isn't seen."""
    layers = layers_of(store, record)
    return UnionView([*layers.lowers, layers.upper], living=record.is_running)


def lower_view(store: Store, record: ContainerRecord) -> UnionView:
    """Return the files of the image below a container."""
    return UnionView(list(layers_of(store, record).lowers))


def inside(wiring: Wiring, record: ContainerRecord, action: Callable[[], T]) -> T:
    """Return what `action` returns, called in a thread whose root directory is the container's.

    It must import nothing: Python's own files are out of its reach. Raises what it raises.
    """
    bundle = bundle_of(wiring.store, record.id)
    process = container.process_of(bundle) if record.is_running else None
    with PrivateMounts() as private:
        if process is not None:
            private.call(_join, process.pid)
            return private.call(action)
        with wiring.store.containers.lock(record.id):
            private.call(_mount, wiring.store, record, bundle)
            return private.call(action)


def _join(pid: int) -> None:
    fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(fd, syscalls.CLONE_NEWNS)
    finally:
        os.close(fd)
    # setns leaves a thread at the root of the namespace that it joined, which is the container's.


def _mount(store: Store, record: ContainerRecord, bundle: Bundle) -> None:
    mount_rootfs(bundle, layers_of(store, record))
    for point in ContainerConfig.from_json(record.config).mounts:
        if point.kind == "tmpfs" or not os.path.exists(point.source):
            continue
        target = Path(bundle.rootfs + point.target)
        # A place for it is only there once the container has run; a link on the way is not followed out of the root.
        if target.is_symlink() or os.path.realpath(target) != str(target) or not target.exists():
            continue
        mounts.bind(point.source, str(target), read_only=point.read_only)
    os.chroot(bundle.rootfs)
    os.chdir("/")
