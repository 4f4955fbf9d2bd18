"""What applying a layer on a merged root means, said as plainly as possible: a tree of values, no overlay, no disk.

Docker applies a layer to a directory that holds all those below it. This model does the same, member by member, and is
the witness for layers that are applied alone and merged by a view afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from boxwright.layer.entry import Entry, Kind

Seen = dict[str, tuple[str, int, int, int, object]]


class Ambiguous(Exception):
    """Two members have the same place by way of a link: what then happens is not this model's business."""


class _Thing:
    def __init__(self, entry: Entry, content: bytes, new: bool) -> None:
        self.entry = entry
        self.content = content
        self.new = new  # made or touched by the layer in hand
        self.children: dict[str, _Thing] = {}

    @property
    def is_dir(self) -> bool:
        return self.entry.kind is Kind.DIR


class Refused(NamedTuple):
    why: str


class Merged:
    def __init__(self) -> None:
        self.root = _Thing(Entry("", Kind.DIR, mode=0o755), b"", False)

    def apply(self, members: Iterable[tuple[Entry, bytes]]) -> Refused | None:
        """Apply one layer; say why when a member can't be."""
        self._settle(self.root)
        placed: set[tuple[int, str]] = set()
        for entry, content in members:
            if entry.kind is Kind.OPAQUE:
                directory = self._directory(entry.path)
                if isinstance(directory, Refused):
                    return directory
                self._hide(directory)
                continue
            parent_name, _, name = entry.path.rpartition("/")
            parent = self._directory(parent_name)
            if isinstance(parent, Refused):
                return parent
            if (id(parent), name) in placed:
                raise Ambiguous
            placed.add((id(parent), name))
            there = parent.children.get(name)
            if entry.kind is Kind.WHITEOUT:
                if there is not None and there.new:
                    self._hide(there)
                elif there is not None:
                    del parent.children[name]
            elif entry.kind is Kind.HARDLINK:
                holder_name, _, original = entry.linkname.rpartition("/")
                holder = self._directory(holder_name)
                if isinstance(holder, Refused):
                    return holder
                target = holder.children.get(original)
                if target is None or target.is_dir:
                    return Refused("no such target")
                there = parent.children.get(name)
                if there is not None and there.is_dir and there.new:
                    raise Ambiguous
                parent.children[name] = target
            elif entry.kind is Kind.DIR and there is not None and there.is_dir:
                there.entry, there.new = entry, True
            else:
                if there is not None and there.is_dir and there.new:
                    raise Ambiguous
                parent.children[name] = _Thing(entry, content, True)
        return None

    def seen(self) -> Seen:
        """Everything by its path."""
        found: Seen = {}

        def look(path: str, thing: _Thing) -> None:
            entry = thing.entry
            what = thing.content if entry.kind is Kind.FILE else entry.linkname
            found[path or "/"] = (entry.kind.name, entry.mode, entry.uid, entry.gid, what)
            for name, child in thing.children.items():
                look(f"{path}/{name}", child)

        look("", self.root)
        return found

    def _settle(self, thing: _Thing) -> None:
        thing.new = False
        for child in thing.children.values():
            self._settle(child)

    def _hide(self, thing: _Thing) -> None:
        """Take away what lower layers have below something, and keep what this one has."""
        for name, child in list(thing.children.items()):
            self._hide(child)
            if not child.new:
                del thing.children[name]

    def _directory(self, name: str) -> _Thing | Refused:
        way = [self.root]
        rest = name.split("/")
        links = 0
        while rest:
            part = rest.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                way = way[: max(1, len(way) - 1)]
                continue
            here = way[-1]
            child = here.children.get(part)
            if child is None:
                child = here.children[part] = _Thing(Entry("", Kind.DIR, mode=0o755), b"", True)
            if child.entry.kind is Kind.SYMLINK:
                links += 1
                if links > 40:
                    return Refused("a circle")
                rest = child.entry.linkname.split("/") + rest
                if child.entry.linkname.startswith("/"):
                    way = [self.root]
                continue
            if not child.is_dir:
                return Refused("not a directory")
            way.append(child)
        for thing in way:
            thing.new = True
        return way[-1]
