"""Cache mounts: directories that the RUNs of builds share, from one build to the next.

    cache/mounts/<name>/            locked (flock) by whoever has it mounted
        about.json                  what it is for; its times are when it was made and when it was used last
        data/                       what is mounted
    cache/mounts/.draft-<random>/   one that is being filled, locked by its maker
    cache/mounts/.trash-<random>/   one that is being removed

No row names one: a directory comes into being by a rename, whole, and is gone by another one. The name is a digest of
what tells it from others (ID, owner, mode, what it was filled with), and the number of the instance for those that
are not shared. What lies in it is never part of a layer, and may go at any time that nobody has it mounted.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from boxwright.errors import CancelledError
from boxwright.hashes import hexdigest
from boxwright.host import faults
from boxwright.host.paths import Path
from boxwright.host.trees import disk_usage, remove_tree
from boxwright.store.layout import DRAFT, TRASH, Layout
from boxwright.store.scratch import make_locked
from boxwright.store.trash import move_to_trash
from boxwright.values import NamedTuple

_ABOUT = "about.json"
_DATA = "data"
_POLL = 0.05  # seconds between looks at a lock that somebody else holds


_ROOTS = (0, 0, 0o755)


class CacheKey(NamedTuple):
    """What tells one cache from another."""

    id: str
    uid: int = _ROOTS[0]
    gid: int = _ROOTS[1]
    mode: int = _ROOTS[2]
    origin: str = ""
    """What it is filled with at first, as a name; empty for nothing."""

    def name(self, instance: int = 0) -> str:
        fields = (self.id, self.uid, self.gid, self.mode, self.origin, instance)
        return hexdigest(json.dumps(fields).encode())[:32]


class CacheMount(NamedTuple):
    """One cache, as listings show it. Times are in seconds since the epoch."""

    name: str
    key: CacheKey
    instance: int
    created: float
    last_used: float


class DamagedCacheMount(Exception):
    """A directory that is no cache, as a crash of the machine may leave one."""


class CacheMountStore:
    """Safe for any number of threads and processes."""

    __slots__ = ("_directory",)

    def __init__(self, layout: Layout) -> None:
        self._directory = layout.cache_mounts

    @contextmanager
    def mounted(
        self,
        key: CacheKey,
        sharing: str,
        *,
        fill: Callable[[Path], None] = lambda data: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Path]:
        """Yield the directory of a cache, which nobody removes during the block.

        `sharing` is ``shared`` (with everybody who says so), ``locked`` (nobody else has it; waits for that) or
        ``private`` (nobody else has it; another instance is taken while one is in use). One that is missing is made,
        and filled by `fill`, which gets an empty directory. Raises CancelledError when `cancelled` says so while it
        waits, and what `fill` raises.
        """
        while True:
            fd, path = self._private(key, fill) if sharing == "private" else self._wait(key, sharing, fill, cancelled)
            try:
                self.get(path.name)
                break
            except DamagedCacheMount:
                os.close(fd)
                self.remove(path.name)
        try:
            os.utime(path / _ABOUT)
            yield path / _DATA
            os.utime(path / _ABOUT)
        finally:
            os.close(fd)

    def names(self) -> list[str]:
        return sorted(name for name in os.listdir(self._directory) if not name.startswith((DRAFT, TRASH)))

    def list(self) -> list[CacheMount]:
        """Return all caches, least recently used first; what is damaged is left out."""
        found = []
        for name in self.names():
            try:
                found.append(self.get(name))
            except (DamagedCacheMount, FileNotFoundError):
                continue
        return sorted(found, key=lambda cache: (cache.last_used, cache.name))

    def get(self, name: str) -> CacheMount:
        """Raises FileNotFoundError when it is gone, and DamagedCacheMount."""
        path = self._directory / name
        os.stat(path)
        try:
            with open(path / _ABOUT, encoding="utf-8") as stream:
                about = json.load(stream)
                used = os.fstat(stream.fileno()).st_mtime
            if not (path / _DATA).is_dir():
                raise DamagedCacheMount(name)
            key = CacheKey(*about["key"])
            return CacheMount(name, key, about["instance"], about["created"], used)
        except (OSError, ValueError, KeyError, TypeError):
            raise DamagedCacheMount(name) from None

    def size(self, name: str) -> int:
        """Return the bytes that a cache takes on disk; 0 when it is gone."""
        return disk_usage(self._directory / name)

    def in_use(self, name: str) -> bool:
        """Whether a RUN has it mounted right now."""
        fd = self._try(name, fcntl.LOCK_EX)
        if fd is not None:
            os.close(fd)
        return fd is None and (self._directory / name).exists()

    def remove(self, name: str) -> int | None:
        """Remove a cache; return the bytes that came free, None when it is in use or gone."""
        fd = self._try(name, fcntl.LOCK_EX)
        if fd is None:
            return None
        try:
            doomed = move_to_trash(self._directory / name)
            faults.point("a cache mount is trash")
        finally:
            os.close(fd)
        if doomed is None:
            return None
        freed = disk_usage(doomed)
        remove_tree(doomed)
        return freed

    # -- locks

    def _wait(
        self, key: CacheKey, sharing: str, fill: Callable[[Path], None], cancelled: Callable[[], bool]
    ) -> tuple[int, Path]:
        name = key.name()
        kind = fcntl.LOCK_EX if sharing == "locked" else fcntl.LOCK_SH
        while True:
            fd = self._try(name, kind)
            if fd is not None:
                return fd, self._directory / name
            if not (self._directory / name).exists():
                self._make(key, 0, fill)
                continue
            if cancelled():
                raise CancelledError("cancelled while waiting for a cache mount that is in use")
            # Not by a lock that blocks: nothing would end the wait when the build is cancelled.
            time.sleep(_POLL)

    def _private(self, key: CacheKey, fill: Callable[[Path], None]) -> tuple[int, Path]:
        instance = 0
        while True:
            name = key.name(instance)
            fd = self._try(name, fcntl.LOCK_EX)
            if fd is not None:
                return fd, self._directory / name
            if (self._directory / name).exists():
                instance += 1
            else:
                self._make(key, instance, fill)

    def _try(self, name: str, kind: int) -> int | None:
        """Return a descriptor that holds the lock of a cache; None when it isn't there, or not to be had now."""
        path = self._directory / name
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):  # not removed, and made anew, before it was locked
                return fd
        except (BlockingIOError, FileNotFoundError):
            pass  # somebody has it, or it is gone: the caller looks again
        os.close(fd)
        return None

    def _make(self, key: CacheKey, instance: int, fill: Callable[[Path], None]) -> None:
        """Make a cache, unless somebody else does it first."""
        draft, fd = make_locked(self._directory, DRAFT)
        try:
            data = draft / _DATA
            os.mkdir(data)
            fill(data)
            if not key.origin or key[1:4] != _ROOTS:  # unless it is said, a directory that was filled is as it was
                os.chown(data, key.uid, key.gid)
                os.chmod(data, key.mode)
            about = {"key": list(key), "instance": instance, "created": time.time()}
            (draft / _ABOUT).write_text(json.dumps(about))
            faults.point("a cache mount is filled")
            try:
                os.rename(draft, self._directory / key.name(instance))
            except OSError:
                if not (self._directory / key.name(instance)).exists():
                    raise
                remove_tree(draft)
        except BaseException:
            remove_tree(draft)
            raise
        finally:
            os.close(fd)
