"""The options that ``run`` and ``create`` share, and the request that they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError, key_values, size

if TYPE_CHECKING:
    from boxwright.engine.requests import CreateContainer

_NOT_YET = "it isn't there yet"


def declare(parser: Parser) -> None:
    """Add the options and the operands of ``run`` and ``create`` to `parser`."""
    parser.usage = f"{parser.prog} [OPTIONS] IMAGE [COMMAND] [ARG...]"
    parser.add_argument("--name", metavar="NAME", help="name the container")
    parser.flag("-i", "--interactive", help="keep standard input open")
    parser.flag("-t", "--tty", help="give the container a terminal")
    parser.flag("--rm", help="remove the container when it ends")
    parser.repeated("-e", "--env", metavar="NAME=VALUE", help="set an environment variable; a bare NAME takes yours")
    parser.repeated("--env-file", metavar="FILE", help="read environment variables from a file")
    parser.repeated("-p", "--publish", metavar="[[IP:]PORT:]PORT", help="publish a port of the container on the host")
    parser.flag("-P", "--publish-all", help="publish every port that the image exposes")
    parser.add_argument("--network", "--net", metavar="MODE", default="bridge", help="bridge, host or none")
    parser.repeated("-v", "--volume", metavar="SRC:DST[:ro]", help="mount a folder of the host, or a volume")
    parser.repeated("--mount", metavar="SPEC", help="mount, spelled out: type=bind,src=/a,dst=/b[,readonly]")
    parser.repeated("--tmpfs", metavar="DST", help="mount a file system in memory")
    parser.add_argument("-w", "--workdir", metavar="DIR", help="working directory in the container")
    parser.add_argument("-u", "--user", metavar="USER[:GROUP]", help="user, by name or number")
    parser.add_argument("--entrypoint", metavar="COMMAND", help="replace the image's ENTRYPOINT")
    parser.add_argument("-h", "--hostname", metavar="NAME", help="host name in the container")
    parser.repeated("-l", "--label", metavar="NAME=VALUE", help="set a label")
    parser.repeated("--label-file", metavar="FILE", help="read labels from a file")
    parser.repeated("--add-host", metavar="NAME:IP", help="add a line to /etc/hosts")
    parser.repeated("--dns", metavar="IP", help="use this name server")
    parser.add_argument("-m", "--memory", metavar="SIZE", type=size, help="limit memory: 512m, 1g")
    parser.add_argument("--memory-swap", metavar="SIZE", help="limit memory and swap together; -1: no limit")
    parser.add_argument("--cpus", metavar="NUMBER", type=float, help="limit processor time: 1.5")
    parser.add_argument("-c", "--cpu-shares", metavar="WEIGHT", type=int, help="relative weight of processor time")
    parser.add_argument("--pids-limit", metavar="NUMBER", type=int, help="limit the number of processes")
    parser.add_argument("--shm-size", metavar="SIZE", type=size, help="size of /dev/shm")
    parser.repeated("--ulimit", metavar="NAME=SOFT[:HARD]", help="set a resource limit")
    parser.flag("--read-only", help="mount the root file system read-only")
    parser.repeated("--cap-add", metavar="CAP", help="add a capability")
    parser.repeated("--cap-drop", metavar="CAP", help="drop a capability; ALL drops all")
    parser.flag("--privileged", help="all capabilities, all devices, no filter: no protection of the host")
    parser.repeated("--security-opt", metavar="OPTION", help="seccomp=unconfined, no-new-privileges")
    parser.repeated("--device", metavar="PATH", help="give a device of the host to the container")
    parser.repeated("--sysctl", metavar="NAME=VALUE", help="set a kernel parameter of the container")
    parser.add_argument("--stop-signal", metavar="SIGNAL", help="signal that stop sends")
    parser.add_argument("--stop-timeout", metavar="SECONDS", type=int, help="seconds that stop waits before it kills")
    parser.add_argument(
        "--pull", choices=("always", "missing", "never"), default="missing", help="when to ask the registry"
    )
    parser.add_argument("--cidfile", metavar="FILE", help="write the container's ID to a file")
    parser.refused("--restart", why="restart policies aren't there yet")
    parser.refused("--health-cmd", why="health checks aren't run yet")
    parser.refused("--init", why=_NOT_YET, value=False)
    parser.refused("--gpus", why=_NOT_YET)
    parser.refused("--platform", why="only images of this machine's platform run")
    parser.refused("--volumes-from", why=_NOT_YET)
    parser.refused("--link", why="links between containers are docker's past")
    parser.refused("--log-driver", why="logs are kept in the container's folder")
    parser.add_argument("image", metavar="IMAGE", help="name or ID of the image")
    parser.add_argument("command", metavar="COMMAND", nargs=_REMAINDER, help="command and arguments")


_REMAINDER = "..."


def request(args: Any) -> CreateContainer:
    """Return what the options ask for. Raises UsageError."""
    from boxwright.engine.requests import CreateContainer

    volumes, tmpfs = list(args.volume), list(args.tmpfs)
    for text in args.mount:
        _add_mount(text, volumes, tmpfs)
    labels = {}
    for path in args.label_file:
        labels.update(key_values(_lines(path)))
    labels.update(key_values(args.label))
    entrypoint = None
    if args.entrypoint is not None:
        entrypoint = (args.entrypoint,) if args.entrypoint else ()
    return CreateContainer(
        image=args.image,
        command=tuple(args.command),
        entrypoint=entrypoint,
        name=args.name,
        env=environment(args.env, args.env_file),
        user=args.user,
        working_dir=args.workdir,
        hostname=args.hostname,
        labels=labels,
        tty=args.tty,
        stdin=args.interactive,
        publish=tuple(args.publish),
        publish_all=args.publish_all,
        network=args.network,
        add_hosts=tuple(args.add_host),
        dns=tuple(args.dns),
        volumes=tuple(volumes),
        tmpfs=tuple(tmpfs),
        memory=args.memory or None,
        memory_swap=_swap(args.memory_swap),
        cpus=args.cpus or None,
        cpu_shares=args.cpu_shares or None,
        pids_limit=args.pids_limit,
        shm_size=args.shm_size,
        ulimits=tuple(args.ulimit),
        read_only=args.read_only,
        cap_add=tuple(args.cap_add),
        cap_drop=tuple(args.cap_drop),
        privileged=args.privileged,
        security_opt=tuple(args.security_opt),
        devices=tuple(args.device),
        sysctls=key_values(args.sysctl),
        stop_signal=args.stop_signal,
        stop_timeout=args.stop_timeout,
        auto_remove=args.rm,
        pull=args.pull,
    )


def write_cidfile(path: str | None, container_id: str) -> None:
    """Write the ID where ``--cidfile`` says. Raises UsageError when the file is there already."""
    if path is None:
        return
    try:
        with open(path, "x") as stream:
            stream.write(container_id)
    except FileExistsError:
        raise UsageError(f"the container ID file {path} exists", hint="remove it, or name another") from None


def environment(items: list[str], files: list[str]) -> tuple[str, ...]:
    """Return ``NAME=value`` entries of ``--env-file`` and ``--env``; a bare NAME is taken from our own environment."""
    entries: dict[str, str] = {}
    for item in [*(line for path in files for line in _lines(path)), *items]:
        name, equals, value = item.partition("=")
        if not name or (not equals and any(character.isspace() for character in name)):
            raise UsageError(f"invalid environment variable {item!r}", hint="write NAME=value")
        if equals:
            entries[name] = value
        elif name in os.environ:
            entries[name] = os.environ[name]
        else:
            entries.pop(name, None)
    return tuple(f"{name}={value}" for name, value in entries.items())


def refuse_existing_cidfile(path: str | None) -> None:
    """Raise UsageError when the file of ``--cidfile`` is there already: found out before anything is made."""
    if path is not None and os.path.exists(path):
        raise UsageError(f"the container ID file {path} exists", hint="remove it, or name another")


def streams(wanted: list[str], *, stdin: bool) -> frozenset[str]:
    """Return which of stdin, stdout and stderr to connect. Raises UsageError."""
    names = {name.lower() for name in wanted}
    unknown = names - {"stdin", "stdout", "stderr"}
    if unknown:
        raise UsageError(f"unknown stream {sorted(unknown)[0]!r}", hint="streams are stdin, stdout and stderr")
    if not names:
        names = {"stdout", "stderr", *(["stdin"] if stdin else [])}
    return frozenset(names)


def warn(message: str) -> None:
    sys.stderr.write(f"warning: {message}\n")


def _lines(path: str) -> list[str]:
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    lines = (line.lstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _swap(text: str | None) -> int | None:
    if text is None:
        return None
    return -1 if text == "-1" else size(text)


def _add_mount(text: str, volumes: list[str], tmpfs: list[str]) -> None:
    """Translate ``--mount`` into the shorter forms."""
    fields = key_values(text.split(","))
    kind = fields.pop("type", "volume")
    source = fields.pop("source", fields.pop("src", ""))
    target = ""
    for name in ("destination", "dst", "target"):
        target = fields.pop(name, target)
    flags = {name for name in ("readonly", "ro") if fields.pop(name, "false") in ("", "true", "1")}
    if not target:
        raise UsageError(f"--mount {text}: a target is missing", hint="add dst=/path")
    if kind == "tmpfs":
        options = [f"size={size(fields.pop('tmpfs-size'))}"] if "tmpfs-size" in fields else []
        options += [f"mode={fields.pop('tmpfs-mode')}"] if "tmpfs-mode" in fields else []
        tmpfs.append(":".join([target, *([",".join(options)] if options else [])]))
    elif kind in ("bind", "volume"):
        if kind == "bind" and not source.startswith("/"):
            raise UsageError(f"--mount {text}: a bind needs an absolute src")
        if kind == "bind" and not os.path.exists(source):
            raise UsageError(f"--mount {text}: {source} does not exist", hint="-v would make an empty folder there")
        volumes.append(":".join([*([source] if source else []), target, *(["ro"] if flags else [])]))
    else:
        raise UsageError(f"--mount {text}: unknown type {kind}", hint="types are bind, volume and tmpfs")
    if fields:
        raise UsageError(f"--mount {text}: {next(iter(fields))} is not supported")
