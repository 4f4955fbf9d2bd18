"""A request and an image's configuration become a container's record."""

from __future__ import annotations

import os
from typing import NamedTuple

from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.mounts import resolve_mounts
from boxwright.engine.containers.names import random_name
from boxwright.engine.requests import CreateContainer
from boxwright.errors import InvalidError, UnsupportedError
from boxwright.host.clock import rfc3339
from boxwright.oci.config import RunConfig
from boxwright.runtime.options import MIB, ContainerOptions, Limits, Ulimit
from boxwright.store.containers import ContainerNameInUse, ContainerRecord
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SMALLEST_MEMORY = 6 * 1024 * 1024  # docker's minimum: below it the runtime itself doesn't start
_NAME_TRIES = 8


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
    network = _network(request.network)
    config = _configure(request, base, id, network)
    warnings = []
    if network != "bridge" and (request.publish or request.publish_all):
        warnings.append(f"published ports are discarded with --network {request.network}")
    record = _add(store, request, image, id, config)
    try:
        options, mounts = resolve_mounts(store, request, base, record)
        config = config._replace(options=options, mounts=mounts)
        directory = store.containers.directory(id)
        for name in ("upper", "work"):
            (directory / name).mkdir()
        store.containers.update(id, config=config.to_json())
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
            state="created",
            chain=image.chain,
            config=config.to_json(),
        )
        try:
            store.containers.add(record)
        except ContainerNameInUse:
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
    for port in base.exposed_ports:
        parse_exposed(port)
    published = {f"{spec.container_port}/{spec.protocol}" for spec in specs}
    hostname = request.hostname or (os.uname().nodename if network == "host" else id[:12])
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
        exposed=tuple(sorted({*base.exposed_ports, *published}, key=_port_order)),
        add_hosts=_checked_hosts(request.add_hosts),
        dns=request.dns,
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
    return ContainerOptions(
        argv=argv,
        env=env,
        cwd=cwd,
        user=request.user if request.user is not None else base.user,
        hostname=hostname,
        read_only=request.read_only,
        cap_add=request.cap_add,
        cap_drop=request.cap_drop,
        privileged=request.privileged,
        confined=confined,
        no_new_privileges=no_new_privileges,
        limits=_limits(request),
        ulimits=tuple(_ulimit(text) for text in request.ulimits),
        tty=request.tty,
        stdin=request.stdin,
        sysctls=request.sysctls,
        shm_size=request.shm_size or 64 * MIB,
    )


def _merged(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Keep each variable once, in its first place and with its last value."""
    values = dict(entry.partition("=")[::2] for entry in entries)
    return tuple(f"{name}={value}" for name, value in values.items())


def _network(mode: str) -> str:
    mode = {"default": "bridge", "": "bridge"}.get(mode, mode)
    if mode not in ("bridge", "host", "none"):
        raise UnsupportedError(
            f"network {mode!r} is not supported", hint="networks are bridge, host and none; each has --network MODE"
        )
    return mode


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


def _limits(request: CreateContainer) -> Limits:
    if request.memory is not None and request.memory < _SMALLEST_MEMORY:
        raise InvalidError("the smallest memory limit is 6m", hint="give the container more: -m 64m")
    if request.memory_swap is not None and request.memory is None:
        raise InvalidError("--memory-swap needs --memory", hint="-m 256m --memory-swap 512m")
    if request.memory_swap not in (None, -1) and (request.memory_swap or 0) < (request.memory or 0):
        raise InvalidError("--memory-swap counts memory and swap together, and is smaller than --memory")
    cores = os.cpu_count() or 1
    if request.cpus is not None and not 0.01 <= request.cpus <= cores:
        raise InvalidError(
            f"--cpus {request.cpus:g} is out of range", hint=f"this machine has {cores} processors: 0.01 to {cores}"
        )
    return Limits(
        memory=request.memory or 0,
        memory_swap=request.memory_swap or 0,
        cpus=request.cpus or 0.0,
        cpu_shares=request.cpu_shares or 0,
        # docker takes both 0 and -1 for "no limit"
        pids=max(request.pids_limit or 0, 0),
    )


def _ulimit(text: str) -> Ulimit:
    name, equals, value = text.partition("=")
    soft, colon, hard = value.partition(":")
    try:
        limit = Ulimit(name, int(soft), int(hard) if colon else int(soft))
    except ValueError:
        equals = ""
    if not equals:
        raise InvalidError(f"invalid ulimit {text!r}", hint="a limit looks like nofile=1024:2048")
    return limit


def _checked_hosts(items: tuple[str, ...]) -> tuple[str, ...]:
    for item in items:
        name, colon, address = item.partition(":")
        if not name or not colon or not address:
            raise InvalidError(f"invalid --add-host {item!r}", hint="it looks like name:10.0.0.1")
    return items


def _port_order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return (int(number) if number.isdigit() else 0, protocol)
