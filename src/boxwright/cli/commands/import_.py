from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.repeated("-c", "--change", metavar="INSTRUCTION", help="apply a Dockerfile instruction to the image")
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="comment in the image's history")
    parser.refused("--platform", why="the image gets this machine's platform")
    parser.add_argument("source", metavar="FILE|-", help="a root file system as a tar, in any compression")
    parser.add_argument("name", nargs="?", metavar="REPOSITORY[:TAG]", help="the image's name")


def run(args: Any, session: Session) -> int:
    if args.source.startswith(("http://", "https://")):
        raise UsageError("import does not read from a URL", hint="fetch it: curl URL | boxwright import - NAME")
    changes, message = tuple(args.change), args.message or f"Imported from {args.source}"
    if args.source == "-":
        id = session.engine.import_image(sys.stdin.buffer, name=args.name, changes=changes, message=message)
    else:
        with open(args.source, "rb") as stream:
            id = session.engine.import_image(stream, name=args.name, changes=changes, message=message)
    print(id)
    return 0
