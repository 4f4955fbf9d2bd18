"""The host's device nodes, as values."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from boxwright.errors import InvalidError, NotFoundError
from boxwright.runtime.options import Device

# They are the container's own, or files rather than devices.
_OWN = {"console", "fd", "mqueue", "ptmx", "pts", "shm", "stderr", "stdin", "stdout"}


class NoSuchDevice(NotFoundError):
    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is no device of this machine")
        self.path = path


def parse_device(text: str) -> list[Device]:
    """Return the devices that ``HOST[:TARGET[:ACCESS]]`` names; a directory means all below it.

    Raises NoSuchDevice, and InvalidError for an access that isn't made of r, w and m.
    """
    source, _, rest = text.partition(":")
    target, _, access = rest.partition(":")
    if target and not target.startswith("/") and not access:
        target, access = "", target  # HOST:ACCESS
    access = access or "rwm"
    if set(access) - set("rwm"):
        raise InvalidError(
            f"invalid device access {access!r}", hint="it is made of r, w and m, as in /dev/fuse:/dev/fuse:rw"
        )
    target = target or source
    if os.path.isdir(source):
        paths = [os.path.join(base, name) for base, _, names in os.walk(source) for name in sorted(names)]
        found = [_device(path, target + path[len(source) :], access) for path in paths]
        return [device for device in found if device is not None]
    device = _device(source, target, access)
    if device is None:
        raise NoSuchDevice(source)
    return [device]


def host_devices() -> Iterator[Device]:
    """Yield every device below /dev, for a privileged container."""
    for base, directories, names in os.walk("/dev"):
        if base == "/dev":
            directories[:] = sorted(set(directories) - _OWN)
            names = sorted(set(names) - _OWN)
        for name in names:
            path = os.path.join(base, name)
            device = None if os.path.islink(path) else _device(path, path, "rwm")
            if device is not None:
                yield device


def _device(path: str, target: str, access: str) -> Device | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    number = status.st_rdev
    mode = stat.S_IMODE(status.st_mode)
    return Device(target, kind, os.major(number), os.minor(number), mode, status.st_uid, status.st_gid, access)
