"""Names of a command line → the targets to build, each with all that it inherits and all that it needs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.bake.definition import Definition
from boxwright.bake.entries import Export
from boxwright.bake.mistakes import BakeError, TargetMissing
from boxwright.bake.overrides import Granted, Override, Overrides, matching
from boxwright.bake.targets import Group, Target
from boxwright.values import NamedTuple

DEFAULT = "default"
LINK = "target:"
HERE = "cwd://"
_MAX_DEPTH = 100
_SPECIAL = (LINK, "docker-image:", "oci-layout:", "http://", "https://")


class Selection(NamedTuple):
    targets: Mapping[str, Target]
    """In the order in which they are to be begun: each behind those that it needs."""
    groups: Mapping[str, Group]
    linked: frozenset[str]
    """Targets that are built only because others need them."""
    granted: Granted

    def to_json(self) -> dict[str, Any]:
        """Return it as ``buildx bake --print`` shows it."""
        groups = {}
        for name in sorted(self.groups):
            group = self.groups[name]
            told = {"description": group.description} if group.description else {}
            groups[name] = {**told, "targets": list(group.targets)}
        targets = {name: self.targets[name].to_json() for name in sorted(self.targets)}
        return {**({"group": groups} if groups else {}), "target": targets}


def links(target: Target) -> list[str]:
    """Return the targets whose results are contexts of this one."""
    return [where.removeprefix(LINK) for where in (target.contexts or {}).values() if where.startswith(LINK)]


def select(
    definition: Definition, wanted: Sequence[str], overrides: Sequence[Override], base: str | None = None
) -> Selection:
    """Resolve targets and groups; names may be patterns. Raises BakeError, TargetMissing.

    `base` is the URL of the git repository that the files are from, and that their paths are in.
    """
    return _Selector(definition, overrides, base).select(wanted)


class _Selector:
    def __init__(self, definition: Definition, overrides: Sequence[Override], base: str | None) -> None:
        self._definition = definition
        self._base = base
        self._overrides = Overrides(overrides, tuple(definition.targets))
        self._resolved: dict[str, Target] = {}

    def select(self, wanted: Sequence[str]) -> Selection:
        named: dict[str, None] = {}
        for text in wanted:
            named.update(dict.fromkeys(self._matching(text.replace(".", "_"))))
        targets: dict[str, Target] = {}
        groups: dict[str, Group] = {}
        for name in named:
            self._take(name, targets, groups, ())
        for name in named:
            if name == DEFAULT and DEFAULT in groups:
                continue
            default = groups.get(DEFAULT) or Group(DEFAULT, ())
            groups[DEFAULT] = default._replace(targets=(*default.targets, name))
        if DEFAULT in groups:
            groups[DEFAULT] = groups[DEFAULT]._replace(targets=tuple(sorted({*groups[DEFAULT].targets})))
        chosen = frozenset(targets)
        ordered: dict[str, Target] = {}
        for name in tuple(targets):
            self._link(name, targets, ordered, ())
        return Selection(ordered, groups, frozenset(ordered) - chosen, self._overrides.granted)

    def _matching(self, text: str) -> list[str]:
        if not any(char in text for char in "*?[]"):
            return [text]
        known = [*self._definition.groups, *self._definition.targets]
        found = matching(text, known)
        if not found:
            raise TargetMissing(text, tuple(known))
        return found

    def _take(self, name: str, targets: dict[str, Target], groups: dict[str, Group], above: tuple[str, ...]) -> None:
        """Add a target, or all that a group has."""
        group = self._definition.groups.get(name)
        if group is None:
            if name not in targets:
                targets[name] = self._finished(name)
            return
        if name in above:
            raise BakeError(f"the group {name} is in itself: {' → '.join((*above, name))}")
        if len(above) > _MAX_DEPTH:
            raise BakeError(f"the group {above[0]} is nested too deeply")
        if name in groups:
            return
        for member in group.targets:
            # A group may have a target of its own name in it.
            if member == name and member in self._definition.targets:
                targets.setdefault(member, self._finished(member))
            else:
                self._take(member, targets, groups, (*above, name))
        groups[name] = group

    def _link(
        self, name: str, targets: Mapping[str, Target], ordered: dict[str, Target], above: tuple[str, ...]
    ) -> Target:
        """Put a target behind all those that it needs; entitlements come with them."""
        if name in ordered:
            return ordered[name]
        if name in above:
            raise BakeError(f"the target {name} needs itself: {' → '.join((*above, name))}")
        if len(above) > _MAX_DEPTH:
            raise BakeError(f"the target {above[0]} needs too many others")
        target = targets.get(name)
        if target is None:
            target = self._finished(name)._replace(output=(Export("cacheonly", "", {}),))
        entitlements = dict.fromkeys(target.entitlements or ())
        for link in links(target):
            other = self._link(link, targets, ordered, (*above, name))
            entitlements.update(dict.fromkeys(other.entitlements or ()))
            _check_platforms(target, other)
        if entitlements:
            target = target._replace(entitlements=tuple(entitlements))
        ordered[name] = target
        return target

    def _finished(self, name: str) -> Target:
        """Return a target with its defaults, its paths as they are meant."""
        target = self._resolve(name, ())
        for attribute, value in (("context", target.context), ("dockerfile", target.dockerfile)):
            if value == "-":
                raise BakeError(
                    f"the target {name} has its {attribute} from the standard input, which bake doesn't read"
                )
        contexts = {key: self._context(where, tidy=False) for key, where in (target.contexts or {}).items()}
        return target._replace(
            inherits=None,
            context=self._context(target.context or ".", tidy=True),
            contexts=contexts or None,
            dockerfile=target.dockerfile or "Dockerfile",
        )

    def _context(self, where: str, *, tidy: bool) -> str:
        """Return a context as it is meant; with `tidy`, also a path without detours."""
        if where.startswith(HERE):
            return _clean(where.removeprefix(HERE))
        if is_elsewhere(where):
            return where
        if self._base is None:
            return _clean(where) if tidy else where
        return below(self._base, _clean(where))

    def _resolve(self, name: str, above: tuple[str, ...]) -> Target:
        """Return a target with all that it inherits and all that the command line says of it."""
        if name in self._resolved:
            return self._resolved[name]
        if name in above:
            raise BakeError(f"the target {name} inherits itself: {' → '.join((*above, name))}")
        if len(above) > _MAX_DEPTH:
            raise BakeError(f"the target {above[0]} inherits too many others")
        own = self._definition.targets.get(name)
        if own is None:
            known = (*self._definition.targets, *self._definition.groups)
            raise TargetMissing(name, known)
        made = Target(name)
        for parent in own.inherits or ():
            made = made.merged(self._resolve(parent, (*above, name)))
        made = self._overrides.applied(made.merged(own)._replace(name=name)).normalized()
        self._resolved[name] = made
        return made


def _check_platforms(target: Target, other: Target) -> None:
    wanted, built = target.platforms or (), other.platforms or ()
    if len(wanted) > 1 and len(built) > 1 and not set(wanted) <= set(built):
        raise BakeError(
            f"{target.name} is built for {', '.join(wanted)} and needs {other.name},"
            f" which is built for {', '.join(built)} only"
        )


def below(url: str, path: str) -> str:
    """Return the URL of a directory in a git repository, whose own URL may name one. Raises BakeError."""
    if path == ".":
        return url
    if path.startswith(("..", "/")):
        raise BakeError(f"{path} is outside of the repository", hint=f"write {HERE}{path} for a path of this machine")
    place, _, fragment = url.partition("#")
    ref, _, directory = fragment.partition(":")
    return f"{place}#{ref}:{posixpath.normpath(posixpath.join(directory, path))}"


def _clean(path: str) -> str:
    found = posixpath.normpath(path or ".")
    return found[1:] if found.startswith("//") else found


def is_elsewhere(where: str) -> bool:
    """Whether a context is no path on this machine."""
    if where.startswith(_SPECIAL):
        return True
    from boxwright.dockerfile.git_url import parse_git_url

    return parse_git_url(where, bare_github=True) is not None
