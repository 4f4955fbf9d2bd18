"""A request and an image's configuration become a container's record."""

from __future__ import annotations

import os
from typing import Any

from boxwright.engine.containers import sharing
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.files import HOST_GATEWAY
from boxwright.engine.containers.limits import limits_of
from boxwright.engine.containers.mounts import resolve_mounts
from boxwright.engine.containers.names import random_name
from boxwright.engine.containers.removal import drop_unfinished
from boxwright.engine.containers.restarts import RestartPolicy
from boxwright.engine.requests import CreateContainer
from boxwright.errors import InvalidError, UnsupportedError
from boxwright.host import faults
from boxwright.host.clock import rfc3339
from boxwright.oci.config import RunConfig
from boxwright.runtime.options import MIB, ContainerOptions, Ulimit
from boxwright.store.containers import ContainerNameInUse, ContainerRecord
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from boxwright.values import NamedTuple

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME_TRIES = 8
_INITS = ("docker-init", "tini-static", "catatonit")


class NoCommand(InvalidError):
    """Neither the image nor the caller said what to run."""

    def __init__(self, image: str) -> None:
        super().__init__(
            f"no command specified: {image} has neither CMD nor ENTRYPOINT",
            hint="name one behind the image: boxwright run IMAGE COMMAND",
        )


class Created(NamedTuple):
    id: str
    name: str
    warnings: tuple[str, ...] = ()


def create(store: Store, request: CreateContainer) -> Created:
    """Make a container of an image that the store has; nothing is mounted and nothing runs yet.

    Raises ImageNotFound, NoCommand, ContainerNameInUse, InvalidError for whatever is malformed.
    """
    image = store.images.find(request.image)
    base = store.images.config(image).config
    id = os.urandom(32).hex()
    network = _network(store, request.network)
    request = request._replace(pid=sharing.with_id(store, request.pid))
    request = request._replace(hostname=request.hostname or sharing.hostname_of(store, network) or None)
    config = _configure(request, base, id, network)
    warnings = []
    if network.startswith(sharing.PREFIX) and (request.publish or request.publish_all or request.add_hosts):
        raise InvalidError(
            "-p, -P and --add-host do not go with --network container:NAME",
            hint="they are for the container whose network it is",
        )
    if network != "bridge" and (request.publish or request.publish_all):
        warnings.append(f"published ports are discarded with --network {request.network}")
    # Held until it is whole: by that others tell a container that is being made from one whose maker was killed.
    with store.containers.lock(id):
        record = _add(store, request, image, id, config)
        try:
            options, mounts = resolve_mounts(store, request, base, record)
            config = config._replace(options=options, mounts=mounts)
            directory = store.containers.directory(id)
            for name in ("upper", "work"):
                (directory / name).mkdir()
            faults.point("a container's directories are made")
            store.containers.update(id, state="created", config=config.to_json())
        except BaseException:
            store.containers.remove(id)
            raise
    return Created(id, record.name, tuple(warnings))


def _add(
    store: Store, request: CreateContainer, image: ImageRecord, id: str, config: ContainerConfig
) -> ContainerRecord:
    for attempt in range(_NAME_TRIES):
        record = ContainerRecord(
            id=id,
            name=request.name.removeprefix("/") if request.name is not None else random_name(attempt),
            image=image.id,
            image_name=request.image,
            created=rfc3339(),
            state="creating",
            chain=image.chain,
            config=config.to_json(),
        )
        try:
            store.containers.add(record)
        except ContainerNameInUse as error:
            if drop_unfinished(store, error.id):
                continue  # the holder was never whole: the name is free
            if request.name is not None or attempt == _NAME_TRIES - 1:
                raise
        else:
            return record
    raise AssertionError("the loop returns or raises")


def _configure(request: CreateContainer, base: RunConfig, id: str, network: str) -> ContainerConfig:
    from boxwright.network.ports import parse_exposed, parse_publishes

    entrypoint, cmd = base.entrypoint, base.cmd
    if request.entrypoint is not None:
        entrypoint, cmd = request.entrypoint, None  # the image's arguments are for the image's program
    if request.command:
        cmd = request.command
    argv = (*(entrypoint or ()), *(cmd or ()))
    if not argv:
        raise NoCommand(request.image)
    specs = parse_publishes(request.publish)
    exposed = {*base.exposed_ports, *(port if "/" in port else f"{port}/tcp" for port in request.exposed)}
    for port in exposed:
        parse_exposed(port)
    exposed.update(f"{spec.container_port}/{spec.protocol}" for spec in specs)
    if request.hostname and request.uts == "host":
        raise InvalidError(
            "--hostname and --uts host exclude each other", hint="with --uts host it has the host's name"
        )
    is_hosts = "host" in (network, request.uts)
    hostname = request.hostname or (os.uname().nodename if is_hosts else id[:12])
    labels = {**base.labels, **request.labels}
    return ContainerConfig(
        options=_options(request, base, argv, hostname),
        entrypoint=entrypoint,
        cmd=cmd,
        hostname=hostname,
        labels=labels,
        network=network,
        publish=tuple(request.publish) if network == "bridge" else (),
        publish_all=request.publish_all and network == "bridge",
        exposed=tuple(sorted(exposed, key=_port_order)),
        add_hosts=tuple(map(host_line, request.add_hosts)),
        dns=tuple(map(_name_server, request.dns)),
        dns_search=request.dns_search,
        dns_options=request.dns_options,
        restart=_restart(request),
        health=_health(request, base),
        log_size=request.log_size,
        auto_remove=request.auto_remove,
        stop_signal=request.stop_signal or base.stop_signal or "SIGTERM",
        image_stop_signal=request.stop_signal or base.stop_signal,
        stop_timeout=request.stop_timeout if request.stop_timeout is not None else base.stop_timeout,
        security_opt=request.security_opt,
    )


