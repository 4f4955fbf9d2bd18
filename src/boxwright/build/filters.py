"""COPY --exclude and --parents: which of the files below a source are copied.

Patterns are those of a .dockerignore. With --parents, a source ``a/./b/*.c`` is what matches ``b/*.c`` below ``a``, at
the path that it has there; without ``/./``, ``a`` is the tree's root.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence

from boxwright.build.scan import Item
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.ignore_scope import IgnoreScope
from boxwright.dockerfile.pattern import parse_component
from boxwright.dockerfile.source import Source, Span
from boxwright.values import NamedTuple

_PIVOT = "/./"


class Filter:
    """What the flags of a COPY or an ADD say about which files below a source count."""

    __slots__ = ("parents", "rules")

    def __init__(self, excludes: Sequence[str] = (), *, parents: bool = False) -> None:
        """`excludes` are good patterns."""
        self.parents = parents
        self.rules = _rules(excludes) if excludes else None
        """What is left out; None for nothing."""

    def drops(self, name: str) -> bool:
        """Whether a file that is a source itself is left out: by its name, as its directory's patterns say."""
        return self.rules is not None and self.rules.matches(name)


class ParentsPattern(NamedTuple):
    """A source of COPY --parents, taken apart."""

    pivot: str
    """Where the paths that are kept begin; may have wildcards."""
    prefix: tuple[str, ...]
    """The first components of what is below it, as far as they are plain names."""
    rest: str
    """All of what is below it, with wildcards; empty for everything."""
    literal: bool
    """There are no wildcards behind the pivot."""


def split_parents(source: str) -> ParentsPattern:
    """Raises BadPattern."""
    from boxwright.build.trees import clean

    before, found, after = source.partition(_PIVOT)
    pivot, rest = (clean(before), clean(after)) if found else ("", clean(source))
    prefix = []
    components = [parse_component(part) for part in rest.split("/")] if rest else []
    for component in components:
        if component.literal is None:
            break
        prefix.append(component.literal)
    return ParentsPattern(pivot, tuple(prefix), rest, len(prefix) == len(components))


class Kept:
    """The items of a directory that a filter lets through, and the directories that these need; found anew by each
    iteration."""

    __slots__ = ("_exclude", "_include", "_items", "_lead", "_prefix")

    def __init__(
        self,
        items: Iterable[Item],
        exclude: IgnoreRules | None,
        *,
        include: str = "",
        lead: Sequence[Item] = (),
        prefix: str = "",
    ) -> None:
        """`include` is a pattern, nothing for everything. `lead` are the items of the directories on the way to
        `prefix`, below which `items` are."""
        self._items = items
        self._exclude = exclude
        self._include = _rules(["/" + include]) if include else None
        self._lead = lead
        self._prefix = prefix + "/" if prefix else ""

    def __iter__(self) -> Iterator[Item]:
        scopes = {"": _Scopes(_root(self._include), _root(self._exclude))}
        waiting: dict[str, Item] = {}
        for item in self._all():
            directory, _, name = item.path.rpartition("/")
            above = scopes[directory]
            is_dir = stat.S_ISDIR(item.stat.st_mode)
            if is_dir:
                scopes[item.path] = above.enter(name)
            if above.keeps(name):
                yield from _needed(directory, waiting)
                yield item
            elif is_dir:
                waiting[item.path] = item

    def _all(self) -> Iterator[Item]:
        yield from self._lead
        for item in self._items:
            yield item._replace(path=self._prefix + item.path) if self._prefix else item


class _Scopes(NamedTuple):
    """How the rules look from one directory."""

    include: IgnoreScope | None
    exclude: IgnoreScope | None

    def enter(self, name: str) -> _Scopes:
        return _Scopes(
            None if self.include is None else self.include.enter(name),
            None if self.exclude is None else self.exclude.enter(name),
        )

    def keeps(self, name: str) -> bool:
        if self.exclude is not None and self.exclude.excludes(name):
            return False
        return self.include is None or self.include.excludes(name)


def _needed(directory: str, waiting: dict[str, Item]) -> list[Item]:
    """Take a directory and those above it out of `waiting`, the highest first."""
    needed = []
    while waiting and directory:
        item = waiting.pop(directory, None)
        if item is not None:
            needed.append(item)
        directory = directory.rpartition("/")[0]
    return needed[::-1]


def _root(rules: IgnoreRules | None) -> IgnoreScope | None:
    return None if rules is None else rules.root


def _rules(patterns: Sequence[str]) -> IgnoreRules:
    return IgnoreRules.of(patterns, Span(Source("--exclude", "\n"), 1, 1))
