from __future__ import annotations

from typing import Any

from boxwright.cli import container_flags
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.refused("-a", "--attach", why="create connects nothing: start -a does")
    container_flags.declare(parser)


def run(args: Any, session: Session) -> int:
    from boxwright.cli.pulling import with_pull

    request = container_flags.request(args)
    container = with_pull(session, request, session.engine.create_container, quiet=args.quiet)
    container_flags.write_cidfile(args.cidfile, container.id)
    for warning in container.warnings:
        container_flags.warn(warning)
    print(container.id)
    return 0
