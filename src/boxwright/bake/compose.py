"""Compose files → targets: the ``build`` of every service, and what ``x-bake`` adds to it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boxwright.bake.entries import Attestation, CacheEntry, SecretEntry, SshEntry
from boxwright.bake.interpolation import interpolate
from boxwright.bake.mistakes import BakeError
from boxwright.bake.targets import ATTRIBUTES, Group, Target, is_name, texts
from boxwright.bake.values import (
    ConversionError,
    Value,
    parse_bool,
    size,
    to_bool,
    to_list,
    to_map,
    to_number,
    to_string,
)
from boxwright.bake.yamlfile import parse_yaml
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.suggest import did_you_mean

_SERVICE = ("build", "environment", "extends", "image")
_EXTENSION = "x-bake"
_MAX_EXTENDS = 20


def read_compose(
    sources: Sequence[Source], environment: Mapping[str, str]
) -> tuple[dict[str, Target], dict[str, Group]]:
    """Return the targets of compose files, the later ones added to the earlier, and the group of all of them.

    Raises BakeError and its kinds, YamlMissing.
    """
    environment = {"COMPOSE_PROJECT_NAME": "bake", **environment}
    services: dict[str, dict[str, Value]] = {}
    secrets: dict[str, Value] = {}
    for source in sources:
        try:
            model = _model(source, environment)
            secrets.update(to_map(model.get("secrets") or {}))
            for name, service in to_map(model.get("services") or {}).items():
                services[name] = _merged(services.get(name, {}), service)
        except ConversionError as error:
            raise BakeError(f"{source.name}: {error}") from None
    targets: dict[str, Target] = {}
    for service, said in services.items():
        if said.get("build") is None:
            continue
        name = service.replace(".", "_")
        if not is_name(name):
            raise BakeError(f"the service {service} has a name that no target can have")
        try:
            targets[name] = _target(name, said, secrets, environment)
        except ConversionError as error:
            raise BakeError(f"the service {service}: {error}") from None
    return targets, {"default": Group("default", tuple(targets))}


# ---- files


def _model(source: Source, environment: Mapping[str, str]) -> dict[str, Value]:
    """Return what of a file matters, with its variables replaced and every service in its long form."""
    found = parse_yaml(source)
    if "include" in found:
        raise ConversionError("include is not supported: name all files with -f")
    raw = to_map(found.get("services") or {})
    services: dict[str, Value] = {}
    for name, service in raw.items():
        kept = {key: value for key, value in to_map(service or {}).items() if key in _SERVICE}
        services[name] = _long(name, _interpolated(kept, environment))
    services = {name: _extended(name, services) for name in services}
    return {"services": services, "secrets": _interpolated(found.get("secrets"), environment)}


def _interpolated(value: Value, environment: Mapping[str, str]) -> Value:
    if isinstance(value, str):
        return interpolate(value, environment)
    if isinstance(value, list):
        return [_interpolated(each, environment) for each in value]
    if isinstance(value, dict):
        return {key: _interpolated(each, environment) for key, each in value.items()}
    return value


def _long(name: str, service: dict[str, Value]) -> dict[str, Value]:
    """Return a service whose lists of ``name=value`` are maps and whose short forms are long ones."""
    build = service.get("build")
    if isinstance(build, str):
        build = {"context": build}
    if build is not None:
        said = to_map(build)
        for key in said:
            if key not in _BUILD and not key.startswith("x-"):
                raise ConversionError(f"the build of {name} has no {key}{did_you_mean(key, _BUILD)}")
        build = {
            key: _BUILD[key](value) if key in _BUILD else value for key, value in said.items() if value is not None
        }
    environment = service.get("environment")
    return {**service, "build": build, "environment": None if environment is None else _pairs(environment)}


def _extended(name: str, services: Mapping[str, Value]) -> dict[str, Value]:
    """Return a service with all that it ``extends``."""
    service = services[name]
    chain = [service]
    while (extends := chain[-1].get("extends")) is not None:
        said = to_map(extends) if isinstance(extends, dict) else {"service": extends}
        if said.get("file") is not None:
            raise ConversionError(f"{name} extends a service of another file, which is not supported")
        base = services.get(to_string(said.get("service")))
        if base is None or len(chain) > _MAX_EXTENDS:
            raise ConversionError(f"{name} extends {said.get('service')}, which is not there, or extends it in turn")
        chain.append(base)
    made: dict[str, Value] = {}
    for each in reversed(chain):
        made = _merged(made, each)
    return {key: value for key, value in made.items() if key != "extends"}


def _merged(old: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, Value]:
    """Put a service of two files together: maps have all keys, lists all items, anything else is the later one."""
    made = dict(old)
    for key, value in new.items():
        before = made.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            made[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            made[key] = [*before, *(each for each in value if each not in before)]
        elif value is not None or key not in made:
            made[key] = value
    return made


# ---- what a build says


def _pairs(value: Value) -> dict[str, Value]:
    """Return ``name=value`` texts as a map; a name alone has no value."""
    if isinstance(value, dict):
        return value
    pairs = [to_string(each).partition("=") for each in to_list(value)]
    return {name: text if equals else None for name, equals, text in pairs}


def _hosts(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return {name: ",".join(map(to_string, at)) if isinstance(at, list) else at for name, at in value.items()}
    found: dict[str, Value] = {}
    for each in to_list(value):
        name, separator, address = to_string(each).partition("=")
        if not separator:
            name, separator, address = to_string(each).partition(":")
        if not separator:
            raise ConversionError(f"the host {each!r} has no address")
        found[name] = address.strip("[]") if name not in found else f"{found[name]},{address.strip('[]')}"
    return found


def _ulimits(value: Value) -> dict[str, Value]:
    """Return limits as ``soft:hard``."""
    found: dict[str, Value] = {}
    for name, limit in to_map(value).items():
        both = limit if isinstance(limit, dict) else {"soft": limit, "hard": limit}
        soft, hard = both.get("soft"), both.get("hard")
        if soft is None or hard is None:
            raise ConversionError(f"the limit {name} needs soft and hard")
        found[name] = f"{to_number(soft)}:{to_number(hard)}"
    return found


def _names(value: Value) -> list[Value]:
    return [value] if isinstance(value, str) else to_list(value)


def _same(value: Value) -> Value:
    return value


def _refused(why: str) -> Callable[[Value], Value]:
    def refuse(value: Value) -> Value:
        if value in (False, "", "default"):
            return None
        raise ConversionError(why)

    return refuse


# What a build may say, and how it is put into its long form.
_BUILD: dict[str, Callable[[Value], Value]] = {
    "additional_contexts": _pairs,
    "args": _pairs,
    "cache_from": to_list,
    "cache_to": to_list,
    "context": to_string,
    "dockerfile": to_string,
    "dockerfile_inline": to_string,
    "entitlements": to_list,
    "extra_hosts": _hosts,
    "isolation": _refused("isolation is for Windows"),
    "labels": _pairs,
    "network": to_string,
    "no_cache": to_bool,
    "no_cache_filter": _names,
    "platforms": to_list,
    "privileged": _refused("privileged builds are not supported: use entitlements"),
    "provenance": _same,
    "pull": to_bool,
    "sbom": _same,
    "secrets": to_list,
    "shm_size": _same,
    "ssh": _pairs,
    "tags": to_list,
    "target": to_string,
    "ulimits": _ulimits,
}


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
