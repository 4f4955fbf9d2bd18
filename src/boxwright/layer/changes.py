"""What a container changed, as ``docker diff`` tells it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from boxwright.host.paths import StrPath
from boxwright.layer.diff import members
from boxwright.layer.entry import Entry, Kind, sort_key
from boxwright.layer.union import Node, UnionView
from boxwright.values import NamedTuple


class Change(NamedTuple):
    """`kind` is A (added), C (changed) or D (deleted); `path` is absolute."""

    kind: Literal["A", "C", "D"]
    path: str


def changes(
    upper: StrPath, lower: UnionView, *, exclude: Collection[str] = frozenset(), living: bool = False
) -> list[Change]:
    """Return what `upper`, a directory in overlay form, changes of what is below it, in canonical order.

    A directory counts as changed when its mode or owner is another, or when something below it is listed; a file
    counts as changed when it was written or touched at all. Of a directory that was replaced, the names that are
    gone are listed as deleted. The root itself is never listed. `exclude` is that of `diff.write_layer`, `living`
    that of `diff.members`.
    """
    found: dict[str, Change] = {}
    # Of each directory that isn't merged with the one below: the names there that haven't come up in `upper`.
    missing: dict[str, set[str]] = {}
    for entry, _ in members(upper, exclude=exclude, living=living):
        path, kind = entry.path, entry.kind
        below = lower.find(path)
        if kind is Kind.OPAQUE:
            missing[path] = _names(lower, below)
            continue
        if not path:
            continue
        parent, _, name = path.rpartition("/")
        if parent in missing:
            missing[parent].discard(name)
            if kind is Kind.DIR:  # nothing below an opaque directory is merged
                missing[path] = _names(lower, below)
        if kind is Kind.WHITEOUT:
            if below is not None:
                found[path] = Change("D", f"/{path}")
        elif below is None:
            found[path] = Change("A", f"/{path}")
        elif kind is not Kind.DIR or not below.is_dir or _attributes_differ(entry, below):
            found[path] = Change("C", f"/{path}")
    for directory, names in missing.items():
        for name in names:
            path = f"{directory}/{name}" if directory else name
            found[path] = Change("D", f"/{path}")
    for path in list(found):
        while (path := path.rpartition("/")[0]) and path not in found:
            found[path] = Change("C", f"/{path}")
    return [found[path] for path in sorted(found, key=sort_key)]


def _names(lower: UnionView, below: Node | None) -> set[str]:
    return set(lower.listdir(below.path)) if below is not None and below.is_dir else set()


def _attributes_differ(entry: Entry, below: Node) -> bool:
    status = below.stat
    return (entry.mode, entry.uid, entry.gid) != (status.st_mode & 0o7777, status.st_uid, status.st_gid)
