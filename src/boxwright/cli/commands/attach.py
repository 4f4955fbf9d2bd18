from __future__ import annotations

from typing import Any

from boxwright.cli import container_flags
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("--no-stdin", help="do not pass standard input on")
    parser.flag("--sig-proxy", default=True, help="pass signals on to the container (default)")
    parser.add_argument("--detach-keys", metavar="KEYS", help="keys that leave the container running: ctrl-p,ctrl-q")
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")


def run(args: Any, session: Session) -> int:
    return session.engine.attach(
        args.container,
        streams=container_flags.streams([], stdin=not args.no_stdin),
        signals=args.sig_proxy,
        detach_keys=args.detach_keys,
    )
