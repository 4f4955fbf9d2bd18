"""Compose files → the services of a project, with what they include and extend in further files.

Paths of a file that is included or extended are relative to a folder of its own; here they come to be relative to where
the first files' paths are. An included file's services are there beside those of the file that includes it, which may
add to them; its variables are those of the project, and beneath them those of its own ``.env`` (Compose specification,
"Include" and "extends").
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from boxwright.bake.interpolation import dotenv, interpolate
from boxwright.bake.longform import merged, spelled_out
from boxwright.bake.values import ConversionError, Value, to_list, to_map, to_string
from boxwright.bake.yamlfile import parse_yaml
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.errors import NotFoundError
from boxwright.values import NamedTuple

Opener: TypeAlias = Callable[[str], Source]
"""Returns the text of a further file by its path. Raises NotFoundError, BakeError."""

_SERVICE = ("build", "environment", "extends", "image")
_INCLUDE = ("env_file", "path", "project_directory")
_MAX_EXTENDS = 20
_MAX_FILES = 100
_REMOTE = ("git@", "github.com/")
_ENVIRONMENT_FILE = ".env"

Service: TypeAlias = dict[str, Value]


class Project(NamedTuple):
    """What of compose files matters, their variables replaced and every service in its long form."""

    services: dict[str, Service]
    secrets: dict[str, Value]


class _Place(NamedTuple):
    """Where a file stands."""

    folder: str
    """What its paths are relative to, as seen from the first files; empty for these."""
    inside: tuple[str, ...]
    """The files that led to it, and itself."""
    environment: Mapping[str, str]


def read_project(sources: Sequence[Source], environment: Mapping[str, str], open_: Opener) -> Project:
    """Read the files of a project, the later ones added to the earlier.

    Raises ConversionError, YamlMissing, BakeFileError, and what `open_` raises.
    """
    return _Reader(open_).together(sources, _Place("", (), environment))


class _Reader:
    def __init__(self, open_: Opener) -> None:
        self._open = open_
        self._files = 0

    def together(self, sources: Sequence[Source], place: _Place) -> Project:
        project = Project({}, {})
        for source in sources:
            try:
                found = self._one(source, place._replace(inside=(*place.inside, source.name)))
            except ConversionError as error:
                raise error if place.inside else ConversionError(f"{source.name}: {error}") from None
            project = _added(project, found)
        return project

    def _one(self, source: Source, place: _Place) -> Project:
        model = parse_yaml(source)
        project = Project({}, {})
        for entry in to_list(_interpolated(model.get("include") or [], place.environment)):
            project = _added(project, self._included(entry, place))
        secrets = to_map(_interpolated(model.get("secrets"), place.environment) or {})
        project = _added(project, Project(_services(model, place.environment), secrets))
        services = {name: self._extended(name, project.services, place) for name in project.services}
        return project._replace(services=services)

    def _further(self, path: str, place: _Place) -> Source:
        self._files += 1
        if self._files > _MAX_FILES:
            raise ConversionError(f"more than {_MAX_FILES} files are included and extended")
        try:
            return self._open(posixpath.normpath(posixpath.join(place.folder, path)))
        except NotFoundError:
            raise ConversionError(f"there is no file {path}") from None

    def _included(self, entry: Value, place: _Place) -> Project:
        """Return the services of the files that one entry of ``include`` names."""
        said = to_map(entry) if isinstance(entry, dict) else {"path": entry}
        for key in said:
            if key not in _INCLUDE:
                raise ConversionError(f"include has no {key}{did_you_mean(key, _INCLUDE)}")
        paths = [to_string(path) for path in _listed(said.get("path"))]
        if not paths:
            raise ConversionError("include names no file")
        for path in paths:
            if _is_remote(path):
                raise ConversionError(f"{path} is included, which is no file of this machine")
            if posixpath.normpath(posixpath.join(place.folder, path)) in map(posixpath.normpath, place.inside):
                raise ConversionError(f"{path} is included by itself: {' → '.join((*place.inside, path))}")
        inner = said.get("project_directory")
        folder = posixpath.dirname(paths[0]) if inner is None else to_string(inner)
        whole = posixpath.join(place.folder, folder)
        environment = self._environment(said.get("env_file"), whole, place)
        sources = [self._further(path, place) for path in paths]
        project = self.together(sources, _Place(whole, place.inside, environment))
        for service in project.services.values():
            if service.get("build") is not None:
                service["build"] = {"context": ".", **service["build"]}
        return _moved(project, folder)

    def _environment(self, files: Value, folder: str, place: _Place) -> dict[str, str]:
        """Return the variables of what is included: those of the project go before those of its files."""
        found: dict[str, str] = {}
        named = [posixpath.join(place.folder, to_string(file)) for file in _listed(files)]
        for path in named or [posixpath.join(folder, _ENVIRONMENT_FILE)]:
            try:
                text = self._open(posixpath.normpath(path)).text
            except NotFoundError:
                if named:
                    raise
                continue
            found |= dotenv(text, {**found, **place.environment})
        return {**found, **place.environment}

    def _extended(self, name: str, services: Mapping[str, Service], place: _Place) -> Service:
        """Return a service with all that it ``extends``."""
        service = services[name]
        extends = service.get("extends")
        if extends is None:
            return service
        said = to_map(extends) if isinstance(extends, dict) else {"service": extends}
        base, file = to_string(said.get("service") or ""), said.get("file")
        step = f"{base} in {file}" if file is not None else base
        if len(place.inside) > _MAX_EXTENDS:
            raise ConversionError(f"{name} extends {step}, which extends it in turn")
        if file is None:
            if base not in services or base == name:
                raise ConversionError(f"{name} extends {step}, which is not there, or extends it in turn")
            below = self._extended(base, services, place._replace(inside=(*place.inside, name)))
        else:
            below = self._of_another_file(name, base, to_string(file), place)
        made = merged(below, service)
        return {key: value for key, value in made.items() if key != "extends"}

    def _of_another_file(self, name: str, base: str, file: str, place: _Place) -> Service:
        if _is_remote(file):
            raise ConversionError(f"{name} extends a service of {file}, which is no file of this machine")
        source = self._further(file, place)
        services = _services(parse_yaml(source), place.environment)
        if base not in services:
            raise ConversionError(f"{name} extends {base} in {file}, which is not there{did_you_mean(base, services)}")
        folder = posixpath.dirname(file)
        there = place._replace(folder=posixpath.join(place.folder, folder), inside=(*place.inside, source.name))
        return _moved(Project({base: self._extended(base, services, there)}, {}), folder).services[base]


def _services(model: Mapping[str, Value], environment: Mapping[str, str]) -> dict[str, Service]:
    services = {}
    for name, service in to_map(model.get("services") or {}).items():
        kept = {key: value for key, value in to_map(service or {}).items() if key in _SERVICE}
        services[name] = spelled_out(name, to_map(_interpolated(kept, environment)))
    return services


def _added(project: Project, more: Project) -> Project:
    services = dict(project.services)
    for name, service in more.services.items():
        services[name] = merged(services.get(name, {}), service)
    return Project(services, {**project.secrets, **more.secrets})


def _moved(project: Project, folder: str) -> Project:
    """Return a project whose paths, relative to `folder` until now, are relative to what that one is relative to."""

    def moved(path: Value) -> Value:
        text = to_string(path)
        return text if _is_remote(text) or ":" in text else posixpath.normpath(posixpath.join(folder, text))

    services = {}
    for name, service in project.services.items():
        build = service.get("build")
        if build is not None:
            build = dict(build)
            if build.get("context"):  # without one, it is the folder of whoever extends the service
                build["context"] = moved(build["context"])
            contexts = build.get("additional_contexts")
            if contexts:
                build["additional_contexts"] = {key: moved(where) for key, where in contexts.items()}
        services[name] = {**service, "build": build}
    secrets: dict[str, Value] = {}
    for name, secret in project.secrets.items():
        file = secret.get("file") if isinstance(secret, dict) else None
        secrets[name] = {**secret, "file": moved(file)} if file else secret
    return Project(services, secrets)


def _is_remote(path: str) -> bool:
    return "://" in path or path.startswith(_REMOTE)


def _listed(value: Value) -> list[Value]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _interpolated(value: Value, environment: Mapping[str, str]) -> Value:
    if isinstance(value, str):
        return interpolate(value, environment)
    if isinstance(value, list):
        return [_interpolated(each, environment) for each in value]
    if isinstance(value, dict):
        return {key: _interpolated(each, environment) for key, each in value.items()}
    return value
