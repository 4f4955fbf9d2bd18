from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError, key_values, size
from boxwright.cli.session import Session
from boxwright.errors import BoxwrightError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from boxwright.build.progress import Sink
    from boxwright.build.request import BuildResult
    from boxwright.build.runner import StepLimits


def configure(parser: Parser) -> None:
    parser.repeated("-t", "--tag", metavar="NAME[:TAG]", help="name the image; may be given several times")
    parser.add_argument("-f", "--file", metavar="FILE", help="the Dockerfile: a path, a URL, or - for standard input")
    parser.repeated("--build-arg", metavar="NAME=VALUE", help="set an ARG; a bare NAME takes your variable")
    parser.add_argument("--target", metavar="STAGE", help="build this stage instead of the last one")
    parser.flag("--no-cache", help="build every step anew")
    parser.repeated("--no-cache-filter", metavar="STAGE[,...]", help="build every step of these stages anew")
    parser.flag("--pull", help="look for newer base images in their registries")
    parser.repeated("--label", metavar="NAME=VALUE", help="set a label of the image")
    parser.add_argument("--network", metavar="MODE", default="default", help="of RUN steps: default, none or host")
    parser.repeated("--add-host", metavar="NAME:IP", help="add a line to /etc/hosts of RUN steps")
    parser.add_argument("--shm-size", metavar="SIZE", type=size, help="size of /dev/shm in RUN steps")
    parser.repeated("--ulimit", metavar="NAME=SOFT[:HARD]", help="set a resource limit of RUN steps")
    parser.add_argument("--platform", metavar="OS/ARCH[,...]", help="what to build for; several make one image of all")
    parser.repeated("-o", "--output", metavar="TYPE|DIR|-", help="what becomes of it: DIR, type=oci,dest=FILE …")
    parser.flag("--push", help="push the image under all its tags")
    parser.flag("--load", help="have the image here, whatever the outputs are")
    parser.repeated("--annotation", metavar="[TYPE:]KEY=VALUE", help="annotate the image's manifest or index")
    parser.flag("--squash", help="put all that is built into one layer on the base image")
    parser.add_argument("--iidfile", metavar="FILE", help="write the image's ID to a file")
    parser.add_argument("--metadata-file", metavar="FILE", help="write digests and names of what was built to a file")
    parser.flag("-q", "--quiet", help="print the image's ID only")
    parser.add_argument(
        "--progress",
        metavar="WAY",
        help="auto, plain, tty, quiet, classic (docker's first builder), rawjson (JSON lines)",
    )
    parser.flag("--explain", help="say why a step was built again")
    parser.add_argument("--trace", metavar="FILE", help="write the build as a web page: what took how long, and why")
    parser.flag("--rm", default=True, help="remove the containers of steps that went well (default)")
    parser.flag("--debug", help="open a shell where a step failed")
    parser.flag("--force-rm", help="keep no container of a failed step either")
    parser.repeated(
        "--cache-from", metavar="CACHE", help="take results from: type=registry,ref=…, type=local,src=…, an image"
    )
    parser.repeated(
        "--cache-to", metavar="CACHE", help="keep the cache: type=registry,ref=…, type=local,dest=…, type=inline"
    )
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.repeated(
        "--build-context",
        metavar="NAME=VALUE",
        help="a further context: a folder, a URL, docker-image://NAME or oci-layout://FOLDER",
    )
    parser.add_argument("--sbom", metavar="BOOL|FORMAT", help="attach a list of packages: true, spdx or cyclonedx")
    parser.add_argument("--provenance", metavar="BOOL|MODE", help="attach how the image came about: true, min or max")
    parser.repeated("--attest", metavar="type=TYPE[,OPTION]", help="the same in one: type=provenance,mode=max")
    parser.add_argument(
        "--call",
        metavar="METHOD[,format=json]",
        default="build",
        help="check, outline (ARGs, secrets), targets: look at the Dockerfile without building it",
    )
    parser.flag("--check", help="check the Dockerfile without building it: --call=check")
    parser.flag("--compress", help="no effect: the context is sent nowhere, compressed or not")
    parser.repeated(
        "--secret", metavar="id=NAME,src=FILE", help="give a secret to RUN --mount=type=secret; or env=VARIABLE"
    )
    parser.repeated("--ssh", metavar="ID[=SOCKET|=KEY]", help="forward an SSH agent to RUN --mount=type=ssh: default")
    parser.repeated("--allow", metavar="WHAT", help="let a RUN ask for network.host or security.insecure")
    parser.add_argument("-m", "--memory", metavar="SIZE", type=size, help="limit the memory of RUN steps: 512m, 1g")
    parser.add_argument("--memory-swap", metavar="SIZE", help="limit memory and swap together; -1: no limit")
    parser.add_argument("-c", "--cpu-shares", metavar="WEIGHT", type=int, help="relative weight of processor time")
    parser.add_argument("--cpu-period", metavar="MICROSECONDS", type=int, help="how long a period of --cpu-quota is")
    parser.add_argument("--cpu-quota", metavar="MICROSECONDS", type=int, help="processor time in each --cpu-period")
    parser.add_argument("--cpuset-cpus", metavar="LIST", help="run steps on these processors: 0-2,4")
    parser.add_argument("--cpuset-mems", metavar="LIST", help="use memory of these NUMA nodes")
    parser.refused("--cpus", why="docker's build has no such flag: use --cpu-quota and --cpu-period")
    parser.refused("--cgroup-parent", why="steps have a group of their own")
    parser.refused("--security-opt", why="what a RUN may do is said by --allow")
    parser.refused("--isolation", why="it is for Windows")
    parser.add_argument("context", metavar="PATH|URL|-", help="the context: a folder, a tar, a repository")


