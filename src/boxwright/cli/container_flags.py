"""The options that ``run`` and ``create`` share, and the request that they make."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import health_flags, limit_flags
from boxwright.cli.parsing import Parser, UsageError, key_values, size
from boxwright.errors import InvalidError
from boxwright.host.paths import Path

if TYPE_CHECKING:
    from boxwright.engine.requests import CreateContainer

_NOT_YET = "it isn't there yet"
_WINDOWS = "it is for Windows"
# docker's options that are known and not supported, with and without a value.
_REFUSED = {
    "--blkio-weight": _NOT_YET,
    "--blkio-weight-device": _NOT_YET,
    "--cgroup-parent": _NOT_YET,
    "--cpu-rt-period": _NOT_YET,
    "--cpu-rt-runtime": _NOT_YET,
    "--device-read-bps": _NOT_YET,
    "--device-read-iops": _NOT_YET,
    "--device-write-bps": _NOT_YET,
    "--device-write-iops": _NOT_YET,
    "--gpus": _NOT_YET,
    "--ip": "addresses are given out, not chosen",
    "--ip6": "the bridge is IPv4",
    "--link-local-ip": "addresses are given out, not chosen",
    "--mac-address": "addresses are given out, not chosen",
    "--network-alias --net-alias": "the bridge has no name service yet",
    "--kernel-memory": "Linux no longer has it",
    "--memory-swappiness": _NOT_YET,
    "--link": "links between containers are docker's past",
    "--runtime": "the runtime is set in config.toml",
    "--storage-opt": _NOT_YET,
    "--volume-driver": "volumes are local folders",
    "--cpu-count": _WINDOWS,
    "--cpu-percent": _WINDOWS,
    "--io-maxbandwidth": _WINDOWS,
    "--io-maxiops": _WINDOWS,
}
_REFUSED_FLAGS = {
    "--use-api-socket": "there is no daemon",
}


# Those that take what is so anyway.
_ONLY = {"--userns": "host", "--isolation": "default"}


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
    parser.add_argument(
        "--network", "--net", metavar="MODE", default="bridge", help="bridge, host, none, or container:NAME"
    )
    parser.repeated("-v", "--volume", metavar="SRC:DST[:ro]", help="mount a folder of the host, or a volume")
    parser.repeated("--mount", metavar="SPEC", help="mount, spelled out: type=bind,src=/a,dst=/b[,readonly]")
    parser.repeated("--volumes-from", metavar="CONTAINER[:ro]", help="have the mounts of another container, too")
    parser.repeated("--tmpfs", metavar="DST", help="mount a file system in memory")
    parser.add_argument("-w", "--workdir", metavar="DIR", help="working directory in the container")
    parser.add_argument("-u", "--user", metavar="USER[:GROUP]", help="user, by name or number")
    parser.repeated("--group-add", metavar="GROUP", help="a further group, by name or number")
    parser.add_argument("--entrypoint", metavar="COMMAND", help="replace the image's ENTRYPOINT")
    parser.add_argument("-h", "--hostname", metavar="NAME", help="host name in the container")
    parser.add_argument("--domainname", metavar="NAME", help="domain name in the container")
    parser.repeated("-l", "--label", metavar="NAME=VALUE", help="set a label")
    parser.repeated("--label-file", metavar="FILE", help="read labels from a file")
    parser.repeated("--add-host", metavar="NAME:IP", help="add a line to /etc/hosts")
    parser.repeated("--expose", metavar="PORT[/PROTO]", help="a port for -P beside those of the image")
    parser.repeated("--dns", metavar="IP", help="use this name server")
    parser.repeated("--dns-search", metavar="DOMAIN", help="look short names up in this domain")
    parser.repeated("--dns-option", "--dns-opt", metavar="OPTION", help="set an option of the resolver")
    limit_flags.declare(parser)
    parser.add_argument("--shm-size", metavar="SIZE", type=size, help="size of /dev/shm")
    parser.repeated("--ulimit", metavar="NAME=SOFT[:HARD]", help="set a resource limit")
    parser.flag("--read-only", help="mount the root file system read-only")
    parser.repeated("--cap-add", metavar="CAP", help="add a capability")
    parser.repeated("--cap-drop", metavar="CAP", help="drop a capability; ALL drops all")
    parser.flag("--privileged", help="all capabilities, all devices, no filter: no protection of the host")
    parser.repeated("--security-opt", metavar="OPTION", help="seccomp=unconfined, no-new-privileges")
    parser.repeated("--device", metavar="PATH", help="give a device of the host to the container")
    parser.repeated("--sysctl", metavar="NAME=VALUE", help="set a kernel parameter of the container")
    parser.repeated("--device-cgroup-rule", metavar="RULE", help="let it use devices by number: 'c 1:3 rwm'")
    parser.repeated("--annotation", metavar="NAME=VALUE", help="tell the OCI runtime something")
    parser.add_argument("--cgroupns", choices=("host", "private"), help="whose control groups it sees (cgroup v2)")
    parser.add_argument("--pid", metavar="MODE", default="", help="host, or container:NAME: see the processes there")
    parser.add_argument(
        "--ipc", metavar="MODE", default="", help="host: share the host's shared memory; none: have none"
    )
    parser.add_argument("--uts", metavar="MODE", default="", help="host: have the host's name")
    parser.add_argument("--oom-score-adj", metavar="NUMBER", type=int, help="how soon it is killed for want of memory")
    parser.flag("--oom-kill-disable", help="do not kill it for want of memory")
    parser.flag("--init", help="have an init as process 1, which passes signals on and reaps zombies")
    parser.add_argument("--stop-signal", metavar="SIGNAL", help="signal that stop sends")
    parser.add_argument("--stop-timeout", metavar="SECONDS", type=int, help="seconds that stop waits before it kills")
    parser.add_argument(
        "--pull", choices=("always", "missing", "never"), default="missing", help="when to ask the registry"
    )
    parser.add_argument(
        "--log-driver",
        choices=("json-file", "k8s-file", "local"),
        default="k8s-file",
        help="accepted for docker's sake: logs are kept in one way",
    )
    parser.repeated("--log-opt", metavar="NAME=VALUE", help="max-size=SIZE: when to begin the log anew (20m)")
    parser.add_argument("--cidfile", metavar="FILE", help="write the container's ID to a file")
    parser.flag("-q", "--quiet", help="do not show how the image is pulled")
    parser.add_argument("--platform", metavar="OS/ARCH", help="this machine's: no other one runs")
    parser.add_argument(
        "--restart",
        metavar="POLICY",
        default="no",
        help="when to start it again: no, always, unless-stopped, on-failure[:TIMES]",
    )
    health_flags.declare(parser)
    for name, value in _ONLY.items():
        parser.add_argument(name, choices=(value,), help=f"{value}: there is nothing else")
    parser.flag("--disable-content-trust", help="accepted for docker's sake: there is none to disable")
    for names, why in _REFUSED.items():
        parser.refused(*names.split(), why=why)
    for names, why in _REFUSED_FLAGS.items():
        parser.refused(*names.split(), why=why, value=False)
    parser.add_argument("image", metavar="IMAGE", help="name or ID of the image")
    parser.add_argument("command", metavar="COMMAND", nargs="...", help="command and arguments")


class NoTerminal(UsageError):
    """``-it`` where nobody sits at a terminal."""

    exit_code = 1  # docker's, for run, too

    def __init__(self) -> None:
        super().__init__("the input device is not a TTY", hint="leave out -t when the input is a pipe or a file")


def check(args: Any) -> None:
    """Refuse what only some values of docker's options are for. Raises UsageError, InvalidError."""
    if args.platform:
        from boxwright.oci.platform import Platform

        ours = Platform.of_machine(os.uname().machine)
        if Platform.parse(args.platform) != ours:
            raise UsageError(f"--platform {args.platform} is not supported: this machine runs {ours}")
    if args.cidfile is not None and os.path.exists(args.cidfile):
        raise UsageError(f"the container ID file {args.cidfile} exists", hint="remove it, or name another")


