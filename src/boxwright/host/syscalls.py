"""System calls that Python 3.11 has no function for, through libc. Each raises OSError as `os` does."""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import Any

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19

MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Calls this young have the same number on every architecture.
_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_OPENAT2 = 437

_AT_FDCWD = -100
_CLOSE_ON_EXEC = 1  # FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CREATE = 6
_MOVE_MOUNT_F_EMPTY_PATH = 4
_SYNC_FILE_RANGE_WRITE = 2


@cache
def _libc() -> Any:
    import ctypes  # 1.5 ms, and commands that only look at things make none of these calls

    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, path: str | None = None) -> int:
    if result < 0:
        import ctypes

        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


def unshare(flags: int) -> None:
    """Give the calling *thread* namespaces of its own (unshare(2)); other threads keep theirs."""
    _check(_libc().unshare(flags))


def setns(fd: int, kind: int = 0) -> None:
    """Move the calling thread into the namespace that `fd` refers to."""
    _check(_libc().setns(fd, kind))


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    from ctypes import c_ulong

    _check(
        _libc().mount(os.fsencode(source), os.fsencode(target), kind.encode(), c_ulong(flags), os.fsencode(data)),
        target,
    )


def umount(target: str, flags: int = 0) -> None:
    _check(_libc().umount2(os.fsencode(target), flags), target)


def fsopen(kind: str) -> int:
    """Return a descriptor for configuring a new instance of the file system `kind` (fsopen(2))."""
    return int(_check(_libc().syscall(_SYS_FSOPEN, kind.encode(), _CLOSE_ON_EXEC)))


def fsconfig(fd: int, key: str | None, value: str | None = None) -> None:
    """Set a parameter of a file system that is being configured, a flag when `value` is None.

    Without a `key` the instance is created. The kernel takes values of at most 255 bytes here.
    """
    command = _FSCONFIG_CREATE if key is None else _FSCONFIG_SET_FLAG if value is None else _FSCONFIG_SET_STRING
    name = None if key is None else key.encode()
    text = None if value is None else os.fsencode(value)
    _check(_libc().syscall(_SYS_FSCONFIG, fd, command, name, text, 0), value)


def fsmount(fd: int, attributes: int = 0) -> int:
    """Return a descriptor of a detached mount of the configured file system (fsmount(2))."""
    return int(_check(_libc().syscall(_SYS_FSMOUNT, fd, _CLOSE_ON_EXEC, attributes)))


def move_mount(fd: int, target: str) -> None:
    """Attach the mount behind `fd` to the tree at `target` (move_mount(2))."""
    _check(_libc().syscall(_SYS_MOVE_MOUNT, fd, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH), target)


def syncfs(fd: int) -> None:
    """Make everything written to the file system of `fd` durable."""
    _check(_libc().syncfs(fd))


def start_writeback(fd: int) -> None:
    """Have the kernel write what is dirty of a file, without waiting: a later sync finds less to do."""
    from ctypes import c_int64

    _check(_libc().sync_file_range(fd, c_int64(0), c_int64(0), _SYNC_FILE_RANGE_WRITE))


def become_subreaper() -> None:
    """Make orphaned descendants children of this process."""
    _check(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def die_with_parent(signal: int) -> None:
    """Have this process get `signal` when its parent ends. Who did not end before has to be asked afterwards."""
    _check(_libc().prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0))


_OPEN_HOW = struct.Struct("@QQQ")  # flags, mode, resolve

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10


def openat2(directory: int, path: str, flags: int, *, mode: int = 0, resolve: int = RESOLVE_IN_ROOT) -> int:
    """Open `path` below the open `directory`, with the kernel keeping every step of it inside (openat2(2))."""
    how = _OPEN_HOW.pack(flags | os.O_CLOEXEC, mode, resolve | RESOLVE_NO_MAGICLINKS)
    return int(_check(_libc().syscall(_SYS_OPENAT2, directory, os.fsencode(path), how, len(how)), path))
