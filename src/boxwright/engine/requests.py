"""What a caller asks for: plain values, as a person typed them or a program gave them, not yet checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class CreateContainer(NamedTuple):
    """A container to be: the image's own configuration fills what is left empty or None here."""

    image: str
    command: tuple[str, ...] = ()
    """Replaces the image's CMD."""
    entrypoint: tuple[str, ...] | None = None
    """Replaces the image's ENTRYPOINT, and with it drops its CMD; an empty tuple removes it."""
    name: str | None = None
    env: tuple[str, ...] = ()
    """``NAME=value``."""
    user: str | None = None
    """``name|uid[:group|gid]``."""
    working_dir: str | None = None
    hostname: str | None = None
    labels: Mapping[str, str] = {}
    tty: bool = False
    stdin: bool = False
    """Keep standard input open."""
    publish: tuple[str, ...] = ()
    """``[[address:]hostPort:]port[/proto]``, ranges allowed."""
    publish_all: bool = False
    network: str = "bridge"
    """``bridge``, ``host`` or ``none``."""
    add_hosts: tuple[str, ...] = ()
    """``name:address`` lines for /etc/hosts."""
    dns: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    """``source:target[:ro]`` (a path or a volume's name), or ``target`` for a volume without a name."""
    tmpfs: tuple[str, ...] = ()
    """``target[:options]``."""
    memory: int | None = None
    """Bytes."""
    memory_swap: int | None = None
    """Bytes of memory and swap together; -1: unlimited."""
    cpus: float | None = None
    cpu_shares: int | None = None
    pids_limit: int | None = None
    shm_size: int | None = None
    """Bytes."""
    ulimits: tuple[str, ...] = ()
    """``name=soft[:hard]``."""
    read_only: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    security_opt: tuple[str, ...] = ()
    """``seccomp=unconfined``, ``no-new-privileges``."""
    devices: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = {}
    stop_signal: str | None = None
    stop_timeout: int | None = None
    """Seconds."""
    auto_remove: bool = False
    pull: str = "missing"
    """``missing``, ``always`` or ``never``."""
