"""Which tags of a repository are meant."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from boxwright.engine.mirroring.versions import Range, Version
from boxwright.remote.referrers import is_fallback_tag
from boxwright.values import NamedTuple


class TagSelection(NamedTuple):
    """All of it has to hold for a tag."""

    include: tuple[str, ...] = ()
    """Patterns as of a shell, one of which it has to match; none: any tag does."""
    exclude: tuple[str, ...] = ()
    """Patterns of which it must match none."""
    versions: Range | None = None
    """The versions that it has to be one of."""
    newest: int | None = None
    """Of the tags that are versions, only so many, the highest; others are left out."""

    def choose(self, tags: Iterable[str]) -> list[str]:
        """Return those of `tags` that are meant, in their order.

        Tags that stand for signatures and other referrers are never meant: they go with what they refer to.
        """
        found = [tag for tag in tags if not is_fallback_tag(tag) and self._matches(tag)]
        if self.newest is None:
            return found
        known = [(version, tag) for tag in found if (version := Version.parse(tag)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=True)
        kept = {tag for _, tag in known[: self.newest]}
        return [tag for tag in found if tag in kept]

    def _matches(self, tag: str) -> bool:
        if self.include and not any(fnmatchcase(tag, pattern) for pattern in self.include):
            return False
        if any(fnmatchcase(tag, pattern) for pattern in self.exclude):
            return False
        if self.versions is None:
            return True
        version = Version.parse(tag)
        return version is not None and self.versions.holds(version)
