from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="what changed, for the image's history")
    parser.add_argument("-a", "--author", metavar="NAME", default="", help="who made it: 'Ada <ada@example.com>'")
    parser.repeated("-c", "--change", metavar="INSTRUCTION", help="apply a Dockerfile instruction: 'EXPOSE 80'")
    parser.flag("-p", "--pause", default=True, help="freeze the container meanwhile (default)")
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")
    parser.add_argument("name", nargs="?", metavar="REPOSITORY[:TAG]", help="the image's name")


def run(args: Any, session: Session) -> int:
    print(
        session.engine.commit(
            args.container,
            args.name,
            message=args.message,
            author=args.author,
            changes=tuple(args.change),
            pause=args.pause,
        )
    )
    return 0
