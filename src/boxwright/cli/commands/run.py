from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import container_flags
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-d", "--detach", help="run in the background and print the container's ID")
    parser.repeated("-a", "--attach", metavar="STREAM", help="connect only stdin, stdout or stderr")
    parser.flag("--sig-proxy", default=True, help="pass signals on to the container (default)")
    parser.add_argument("--detach-keys", metavar="KEYS", help="keys that leave the container running: ctrl-p,ctrl-q")
    container_flags.declare(parser)


def run(args: Any, session: Session) -> int:
    from boxwright.cli.pulling import with_pull

    if args.detach and args.attach:
        raise UsageError("-a does not go with -d")
    request = container_flags.request(args)
    if request.tty and request.stdin and not args.detach and not sys.stdin.isatty():
        raise container_flags.NoTerminal()
    streams = container_flags.streams(args.attach, stdin=request.stdin)
    container = with_pull(session, request, session.engine.create_container, quiet=args.quiet)
    container_flags.write_cidfile(args.cidfile, container.id)
    for warning in container.warnings:
        container_flags.warn(warning)
    if args.detach:
        session.engine.start_container(container.id)
        print(container.id)
        return 0
    return session.engine.start_attached(
        container.id,
        streams=streams,
        signals=args.sig_proxy,
        detach_keys=args.detach_keys,
    )
