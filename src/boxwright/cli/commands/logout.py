from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("server", nargs="?", default="docker.io", metavar="SERVER", help="the registry")


def run(args: Any, session: Session) -> int:
    if session.engine.logout(args.server):
        print(f"Removing login credentials for {args.server}")
    else:
        print(f"Not logged in to {args.server}")
    if session.engine.stored_username(args.server) is not None:
        sys.stderr.write(f"podman's login still counts; podman logout {args.server} ends that\n")
    return 0
