"""Services of compose files in their long form: short forms are spelled out, lists of ``name=value`` are maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from boxwright.bake.values import ConversionError, Value, to_bool, to_list, to_map, to_number, to_string
from boxwright.dockerfile.suggest import did_you_mean


def spelled_out(name: str, service: dict[str, Value]) -> dict[str, Value]:
    """Return a service in its long form. Raises ConversionError."""
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


def merged(old: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, Value]:
    """Put two descriptions of a service together: maps have all keys, lists all items, else the later one holds."""
    made = dict(old)
    for key, value in new.items():
        before = made.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            made[key] = merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            made[key] = [*before, *(each for each in value if each not in before)]
        elif value is not None or key not in made:
            made[key] = value
    return made


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
