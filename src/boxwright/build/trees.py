"""What COPY and ADD can take files from: the build context, and the file systems of stages and images.

A source is a path or a pattern below the tree's root, whatever it looks like: ``/x`` and ``../x`` are ``x``. Links on
the way, and one that is named itself, are followed inside the tree; links below a directory are copied as links.
"""

from __future__ import annotations

import posixpath
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from boxwright.build.scan import RACY_NS, Item, Scope, scan
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.ignore_scope import EitherScope, IgnoreScope
from boxwright.dockerfile.pattern import BadPattern, has_wildcards, parse_component
from boxwright.errors import InvalidError, NotFoundError
from boxwright.layer.union import Node, UnionView
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.filters import Filter


class SourceNotFound(NotFoundError):
    """A source names nothing."""

    def __init__(self, source: str, where: str, hint: str | None = None) -> None:
        super().__init__(f"{source}: not found in {where}", hint=hint)
        self.source = source


class SourcePatternInvalid(InvalidError):
    def __init__(self, error: BadPattern) -> None:
        super().__init__(str(error))
        self.pattern = error.pattern


class Selection(NamedTuple):
    """One file or directory that a source names."""

    name: str
    """What it is called inside a destination directory; empty for the tree's root."""
    top: Item
    """The thing itself, its `path` empty."""
    below: Iterable[Item]
    """What is in it, if it is a directory."""
    fingerprint: str
    """Equal as long as nothing in it was touched; empty where that isn't known."""
    settled: bool
    """Whether the fingerprint can be relied on later (see `Scan.settled`)."""

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.top.stat.st_mode)


class Tree(Protocol):
    """Files to copy from."""

    def select(self, sources: Sequence[str], wanted: Filter | None = None) -> list[Selection]:
        """Return what the sources name, in order; a pattern's hits by name. What `wanted` leaves out is not in it.

        A pattern that nothing matches gives nothing. Raises SourceNotFound for a path that leads nowhere,
        SourcePatternInvalid.
        """


class ContextTree:
    """The build context: a directory, less what its ignore file excludes. Files in it belong to nobody."""

    __slots__ = ("_lock", "_rules", "_view", "_where")

    def __init__(self, root: str, rules: IgnoreRules | None = None, where: str = "the build context") -> None:
        """`where` is what messages call it."""
        self._where = where
        self._rules = rules if rules else None
        self._view = UnionView([root])
        self._lock = threading.Lock()  # neither the rules' scopes nor the view are made for several threads

    def select(self, sources: Sequence[str], wanted: Filter | None = None) -> list[Selection]:
        with self._lock:
            return _select(self, self._view, sources, wanted)

    def one(self, path: str, wanted: Filter | None = None) -> Selection | None:
        node = self._view.lookup(path)
        if node is None or (self._rules is not None and self._is_hidden(path, node)):
            return None
        top = _top(node)
        if not node.is_dir:
            return _alone(path, top)
        ignored = _scope(self._rules, node.path) if self._rules is not None else None
        scope: Scope | None = ignored
        if wanted is not None and wanted.rules is not None:
            scope = EitherScope(ignored, wanted.rules.root) if ignored is not None else wanted.rules.root
        seen = scan(node.location, scope)
        if ignored is not None and ignored.excluded and not seen.files:
            return None
        return Selection(_name(path), top, seen, f"{top.stat.st_mode} {seen.fingerprint}", seen.settled)

    def hides(self, path: str) -> bool:
        return self._rules is not None and self._rules.matches(path)

    def missing(self, source: str, path: str) -> SourceNotFound:
        return SourceNotFound(source, self._where, self._why_not(path))

    def _is_hidden(self, path: str, node: Node) -> bool:
        """Whether the name, or what it leads to, is excluded (for a directory: with everything below it)."""
        assert self._rules is not None
        if node.is_dir:
            return _scope(self._rules, path).prunable or _scope(self._rules, node.path).prunable
        return self._rules.matches(path) or self._rules.matches(node.path)

    def _why_not(self, path: str) -> str | None:
        if self._rules is None or self._view.lookup(path) is None:
            return None
        pattern = self._rules.decisive(path)
        return f"{pattern.span} excludes it: {pattern.text}" if pattern is not None else None


def _scope(rules: IgnoreRules, directory: str) -> IgnoreScope:
    scope = rules.root
    for name in directory.split("/"):
        if name:
            scope = scope.enter(name)
    return scope


class NoTree:
    """The context of a build that has none: its Dockerfile came alone."""

    def select(self, sources: Sequence[str], wanted: Filter | None = None) -> list[Selection]:
        if sources:
            why = "a Dockerfile from the standard input has no build context"
            raise SourceNotFound(sources[0], "the build context", why)
        return []


class Viewable(Protocol):
    """Layers that are looked at only if they must be."""

    def view(self) -> UnionView: ...