def request(args: Any) -> CreateContainer:
    """Return what the options ask for. Raises UsageError, InvalidError."""
    from boxwright.engine.requests import CreateContainer

    check(args)
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
        groups=tuple(args.group_add),
        working_dir=args.workdir,
        hostname=args.hostname,
        domainname=args.domainname,
        labels=labels,
        tty=args.tty,
        stdin=args.interactive,
        publish=tuple(args.publish),
        publish_all=args.publish_all,
        exposed=tuple(args.expose),
        network=args.network,
        add_hosts=tuple(args.add_host),
        dns=tuple(args.dns),
        dns_search=tuple(args.dns_search),
        dns_options=tuple(args.dns_option),
        volumes=tuple(volumes),
        volumes_from=tuple(args.volumes_from),
        tmpfs=tuple(tmpfs),
        **limit_flags.asked(args),
        device_rules=tuple(args.device_cgroup_rule),
        annotations=key_values(args.annotation),
        cgroup=args.cgroupns or "",
        health=health_flags.asked(args),
        log_size=_log_size(args.log_opt),
        oom_score_adj=args.oom_score_adj,
        oom_kill_disable=args.oom_kill_disable,
        pid=args.pid,
        ipc=args.ipc,
        uts=args.uts,
        init=args.init,
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
        restart=args.restart if args.restart != "no" else "",
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
    in_files = [line for path in files for line in _lines(path)]
    for index, item in enumerate([*in_files, *items]):
        name, equals, value = item.partition("=")
        spaced = any(character.isspace() for character in name)
        if not name or (spaced and (not equals or index < len(in_files))):
            raise UsageError(f"invalid environment variable {item!r}", hint="write NAME=value")
        if equals:
            entries[name] = value
        elif name in os.environ:
            entries[name] = os.environ[name]
        else:
            entries.pop(name, None)
    return tuple(f"{name}={value}" for name, value in entries.items())


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
        raise InvalidError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidError(f"{path} is not UTF-8 text") from None
    lines = (line.lstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _log_size(options: list[str]) -> int | None:
    """Return what ``--log-opt`` says of the log's size. Raises UsageError."""
    most = None
    for name, value in key_values(options).items():
        if name == "max-size":
            most = size(value)
        elif name != "max-file":
            raise UsageError(f"--log-opt {name} is not supported", hint="max-size is, such as max-size=10m")
        elif value != "1":
            warn(f"--log-opt max-file={value}: of a log that is full, nothing is kept; it begins anew")
    return most


def _add_mount(text: str, volumes: list[str], tmpfs: list[str]) -> None:
    """Translate ``--mount`` into the shorter forms."""
    fields = key_values(text.split(","))
    kind = fields.pop("type", "volume")
    source = fields.pop("source", fields.pop("src", ""))
    target = ""
    for name in ("destination", "dst", "target"):
        target = fields.pop(name, target)
    options = ["ro"] if any([_is_set(fields, "readonly"), _is_set(fields, "ro")]) else []
    fields.pop("consistency", None)  # docker's own, for a Mac
    if not target:
        raise UsageError(f"--mount {text}: a target is missing", hint="add dst=/path")
    if kind == "tmpfs":
        options += [f"size={size(fields.pop('tmpfs-size'))}"] if "tmpfs-size" in fields else []
        options += [f"mode={fields.pop('tmpfs-mode')}"] if "tmpfs-mode" in fields else []
        tmpfs.append(":".join([target, *([",".join(options)] if options else [])]))
    elif kind in ("bind", "volume"):
        if kind == "bind" and not source.startswith("/"):
            raise UsageError(f"--mount {text}: a bind needs an absolute src")
        if kind == "bind" and not os.path.exists(source):
            raise UsageError(f"--mount {text}: {source} does not exist", hint="-v would make an empty folder there")
        if kind == "bind" and "bind-propagation" in fields:
            options.append(fields.pop("bind-propagation"))
        if kind == "volume" and _is_set(fields, "volume-nocopy"):
            options.append("nocopy")
        if options and not source:
            raise UsageError(f"--mount {text}: options need a src", hint="name the volume: src=NAME")
        volumes.append(":".join([*([source] if source else []), target, *([",".join(options)] if options else [])]))
    else:
        raise UsageError(f"--mount {text}: unknown type {kind}", hint="types are bind, volume and tmpfs")
    if fields:
        raise UsageError(f"--mount {text}: {next(iter(fields))} is not supported")


def _is_set(fields: dict[str, str], name: str) -> bool:
    return fields.pop(name, "false") in ("", "true", "1")
