from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of standard output")
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")


def run(args: Any, session: Session) -> int:
    if args.output:
        session.engine.export_file(args.container, args.output)
        return 0
    if sys.stdout.isatty():
        raise UsageError("an archive does not go to a terminal", hint="name a file with -o, or redirect the output")
    session.engine.export(args.container, sys.stdout.buffer)
    return 0
