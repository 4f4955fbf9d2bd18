"""Mounts, made so that the number of layers and the length of their paths don't matter."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from boxwright.errors import UnavailableError, UnsupportedError
from boxwright.host import syscalls

# Both features would leave marks in the upper directory that a layer's tar has no word for.
_PLAIN = (("redirect_dir", "off"), ("metacopy", "off"), ("index", "off"))
_DIRECTORIES = ("upperdir", "workdir")
_LONGEST_VALUE = 255  # of fsconfig(2)
_LONGEST_OPTIONS = 4095  # of mount(2): one page
# What an older kernel answers to the new calls, or to "lowerdir+" (6.5).
_NO_NEW_API = (errno.ENOSYS, errno.EINVAL, errno.EPERM)


class OverlayFailed(UnavailableError):
    """The kernel refused to stack the directories; `code` is its errno, `path` the one it was about, or None."""

    def __init__(self, target: str, error: OSError) -> None:
        self.target = target
        self.code = error.errno or 0
        self.path = error.filename if error.filename not in (target, None) else None
        why = os.strerror(self.code) if self.path is None else f"{self.path}: {os.strerror(self.code)}"
        allowed = self.code not in (errno.EPERM, errno.EINVAL)
        hint = None if allowed else "an overlay needs root, and a file system such as ext4 or xfs below it"
        super().__init__(f"cannot mount an overlay on {target}: {why}", hint=hint)


class TooManyLayers(UnsupportedError):
    """The names of the layers don't fit into one call of mount(2), and this kernel has no other."""

    def __init__(self, count: int) -> None:
        super().__init__(f"this kernel cannot stack {count} layers", hint="squash it, or use Linux 6.5 or later")
        self.count = count


def overlay(
    target: str,
    lowers: Sequence[str],
    upper: str | None = None,
    work: str | None = None,
    *,
    volatile: bool = False,
) -> None:
    """Mount the union of `lowers` (lowest first) on `target`, writable when `upper` and `work` are given.

    `upper` and `work` lie on one file system, and `work` is empty. With `volatile` nothing that programs sync inside
    reaches the disk: for directories that are thrown away, or synced as a whole, when the machine crashes; `work` can't
    be used a second time after that. Nothing to stack (no lowers, or one and no upper) is a plain bind mount.
    Raises OverlayFailed and TooManyLayers.
    """
    if not lowers and upper is None:
        raise ValueError("an overlay of nothing")
    if not lowers or (upper is None and len(lowers) == 1):
        bind(upper or lowers[0], target, read_only=upper is None)
        return
    options: list[tuple[str, str | None]] = [*_PLAIN]
    if upper is not None and work is not None:
        options += [("upperdir", upper), ("workdir", work)]
        if volatile:
            options.append(("volatile", None))
    try:
        _overlay_by_descriptor(target, lowers, options)
    except OSError as error:
        if error.errno not in _NO_NEW_API:
            raise OverlayFailed(target, error) from error
        _overlay_by_options(target, lowers, options)


def _overlay_by_descriptor(target: str, lowers: Sequence[str], options: Sequence[tuple[str, str | None]]) -> None:
    """Configure the overlay one parameter at a time: no limit on their number, and each layer is its own value."""
    pinned: list[int] = []
    fs = syscalls.fsopen("overlay")
    try:
        for path in reversed(lowers):
            syscalls.fsconfig(fs, "lowerdir+", _short(path, pinned))
        for key, value in options:
            syscalls.fsconfig(fs, key, None if value is None else _short(value, pinned))
        syscalls.fsconfig(fs, None)
        mount = syscalls.fsmount(fs)
        try:
            syscalls.move_mount(mount, target)
        finally:
            os.close(mount)
    finally:
        os.close(fs)
        for fd in pinned:
            os.close(fd)


def _short(path: str, pinned: list[int]) -> str:
    """Return a name for `path` that fsconfig(2) takes; a descriptor that has to stay open goes to `pinned`."""
    if len(os.fsencode(path)) <= _LONGEST_VALUE:
        return path
    pinned.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{pinned[-1]}"


def _overlay_by_options(target: str, lowers: Sequence[str], options: Sequence[tuple[str, str | None]]) -> None:
    """Mount by one string of options, which holds few absolute paths, so with names relative to a common parent."""
    import threading

    parent = os.path.commonpath([os.path.abspath(path) for path in lowers])
    stack = ":".join(_escape(os.path.relpath(path, parent)) for path in reversed(lowers))
    words = [f"lowerdir={stack}"]
    for key, value in options:
        directory = value is not None and key in _DIRECTORIES
        words.append(key if value is None else f"{key}={_escape(os.path.abspath(value)) if directory else value}")
    data = ",".join(words)
    if len(os.fsencode(data)) > _LONGEST_OPTIONS:
        raise TooManyLayers(len(lowers))
    failures: list[OSError] = []

    def mount() -> None:
        try:
            # The working directory is the process's, unless a thread asks for one of its own.
            syscalls.unshare(syscalls.CLONE_FS)
            os.chdir(parent)
            syscalls.mount("overlay", os.path.abspath(target), "overlay", 0, data)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=mount, name="overlay")
    thread.start()
    thread.join()
    if failures:
        raise OverlayFailed(target, failures[0]) from failures[0]


def _escape(path: str) -> str:
    """Protect what separates options and layers in a string of mount options."""
    for character in "\\:,":
        path = path.replace(character, "\\" + character)
    return path


def bind(source: str, target: str, *, read_only: bool = False, recursive: bool = False) -> None:
    """Make `source` appear at `target`, which exists and is of the same kind. Raises OSError."""
    syscalls.mount(source, target, "", syscalls.MS_BIND | (syscalls.MS_REC if recursive else 0))
    if read_only:
        # The kernel ignores the flag in the first call.
        syscalls.mount("", target, "", syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY)


def detach(target: str) -> None:
    """Take the mount on `target` out of the tree now; it ends when its last user does. Not mounted is fine."""
    try:
        syscalls.umount(target, syscalls.MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise


def file_system(path: str) -> str:
    """Return the type of the file system that holds `path`: ``ext4``, ``tmpfs`` …; empty where the kernel doesn't say.

    Raises OSError.
    """
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.split(" ")
            if fields[2] == number:
                return fields[fields.index("-") + 1]
    return ""
