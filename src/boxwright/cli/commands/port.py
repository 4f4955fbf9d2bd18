from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")
    parser.add_argument("port", nargs="?", metavar="PORT[/PROTO]", help="only this port of the container")


def run(args: Any, session: Session) -> int:
    for binding in session.engine.ports(args.container, args.port):
        host = f"[{binding.host_address}]" if ":" in binding.host_address else binding.host_address
        where = f"{host}:{binding.host_port}"
        print(where if args.port else f"{binding.port}/{binding.protocol} -> {where}")
    return 0
