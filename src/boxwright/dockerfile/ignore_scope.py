"""The rules of .dockerignore as they look from one directory: the machine that walks a tree with them.

The last rule that matches a path or one of its parents decides. A scope holds, last rule first, what is left to match
of every rule below its directory. A rule that has matched the directory decides for all below it unless a later rule
has its say, so it and all earlier rules fold into one verdict. Scopes are shared: directories in which the same is
left to match have the same scope, in most trees a handful for thousands of directories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from boxwright.dockerfile.ignore_pattern import Rule, step
from boxwright.dockerfile.pattern import Component, compiled


class IgnoreScope:
    """What the rules say below one directory. Not for use by several threads at once."""

    __slots__ = (
        "_children",
        "_default",
        "_globs",
        "_head_glob",
        "_heads",
        "_literals",
        "_otherwise",
        "_rules",
        "_shared",
        "_wild",
        "excluded",
        "keeps_all",
        "prunable",
    )

    def __init__(
        self, excluded: bool, rules: tuple[Rule, ...], shared: dict[tuple[bool, tuple[Rule, ...]], IgnoreScope]
    ) -> None:
        self.excluded = excluded
        """The directory itself is excluded; it is still needed when something below is kept."""
        self.prunable = excluded and not rules
        """Nothing below is kept: no need to look inside."""
        self.keeps_all = not excluded and not rules
        """Nothing below is excluded: no need to ask further."""
        self._rules = rules
        self._shared = shared
        self._children: dict[str, IgnoreScope] = {}
        self._default: IgnoreScope | None = None
        heads = [rest[0] for rule in rules for rest in rule.rests if rest[0] is not None]
        self._heads = {head.literal for head in heads if head.literal is not None}
        self._head_glob = _any_of(head for head in heads if head.literal is None)
        self._literals: dict[str, int] = {}
        self._wild: list[tuple[int, Component]] = []
        self._globs: tuple[tuple[Callable[[str], object], bool], ...] = ()
        self._otherwise = excluded
        self._compile()

    def excludes(self, name: str) -> bool:
        """Tell whether the directory's member `name` is excluded, whatever it is."""
        if name in self._literals:
            return self._decide(name)
        for matches, verdict in self._globs:
            if matches(name):
                return verdict
        return self._otherwise

    def enter(self, name: str) -> IgnoreScope:
        """Return the scope of the subdirectory `name`."""
        if not self._rules:
            return self
        child = self._children.get(name)
        if child is not None:
            return child
        if name not in self._heads and not (self._head_glob and self._head_glob(name)):
            if self._default is None:
                self._default = self._go_down(name)
            return self._default
        child = self._children[name] = self._go_down(name)
        return child

    def _go_down(self, name: str) -> IgnoreScope:
        excluded = self.excluded
        rules: list[Rule] = []
        for rule in self._rules:
            matched, rests = step(rule.rests, name)
            if matched:
                excluded = rule.excludes
                break
            if rests:
                rules.append(Rule(rule.excludes, rests))
        return scope(excluded, rules, self._shared)

    def _compile(self) -> None:
        """Prepare `excludes`: which names are spelled out by which rule, and the globs, merged, in the order of say."""
        globs: list[tuple[list[Component], bool]] = []
        for say, rule in enumerate(self._rules):
            heads = [rest[0] for rest in rule.rests if len(rest) == 1]
            if None in heads:
                self._otherwise = rule.excludes
                break
            for head in heads:
                if head is not None and head.literal is not None:
                    self._literals.setdefault(head.literal, say)
            wild = [head for head in heads if head is not None and head.literal is None]
            self._wild.extend((say, head) for head in wild)
            if wild and globs and globs[-1][1] == rule.excludes:
                globs[-1][0].extend(wild)
            elif wild:
                globs.append((wild, rule.excludes))
        while globs and globs[-1][1] == self._otherwise:
            globs.pop()
        self._globs = tuple((matcher, verdict) for heads, verdict in globs if (matcher := _any_of(heads)))

    def _decide(self, name: str) -> bool:
        """Decide about a name that a rule spells out: a glob of a later rule may say otherwise."""
        literal_say = self._literals[name]
        for say, head in self._wild:
            if say >= literal_say:
                break
            if head.matches(name):
                return self._rules[say].excludes
        return self._rules[literal_say].excludes


class EitherScope:
    """What two sets of rules say below one directory: excluded is what either excludes."""

    __slots__ = ("_one", "_other", "excluded", "keeps_all", "prunable")

    def __init__(self, one: IgnoreScope, other: IgnoreScope) -> None:
        self._one = one
        self._other = other
        self.excluded = one.excluded or other.excluded
        self.prunable = one.prunable or other.prunable
        self.keeps_all = one.keeps_all and other.keeps_all

    def excludes(self, name: str) -> bool:
        return self._one.excludes(name) or self._other.excludes(name)

    def enter(self, name: str) -> EitherScope:
        return EitherScope(self._one.enter(name), self._other.enter(name))


def scope(excluded: bool, rules: list[Rule], shared: dict[tuple[bool, tuple[Rule, ...]], IgnoreScope]) -> IgnoreScope:
    """Return the scope in which `rules`, the last one first, are left to match and `excluded` holds otherwise."""
    # The rule with the least say adds nothing when it says what holds anyway.
    while rules and rules[-1].excludes == excluded:
        rules.pop()
    key = (excluded, tuple(rules))
    found = shared.get(key)
    if found is None:
        found = shared[key] = IgnoreScope(*key, shared)
    return found


def _any_of(components: Iterable[Component]) -> Callable[[str], object] | None:
    expressions = sorted({component.expression for component in components})
    return compiled("|".join(f"(?:{expression})" for expression in expressions)).fullmatch if expressions else None
