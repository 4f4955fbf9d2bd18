from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("source", metavar="SOURCE_IMAGE[:TAG]", help="name or ID of the image")
    parser.add_argument("target", metavar="TARGET_IMAGE[:TAG]", help="the name that it gets, too")


def run(args: Any, session: Session) -> int:
    session.engine.tag(args.source, args.target)
    return 0
