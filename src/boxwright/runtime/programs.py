"""Whether a program is there and can be run, by the files of a root file system."""

from __future__ import annotations

import os
import posixpath
import stat

from boxwright.host import syscalls
from boxwright.runtime.failures import ExecutableNotFound, NotExecutable, NoWorkingDir
from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.spec import PATH


def check_program(rootfs: str, options: ContainerOptions) -> None:
    """Make sure that the program of `options` is in a root file system: by its path, or along the PATH of its own.

    Links are followed inside. Raises ExecutableNotFound, or NotExecutable when all that has its name is no program.
    """
    name = options.argv[0]
    if "/" in name:
        places = [posixpath.join(options.cwd, name)]
    else:
        path = PATH
        for entry in options.env:
            if entry.startswith("PATH="):
                path = entry.removeprefix("PATH=")
        # An empty entry is the working directory, as in a shell.
        places = [posixpath.join(options.cwd, folder, name) for folder in path.split(":")]
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = [_can_run(root, place.lstrip("/")) for place in places]
    finally:
        os.close(root)
    if True in found:
        return
    raise NotExecutable(name) if False in found else ExecutableNotFound(name)


def check_working_dir(rootfs: str, path: str) -> None:
    """Make sure that a directory is in a root file system. Raises NoWorkingDir."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(syscalls.openat2(root, path.lstrip("/") or ".", os.O_PATH | os.O_DIRECTORY))
    except (FileNotFoundError, NotADirectoryError):
        raise NoWorkingDir(path) from None
    finally:
        os.close(root)


def _can_run(root: int, path: str) -> bool | None:
    """Tell whether what is at `path` is a program; None when nothing is there."""
    try:
        fd = syscalls.openat2(root, path or ".", os.O_PATH)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return True  # the kernel's own links in /proc, a loop: the runtime shall say what it is
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    return stat.S_ISREG(mode) and bool(mode & 0o111)