class ViewTree:
    """The file system of a stage or an image."""

    __slots__ = ("_layers", "_name")

    def __init__(self, layers: Viewable, name: str) -> None:
        """`name` says in messages what the tree is."""
        self._layers = layers
        self._name = name

    def select(self, sources: Sequence[str], wanted: Filter | None = None) -> list[Selection]:
        return _select(self, self._layers.view(), sources, wanted)

    def one(self, path: str, wanted: Filter | None = None) -> Selection | None:
        view = self._layers.view()
        node = view.lookup(path)
        if node is None:
            return None
        below: Iterable[Item] = _Below(view, node.path) if node.is_dir else ()
        if node.is_dir and wanted is not None and wanted.rules is not None:
            from boxwright.build.filters import Kept

            below = Kept(below, wanted.rules)
        return Selection(_name(path), _top(node), below, "", False)

    def hides(self, path: str) -> bool:
        return False

    def missing(self, source: str, path: str) -> SourceNotFound:
        return SourceNotFound(source, self._name)


class _Source(Protocol):
    """A tree whose paths can be looked at one by one."""

    def one(self, path: str, wanted: Filter | None = None) -> Selection | None:
        """Return what a path leads to, None if that is nothing or excluded; `wanted` is about what is below it."""

    def hides(self, path: str) -> bool:
        """Whether a path that is no directory is excluded."""

    def missing(self, source: str, path: str) -> SourceNotFound:
        """Return the error that tells that a source's path leads nowhere."""


def _select(tree: _Source, view: UnionView, sources: Sequence[str], wanted: Filter | None) -> list[Selection]:
    found: list[Selection] = []
    for source in sources:
        if wanted is not None and wanted.parents:
            found += _with_parents(tree, view, source, wanted)
            continue
        path = clean(source)
        pattern = has_wildcards(path)
        for hit in _expand(view, path) if pattern else [path]:
            selection = tree.one(hit, wanted)
            if selection is None:
                if not pattern:
                    raise tree.missing(source, hit)
            elif wanted is None or selection.is_dir or not wanted.drops(selection.name):
                found.append(selection)
    return found


def _with_parents(tree: _Source, view: UnionView, source: str, wanted: Filter) -> Iterator[Selection]:
    """Yield, for each directory that the pivot is, what the source names below it."""
    from boxwright.build.filters import Kept, split_parents

    try:
        pattern = split_parents(source)
    except BadPattern as error:
        raise SourcePatternInvalid(error) from None
    wild = has_wildcards(pattern.pivot)
    for pivot in _expand(view, pattern.pivot) if wild else [pattern.pivot]:
        top = view.lookup(pivot)
        base = _base(tree, view, top, pattern.prefix) if top is not None and top.is_dir else None
        if top is not None and base is not None:
            lead, below = base
            prefix = "/".join(pattern.prefix) if below.is_dir else ""
            kept = Kept(below.below, wanted.rules, include=pattern.rest, lead=lead, prefix=prefix)
            modes = " ".join(str(item.stat.st_mode) for item in lead)
            yield Selection("", _top(top), kept, f"{modes} {below.fingerprint}", below.settled)
        elif pattern.literal and not wild:
            raise tree.missing(source, posixpath.join(pivot, pattern.rest))


def _base(tree: _Source, view: UnionView, top: Node, prefix: Sequence[str]) -> tuple[list[Item], Selection] | None:
    """Go down from `top` by plain names, no links followed: the items on the way, and what is at the end of it."""
    lead: list[Item] = []
    node = top
    for name in prefix:
        child = view.lookup(posixpath.join(node.path, name), follow=False) if node.is_dir else None
        if child is None:
            return None
        node = child
        lead.append(Item("/".join(prefix[: len(lead) + 1]), node.location, node.stat))
    if node.is_dir:
        selection = tree.one(node.path)
        return None if selection is None else (lead, selection)
    path = node.path.lstrip("/")
    return None if tree.hides(path) else (lead, _alone(path, _top(node)))


def _alone(path: str, top: Item) -> Selection:
    state = top.stat
    fingerprint = f"{state.st_mode} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"
    return Selection(_name(path), top, (), fingerprint, state.st_ctime_ns < time.time_ns() - RACY_NS)


class _Below:
    """The items of a directory in a view, found anew by each iteration."""

    __slots__ = ("_path", "_view")

    def __init__(self, view: UnionView, path: str) -> None:
        self._view = view
        self._path = path

    def __iter__(self) -> Iterator[Item]:
        skip = len(self._path.rstrip("/")) + 1
        nodes = self._view.walk(self._path)
        next(nodes)  # the directory itself
        for node in nodes:
            yield Item(node.path[skip:], node.location, node.stat)


def clean(source: str) -> str:
    """Return a source as a path below its tree's root: no leading slash, no ``.`` and ``..``; empty for the root."""
    return posixpath.normpath("/" + source).lstrip("/")


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _top(node: Node) -> Item:
    return Item("", node.location, node.stat)


def _expand(view: UnionView, pattern: str) -> list[str]:
    """Return the paths that a pattern matches, each of its components standing for one name, in order."""
    try:
        components = [parse_component(part) for part in pattern.split("/")]
    except BadPattern as error:
        raise SourcePatternInvalid(error) from None
    paths = [""]
    for component in components:
        matched = []
        for path in paths:
            if component.literal is not None:
                inside = posixpath.join(path, component.literal)
                if view.lookup(inside, follow=False) is not None:
                    matched.append(inside)
                continue
            directory = view.lookup(path)
            if directory is not None and directory.is_dir:
                matched += [posixpath.join(path, name) for name in view.listdir(path) if component.matches(name)]
        paths = matched
    return paths
