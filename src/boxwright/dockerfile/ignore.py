"""``.dockerignore``: which paths of a build context don't belong to it.

One pattern a line; ``#`` in the first column starts a comment. ``*``, ``?`` and ``[…]`` stay within one name, ``**`` is
any number of directories. A pattern that matches a directory takes all below it. ``!`` brings back what an earlier
line took; the last line that matches a path or one of its parents decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.dockerfile.blanks import BLANKS
from boxwright.dockerfile.ignore_pattern import Rule, Sequence, opened, parse_sequences, step
from boxwright.dockerfile.ignore_scope import IgnoreScope, scope
from boxwright.dockerfile.pattern import BadPattern
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.values import NamedTuple


class IgnorePattern(NamedTuple):
    text: str
    """As written, without the blanks around it."""
    excludes: bool
    """False for a line that starts with ``!``."""
    sequences: frozenset[Sequence]
    """Empty for a pattern that can match nothing in a context, such as ``.`` and ``../x``."""
    span: Span


class IgnoreRules:
    """The patterns of one .dockerignore.

    Walking a tree, start at `root` and ask each directory's scope about its members: that costs a dictionary lookup a
    file. `matches` answers for single paths.
    """

    __slots__ = ("patterns", "root")

    def __init__(self, patterns: tuple[IgnorePattern, ...]) -> None:
        self.patterns = patterns
        rules = [
            Rule(pattern.excludes, opened(pattern.sequences)) for pattern in reversed(patterns) if pattern.sequences
        ]
        self.root: IgnoreScope = scope(False, rules, {})
        """The scope of the context's own directory, which is never excluded itself."""

    @classmethod
    def none(cls) -> IgnoreRules:
        """Return rules that exclude nothing."""
        return cls(())

    @classmethod
    def parse(cls, source: Source) -> IgnoreRules:
        """Read a .dockerignore. Raises DockerfileError with the place of the first line that is no pattern."""
        patterns = []
        for number, line in enumerate(source.lines(), start=1):
            text = line.strip(BLANKS)
            if line.startswith("#") or not text:
                continue
            patterns.append(_parse_pattern(text, Span(source, number, number)))
        return cls(tuple(patterns))

    @classmethod
    def of(cls, patterns: Iterable[str], span: Span) -> IgnoreRules:
        """Return the rules of single patterns, as ``COPY --exclude`` gives them. Raises DockerfileError."""
        return cls(tuple(_parse_pattern(text, span) for pattern in patterns if (text := pattern.strip(BLANKS))))

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def matches(self, path: str) -> bool:
        """Tell whether `path`, relative to the context and with ``/`` between names, is excluded."""
        *parents, name = _names(path) or [""]
        if not name:
            return False
        current = self.root
        for parent in parents:
            current = current.enter(parent)
        return current.excludes(name)

    def decisive(self, path: str) -> IgnorePattern | None:
        """Return the pattern that decides about `path`, None when none matches it. For messages: it is slow."""
        names = _names(path)
        for pattern in reversed(self.patterns):
            rests = opened(pattern.sequences)
            for name in names:
                matched, rests = step(rests, name)
                if matched:
                    return pattern
        return None


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _parse_pattern(text: str, span: Span) -> IgnorePattern:
    excludes = not text.startswith("!")
    pattern = text if excludes else text[1:].strip(BLANKS)
    if not pattern:
        raise DockerfileError(
            f'illegal exclusion pattern: "{text}"', span, hint="write !PATH to bring back what an earlier line took"
        )
    try:
        return IgnorePattern(text, excludes, _sequences(pattern), span)
    except BadPattern as error:
        raise DockerfileError(
            f"syntax error in pattern: {text[:200]}", span, mark=text, hint=_hint(error.pattern)
        ) from None


def _sequences(pattern: str) -> frozenset[Sequence]:
    clean: list[str] = []
    for name in pattern.split("/"):
        if name == ".." and clean and clean[-1] != "..":
            clean.pop()
        elif name == ".." and pattern.startswith("/"):
            continue
        elif name not in ("", "."):
            clean.append(name)
    if not clean or clean[0] == "..":
        return frozenset()
    return parse_sequences("/".join(clean))


def _hint(pattern: str) -> str:
    if pattern.endswith("\\"):
        return "a backslash escapes the character behind it: write \\\\ for the character itself"
    if "[" in pattern:
        return "a class looks like [a-z] or [^abc]: write \\[ for the character itself, and \\- or \\] within a class"
    return "use fewer ** inside of names"
