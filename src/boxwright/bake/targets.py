"""Targets and groups: what a file says of them, how later words add to earlier ones, and buildx's JSON of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from boxwright.bake.entries import (
    Attestation,
    CacheEntry,
    Export,
    SecretEntry,
    SshEntry,
    last_of_each,
    read_all,
    without_repeated,
)
from boxwright.bake.values import ConversionError, Value, to_bool, to_list, to_map, to_number, to_string
from boxwright.values import NamedTuple

_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
HOST_NETWORK = "network.host"


class Group(NamedTuple):
    name: str
    targets: tuple[str, ...]
    description: str = ""


class Target(NamedTuple):
    """None: nothing is said of it; empty: it is said to be nothing."""

    name: str
    description: str | None = None
    inherits: tuple[str, ...] | None = None
    annotations: tuple[str, ...] | None = None
    attest: tuple[Attestation, ...] | None = None
    context: str | None = None
    contexts: Mapping[str, str] | None = None
    dockerfile: str | None = None
    dockerfile_inline: str | None = None
    args: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    cache_from: tuple[CacheEntry, ...] | None = None
    cache_to: tuple[CacheEntry, ...] | None = None
    target: str | None = None
    secret: tuple[SecretEntry, ...] | None = None
    ssh: tuple[SshEntry, ...] | None = None
    platforms: tuple[str, ...] | None = None
    output: tuple[Export, ...] | None = None
    pull: bool | None = None
    no_cache: bool | None = None
    network: str | None = None
    no_cache_filter: tuple[str, ...] | None = None
    shm_size: str | None = None
    ulimits: tuple[str, ...] | None = None
    resources: Mapping[str, str | int] | None = None
    """Limits of RUN steps, by their names on the command line."""
    call: str | None = None
    entitlements: tuple[str, ...] | None = None
    extra_hosts: Mapping[str, str] | None = None

    def having(self, field: str, value: Any) -> Target:
        """Return this target with another value in a field."""
        changes: dict[str, Any] = {field: value}
        return self._replace(**changes)

    def merged(self, other: Target) -> Target:
        """Return this target with all that `other` says added, or in the place of what is said here."""
        changes = {}
        for attribute in ATTRIBUTES.values():
            new = getattr(other, attribute.field)
            if new is not None:
                old = getattr(self, attribute.field)
                changes[attribute.field] = new if old is None else attribute.merge(old, new)
        return self._replace(**changes)

    def normalized(self) -> Target:
        """Return it without what is said twice, and with the entitlement that the host's network needs."""
        entitlements = self.entitlements or ()
        if self.network == "host":
            entitlements = (*entitlements, HOST_NETWORK)
        tidied = self._replace(entitlements=entitlements)
        changes: dict[str, Any] = {
            attribute.field: attribute.tidy(getattr(tidied, attribute.field))
            for attribute in ATTRIBUTES.values()
            if attribute.tidy is not None and getattr(tidied, attribute.field) is not None
        }
        return tidied._replace(**changes)

    def to_json(self) -> dict[str, Any]:
        """Return what buildx prints of it: nothing that is empty; ``${`` and ``%{`` as a file would have them."""
        shown = {}
        for name, attribute in ATTRIBUTES.items():
            value = getattr(self, attribute.field)
            if value is None or value in ((), {}) or name == "inherits" or (name == "description" and not value):
                continue
            shown[name] = attribute.show(value)
        return shown


class Attribute(NamedTuple):
    """One attribute of a target."""

    field: str
    decode: Callable[[Value], Any]
    """Take what a file says. Raises ConversionError."""
    merge: Callable[[Any, Any], Any]
    """Put what is said earlier and later together."""
    show: Callable[[Any], Any]
    tidy: Callable[[Any], Any] | None = None


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def texts(value: Value) -> tuple[str, ...]:
    """Return a list of texts. Raises ConversionError."""
    items = to_list(value)
    if any(item is None for item in items):
        raise ConversionError("a null is no item of a list of texts")
    return tuple(map(to_string, items))


def unique_texts(items: tuple[str, ...]) -> tuple[str, ...]:
    """Return every text once, and no empty one."""
    return tuple(dict.fromkeys(filter(None, items)))


