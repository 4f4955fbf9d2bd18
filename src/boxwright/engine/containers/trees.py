"""Trees of a view as tar entries, and back: how files leave a container, and how a volume is filled."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from typing import BinaryIO

from boxwright.host.paths import Path
from boxwright.layer.entry import Kind
from boxwright.layer.merged import entries
from boxwright.layer.union import Node, UnionView
from boxwright.layer.writer import TarWriter


def write_tar(
    view: UnionView, top: Node, sink: BinaryIO, name: str = "", *, exclude: Collection[str] = frozenset()
) -> None:
    """Write what is at `top` as a tar, its members named from `name` on; `exclude` are names of members."""
    writer = TarWriter(sink.write)
    gone: set[str] = set()
    for entry, location in entries(view, top, name):
        if not entry.path or entry.path in exclude or (entry.kind is Kind.HARDLINK and entry.linkname in gone):
            continue  # the root itself, or unwanted
        if entry.kind is not Kind.FILE:
            writer.add(entry)
            continue
        try:
            content = view.open(location)
        except FileNotFoundError:
            if not view.living:
                raise
            gone.add(entry.path)
            continue
        try:
            writer.add(entry, content)
        finally:
            os.close(content)
    writer.finish()


def copy_node(view: UnionView, top: Node, target: Path) -> None:
    """Fill the empty directory `target` with what the directory `top` has: owners, modes, times and all.

    The target itself gets the directory's own owner and mode.
    """
    import tempfile

    from boxwright.layer.apply import apply_layer

    with tempfile.TemporaryFile() as spool:
        write_tar(view, top, spool)
        spool.seek(0)
        apply_layer(spool, target)
    os.chown(target, top.stat.st_uid, top.stat.st_gid)
    os.chmod(target, stat.S_IMODE(top.stat.st_mode))
