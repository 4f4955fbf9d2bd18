from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")


def run(args: Any, session: Session) -> int:
    sys.stdout.write("".join(f"{kind} {path}\n" for kind, path in session.engine.diff(args.container)))
    return 0
