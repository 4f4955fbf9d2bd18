"""The marks of a directory in overlay form (kernel: Documentation/filesystems/overlayfs.rst)."""

from __future__ import annotations

import os
import stat

from boxwright.errors import UnsupportedError
from boxwright.host import xattrs

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
# A directory so marked shows another one's content, a file so marked has its data elsewhere: neither can be said in
# a tar. Both are off in the mounts that boxwright makes.
_INEXPRESSIBLE = frozenset(
    f"{namespace}.overlay.{feature}" for namespace in ("trusted", "user") for feature in ("redirect", "metacopy")
)


class InexpressibleLayer(UnsupportedError):
    """A directory in overlay form uses a feature that a layer has no form for."""

    def __init__(self, path: str, attribute: str) -> None:
        super().__init__(
            f"{path!r} cannot be stored in a layer: it has the attribute {attribute}",
            hint="mount the overlay with redirect_dir=off,metacopy=off",
        )
        self.path = path
        self.attribute = attribute


def is_whiteout(status: os.stat_result) -> bool:
    """Say whether a file hides the name below it: a character device 0/0."""
    return status.st_rdev == 0 and stat.S_ISCHR(status.st_mode)


def make_whiteout(path: str) -> None:
    """Create a whiteout. Needs no privilege. Raises FileExistsError."""
    os.mknod(path, stat.S_IFCHR | 0o000, os.makedev(0, 0))


def is_opaque(directory: str) -> bool:
    """Say whether a directory hides the one below it instead of being merged with it."""
    # Another value than "y" is another statement ("x": the directory holds whiteouts of another form).
    return any(xattrs.get(directory, name) == b"y" for name in _OPAQUE)


def make_opaque(directory: str, *, rootless: bool = False) -> None:
    """Make a directory hide the one below it; `rootless` uses the name that needs no privilege (userxattr)."""
    xattrs.set(directory, _OPAQUE[rootless], b"y")


def is_opaque_among(names: list[str]) -> bool:
    """Say whether a directory that has attributes of these names may be opaque; cheaper than asking for each."""
    return any(name in _OPAQUE for name in names)


def refuse_inexpressible(path: str, names: list[str]) -> None:
    """Raise InexpressibleLayer when one of a file's attributes says what no tar can."""
    for name in names:
        if name in _INEXPRESSIBLE:
            raise InexpressibleLayer(path, name)
