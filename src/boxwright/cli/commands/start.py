from __future__ import annotations

from typing import Any

from boxwright.cli import container_flags
from boxwright.cli.each import each
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-a", "--attach", help="show the output, and pass signals on")
    parser.flag("-i", "--interactive", help="pass standard input on")
    parser.add_argument("--detach-keys", metavar="KEYS", help="keys that leave the container running: ctrl-p,ctrl-q")
    parser.refused("--checkpoint", "--checkpoint-dir", why="there are no checkpoints")
    parser.add_argument("containers", metavar="CONTAINER", nargs="+", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    if args.attach or args.interactive:
        if len(args.containers) > 1:
            raise UsageError("one container at a time can be attached to")
        return session.engine.start_attached(
            args.containers[0],
            streams=container_flags.streams([], stdin=args.interactive),
            signals=True,
            detach_keys=args.detach_keys,
        )
    return each(args.containers, session.engine.start_container, show=True)
