"""A container's directory: what the runtime is given, and what it leaves.

    DIR/rootfs            the mount point of the union; empty for everybody outside the container's mount namespace
        config.json       the OCI runtime spec
        hosts, hostname, resolv.conf
        scaffolding.json  what was made in the root file system only to mount something on it
        starting          a mark: somebody starts it, or was killed while he did
        pid, init         process 1 (the runtime writes pid; init also tells it from a later process of that number)
        conmon.pid, exit, log, attach, ctl …    see `conmon`

What puts it there is in `preparation`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from boxwright.values import NamedTuple


class Layers(NamedTuple):
    """The directories of a root file system: `lowers` (lowest first) below the writable `upper`."""

    lowers: Sequence[str]
    upper: str
    work: str
    volatile: bool = False
    """See `mounts.overlay`."""


class Bundle(NamedTuple):
    """The directory of the container `id`."""

    directory: str
    id: str

    @property
    def rootfs(self) -> str:
        return f"{self.directory}/rootfs"

    @property
    def config(self) -> str:
        return f"{self.directory}/config.json"

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner may read: environments hold secrets."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
