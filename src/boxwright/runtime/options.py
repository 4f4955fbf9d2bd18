"""Everything that is asked of a container, as one value that goes into a record and comes out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boxwright.errors import CorruptError
from boxwright.values import NamedTuple

MIB = 1024 * 1024


class Mount(NamedTuple):
    """Something of the host, or fresh memory, at `target` in the container.

    `kind` is "bind" (a file or directory `source`) or "tmpfs". `size` in bytes and `mode` are a tmpfs's.
    """

    kind: str
    target: str
    source: str = ""
    read_only: bool = False
    propagation: str = "rprivate"
    size: int | None = None
    mode: int | None = None
    options: tuple[str, ...] = ()
    """Further mount options, such as noexec."""


class Device(NamedTuple):
    """A device node for the container; `access` is of r, w and m (mknod)."""

    target: str
    kind: str
    """b or c."""
    major: int
    minor: int
    mode: int = 0o660
    uid: int = 0
    gid: int = 0
    access: str = "rwm"


class Ulimit(NamedTuple):
    """A resource limit by its short name (nofile, nproc, core …); -1 is without limit."""

    name: str
    soft: int
    hard: int


class Limits(NamedTuple):
    """What the container may use; zero is without limit. Sizes in bytes."""

    memory: int = 0
    memory_swap: int = 0
    """Memory and swap together; -1 is without limit. By default as much swap as memory."""
    memory_reservation: int = 0
    cpus: float = 0.0
    cpu_shares: int = 0
    cpu_quota: int = 0
    """Microseconds in each `cpu_period`, for those who don't say `cpus`."""
    cpu_period: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int = 0


class ContainerOptions(NamedTuple):
    argv: tuple[str, ...]
    """The program and its arguments: entrypoint and command already put together."""
    env: tuple[str, ...] = ()
    """``NAME=value`` of the image and of the user, the later one wins; the defaults come beneath."""
    cwd: str = "/"
    user: str = ""
    """``user[:group]``, names or numbers; looked up in the container's own files."""
    groups: tuple[str, ...] = ()
    """Further groups, names or numbers."""
    hostname: str = ""
    tell_hostname: bool = True
    """Whether the program finds it in its environment, as ``HOSTNAME``."""
    domainname: str = ""
    mounts: tuple[Mount, ...] = ()
    read_only: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    confined: bool = True
    """Whether system calls are filtered."""
    no_new_privileges: bool = False
    limits: Limits = Limits()
    ulimits: tuple[Ulimit, ...] = ()
    tty: bool = False
    console_size: tuple[int, int] | None = None
    """Rows and columns of the terminal at the start; a program that asks early would see none otherwise."""
    stdin: bool = False
    """Whether standard input is kept open; it is empty otherwise."""
    network: str = ""
    """"host", the path of a network namespace to join, or empty: a new one with nothing but a loopback."""
    pid: str = ""
    """"host", a namespace's path, or empty: a new one. So are `ipc` and `uts`; `ipc` is "none" for no /dev/shm."""
    ipc: str = ""
    uts: str = ""
    cgroup: str = ""
    """``host``, or empty: one of its own, where that means anything (cgroup v2)."""
    devices: tuple[Device, ...] = ()
    device_rules: tuple[str, ...] = ()
    """What may be used beside `devices`: ``c 1:3 rwm``, where ``a`` is any type and ``*`` any number."""
    sysctls: Mapping[str, str] = {}
    shm_size: int = 64 * MIB
    init: str = ""
    """The host's path of a static init that becomes process 1 and reaps zombies; empty: the program is process 1."""
    oom_score_adj: int | None = None
    oom_kill_disable: bool = False
    annotations: Mapping[str, str] = {}

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults, as plain JSON values."""
        return {"argv": list(self.argv), **_changed(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ContainerOptions:
        """The inverse of `to_json`. Raises MalformedOptions."""
        try:
            fields = {name: _plain(field) for name, field in value.items()}
            for name, kind in (("mounts", Mount), ("devices", Device), ("ulimits", Ulimit)):
                if name in value:
                    fields[name] = tuple(_value(kind, item) for item in value[name])
            if "limits" in value:
                fields["limits"] = _value(Limits, value["limits"])
            return cls(**fields)
        except (TypeError, AttributeError) as error:
            raise MalformedOptions(str(error)) from None


class MalformedOptions(CorruptError):
    """A record's options were written by another version, or damaged."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed container options: {why}")


def _changed(value: Any) -> dict[str, Any]:
    defaults = value._field_defaults
    return {
        name: _to_json(field)
        for name, field in zip(value._fields, value, strict=True)
        if name not in defaults or field != defaults[name]
    }


def _to_json(field: Any) -> Any:
    if hasattr(field, "_fields"):
        return _changed(field)
    if isinstance(field, tuple):
        return [_to_json(item) for item in field]
    return dict(field) if isinstance(field, Mapping) else field


def _plain(field: Any) -> Any:
    return tuple(field) if isinstance(field, list) else field


def _value(kind: Any, item: Mapping[str, Any]) -> Any:
    return kind(**{name: _plain(field) for name, field in item.items()})
