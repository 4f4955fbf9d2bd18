from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import container_flags
from boxwright.cli.parsing import OperandsError, Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.usage = f"{parser.prog} [OPTIONS] CONTAINER COMMAND [ARG...]"
    parser.flag("-d", "--detach", help="run in the background")
    parser.flag("-i", "--interactive", help="pass standard input on")
    parser.flag("-t", "--tty", help="give the command a terminal")
    parser.repeated("-e", "--env", metavar="NAME=VALUE", help="set an environment variable")
    parser.repeated("--env-file", metavar="FILE", help="read environment variables from a file")
    parser.add_argument("-u", "--user", metavar="USER[:GROUP]", help="user, by name or number")
    parser.add_argument("-w", "--workdir", metavar="DIR", help="working directory in the container")
    parser.flag("--privileged", help="give the command all capabilities")
    parser.add_argument("--detach-keys", metavar="KEYS", help="keys that leave the command running: ctrl-p,ctrl-q")
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")
    parser.add_argument("command", metavar="COMMAND", nargs="...", help="command and arguments")


def run(args: Any, session: Session) -> int:
    if not args.command:
        raise OperandsError("missing COMMAND", hint="see boxwright exec --help")
    if args.tty and args.interactive and not args.detach and not sys.stdin.isatty():
        raise container_flags.NoTerminal()
    return session.engine.execute(
        args.container,
        tuple(args.command),
        env=container_flags.environment(args.env, args.env_file),
        user=args.user,
        working_dir=args.workdir,
        tty=args.tty,
        stdin=args.interactive,
        detach=args.detach,
        privileged=args.privileged,
    )
