"""Whether a program is there, by the files of a root file system."""

from __future__ import annotations

import os
import posixpath

from boxwright.host import syscalls
from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.spec import PATH


def has_program(rootfs: str, options: ContainerOptions) -> bool:
    """Tell whether the program of `options` is in a root file system: by its path, or along the PATH of its own.

    Links are followed inside. Whether it can be executed is another question.
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
        return any(_is_there(root, place.lstrip("/")) for place in places)
    finally:
        os.close(root)


def _is_there(root: int, path: str) -> bool:
    try:
        os.close(syscalls.openat2(root, path or ".", os.O_PATH))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # the kernel's own links in /proc, a loop: the runtime shall say what it is
    return True
