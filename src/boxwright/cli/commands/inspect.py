from __future__ import annotations

from typing import Any

from boxwright.cli import inspection
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")
    parser.add_argument("--type", choices=("image", "container", "volume", "network"), help="what NAME is")
    parser.flag("-s", "--size", help="add the sizes of containers")
    parser.refused("--platform", why="an image here is for one platform")
    parser.add_argument("names", metavar="NAME", nargs="+", help="name or ID of a container, an image or a volume")


def run(args: Any, session: Session) -> int:
    return inspection.show(session, args.names, args.format, kind=args.type, size=args.size)
