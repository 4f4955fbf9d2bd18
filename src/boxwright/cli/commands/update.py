from __future__ import annotations

from typing import Any

from boxwright.cli import limit_flags
from boxwright.cli.each import each
from boxwright.cli.parsing import OperandsError, Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    limit_flags.declare(parser)
    parser.add_argument("--restart", metavar="POLICY", help="no, always, unless-stopped, on-failure[:TIMES]")
    parser.refused("--blkio-weight", "--cpu-rt-period", "--cpu-rt-runtime", why="it isn't there yet")
    parser.refused("--kernel-memory", why="Linux no longer has it")
    parser.add_argument("containers", nargs="+", metavar="CONTAINER", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    from boxwright.engine.requests import UpdateContainer

    changes = UpdateContainer(**limit_flags.asked(args), restart=args.restart)
    if changes == UpdateContainer():
        raise OperandsError(
            "there is nothing to change", hint="name a limit, or --restart: see boxwright update --help"
        )
    return each(args.containers, lambda name: session.engine.update_container(name, changes), show=True)
