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
from typing import Protocol

from boxwright.build.scan import RACY_NS, Item, scan
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.ignore_scope import IgnoreScope
from boxwright.dockerfile.pattern import BadPattern, has_wildcards, parse_component
from boxwright.errors import InvalidError, NotFoundError
from boxwright.layer.union import Node, UnionView
from boxwright.values import NamedTuple


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

    def select(self, sources: Sequence[str]) -> list[Selection]:
        """Return what the sources name, in order; a pattern's hits by name.

        A pattern that nothing matches gives nothing. Raises SourceNotFound for a path that leads nowhere,
        SourcePatternInvalid.
        """


class ContextTree:
    """The build context: a directory, less what its ignore file excludes. Files in it belong to nobody."""

    __slots__ = ("_lock", "_rules", "_view")

    def __init__(self, root: str, rules: IgnoreRules | None = None) -> None:
        self._rules = rules if rules else None
        self._view = UnionView([root])
        self._lock = threading.Lock()  # neither the rules' scopes nor the view are made for several threads

    def select(self, sources: Sequence[str]) -> list[Selection]:
        with self._lock:
            return self._select(sources)

    def _select(self, sources: Sequence[str]) -> list[Selection]:
        found = []
        for source in sources:
            path = clean(source)
            pattern = has_wildcards(path)
            for hit in _expand(self._view, path) if pattern else [path]:
                selection = self._selection(hit)
                if selection is not None:
                    found.append(selection)
                elif not pattern:
                    raise SourceNotFound(source, "the build context", self._why_not(hit))
        return found

    def _selection(self, path: str) -> Selection | None:
        node = self._view.lookup(path)
        if node is None or (self._rules is not None and self._is_hidden(path, node)):
            return None
        top = _top(node)
        state = top.stat
        if not node.is_dir:
            fingerprint = f"{state.st_mode} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"
            return Selection(_name(path), top, (), fingerprint, state.st_ctime_ns < time.time_ns() - RACY_NS)
        scope = _scope(self._rules, node.path) if self._rules is not None else None
        seen = scan(node.location, scope)
        if scope is not None and scope.excluded and not seen.files:
            return None
        return Selection(_name(path), top, seen, f"{state.st_mode} {seen.fingerprint}", seen.settled)

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

    def select(self, sources: Sequence[str]) -> list[Selection]:
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

    def select(self, sources: Sequence[str]) -> list[Selection]:
        view = self._layers.view()
        found = []
        for source in sources:
            path = clean(source)
            pattern = has_wildcards(path)
            for hit in _expand(view, path) if pattern else [path]:
                node = view.lookup(hit)
                if node is not None:
                    below = _Below(view, node.path) if node.is_dir else ()
                    found.append(Selection(_name(hit), _top(node), below, "", False))
                elif not pattern:
                    raise SourceNotFound(source, self._name)
        return found


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