def _options(request: CreateContainer, base: RunConfig, argv: tuple[str, ...], hostname: str) -> ContainerOptions:
    from boxwright.host.signals import signal_number

    signal_number(request.stop_signal or base.stop_signal or "SIGTERM")
    cwd = request.working_dir or base.working_dir or "/"
    if not cwd.startswith("/"):
        raise InvalidError(f"the working directory {cwd!r} needs to be an absolute path")
    env = base.env
    if not any(entry.startswith("PATH=") for entry in env):
        env = (_PATH, *env)
    env = _merged((*env, *request.env))
    confined, no_new_privileges = _security(request)
    if request.cap_add or request.cap_drop:
        from boxwright.runtime import capabilities

        capabilities.select(request.cap_add, request.cap_drop, capabilities.available())
    for name, mode in (("pid", request.pid), ("ipc", request.ipc), ("uts", request.uts)):
        # No container joins another one's shared memory, so being shareable changes nothing.
        known = {"pid": ("private",), "ipc": ("none", "private", "shareable"), "uts": ()}[name]
        if mode not in ("", "host", *known) and not (name == "pid" and mode.startswith(sharing.PREFIX)):
            raise UnsupportedError(f"--{name} {mode} is not supported", hint=f"--{name} host is")
    return ContainerOptions(
        argv=argv,
        env=env,
        cwd=cwd,
        user=request.user if request.user is not None else base.user,
        groups=request.groups,
        hostname=hostname,
        domainname=request.domainname or "",
        read_only=request.read_only,
        cap_add=request.cap_add,
        cap_drop=request.cap_drop,
        privileged=request.privileged,
        confined=confined,
        no_new_privileges=no_new_privileges,
        limits=limits_of(request),
        ulimits=_ulimits(request),
        tty=request.tty,
        stdin=request.stdin,
        pid=request.pid.removeprefix("private"),
        ipc=request.ipc if request.ipc in ("host", "none") else "",
        uts=request.uts.removeprefix("private"),
        cgroup="host" if request.cgroup == "host" else "",
        device_rules=request.device_rules,
        annotations=request.annotations,
        sysctls=request.sysctls,
        shm_size=request.shm_size or 64 * MIB,
        init=_init() if request.init else "",
        oom_score_adj=request.oom_score_adj,
        oom_kill_disable=request.oom_kill_disable,
    )


def _merged(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Keep each variable once, in its first place and with its last value."""
    values = dict(entry.partition("=")[::2] for entry in entries)
    return tuple(f"{name}={value}" for name, value in values.items())


def _network(store: Store, mode: str) -> str:
    mode = {"default": "bridge", "": "bridge"}.get(mode, mode)
    if mode not in ("bridge", "host", "none") and not mode.startswith(sharing.PREFIX):
        raise UnsupportedError(
            f"network {mode!r} is not supported",
            hint="networks are bridge, host, none and container:NAME; each has --network MODE",
        )
    return sharing.with_id(store, mode)


def _restart(request: CreateContainer) -> str:
    policy = RestartPolicy.parse(request.restart)
    if policy.text and request.auto_remove:
        raise InvalidError(
            "--restart and --rm exclude each other", hint="a container that is removed can't be started again"
        )
    return policy.text


def _security(request: CreateContainer) -> tuple[bool, bool]:
    confined, no_new_privileges = True, False
    for option in request.security_opt:
        name, _, value = option.replace(":", "=", 1).partition("=")
        if (name, value) == ("seccomp", "unconfined"):
            confined = False
        elif name == "no-new-privileges" and value in ("", "true", "false"):
            no_new_privileges = value != "false"
        elif name in ("apparmor", "label") and value in ("unconfined", "disable"):
            continue  # neither is applied by boxwright anyway
        else:
            raise UnsupportedError(
                f"--security-opt {option} is not supported", hint="seccomp=unconfined and no-new-privileges are"
            )
    return confined, no_new_privileges


def _health(request: CreateContainer, base: RunConfig) -> dict[str, Any]:
    if base.healthcheck is None and request.health is None:
        return {}
    from boxwright.engine.containers import health

    check = health.merged(base.healthcheck, request.health)
    return check.to_json() if check else {}


def _ulimits(request: CreateContainer) -> tuple[Ulimit, ...]:
    if not request.ulimits:
        return ()
    from boxwright.engine.containers.ulimits import ulimit

    return tuple(map(ulimit, request.ulimits))


def host_line(text: str) -> str:
    """Return ``name:address`` of ``name:address`` or ``name=address``. Raises InvalidError."""
    name, separator, address = text.partition("=")
    if not separator:
        name, separator, address = text.partition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not name or not (address == HOST_GATEWAY or _is_address(address)):
        raise InvalidError(f"invalid --add-host {text!r}", hint=f"it looks like name:10.0.0.1, or name:{HOST_GATEWAY}")
    return f"{name}:{address}"


def _name_server(text: str) -> str:
    if not _is_address(text):
        raise InvalidError(f"invalid --dns {text!r}", hint="a name server is given by its address: 9.9.9.9")
    return text


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _init() -> str:
    """Return the path of a small static init. Raises UnsupportedError when there is none."""
    from boxwright.host import process

    for name in _INITS:
        path = process.find(name)
        if path is not None:
            return path
    raise UnsupportedError("--init needs an init, and none is installed", hint="install one: apt-get install tini")


def _port_order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return (int(number) if number.isdigit() else 0, protocol)
