from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("container", metavar="CONTAINER", help="ID of the container")


def run(args: Any, session: Session) -> int:
    session.engine.watch_container(args.container)
    return 0
