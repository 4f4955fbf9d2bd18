"""Whole directory trees, whoever made them: removing and measuring them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from boxwright.errors import UnavailableError
from boxwright.host import syscalls, xattrs
from boxwright.host.paths import Path

# Deeper directories are moved to the top first: a hostile tree may be nested deeper than there are descriptors.
_MAX_DEPTH = 48
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class StillMounted(UnavailableError):
    """A tree that was to be removed has something mounted in it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"cannot remove {path}: something is mounted there", hint=f"look with findmnt, then: umount {path}"
        )
        self.path = path


def remove_tree(path: Path | str) -> None:
    """Remove `path` and everything below it; nothing there is fine, and so is another one that does the same.

    Symbolic links are removed, never followed, and a mount point is never entered: what is mounted there belongs to
    somebody else. Directories without permissions are no obstacle to their owner. Raises StillMounted, with all but
    the way to the mount removed already; stopped half-way, it can be called again.
    """
    try:
        top = _open_top(path)
    except FileNotFoundError:
        return
    if top is None:
        _unlink(os.fspath(path))
        return
    try:
        while True:
            while _empty(top, top, 0, os.fspath(path)):
                pass
            try:
                os.rmdir(path)
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # another remover moved something deep up to here
                    raise
            else:
                return
    finally:
        os.close(top)


def link_tree(source: Path, target: Path) -> bool:
    """Give the files below the directory `source` further names below `target`, an empty directory on the same disk.

    Directories are made anew, with the same owners, modes, attributes and times; nothing is followed. Returns False,
    with `target` unfinished, when a file can have no further name. Raises OSError.
    """
    directories = [(os.fspath(source), os.fspath(target))]
    for here, there in directories:  # grows while it is gone through
        with os.scandir(here) as entries:
            for entry in entries:
                name = f"{there}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    os.mkdir(name, 0o700)
                    directories.append((entry.path, name))
                    continue
                try:
                    os.link(entry.path, name, follow_symlinks=False)
                except OSError as error:
                    if error.errno in (errno.EMLINK, errno.EPERM, errno.EXDEV):
                        return False
                    raise
    for here, there in reversed(directories):  # the deepest first: a name that is made changes the times above it
        state = os.lstat(here)
        os.chown(there, state.st_uid, state.st_gid)
        os.chmod(there, stat.S_IMODE(state.st_mode))
        for attribute in xattrs.names(here):
            value = xattrs.get(here, attribute)
            if value is not None:
                xattrs.set(there, attribute, value)
        os.utime(there, ns=(state.st_atime_ns, state.st_mtime_ns))
    return True


def _open_top(path: Path | str) -> int | None:
    """Open the directory `path`, or return None when it is something else."""
    try:
        return os.open(path, _OPEN_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        return None
    except PermissionError:
        os.chmod(path, 0o700)
        return os.open(path, _OPEN_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:  # a symbolic link, refused by O_NOFOLLOW
            raise
        return None


def _empty(directory: int, top: int, depth: int, shown: str) -> bool:
    """Remove what is in `directory`; return True when something was moved to `top` and a further round is needed."""
    moved = False
    if os.geteuid() != 0 and os.fstat(directory).st_mode & 0o700 != 0o700:
        os.fchmod(directory, 0o700)  # one that could be opened may still forbid to change it
    with os.scandir(directory) as entries:
        children = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in children:
        if not is_directory:
            _unlink(name, directory)
            continue
        try:
            if depth >= _MAX_DEPTH:
                os.rename(name, f".{os.urandom(6).hex()}", src_dir_fd=directory, dst_dir_fd=top)
                moved = True
                continue
            child = _open_child(directory, name, f"{shown}/{name}")
            try:
                moved |= _empty(child, top, depth + 1, f"{shown}/{name}")
            finally:
                os.close(child)
            os.rmdir(name, dir_fd=directory)
        except FileNotFoundError:
            continue  # another remover was quicker
    return moved


def _unlink(name: str, directory: int | None = None) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass  # gone, as was asked


def _open_child(directory: int, name: str, shown: str) -> int:
    try:
        return syscalls.openat2(directory, name, _OPEN_DIRECTORY, resolve=syscalls.RESOLVE_NO_XDEV)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=directory)
        return syscalls.openat2(directory, name, _OPEN_DIRECTORY, resolve=syscalls.RESOLVE_NO_XDEV)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise StillMounted(shown) from None
        raise


def disk_usage(path: Path | str) -> int:
    """Return the bytes that the files of a tree take on disk, each hard-linked file once.

    Links are not followed; what disappears meanwhile is not counted; nothing there is 0.
    """
    try:
        total = os.lstat(path).st_blocks * 512
    except FileNotFoundError:
        return 0
    return total + sum(status.st_blocks * 512 for status in _statuses(path))


def content_size(path: Path | str) -> int:
    """Return the bytes of content in a tree's regular files; otherwise as `disk_usage`."""
    return sum(status.st_size for status in _statuses(path) if stat.S_ISREG(status.st_mode))


def _statuses(path: Path | str) -> Iterator[os.stat_result]:
    """Yield what is known of everything below `path`, each hard-linked file once.

    A program can nest directories deeper than a path can say: what is down there is left out.
    """
    linked: set[tuple[int, int]] = set()
    pending = [os.fspath(path)]
    while pending:
        try:
            entries = os.scandir(pending.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                continue
            raise
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno == errno.ENAMETOOLONG:
                        continue
                    raise
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif status.st_nlink > 1:
                    if (status.st_dev, status.st_ino) in linked:
                        continue
                    linked.add((status.st_dev, status.st_ino))
                yield status
