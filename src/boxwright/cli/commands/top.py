from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import table
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.usage = f"{parser.prog} CONTAINER [ps OPTIONS]"
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")
    parser.add_argument("options", nargs="...", metavar="ps OPTIONS", help="options of ps(1), -ef when left out")


def run(args: Any, session: Session) -> int:
    headings, rows = session.engine.top(args.container, tuple(args.options))
    table.write(sys.stdout, headings, rows)
    return 0
