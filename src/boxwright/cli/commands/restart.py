from __future__ import annotations

from typing import Any

from boxwright.cli.each import each
from boxwright.cli.parsing import Parser, patience
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument(
        "-t",
        "--time",
        "--timeout",
        metavar="SECONDS",
        type=patience,
        help="wait so long before killing (default 10); -1: for ever",
    )
    parser.add_argument("-s", "--signal", metavar="SIGNAL", help="send this signal instead of the container's own")
    parser.add_argument("containers", metavar="CONTAINER", nargs="+", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    def act(name: str) -> None:
        session.engine.restart_container(name, timeout=args.time, signal=args.signal)

    return each(args.containers, act, show=True)
