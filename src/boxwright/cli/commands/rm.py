from __future__ import annotations

from typing import Any

from boxwright.cli.each import each
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-f", "--force", help="kill it first when it runs")
    parser.flag("-v", "--volumes", help="remove its volumes that have no name, too")
    parser.refused("-l", "--link", why="links between containers are docker's past", value=False)
    parser.add_argument("containers", metavar="CONTAINER", nargs="+", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    def remove(name: str) -> None:
        session.engine.remove_container(name, force=args.force, volumes=args.volumes)

    return each(args.containers, remove, show=True, missing_is_fine=args.force)
