from __future__ import annotations

from typing import Any

from boxwright.cli.hub.opening import actor, opened
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    parser.flag("--off", help="take it back")
    parser.add_argument("name", metavar="NAME", help="a user or a robot")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        house.directory.set_flags(args.name, actor(), curator=not args.off)
    print(args.name)
    return 0
