"""Compose files → targets: the ``build`` of every service, and what ``x-bake`` adds to it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.bake.entries import Attestation, CacheEntry, SecretEntry, SshEntry
from boxwright.bake.mistakes import BakeError
from boxwright.bake.projects import Opener, read_project
from boxwright.bake.targets import ATTRIBUTES, Group, Target, is_name, texts
from boxwright.bake.values import (
    ConversionError,
    Value,
    parse_bool,
    size,
    to_bool,
    to_map,
    to_string,
)
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.suggest import did_you_mean

_EXTENSION = "x-bake"


def read_compose(
    sources: Sequence[Source], environment: Mapping[str, str], open_: Opener
) -> tuple[dict[str, Target], dict[str, Group]]:
    """Return the targets of compose files, the later ones added to the earlier, and the group of all of them.

    `open_` gives the files that they include and extend. Raises BakeError and its kinds, YamlMissing, NotFoundError.
    """
    environment = {"COMPOSE_PROJECT_NAME": "bake", **environment}
    try:
        project = read_project(sources, environment, open_)
    except ConversionError as error:
        raise BakeError(str(error)) from None
    targets: dict[str, Target] = {}
    for service, said in project.services.items():
        if said.get("build") is None:
            continue
        name = service.replace(".", "_")
        if not is_name(name):
            raise BakeError(f"the service {service} has a name that no target can have")
        try:
            targets[name] = _target(name, said, project.secrets, environment)
        except ConversionError as error:
            raise BakeError(f"the service {service}: {error}") from None
    return targets, {"default": Group("default", tuple(targets))}


def _target(
    name: str, service: Mapping[str, Value], secrets: Mapping[str, Value], environment: Mapping[str, str]
) -> Target:
    build = service["build"]
    inside = service.get("environment") or {}
    args: dict[str, str] = {}
    for key, value in (build.get("args") or {}).items():
        given = value if value is not None else inside.get(key, environment.get(key))
        if given is not None:
            args[key] = to_string(given)
    tags = texts(build.get("tags") or [])
    if not tags and service.get("image"):
        tags = (to_string(service["image"]),)
    labels = {key: "" if value is None else to_string(value) for key, value in (build.get("labels") or {}).items()}
    attest = [_attestation(kind, build[kind]) for kind in ("sbom", "provenance") if build.get(kind) not in (None, "")]
    made = Target(
        name,
        context=build.get("context") or None,
        contexts=_contexts(build.get("additional_contexts") or {}, resolve=True) or None,
        dockerfile=build.get("dockerfile") or None,
        dockerfile_inline=build.get("dockerfile_inline") or None,
        args=args or None,
        labels=labels or None,
        tags=tags or None,
        cache_from=_decoded("cache-from", build.get("cache_from")),
        cache_to=_decoded("cache-to", build.get("cache_to")),
        target=build.get("target") or None,
        network=build.get("network") or None,
        platforms=texts(build["platforms"]) if build.get("platforms") else None,
        ssh=tuple(sorted(_ssh(key, path) for key, path in (build.get("ssh") or {}).items())) or None,
        secret=tuple(_secret(each, secrets) for each in build.get("secrets") or []) or None,
        shm_size=_size(build["shm_size"]) if build.get("shm_size") else None,
        ulimits=tuple(f"{key}={limit}" for key, limit in (build.get("ulimits") or {}).items()) or None,
        extra_hosts={key: to_string(at) for key, at in (build.get("extra_hosts") or {}).items()} or None,
        attest=tuple(attest) or None,
        no_cache=build.get("no_cache") or None,
        no_cache_filter=texts(build["no_cache_filter"]) if build.get("no_cache_filter") else None,
        pull=build.get("pull") or None,
        entitlements=texts(build["entitlements"]) if build.get("entitlements") else None,
    )
    extension = build.get(_EXTENSION)
    return made if extension is None else _extended_by(made, to_map(extension))


# What x-bake may say → the attribute, and whether it is added to what is there.
_EXTENSIONS = {
    "tags": "tags",
    "cache-from": "cache-from",
    "cache-to": "cache-to",
    "secret": "secret",
    "ssh": "ssh",
    "platforms": "platforms",
    "output": "output",
    "pull": "pull",
    "no-cache": "no-cache",
    "no-cache-filter": "no-cache-filter",
    "contexts": "contexts",
}


def _extended_by(target: Target, extension: Mapping[str, Value]) -> Target:
    for key, value in extension.items():
        if key not in _EXTENSIONS:
            raise ConversionError(f"{_EXTENSION} has no {key}{did_you_mean(key, _EXTENSIONS)}")
        if value is None:
            continue
        attribute = ATTRIBUTES[key]
        old = getattr(target, attribute.field)
        if key == "contexts":
            new: Any = {**_contexts(to_map(value)), **(old or {})}
        elif key in ("pull", "no-cache"):
            new = to_bool(value)
        else:
            listed = value.split() if isinstance(value, str) else value
            new = (*(old or ()), *attribute.decode(listed))
            new = tuple(sorted(new)) if key == "ssh" else attribute.tidy(new) if attribute.tidy is not None else new
        target = target.having(attribute.field, new)
    return target


def _decoded(name: str, value: Value) -> tuple[CacheEntry, ...] | None:
    return ATTRIBUTES[name].decode(value) if value else None


def _contexts(contexts: Mapping[str, Value], *, resolve: bool = False) -> dict[str, str]:
    """Return named contexts; ``service:web`` is what the target of a service makes."""
    found = {}
    for name, where in contexts.items():
        text = to_string(where)
        kind, colon, other = text.partition(":")
        if colon and kind in ("service", "target"):
            text = f"target:{other.replace('.', '_')}"
        elif not colon and resolve:
            text = posixpath.normpath(text)
        found[name] = text
    return found


def _ssh(id: str, path: Value) -> SshEntry:
    return SshEntry(id, (to_string(path),) if path else ())


def _secret(said: Value, secrets: Mapping[str, Value]) -> SecretEntry:
    id = to_string(said.get("source") if isinstance(said, dict) else said)
    if id not in secrets:
        raise ConversionError(f"there is no secret {id}")
    declared = to_map(secrets[id] or {})
    if declared.get("external"):
        raise ConversionError(f"the secret {id} is external, which is not supported")
    file, variable = declared.get("file"), declared.get("environment")
    return SecretEntry(id, posixpath.normpath(to_string(file)) if file else "", to_string(variable) if variable else "")


def _attestation(kind: str, said: Value) -> Attestation:
    text = to_string(said)
    switch = parse_bool(text)
    if switch is not None:
        return Attestation(kind, not switch, {})
    return Attestation.parse(f"type={kind},{text}")


def _size(said: Value) -> str:
    """Return a size as docker writes it: ``128MiB``."""
    value, unit = float(size(to_string(said))), 0
    while value >= 1024 and unit < 5:
        value, unit = value / 1024, unit + 1
    return f"{value:.4g}{('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[unit]}"
