"""Image configurations (image-spec config.md, with Docker's additions).

`ImageConfig.parse` keeps fields that it does not know, so that an image that only passes through loses nothing;
`to_bytes` writes the canonical form: keys in docker's order, nothing that is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from boxwright.errors import CorruptError, InvalidError
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple


class MalformedConfig(CorruptError):
    """Bytes that are no image configuration."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed image configuration: {why}")


class Healthcheck(NamedTuple):
    """Durations are nanoseconds, as in the specification; zero means: inherit."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"Test": list(self.test)}
        names = ("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
        value.update({name: number for name, number in zip(names, self[1:], strict=True) if number})
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Healthcheck:
        """Raises MalformedConfig."""
        names = ("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
        return cls(_strings(value, "Test") or (), *(_number(value, name) or 0 for name in names))


class RunConfig(NamedTuple):
    """How a container of the image runs: the specification's ``config`` object.

    None and an empty tuple differ for `cmd` and `entrypoint`: unset, and set to nothing.
    """

    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    """Sorted ``port/proto``."""
    env: tuple[str, ...] = ()
    """``NAME=value`` in order of definition."""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: tuple[str, ...] = ()
    """Sorted paths."""
    working_dir: str = ""
    labels: Mapping[str, str] = {}
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] | None = None
    stop_timeout: int | None = None
    args_escaped: bool = False

    def env_map(self) -> dict[str, str]:
        """Return the environment as a mapping; an entry without ``=`` reads as empty."""
        return dict(entry.partition("=")[::2] for entry in self.env)

    def with_env(self, changes: Mapping[str, str]) -> RunConfig:
        """Return this configuration with variables set: known names keep their place, new ones are appended."""
        merged = self.env_map()
        merged.update(changes)
        return self._replace(env=tuple(f"{name}={value}" for name, value in merged.items()))

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {}
        if self.user:
            value["User"] = self.user
        if self.exposed_ports:
            value["ExposedPorts"] = {port: {} for port in sorted(self.exposed_ports)}
        if self.env:
            value["Env"] = list(self.env)
        if self.entrypoint is not None:
            value["Entrypoint"] = list(self.entrypoint)
        if self.cmd is not None:
            value["Cmd"] = list(self.cmd)
        if self.args_escaped:
            value["ArgsEscaped"] = True
        if self.volumes:
            value["Volumes"] = {path: {} for path in sorted(self.volumes)}
        if self.working_dir:
            value["WorkingDir"] = self.working_dir
        if self.labels:
            value["Labels"] = dict(sorted(self.labels.items()))
        if self.stop_signal:
            value["StopSignal"] = self.stop_signal
        if self.stop_timeout is not None:
            value["StopTimeout"] = self.stop_timeout
        if self.healthcheck:
            value["Healthcheck"] = self.healthcheck.to_json()
        if self.on_build:
            value["OnBuild"] = list(self.on_build)
        if self.shell is not None:
            value["Shell"] = list(self.shell)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunConfig:
        """Raises MalformedConfig."""
        health = value.get("Healthcheck")
        return cls(
            user=_text(value, "User"),
            exposed_ports=tuple(sorted(_mapping(value, "ExposedPorts"))),
            env=_strings(value, "Env") or (),
            entrypoint=_strings(value, "Entrypoint"),
            cmd=_strings(value, "Cmd"),
            volumes=tuple(sorted(_mapping(value, "Volumes"))),
            working_dir=_text(value, "WorkingDir"),
            labels={str(name): str(text) for name, text in _mapping(value, "Labels").items()},
            stop_signal=_text(value, "StopSignal"),
            healthcheck=Healthcheck.from_json(health) if isinstance(health, dict) and health.get("Test") else None,
            on_build=_strings(value, "OnBuild") or (),
            shell=_strings(value, "Shell"),
            stop_timeout=_number(value, "StopTimeout"),
            args_escaped=bool(value.get("ArgsEscaped")),
        )


class History(NamedTuple):
    """One line of an image's history; `created` is RFC 3339."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {}
        names = ("created", "author", "created_by", "comment")
        value.update({name: getattr(self, name) for name in names if getattr(self, name)})
        if self.empty_layer:
            value["empty_layer"] = True
        return value


class ImageConfig(NamedTuple):
    platform: Platform
    config: RunConfig
    diff_ids: tuple[DiffID, ...]
    """Lowest layer first."""
    history: tuple[History, ...] = ()
    created: str = ""
    """RFC 3339, or empty."""
    author: str = ""
    extra: Mapping[str, Any] = {}
    """Fields that boxwright does not interpret, kept as they came."""

    def to_bytes(self) -> bytes:
        """Return the canonical JSON; its digest is the image ID."""
        value: dict[str, Any] = {"architecture": self.platform.architecture}
        if self.author:
            value["author"] = self.author
        value["config"] = self.config.to_json()
        if self.created:
            value["created"] = self.created
        if self.history:
            value["history"] = [entry.to_json() for entry in self.history]
        value["os"] = self.platform.os
        value["rootfs"] = {"type": "layers", "diff_ids": [str(diff_id) for diff_id in self.diff_ids]}
        if self.platform.variant:
            value["variant"] = self.platform.variant
        value.update({name: field for name, field in self.extra.items() if name not in value})
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def parse(cls, raw: bytes) -> ImageConfig:
        """Raises MalformedConfig."""
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise MalformedConfig("it is not JSON") from None
        if not isinstance(value, dict):
            raise MalformedConfig("it is not an object")
        rootfs, run = value.pop("rootfs", None), value.pop("config", None) or {}
        if not isinstance(rootfs, dict) or not isinstance(run, dict):
            raise MalformedConfig("rootfs or config is missing")
        try:
            diff_ids = tuple(DiffID(Digest.parse(str(text))) for text in rootfs.get("diff_ids") or ())
        except InvalidError as error:
            raise MalformedConfig(error.message) from None
        history = value.pop("history", None) or []
        if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
            raise MalformedConfig("history is not a list of objects")
        platform = Platform.from_json(value)
        for name in ("architecture", "os", "variant"):
            value.pop(name, None)
        return cls(
            platform,
            RunConfig.from_json(run),
            diff_ids,
            tuple(
                History(
                    _text(entry, "created"),
                    _text(entry, "created_by"),
                    _text(entry, "author"),
                    _text(entry, "comment"),
                    bool(entry.get("empty_layer")),
                )
                for entry in history
            ),
            _text(value, "created", take=True),
            _text(value, "author", take=True),
            value,
        )


def _text(value: Mapping[str, Any], name: str, *, take: bool = False) -> str:
    text = value.get(name) or ""
    if take and isinstance(value, dict):
        value.pop(name, None)
    if not isinstance(text, str):
        raise MalformedConfig(f"{name} is not a string")
    return text


def _strings(value: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    items = value.get(name)
    if items is None:
        return None
    if isinstance(items, str):  # some old builders wrote a bare string
        return (items,)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise MalformedConfig(f"{name} is not a list of strings")
    return tuple(items)


def _number(value: Mapping[str, Any], name: str) -> int | None:
    number = value.get(name)
    if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
        raise MalformedConfig(f"{name} is not a whole number")
    return number


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    mapping = value.get(name) or {}
    if not isinstance(mapping, dict):
        raise MalformedConfig(f"{name} is not an object")
    return mapping
