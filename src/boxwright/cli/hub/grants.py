from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import configure_format, opened
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_format(parser)
    parser.add_argument("pattern", nargs="?", metavar="REPOSITORY", help="grants on this alone")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        rows = [
            {"Repository": one.pattern, "Role": str(one.role), "Who": one.subject}
            for one in house.grants.list(args.pattern)
        ]
    listing.write(sys.stdout, rows, {"REPOSITORY": "Repository", "ROLE": "Role", "WHO": "Who"}, args.format)
    return 0
