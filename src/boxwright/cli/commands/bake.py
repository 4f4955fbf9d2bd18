from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.bake.selection import Selection
    from boxwright.engine.baking.jobs import Means


def configure(parser: Parser) -> None:
    parser.repeated("-f", "--file", metavar="FILE", help="a bake or compose file, or - for standard input")
    parser.repeated("--set", metavar="TARGET.KEY=VALUE", help="say something else of targets: *.platform=linux/amd64")
    parser.repeated("--var", metavar="NAME=VALUE", help="set a variable of the files")
    parser.flag("--print", help="show what would be built, as JSON")
    parser.add_argument("--list", metavar="WHAT", help="list targets or variables; type=targets,format=json for JSON")
    parser.flag("--push", help="push the images under all their tags")
    parser.flag("--load", help="have the images here, whatever the outputs are")
    parser.flag("--no-cache", default=None, help="build every step anew")
    parser.flag("--pull", default=None, help="look for newer base images in their registries")
    parser.add_argument("--sbom", metavar="BOOL|FORMAT", help="attach a list of packages: true, spdx or cyclonedx")
    parser.add_argument("--provenance", metavar="BOOL|MODE", help="attach how the image came about: true, min or max")
    parser.add_argument(
        "--call",
        metavar="METHOD[,format=json]",
        default="build",
        help="check, outline, targets: look at Dockerfiles without building",
    )
    parser.flag("--check", help="check the Dockerfiles without building them: --call=check")
    parser.repeated("--allow", metavar="WHAT", help="network.host, security.insecure, ssh, fs.read=PATH, fs.write=PATH")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("--metadata-file", metavar="FILE", help="write digests and names of what was built to a file")
    parser.add_argument("--progress", metavar="WAY", help="auto, plain, tty, quiet, rawjson (JSON lines)")
    parser.flag("--explain", help="say why a step was built again")
    parser.refused("--builder", why="there is one builder, and it is here")
    parser.refused("--policy", why="there are no policies")
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="targets, groups, patterns; a git URL: its files")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import baking
    from boxwright.engine.baking.jobs import Means
    from boxwright.engine.baking.permission import Permissions
    from boxwright.engine.baking.reading import Bake, choose, define, files_are_checked
    from boxwright.engine.baking.remote import fetching_of, urls_of

    if args.print and args.list:
        raise UsageError("--print and --list do not go together")
    environ = session.settings.environ
    url, command_context, targets = urls_of(args.targets)
    fetching = None if url is None else fetching_of(url, environ)
    permissions = Permissions.parse(args.allow, files=files_are_checked(environ))
    call = "check" if args.check else args.call
    wanted = Bake(
        targets=targets,
        files=tuple(args.file),
        overrides=(*args.set, *baking.overrides(args, call)),
        variables=baking.variables(args.var),
        stdin=sys.stdin.buffer,
        command_context=command_context or Bake().command_context,
    )
    if fetching is None:
        definition = define(wanted, environ)
    else:
        with session.engine.remote_files(fetching) as remote:
            wanted = wanted._replace(remote=remote)
            definition = define(wanted, environ)
    if args.list:
        print(baking.listed(args.list, definition))
        return 0
    selection = choose(wanted, definition, environ)
    if args.print:
        print(baking.shown_json(selection.to_json()))
        return 0
    permissions = permissions.with_granted(selection.granted)
    permissions.check(selection)
    means = Means(
        allow=tuple(permissions.entitlements),
        insecure=tuple(args.insecure_registry),
        explain=args.explain,
        stdout=None if sys.stdout.isatty() else sys.stdout.buffer,
        fetching=fetching,
    )
    called = baking.called(selection)
    if called:
        if len(called) < len(selection.targets) - len(selection.linked):
            raise UsageError(
                f"{', '.join(sorted(called))}: what is only looked at and what is built do not go together",
                hint="name the targets to build, or give --call=check",
            )
        return baking.answer(call, selection, means, session.engine)
    return _build(args, session, selection, means)


def _build(args: Any, session: Session, selection: Selection, means: Means) -> int:
    import os
    import signal

    from boxwright.cli import baking
    from boxwright.cli.progress import renderer

    if args.metadata_file and os.path.exists(args.metadata_file):
        os.unlink(args.metadata_file)  # what is there after a failed build must not be taken for its result
    # Whoever ends a job asks first: as with Ctrl-C, no command of a step is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = args.progress or os.environ.get("BUILDKIT_PROGRESS") or "auto"
    if progress == "classic":
        raise UsageError("--progress=classic is for one target", hint="use plain")
    with renderer(progress, os.environ) as sink:
        results = session.engine.bake(selection, means, sink)
    if args.metadata_file:
        baking.write_metadata(args.metadata_file, selection, results)
    return 0
