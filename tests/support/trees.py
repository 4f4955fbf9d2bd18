"""Directories in overlay form, described as values."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def _is_rootless() -> bool:
    """Say whether owners, devices and the trusted attributes are out of reach, also as root of a user namespace."""
    return os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


ROOTLESS = _is_rootless()
OPAQUE = "user.overlay.opaque" if ROOTLESS else "trusted.overlay.opaque"

WHITEOUT = "<whiteout>"


def snapshot(root: Path, *, times: bool = True) -> dict[str, object]:
    """All that a layer keeps of a directory, by path: two directories are alike when these are equal.

    Names of one file share a number. The root's own time isn't part of it.
    """
    found: dict[str, object] = {}
    inodes: dict[int, int] = {}
    paths = [root, *sorted(root.rglob("*"))]
    for path in paths:
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        key = str(path.relative_to(root))
        if kind == stat.S_IFCHR and status.st_rdev == 0:
            found[key] = WHITEOUT
            continue
        what: object = None
        if kind == stat.S_IFREG:
            what = path.read_bytes()
        elif kind == stat.S_IFLNK:
            what = os.readlink(path)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            what = (os.major(status.st_rdev), os.minor(status.st_rdev))
        elif kind == stat.S_IFDIR:
            what = opaque(path)
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)
            if ".overlay." not in name
        }
        number = None
        if kind != stat.S_IFDIR and status.st_nlink > 1:
            number = inodes.setdefault(status.st_ino, len(inodes))
        found[key] = (
            stat.filemode(status.st_mode),
            0 if ROOTLESS else status.st_uid,
            0 if ROOTLESS else status.st_gid,
            status.st_mtime_ns // 10**9 if times and path != root else None,
            what,
            attributes,
            number,
        )
    return found


def opaque(path: Path) -> bool:
    return any(
        name in os.listxattr(path) and os.getxattr(path, name) == b"y"
        for name in ("trusted.overlay.opaque", "user.overlay.opaque")
    )


def is_whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def make_whiteout(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR, 0)


def make_opaque(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    os.setxattr(path, OPAQUE, b"y")


def make_file(path: Path, content: str | bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def nested(top: Path, depth: int) -> Path:
    """Make `depth` directories in one another, each called ``n``, and return the innermost."""
    top.mkdir(exist_ok=True)
    path = str(top)
    for _ in range(depth):
        path += "/n"
        os.mkdir(path)
    return Path(path)
