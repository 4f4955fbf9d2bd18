"""The mounts of a build step, for the container that is kept of it.

Caches and memory are mounted as the step had them. What the step bound is shown as it was before the step, read-only:
the files have further names in the container's own directory, so that they stay as long as it does, and cost nothing.
Secrets and agents stay away: they were for the step alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from boxwright.build.runner import HostMount, MemoryMount, StepMount, UnionMount
from boxwright.engine.containers.config import MountPoint
from boxwright.host.paths import Path
from boxwright.layer.union import UnionView
from boxwright.runtime.options import Mount


def kept_mounts(mounts: Sequence[StepMount], directory: Path) -> tuple[Mount, ...]:
    """Return what a container can have of a step's mounts; `directory` is made for their files, if they need it."""
    kept: list[Mount] = []
    for mount in mounts:
        if isinstance(mount, MemoryMount):
            kept.append(Mount("tmpfs", mount.target, "", mount.read_only, size=mount.size, options=("exec",)))
        elif isinstance(mount, HostMount) and mount.source.exists():  # the script of a here-document is gone by now
            kept.append(Mount("bind", mount.target, str(mount.source), mount.read_only))
        elif isinstance(mount, UnionMount):
            directory.mkdir(exist_ok=True)
            place = directory / str(len(kept))
            if _link(mount, place):
                kept.append(Mount("bind", mount.target, str(place), read_only=True))
    # A mount above another one goes first, or it would cover it.
    return tuple(sorted(kept, key=lambda mount: mount.target.count("/")))


def without_pruned(mounts: Sequence[Mount], caches: Path, directory: Path) -> tuple[Mount, ...]:
    """Return mounts with an empty directory of the container's own in place of a cache that was pruned meanwhile.

    `caches` is where all of them are, `directory` the container's.
    """
    present = []
    for number, mount in enumerate(mounts):
        if mount.source.startswith(f"{caches}/") and not os.path.isdir(mount.source):
            place = directory / "mounts" / f"pruned-{number}"
            place.mkdir(parents=True, exist_ok=True)
            mount = mount._replace(source=str(place))
        present.append(mount)
    return tuple(present)


def shown(mounts: Sequence[Mount]) -> tuple[MountPoint, ...]:
    """Return mounts as listings show them."""
    return tuple(MountPoint(mount.kind, mount.target, mount.source, "", mount.read_only) for mount in mounts)


def _link(mount: UnionMount, place: Path) -> bool:
    """Give what a mount shows further names; tell whether that was possible for all of it."""
    view = UnionView(mount.lowers)
    top = view.lookup(mount.path)
    if top is None:
        place.mkdir()  # nothing was shown, as an empty directory
        return True
    directories = []
    for node in view.walk(top.path):
        there = f"{place}{node.path[len(top.path) if top.path != '/' else 0 :]}".rstrip("/")
        if node.is_dir:
            os.mkdir(there, 0o700)
            directories.append((there, node.stat))
            continue
        try:
            os.link(node.location, there, follow_symlinks=False)
        except OSError:
            return False  # on another disk, or it has as many names as it can
    for there, status in reversed(directories):  # the deepest first: a name that is made changes the times above it
        os.chown(there, status.st_uid, status.st_gid)
        os.chmod(there, stat.S_IMODE(status.st_mode))
        os.utime(there, ns=(status.st_atime_ns, status.st_mtime_ns))
    return True
