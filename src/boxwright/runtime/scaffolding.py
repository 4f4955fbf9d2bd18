"""What a runtime builds in a root file system to have something to mount on, and how to take it down again.

/etc/resolv.conf, /proc, the target of every bind mount: where the image has no such path, the runtime makes an empty
file or directory, in the container's writable layer, and the directory above gets copied up and a new time. None of
this was the program's doing, so none of it belongs into a layer.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Mapping

from boxwright.host import syscalls
from boxwright.values import NamedTuple

_STICKY = 0o1755


class Owner(NamedTuple):
    """A directory's metadata but for its times."""

    mode: int
    uid: int
    gid: int


class Scaffolding(NamedTuple):
    """Paths are relative to the root, links resolved."""

    missing: tuple[str, ...] = ()
    """What wasn't there and will be made, deepest first."""
    parents: Mapping[str, Owner] = {}
    """The directories that were there, in which it will be made."""

    def to_json(self) -> dict[str, object]:
        return {"missing": list(self.missing), "parents": {path: list(owner) for path, owner in self.parents.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Scaffolding:
        missing, parents = value.get("missing"), value.get("parents")
        return cls(
            tuple(missing) if isinstance(missing, list) else (),
            {path: Owner(*owner) for path, owner in parents.items()} if isinstance(parents, dict) else {},
        )

    def merged(self, later: Scaffolding) -> Scaffolding:
        """Return what both runs of a container built; the first knew what the image had."""
        missing = {*self.missing, *later.missing}
        parents = {path: owner for path, owner in {**later.parents, **self.parents}.items() if path not in missing}
        return Scaffolding(_deepest_first(missing), parents)


def survey(rootfs: str, targets: Iterable[str]) -> Scaffolding:
    """Return what mounting on `targets` (paths in the container) will leave in the mounted `rootfs`."""
    missing: set[str] = set()
    parents: dict[str, Owner] = {}
    covered: list[str] = []
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        prefix = os.readlink(f"/proc/self/fd/{root}")
        for target in sorted({posixpath.normpath(target) for target in targets}):
            # What lies below a mount is made in there, not in the layer.
            if any(target.startswith(above + "/") for above in covered):
                continue
            covered.append(target)
            existing, rest = _resolve(root, prefix, target.strip("/"))
            if not rest:
                continue
            owner = _owner(root, existing)
            if owner is None:
                continue
            parents[existing] = owner
            for part in rest:
                existing = posixpath.join(existing, part)
                missing.add(existing)
    finally:
        os.close(root)
    return Scaffolding(_deepest_first(missing), {path: owner for path, owner in parents.items() if path not in missing})


def leftovers(upper: str, scaffolding: Scaffolding) -> list[str]:
    """Return the paths in the writable layer that are nothing but scaffolding, deepest first.

    Still empty counts, as does a directory above that only holds scaffolding and differs in its times alone. What the
    program has put something into is its own.
    """
    found: list[str] = []
    for path in scaffolding.missing:
        if _is_bare(upper, path, found):
            found.append(path)
    for path in _deepest_first(scaffolding.parents):
        owner = scaffolding.parents[path]
        if path and _is_bare(upper, path, found) and _owner_at(os.path.join(upper, path)) == owner:
            found.append(path)
    return found


def clear(upper: str, scaffolding: Scaffolding) -> None:
    """Remove the `leftovers` from a writable layer that isn't mounted any more. Idempotent.

    What stays, because the program has put something into it, gets the mode that directories have by default.
    """
    for path in leftovers(upper, scaffolding):
        full = os.path.join(upper, path)
        try:
            if stat.S_ISDIR(os.lstat(full).st_mode):
                os.rmdir(full)
            else:
                os.unlink(full)
        except FileNotFoundError:
            continue
    for path in scaffolding.missing:
        _unstick(os.path.join(upper, path))


def _unstick(path: str) -> None:
    """Take back the sticky bit, which crun gives to the directories that it makes."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if status.st_mode == stat.S_IFDIR | _STICKY:
        os.chmod(path, _STICKY & ~stat.S_ISVTX)


def _is_bare(upper: str, path: str, scaffolding: list[str]) -> bool:
    """Tell whether `path` of the upper directory is an empty file, or a directory of nothing but `scaffolding`."""
    full = os.path.join(upper, path)
    try:
        status = os.lstat(full)
        if stat.S_ISREG(status.st_mode):
            return status.st_size == 0 and status.st_nlink == 1
        if not stat.S_ISDIR(status.st_mode) or _is_opaque(full):
            return False
        return all(posixpath.join(path, name) in scaffolding for name in os.listdir(full))
    except FileNotFoundError:
        return False


def _is_opaque(path: str) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue
    return False


def _resolve(root: int, prefix: str, path: str) -> tuple[str, list[str]]:
    """Return the longest part of `path` that exists, with its links resolved, and the names that are missing."""
    parts = [part for part in path.split("/") if part]
    for count in range(len(parts), -1, -1):
        try:
            fd = syscalls.openat2(root, "/".join(parts[:count]) or ".", os.O_PATH)
        except OSError:
            continue
        try:
            real = os.readlink(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
        return real.removeprefix(prefix).strip("/"), parts[count:]
    return "", parts


def _owner(root: int, path: str) -> Owner | None:
    status = os.stat(path or ".", dir_fd=root, follow_symlinks=False)
    return Owner(status.st_mode, status.st_uid, status.st_gid) if stat.S_ISDIR(status.st_mode) else None


def _owner_at(path: str) -> Owner:
    status = os.lstat(path)
    return Owner(status.st_mode, status.st_uid, status.st_gid)


def _deepest_first(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(paths, key=lambda path: (-path.count("/") - bool(path), path)))
