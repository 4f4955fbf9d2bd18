from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import configure_format, moment, opened, span
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_format(parser)
    parser.add_argument("-n", "--last", metavar="NUMBER", type=int, default=100, help="how many entries (100)")
    parser.add_argument("--actor", metavar="NAME", help="by this account alone; console:NAME typed a command")
    parser.add_argument(
        "--action", metavar="ACTION", help="of this kind alone: login, token.issue; token. is all of them"
    )
    parser.add_argument("--target", metavar="NAME", help="about this alone: an account, a repository, a scope")
    parser.add_argument("--address", metavar="ADDRESS", help="from this address alone")
    parser.add_argument("--outcome", choices=("success", "failure"), help="success or failure alone")
    parser.add_argument("--since", metavar="DURATION", help="not older than this: 90d, 12h, 30m")


def run(args: Any, session: Session) -> int:
    import time

    if args.last < 1:
        raise UsageError(f"invalid --last {args.last}", hint="it is at least 1")
    with opened(args, session) as house:
        entries = house.audit.entries(
            limit=args.last,
            actor=args.actor,
            action=args.action,
            target=args.target,
            address=args.address,
            outcome=args.outcome,
            since=None if args.since is None else time.time() - span(args.since, "--since"),
        )
    rows = [
        {
            "Time": moment(one.at),
            "Actor": one.actor or "-",
            "Address": one.address or "-",
            "Action": one.action,
            "Target": one.target or "-",
            "Outcome": one.outcome,
            "Detail": one.detail,
        }
        for one in entries
    ]
    columns = {name.upper(): name for name in ("Time", "Actor", "Address", "Action", "Target", "Outcome", "Detail")}
    listing.write(sys.stdout, rows, columns, args.format)
    return 0
