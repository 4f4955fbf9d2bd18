from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-q", "--quiet", help="print only the names")
    parser.add_argument("what", metavar="debian[:SUITE]|busybox|registry", help="what to make")


def run(args: Any, session: Session) -> int:
    if not args.quiet:
        sys.stderr.write(f"making {args.what} of what this host has\n")
        sys.stderr.flush()
    for name in session.engine.bootstrap(args.what):
        print(name)
    return 0
