"""One member of a layer's tar, as a value, and the order in which members are written."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Mapping
from types import MappingProxyType

from boxwright.values import NamedTuple

WHITEOUT_PREFIX = ".wh."
OPAQUE_NAME = ".wh..wh..opq"
AUFS_PREFIX = ".wh..wh."
"""Names that begin so are aufs's own bookkeeping; only `OPAQUE_NAME` among them means something in a layer."""

_NO_XATTRS: Mapping[str, bytes] = MappingProxyType({})


class Kind(enum.Enum):
    """What a member is. A socket has no kind: no layer can hold one."""

    FILE = "file"
    DIR = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"
    CHAR = "character device"
    BLOCK = "block device"
    FIFO = "fifo"
    WHITEOUT = "whiteout"
    OPAQUE = "opaque marker"


KINDS_OF_FILES = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIR,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}
"""What a file becomes, by the type in its mode."""


class Entry(NamedTuple):
    """One member of a layer.

    `path` and, for a hard link, `linkname` are relative to the layer's root, without ``.``, ``..``, doubled or
    trailing slashes; the root itself is the empty string. Bytes that are no valid text are kept as ``os.fsdecode``
    keeps them. A WHITEOUT's path is the name that it hides; an OPAQUE marker's path is its directory.
    `mode` holds the permission bits only (07777). A symbolic link's `linkname` is any text. `size` is the length of
    a FILE's content in bytes, holes included.
    """

    path: str
    kind: Kind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    linkname: str = ""
    devmajor: int = 0
    devminor: int = 0
    xattrs: Mapping[str, bytes] = _NO_XATTRS


def sort_key(path: str) -> bytes:
    """Return the key of a path in canonical order.

    Canonical order is that of a walk which takes each directory's names in the order of their bytes and everything
    below a directory right after it: ``a``, ``a/b``, ``a-b``. A whiteout stands where the name that it hides would
    stand; an opaque marker comes right after its directory.
    """
    return os.fsencode(path).replace(b"/", b"\0")


def is_portable_xattr(name: str) -> bool:
    """Say whether an extended attribute belongs into a layer: file capabilities and the users' own do.

    Everything else describes the machine (labels, integrity hashes) or the overlay itself.
    """
    return name == "security.capability" or (name.startswith("user.") and not name.startswith("user.overlay."))
