"""The files of what was built, in a folder or as a tar."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from boxwright.errors import ConflictError, UnavailableError
from boxwright.host import faults
from boxwright.host.paths import Path
from boxwright.host.trees import remove_tree
from boxwright.layer.apply import apply_layer
from boxwright.layer.diff import tar_pieces
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.merged import entries
from boxwright.layer.streams import PieceStream
from boxwright.layer.union import UnionView
from boxwright.store.scratch import scratch, sweep
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.oci.platform import Platform

_STAGING = ".boxwright-output-"


class Files(NamedTuple):
    """What one platform's build left."""

    platform: Platform
    layers: tuple[Path, ...]
    """Their directories, lowest first."""


class FolderInTheWay(ConflictError):
    """What an output is to be written to is something else."""

    def __init__(self, path: str) -> None:
        super().__init__(f"cannot write to {path}: it is no folder", hint="name another one with dest=")
        self.path = path


def tar(found: Sequence[Files], *, split: bool, epoch: int | None) -> Iterator[memoryview]:
    """Yield a tar of all files, those of each platform in a folder of its own where that is wanted.

    `epoch`, in seconds, bounds the times.
    """
    return tar_pieces(_entries(found, split, epoch))


def folder(found: Sequence[Files], path: str, *, split: bool, epoch: int | None) -> None:
    """Write all files into the folder `path`, made when missing; they belong to whoever runs this.

    What is there already stays, except that a file of the same name is replaced; links that are there are not
    followed. Everything is written beside its place first, so that a failure leaves what was there as it was; a kill
    while the files are moved leaves each of them old or new. Raises FolderInTheWay, UnavailableError.
    """
    target = Path(os.path.abspath(path))
    try:
        if os.path.lexists(target):
            if not target.is_dir():
                raise FolderInTheWay(path)
            sweep(target, _STAGING)
            # Inside, for the folder may be a mount of its own.
            with scratch(target, _STAGING) as staged:
                _fill(staged, found, split, epoch)
                _merge(str(staged), str(target))
            return
        os.makedirs(target.parent, exist_ok=True)
        sweep(target.parent, _STAGING)
        with scratch(target.parent, _STAGING) as staged:
            os.chmod(staged, 0o755)
            _fill(staged, found, split, epoch)
            os.utime(staged)  # the folder itself is no part of the image, and as new as it is
            faults.point("a folder is written beside its place")
            os.rename(staged, target)
    except OSError as error:
        raise UnavailableError(f"cannot write to {path}: {(error.strerror or str(error)).lower()}") from error


def folder_name(platform: Platform) -> str:
    """Return what a platform's folder is called: ``linux_arm_v7``."""
    return str(platform).replace("/", "_")


def _entries(found: Sequence[Files], split: bool, epoch: int | None) -> Iterator[tuple[Entry, str]]:
    latest = None if epoch is None else epoch * 1_000_000_000
    for files in found:
        view = UnionView(files.layers)
        top = view.lookup("/")
        assert top is not None
        for entry, location in entries(view, top, folder_name(files.platform) if split else "", latest_ns=latest):
            if entry.path != "":  # the root is the folder itself
                yield entry, location
            elif split:
                yield entry._replace(path=folder_name(files.platform)), location


def _fill(target: Path, found: Sequence[Files], split: bool, epoch: int | None) -> None:
    uid, gid = os.geteuid(), os.getegid()

    def mine() -> Iterator[tuple[Entry, str]]:
        for entry, location in _entries(found, split, epoch):
            yield entry._replace(uid=uid, gid=gid) if entry.kind is not Kind.HARDLINK else entry, location

    # The same way in as for every layer: it keeps all names inside, whatever links they have.
    apply_layer(PieceStream(tar_pieces(mine())), target, rootless=uid != 0)


def _merge(source: str, target: str) -> None:
    """Move what is in `source` to `target`, folder into folder, everything else in place of what is there."""
    folders = [(source, target, os.lstat(source))]
    for above, below, _ in folders:  # grows while it is gone through
        for name in sorted(os.listdir(above)):
            made, place = f"{above}/{name}", f"{below}/{name}"
            status = os.lstat(made)
            is_folder = stat.S_ISDIR(status.st_mode)
            there = os.lstat(place) if os.path.lexists(place) else None
            if there is not None and is_folder and stat.S_ISDIR(there.st_mode):
                folders.append((made, place, status))
                continue
            if there is not None and stat.S_ISDIR(there.st_mode):
                remove_tree(place)
            elif there is not None and is_folder:
                os.unlink(place)
            os.rename(made, place)
            faults.point("a file of an output is in place")
    for _, place, status in reversed(folders[1:]):  # the deepest first: what is put into a folder changes its time
        os.chmod(place, stat.S_IMODE(status.st_mode))
        os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
