"""What a caller asks for: plain values, as a person typed them or a program gave them, not yet checked."""

from __future__ import annotations

from collections.abc import Mapping

from boxwright.oci.config import Healthcheck
from boxwright.values import NamedTuple


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
    groups: tuple[str, ...] = ()
    """Further groups, by name or number."""
    working_dir: str | None = None
    hostname: str | None = None
    domainname: str | None = None
    labels: Mapping[str, str] = {}
    tty: bool = False
    stdin: bool = False
    """Keep standard input open."""
    publish: tuple[str, ...] = ()
    """``[[address:]hostPort:]port[/proto]``, ranges allowed."""
    publish_all: bool = False
    exposed: tuple[str, ...] = ()
    """Ports beside those of the image that `publish_all` publishes: ``80``, ``53/udp``."""
    network: str = "bridge"
    """``bridge``, ``host``, ``none`` or ``container:NAME``."""
    add_hosts: tuple[str, ...] = ()
    """``name:address`` lines for /etc/hosts."""
    dns: tuple[str, ...] = ()
    """Addresses of name servers."""
    dns_search: tuple[str, ...] = ()
    """Domains in which short names are looked up; ``.`` for none."""
    dns_options: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    """``source:target[:ro]`` (a path or a volume's name), or ``target`` for a volume without a name."""
    volumes_from: tuple[str, ...] = ()
    """Containers whose mounts it has, too: ``NAME[:ro|rw]``."""
    tmpfs: tuple[str, ...] = ()
    """``target[:options]``."""
    memory: int | None = None
    """Bytes."""
    memory_swap: int | None = None
    """Bytes of memory and swap together; -1: unlimited."""
    cpus: float | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    """Microseconds."""
    cpu_quota: int | None = None
    """Microseconds in each period, for those who don't say `cpus`."""
    cpuset_cpus: str | None = None
    """``0-2,4``."""
    cpuset_mems: str | None = None
    memory_reservation: int | None = None
    """Bytes that it shrinks to when memory is short."""
    oom_score_adj: int | None = None
    oom_kill_disable: bool = False
    pid: str = ""
    """``host``, ``container:NAME``, or empty for its own process numbers; `uts` is ``host`` or empty,
    `ipc` ``none``, too."""
    ipc: str = ""
    uts: str = ""
    init: bool = False
    """Have a small init as process 1, which passes signals on and reaps zombies."""
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
    device_rules: tuple[str, ...] = ()
    """``TYPE MAJOR:MINOR ACCESS``, as the devices controller of cgroup v1 writes them: ``c 1:3 rwm``."""
    annotations: Mapping[str, str] = {}
    """For the OCI runtime."""
    cgroup: str = ""
    """``host`` to see the host's control groups with cgroup v2."""
    log_size: int | None = None
    """Bytes after which the log begins anew."""
    health: Healthcheck | None = None
    """What replaces the image's check, field by field; the test ``("NONE",)`` takes it away."""
    sysctls: Mapping[str, str] = {}
    stop_signal: str | None = None
    stop_timeout: int | None = None
    """Seconds."""
    restart: str = ""
    """``no``, ``always``, ``unless-stopped``, ``on-failure[:times]``; empty is ``no``."""
    auto_remove: bool = False
    pull: str = "missing"
    """``missing``, ``always`` or ``never``."""


class UpdateContainer(NamedTuple):
    """Changes of a container's limits, each as in `CreateContainer`; None leaves it as it is."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_reservation: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids_limit: int | None = None
    restart: str | None = None