def run(args: Any, session: Session) -> int:
    import json
    import os
    import signal

    from boxwright.cli.progress import renderer
    from boxwright.engine.wanted import Build

    progress = "quiet" if args.quiet else args.progress or os.environ.get("BUILDKIT_PROGRESS") or "auto"
    said = _attestations(args)
    wanted = Build(
        context=args.context,
        dockerfile=args.file,
        tags=tuple(args.tag),
        build_args={name: value if equals else None for name, equals, value in _split(args.build_arg)},
        target=args.target,
        labels=key_values(args.label),
        contexts=_contexts(args.build_context),
        platform=args.platform,
        network=args.network,
        add_hosts=tuple(args.add_host),
        shm_size=args.shm_size,
        ulimits=tuple(args.ulimit),
        secrets=tuple(args.secret),
        ssh=tuple(args.ssh),
        allow=tuple(args.allow),
        limits=_limits(args),
        no_cache=args.no_cache,
        no_cache_filter=tuple(name for item in args.no_cache_filter for name in item.split(",") if name),
        pull=args.pull,
        force_rm=args.force_rm,
        keep_steps=not args.rm and not args.force_rm,
        intermediate=progress == "classic",
        explain=args.explain or bool(args.trace),
        sbom=said[0],
        provenance=said[1],
        cache_from=tuple(args.cache_from),
        cache_to=tuple(args.cache_to),
        insecure=tuple(args.insecure_registry),
        outputs=tuple(args.output),
        push=args.push,
        load=args.load,
        annotations=tuple(args.annotation),
        squash=args.squash,
        stdin=sys.stdin.buffer,
        stdout=None if sys.stdout.isatty() else sys.stdout.buffer,
    )
    call = "check" if args.check else args.call
    if call != "build":
        from boxwright.cli.calls import answer

        return answer(call, wanted, session.engine)
    if args.no_cache and args.no_cache_filter:
        raise UsageError("--no-cache does not go with --no-cache-filter", hint="one builds all anew, the other a part")
    for path in (args.iidfile, args.metadata_file):
        if path and os.path.exists(path):
            os.unlink(path)  # what is there after a failed build must not be taken for its result
    # Whoever ends a job asks first: as with Ctrl-C, no command of a step is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.debug and args.force_rm:
        raise UsageError("--debug does not go with --force-rm", hint="the shell is in the container that is kept")
    try:
        with renderer(progress, os.environ) as shown, _traced(args.trace, shown) as sink:
            result = session.engine.build(wanted, sink)
    except BoxwrightError as error:
        if not args.debug:
            raise
        from boxwright.cli.debugging import look_inside

        return look_inside(session, error)
    if args.iidfile:
        _write(args.iidfile, _id(result))
    if args.metadata_file:
        _write(args.metadata_file, json.dumps(_metadata(result), indent=2, sort_keys=True) + "\n")
    if args.quiet and not _is_taken(args.output):
        print(result.image)
    return 0


def _attestations(args: Any) -> tuple[str | None, str | None]:
    """Return the form of an SBOM and the mode of provenance, where they are wanted."""
    if not (args.sbom or args.provenance or args.attest):
        return None, None
    from boxwright.cli.attestations import attestations

    return attestations(args.sbom, args.provenance, args.attest)


def _traced(path: str | None, sink: Sink) -> AbstractContextManager[Sink]:
    """Return a sink that also records the build into a page at `path`, where one is given."""
    from contextlib import nullcontext

    if not path:
        return nullcontext(sink)
    from boxwright.cli.trace.recorder import Recorder

    return Recorder(path, sink)


def _write(path: str, text: str) -> None:
    from boxwright.host import durable

    durable.write(path, text.encode(), durable=False)


def _id(result: BuildResult) -> str:
    """Return an image's ID; for several platforms, the digest of their index, once it has one."""
    known = _metadata(result)
    return str(known.get("containerimage.config.digest") or known.get("containerimage.digest") or result.image)


def _metadata(result: BuildResult) -> Mapping[str, Any]:
    """Return what was built as buildx tells it."""
    return result.metadata or {"containerimage.config.digest": result.image, "containerimage.digest": result.image}


def _is_taken(outputs: list[str]) -> bool:
    """Whether the standard output is for what was built."""
    if not outputs:
        return False
    from boxwright.engine.outputs import spec

    return spec.to_stdout(map(spec.parse, outputs)) is not None


def _split(items: list[str]) -> list[tuple[str, str, str]]:
    return [item.partition("=") for item in items]


def _contexts(items: list[str]) -> dict[str, str]:
    contexts = {}
    for item, (name, equals, value) in zip(items, _split(items), strict=True):
        if not equals or not value:
            raise UsageError(f"invalid --build-context {item!r}", hint="it is NAME=VALUE: --build-context src=../src")
        contexts[name] = value
    return contexts


def _limits(args: Any) -> StepLimits:
    from boxwright.build.runner import StepLimits

    swap = args.memory_swap
    return StepLimits(
        memory=args.memory or 0,
        memory_swap=-1 if swap == "-1" else size(swap) if swap else 0,
        cpu_shares=args.cpu_shares or 0,
        cpu_period=args.cpu_period or 0,
        cpu_quota=args.cpu_quota or 0,
        cpuset_cpus=args.cpuset_cpus or "",
        cpuset_mems=args.cpuset_mems or "",
    )
