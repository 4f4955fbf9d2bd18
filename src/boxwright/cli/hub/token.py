from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, moment, opened, span
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.accounts.house import House


def configure(parser: Parser) -> None:
    create = leaf(parser, "create", help="make a token and print it: it is shown this once")
    create.add_argument(
        "--can", metavar="ACTIONS", default="pull,push,delete", help="what it is good for: pull,push,delete (all)"
    )
    create.repeated("--on", metavar="REPOSITORY", help="a repository, or NAMESPACE/*, that it is good for (all)")
    create.add_argument("--expires", metavar="DURATION", default="never", help="how long it is good: 90d, 12h (never)")
    show = leaf(parser, "list", help="list tokens", lists=True)
    show.add_argument("account", nargs="?", metavar="ACCOUNT", help="whose; all when it is left out")
    revoke = leaf(parser, "revoke", help="remove a token and the logins that were made with it")
    for command in (create, revoke):
        command.add_argument("account", metavar="ACCOUNT", help="a user or a robot")
        command.add_argument("name", metavar="NAME", help="what the token is for")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        if args.verb == "list":
            return _list(args, house)
        if args.verb == "revoke":
            house.tokens.revoke(args.account, args.name, actor())
            print(args.name)
            return 0
        import time

        from boxwright.hub.accounts.roles import Limit
        from boxwright.hub.accounts.tokens import parse_actions

        limit = Limit(parse_actions(args.can), tuple(args.on))
        expires = None if args.expires == "never" else time.time() + span(args.expires, "--expires")
        print(house.tokens.create(args.account, args.name, actor(), limit=limit, expires=expires))
    return 0


def _list(args: Any, house: House) -> int:
    rows = [
        {
            "Account": one.account,
            "Name": one.name,
            "Can": ",".join(sorted(one.limit.actions - {"*"})),
            "On": ",".join(one.limit.patterns) or "*",
            "Created": moment(one.created),
            "Expires": moment(one.expires) or "never",
            "LastUsed": moment(one.used) or "never",
        }
        for one in house.tokens.list(args.account)
    ]
    columns = {
        "ACCOUNT": "Account",
        "NAME": "Name",
        "CAN": "Can",
        "ON": "On",
        "EXPIRES": "Expires",
        "LAST USED": "LastUsed",
    }
    listing.write(sys.stdout, rows, columns, args.format)
    return 0
