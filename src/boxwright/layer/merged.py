"""A stack of layers, merged, as entries of a tar: what it holds, or how it differs from the layers below it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from boxwright.layer.diff import entry_of
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.union import Node, UnionView


def entries(view: UnionView, top: Node, name: str = "", *, latest_ns: int | None = None) -> Iterator[tuple[Entry, str]]:
    """Yield what is at `top` and below it as entries named from `name` on, with the location of their content.

    A file with several names is a file once and a hard link afterwards. Sockets are left out. `latest_ns`, since the
    epoch, bounds the times.
    """
    links: dict[tuple[int, int], str] = {}
    prefix = top.path.rstrip("/")
    for node in view.walk(top.path):
        path = (name + node.path[len(prefix) :]).strip("/") if node.path != top.path else name
        try:
            entry = _entry(path, node, links, latest_ns)
        except FileNotFoundError:
            if not view.living:
                raise
            continue
        if entry is not None:
            yield entry, node.location


def differences(view: UnionView, below: UnionView) -> Iterator[tuple[Entry, str]]:
    """Yield the one layer that, on top of `below`, shows what `view` shows, in canonical order.

    `view` has to be the layers of `below` and others on top of them: what lies where `below` has it is the same.
    """
    links: dict[tuple[int, int], str] = {}
    for node in view.walk():
        under = below.find(node.path)
        if under is not None and under.location == node.location:
            continue
        path = node.path.strip("/")
        entry = _entry(path, node, links, None)
        if entry is None:
            continue
        if path or (entry.mode, entry.uid, entry.gid) != (0o755, 0, 0) or entry.xattrs:
            yield entry, node.location
        if node.is_dir and under is not None and under.is_dir:
            there = {child.path for child in view.scandir(node.path)}
            for child in below.scandir(node.path):
                if child.path not in there:
                    yield Entry(child.path.strip("/"), Kind.WHITEOUT), ""


def _entry(path: str, node: Node, links: dict[tuple[int, int], str], latest_ns: int | None) -> Entry | None:
    """Return the entry of a node; `links` are the files with several names that have been met."""
    status = node.stat
    if stat.S_ISSOCK(status.st_mode):
        return None
    if not node.location:  # the root of nothing
        return Entry(path, Kind.DIR, 0o755)
    entry = entry_of(path, os.fspath(node.location), status, latest_ns)
    if entry.kind is not Kind.DIR and status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            entry = entry._replace(kind=Kind.HARDLINK, linkname=first, size=0, xattrs={})
    return entry
