"""What a container's record keeps: everything that was decided when it was created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boxwright.runtime.options import ContainerOptions
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.oci.config import RunConfig


class MountPoint(NamedTuple):
    """A mount as its owner knows it, for listings; the runtime's own form is in the options."""

    kind: str
    """``bind``, ``volume`` or ``tmpfs``."""
    target: str
    source: str = ""
    volume: str = ""
    """The volume's name, of a volume."""
    read_only: bool = False
    anonymous: bool = False
    """A volume that nobody named: it is part of what ``commit`` takes over."""


class ContainerConfig(NamedTuple):
    options: ContainerOptions
    """How it runs, but for its network."""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    hostname: str = ""
    labels: Mapping[str, str] = {}
    network: str = "bridge"
    """``bridge``, ``host``, ``none`` or ``container:ID``."""
    publish: tuple[str, ...] = ()
    publish_all: bool = False
    exposed: tuple[str, ...] = ()
    mounts: tuple[MountPoint, ...] = ()
    add_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    auto_remove: bool = False
    stop_signal: str = "SIGTERM"
    image_stop_signal: str = ""
    """What the image or the user said, if anything."""
    stop_timeout: int | None = None
    health: Mapping[str, Any] = {}
    """The check, as an image's configuration has it; empty: none."""
    log_size: int | None = None
    """Bytes after which the log begins anew; None: the usual."""
    restart: str = ""
    """The restart policy: ``always``, ``on-failure:3``; empty: ``no``."""
    security_opt: tuple[str, ...] = ()

    def run_config(self) -> RunConfig:
        """Return how the container runs in the terms of an image's configuration: what ``commit`` makes of it."""
        from boxwright.oci.config import Healthcheck, RunConfig

        return RunConfig(
            user=self.options.user,
            exposed_ports=self.exposed,
            env=self.options.env,
            entrypoint=self.entrypoint,
            cmd=self.cmd,
            volumes=tuple(sorted(mount.target for mount in self.mounts if mount.anonymous)),
            working_dir=self.options.cwd,
            labels=self.labels,
            healthcheck=Healthcheck.from_json(self.health) if self.health else None,
            stop_signal=self.image_stop_signal,
            stop_timeout=self.stop_timeout,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults, as plain JSON values."""
        value: dict[str, Any] = {"options": self.options.to_json()}
        for name, default in self._field_defaults.items():
            field = getattr(self, name)
            if field != default:
                value[name] = field if not isinstance(field, tuple) else list(field)
        if self.mounts:
            value["mounts"] = [mount._asdict() for mount in self.mounts]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ContainerConfig:
        """The inverse of `to_json`."""
        fields: dict[str, Any] = {
            name: tuple(field) if isinstance(field, list) else field for name, field in value.items()
        }
        fields["options"] = ContainerOptions.from_json(value["options"])
        fields["mounts"] = tuple(MountPoint(**mount) for mount in value.get("mounts", ()))
        return cls(**fields)