def resource(name: str, value: Value) -> str | int:
    """Return a limit of RUN steps. Raises ConversionError."""
    if name not in RESOURCES:
        raise ConversionError(f"there is no limit {name!r}: there are {', '.join(RESOURCES)}")
    if name not in _NUMBERS:
        return to_string(value)
    number = to_number(value)
    if not isinstance(number, int):
        raise ConversionError(f"{name} is a whole number")
    return number


RESOURCES = ("memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems")
_NUMBERS = frozenset({"cpu-shares", "cpu-period", "cpu-quota"})


def _resources(value: Value) -> dict[str, str | int]:
    given = {name: resource(name, each) for name, each in to_map(value).items() if each is not None}
    return {name: given[name] for name in RESOURCES if name in given}


def _text_map(value: Value) -> dict[str, str]:
    return {name: to_string(each) for name, each in to_map(value).items() if each is not None}


def _later(old: Any, new: Any) -> Any:
    return new


def _both(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*old, *new)


def _updated(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {**old, **new}


def _as_it_is(value: Any) -> Any:
    return value


def _escaped(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def _escaped_map(values: Mapping[str, str]) -> dict[str, str]:
    return {name: _escaped(values[name]) for name in sorted(values)}


def _sorted_map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(values)}


def _entries(items: tuple[Any, ...]) -> list[Any]:
    return [item.to_json() for item in items]


def _by_id(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return last_of_each(items, lambda item: item.id)


def _by_type(items: tuple[Attestation, ...]) -> tuple[Attestation, ...]:
    return last_of_each(items, lambda item: item.type)


def _text(field: str) -> Attribute:
    return Attribute(field, to_string, _later, _as_it_is)


def _flag(field: str) -> Attribute:
    return Attribute(field, to_bool, _later, _as_it_is)


def _list(field: str, merge: Callable[[Any, Any], Any]) -> Attribute:
    return Attribute(field, texts, merge, list, unique_texts)


def _caches(value: Value) -> tuple[CacheEntry, ...]:
    return read_all(value, CacheEntry.parse, CacheEntry.of)


# In the order in which buildx prints them.
ATTRIBUTES: dict[str, Attribute] = {
    "description": _text("description"),
    "inherits": Attribute("inherits", texts, _both, list),
    "annotations": Attribute(
        "annotations", texts, _both, lambda items: [_escaped(each) for each in items], unique_texts
    ),
    "attest": Attribute(
        "attest", lambda value: read_all(value, Attestation.parse, Attestation.of), _both, _entries, _by_type
    ),
    "context": _text("context"),
    "contexts": Attribute(
        "contexts",
        _text_map,
        _updated,
        _sorted_map,
        lambda contexts: {name: where for name, where in contexts.items() if where},
    ),
    "dockerfile": _text("dockerfile"),
    "dockerfile-inline": Attribute("dockerfile_inline", to_string, _later, _escaped),
    "args": Attribute("args", _text_map, _updated, _escaped_map),
    "labels": Attribute("labels", _text_map, _updated, _escaped_map),
    "tags": _list("tags", _later),
    "cache-from": Attribute("cache_from", _caches, _both, _entries, without_repeated),
    "cache-to": Attribute("cache_to", _caches, _later, _entries, without_repeated),
    "target": _text("target"),
    "secret": Attribute(
        "secret", lambda value: read_all(value, SecretEntry.parse, SecretEntry.of), _both, _entries, _by_id
    ),
    "ssh": Attribute("ssh", lambda value: read_all(value, SshEntry.parse, SshEntry.of), _both, _entries, _by_id),
    "platforms": _list("platforms", _later),
    "output": Attribute(
        "output", lambda value: read_all(value, Export.parse, Export.of), _later, _entries, without_repeated
    ),
    "pull": _flag("pull"),
    "no-cache": _flag("no_cache"),
    "network": _text("network"),
    "no-cache-filter": _list("no_cache_filter", _both),
    "shm-size": _text("shm_size"),
    "ulimits": _list("ulimits", _both),
    "resources": Attribute("resources", _resources, _updated, dict),
    "call": _text("call"),
    "entitlements": _list("entitlements", _both),
    "extra-hosts": Attribute("extra_hosts", _text_map, _updated, _escaped_map),
}
