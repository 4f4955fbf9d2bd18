from __future__ import annotations

from typing import Any

from boxwright.cli.each import each
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("containers", metavar="CONTAINER", nargs="+", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    return each(args.containers, session.engine.pause_container, show=True)
