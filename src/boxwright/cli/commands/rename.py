from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")
    parser.add_argument("name", metavar="NEW_NAME", help="its new name")


def run(args: Any, session: Session) -> int:
    session.engine.rename_container(args.container, args.name)
    return 0
