"""``--set``: what a command line says of targets in place of what files say, and what it thereby allows."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from boxwright.bake.entries import Export
from boxwright.bake.mistakes import BakeError, TargetMissing
from boxwright.bake.targets import ATTRIBUTES, HOST_NETWORK, Target, resource
from boxwright.bake.values import ConversionError, parse_bool
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple

_INSECURE = "security.insecure"
# What may be said of a target → the attribute, and how several values of it are put together.
_LISTS = {
    "annotations": "annotations",
    "attest": "attest",
    "cache-from": "cache-from",
    "cache-to": "cache-to",
    "entitlements": "entitlements",
    "no-cache-filter": "no-cache-filter",
    "output": "output",
    "platform": "platforms",
    "secrets": "secret",
    "ssh": "ssh",
    "tags": "tags",
    "ulimits": "ulimits",
}
_ALWAYS_ADDED = frozenset({"annotations", "attest", "entitlements"})
_MAPS = {"args": "args", "contexts": "contexts", "extra-hosts": "extra-hosts", "labels": "labels"}
_TEXTS = ("call", "context", "dockerfile", "network", "shm-size", "target")
_FLAGS = ("no-cache", "pull")
_SWITCHES = ("load", "push")
KEYS = tuple(sorted((*_LISTS, *_MAPS, *_TEXTS, *_FLAGS, *_SWITCHES, "resources", "secret")))


class Override(NamedTuple):
    """One ``--set PATTERN.KEY[.NAME][+]=VALUE``."""

    text: str
    pattern: str
    key: str
    name: str
    """Of what is in a map: an argument, a label; else empty."""
    value: str
    append: bool

    @classmethod
    def parse(cls, text: str, lookup: Callable[[str], str | None]) -> Override | None:
        """Return what a text says; None for an argument that takes a variable that isn't there. Raises BakeError."""
        left, equals, value = text.partition("=")
        append = left.endswith("+")
        pattern, *keys = left.removesuffix("+").split(".", 2)
        hint = "write --set TARGET.KEY=VALUE"
        if not keys or not pattern:
            raise BakeError(f"--set {text}: a target and a key are required", hint=hint)
        key, name = keys[0], keys[1] if len(keys) > 1 else ""
        if key not in KEYS:
            raise BakeError(f"--set {text}: there is no key {key}{did_you_mean(key, KEYS)}")
        nested = key in _MAPS or key in ("resources", "secret")
        if nested != bool(name):
            form = f"TARGET.{key}.NAME" if nested else f"TARGET.{key}"
            raise BakeError(
                f"--set {text}: {key} is {'a map' if nested else 'not a map'}", hint=f"write --set {form}=VALUE"
            )
        if append and key not in _LISTS:
            raise BakeError(f"--set {text}: {key} is not a list, and nothing is added to it", hint="leave the + out")
        if not equals:
            if key != "args":
                raise BakeError(f"--set {text}: a value is required", hint=hint)
            found = lookup(name)
            if found is None:
                return None
            value = found
        return cls(text, pattern, key, name, value, append)


