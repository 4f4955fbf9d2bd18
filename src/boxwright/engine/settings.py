"""What can be set: read once, from the configuration file and the environment, into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boxwright.errors import InvalidError
from boxwright.host.paths import Path, StrPath
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.hosts import HostSettings

_MAX_CONNECTIONS = 16


class InvalidSetting(InvalidError):
    """A configuration file with something in it that isn't a setting."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}", hint="docs/reference/configuration.md lists every setting")
        self.path = path


class Settings(NamedTuple):
    root: StrPath
    """The folder of the store."""
    insecure_registries: tuple[str, ...] = ()
    """``host:port`` or CIDR whose registries may speak plain HTTP or show an unknown certificate."""
    runtime: str | None = None
    """``crun`` or ``runc``, a name or a path; None: crun, else runc."""
    max_parallelism: int = 0
    """How many commands of a build run at once; 0: as many as have what they need."""
    build_cache_limit: int | None = None
    """Bytes that the build cache may take after a build, with its cache mounts; None: any."""
    environ: Mapping[str, str] = {}
    """The caller's environment, for the few conventions that live there (DOCKER_CONFIG, SOURCE_DATE_EPOCH, proxies)."""
    policy: Path | None = None
    """The file that says which images have to be signed; None: none has to be."""
    registries: Mapping[str, HostSettings] = {}
    """What is set for single registries, by ``host:port`` or host."""
    limit_rate: float | None = None
    """Bytes a second that pulls, pushes and copies take at most, in each direction; None: as many as they get."""
    connections: int | None = None
    """How many connections a large layer may be pulled over; None: three, and one of loopback."""

    @classmethod
    def load(cls, environ: Mapping[str, str], *, root: str | None = None, config: str | None = None) -> Settings:
        """Return the settings of this user.

        `root` beats BOXWRIGHT_ROOT, which beats the file; `config` beats BOXWRIGHT_CONFIG, which beats
        ``/etc/boxwright/config.toml`` (root) or ``$XDG_CONFIG_HOME/boxwright/config.toml``. Raises InvalidSetting.
        """
        named = config or environ.get("BOXWRIGHT_CONFIG")
        path = Path(named) if named else _default_config(environ)
        values = _read(path, must_exist=named is not None)
        chosen = root or environ.get("BOXWRIGHT_ROOT") or values.pop("root", None)
        values.pop("root", None)
        settings = cls(root=Path(os.path.abspath(chosen)) if chosen else default_root(environ), environ=environ)
        if "policy" in values:
            values["policy"] = path.parent / values["policy"]
        elif os.path.exists(beside := _default_config(environ).parent / "policy.toml"):
            values["policy"] = beside
        return settings._replace(**values)


def default_root(environ: Mapping[str, str]) -> Path:
    """Return where the store is when nothing names it."""
    if os.geteuid() == 0:
        return Path("/var/lib/boxwright")
    data = environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "boxwright"


def _default_config(environ: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/etc/boxwright/config.toml")
    return Path(environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "boxwright/config.toml"


def _read(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if must_exist:
            raise InvalidSetting(path, "there is no such file") from None
        return {}
    import tomllib

    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(path, str(error)) from None
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == "insecure-registries" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            values["insecure_registries"] = tuple(value)
        elif name in ("root", "runtime", "policy") and isinstance(value, str):
            values[name] = value
        elif name == "max-parallelism" and type(value) is int and value >= 0:
            values["max_parallelism"] = value
        elif name == "limit-rate" and type(value) in (int, str):
            values["limit_rate"] = _rate(path, value)
        elif name == "connections" and type(value) is int and 1 <= value <= _MAX_CONNECTIONS:
            values["connections"] = value
        elif name == "registry":
            values["registries"] = _hosts(path, value)
        elif name == "build-cache-limit" and type(value) is int and value >= 0:
            values["build_cache_limit"] = value
        else:
            raise InvalidSetting(path, f"{name} = {value!r} is not a setting")
    return values


def parse_rate(text: str) -> float:
    """Parse bytes a second as curl's ``--limit-rate`` has them: ``500k``, ``10m``; 1k is 1024. Raises InvalidError."""
    digits = text.strip().lower().removesuffix("/s").removesuffix("b").removesuffix("i")
    factor = 1
    if digits and digits[-1] in "kmg":
        factor = 1024 ** ("kmg".index(digits[-1]) + 1)
        digits = digits[:-1]
    try:
        value = float(digits) * factor
    except ValueError:
        value = 0.0
    if not 1 <= value < float("inf"):
        raise InvalidError(f"invalid rate {text!r}", hint="a rate is bytes a second: 500k, 10m, 1.5g")
    return value


def _rate(path: Path, value: int | str) -> float:
    try:
        return parse_rate(str(value))
    except InvalidError as error:
        raise InvalidSetting(path, error.message) from None


def _hosts(path: Path, value: object) -> Mapping[str, HostSettings]:
    from boxwright.remote.hosts import parse_hosts

    try:
        return parse_hosts(value, path.parent)
    except InvalidError as error:
        raise InvalidSetting(path, error.message) from None