class Granted(NamedTuple):
    """What a command line allows by naming it."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    entitlements: frozenset[str] = frozenset()


class Overrides:
    """All that a command line says of targets."""

    def __init__(self, overrides: Iterable[Override], names: Sequence[str]) -> None:
        """`names` are all targets. Raises TargetMissing for a pattern that none of them matches."""
        self._of: dict[str, list[Override]] = {}
        self.granted = Granted()
        for override in overrides:
            matched = matching(override.pattern, names)
            if not matched:
                raise TargetMissing(override.pattern, tuple(names))
            for name in matched:
                self._of.setdefault(name, []).append(override)

    def applied(self, target: Target) -> Target:
        """Return a target with all that is said of it. Raises BakeError."""
        said = self._of.get(target.name, ())
        lists: dict[str, list[Override]] = {}
        for override in said:
            if override.key in _LISTS:
                lists.setdefault(override.key, []).append(override)
        for key, overrides in lists.items():
            target = self._listed(target, key, overrides)
        for override in said:
            if override.key not in _LISTS and override.key not in _SWITCHES:
                target = self._single(target, override)
        for override in said:
            if override.key in _SWITCHES:
                switch = pushed if override.key == "push" else loaded
                target = target._replace(output=switch(target.output or (), wanted=_flag(override)))
        return target

    def _listed(self, target: Target, key: str, overrides: Sequence[Override]) -> Target:
        attribute = ATTRIBUTES[_LISTS[key]]
        try:
            new = attribute.decode([override.value for override in overrides])
        except ConversionError as error:
            raise BakeError(f"--set {overrides[-1].text}: {error}") from None
        old = getattr(target, attribute.field) or ()
        if overrides[-1].append or key in _ALWAYS_ADDED:
            self._grant(key, new)
            new = (*old, *new)
        else:
            self._grant(key, new)
        return target.having(attribute.field, new)

    def _single(self, target: Target, override: Override) -> Target:
        key, name, value = override.key, override.name, override.value
        if key in _MAPS:
            field = ATTRIBUTES[_MAPS[key]].field
            return target.having(field, {**(getattr(target, field) or {}), name: value})
        if key == "resources":
            try:
                limit = resource(
                    name, int(value) if name.startswith("cpu-") and value.lstrip("-").isdecimal() else value
                )
            except ConversionError as error:
                raise BakeError(f"--set {override.text}: {error}") from None
            return target._replace(resources={**(target.resources or {}), name: limit})
        if key == "secret":
            return self._secret(target, override)
        if key in _FLAGS:
            return target.having(ATTRIBUTES[key].field, _flag(override))
        return target.having(ATTRIBUTES[key].field, value)

    def _secret(self, target: Target, override: Override) -> Target:
        """Give a secret that a target declares another source."""
        declared = target.secret or ()
        if not any(secret.id == override.name for secret in declared):
            raise BakeError(f"--set {override.text}: {target.name} has no secret {override.name}")
        try:
            (new,) = ATTRIBUTES["secret"].decode([override.value])
        except (ConversionError, ValueError) as error:
            raise BakeError(f"--set {override.text}: {error}") from None
        if new.id not in ("", override.name):
            raise BakeError(f"--set {override.text}: the secret is {override.name}, not {new.id}")
        new = new._replace(id=override.name)
        self._grant("secrets", (new,))
        return target._replace(secret=tuple(new if secret.id == new.id else secret for secret in declared))

    def _grant(self, key: str, new: Sequence[Any]) -> None:
        reads: Iterable[str] = ()
        writes: Iterable[str] = ()
        match key:
            case "cache-from":
                reads = (each.attributes["src"] for each in new if each.type == "local" and "src" in each.attributes)
            case "cache-to":
                writes = (each.attributes["dest"] for each in new if each.type == "local" and "dest" in each.attributes)
            case "secrets":
                reads = (each.source for each in new if each.source)
            case "ssh":
                reads = (path for each in new for path in each.paths)
            case "output":
                writes = (each.dest for each in new if each.dest)
            case "entitlements":
                said = frozenset(new) & {HOST_NETWORK, _INSECURE}
                self.granted = self.granted._replace(entitlements=self.granted.entitlements | said)
        granted = self.granted
        self.granted = granted._replace(reads=(*granted.reads, *reads), writes=(*granted.writes, *writes))


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern with ``*``, ``?`` and ``[…]`` matches; a name that is the pattern, alone."""
    names = list(names)
    if pattern in names:
        return [pattern]
    compiled = re.compile(fnmatch.translate(pattern.replace("[^", "[!")))
    return [name for name in names if compiled.match(name)]


def pushed(outputs: Sequence[Export], *, wanted: bool) -> tuple[Export, ...]:
    """Return the outputs of a target with ``--push``, or with the opposite of it."""
    if not wanted:
        kept = (output for output in outputs if output.type != "registry")
        return tuple(_with(output, "push", "false") if output.type == "image" else output for output in kept)
    made = tuple(_with(output, "push", "true") if output.type == "image" else output for output in outputs)
    if all(output.type == "docker" for output in outputs):
        made = (*made, Export("image", "", {"push": "true"}))
    return made


def loaded(outputs: Sequence[Export], *, wanted: bool) -> tuple[Export, ...]:
    """Return the outputs of a target with ``--load``: where it makes no files, an image in the store as well."""
    there = any(output.type == "docker" and not output.dest for output in outputs)
    if not wanted or there or any(output.type not in ("docker", "image", "registry", "oci") for output in outputs):
        return tuple(outputs)
    return (*outputs, Export("docker", "", {}))


def _with(output: Export, name: str, value: str) -> Export:
    attributes: Mapping[str, str] = {**output.attributes, name: value}
    return output._replace(attributes=attributes)


def _flag(override: Override) -> bool:
    said = parse_bool(override.value)
    if said is None:
        raise BakeError(f"--set {override.text}: {override.key} is true or false")
    return said
