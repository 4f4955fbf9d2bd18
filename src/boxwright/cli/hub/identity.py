from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, moment, opened
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="let somebody of an OpenID provider log in as a user or a robot")
    add.add_argument("name", metavar="NAME", help="the user or the robot")
    remove = leaf(parser, "rm", help="take an identity away from its account; logins of the account end")
    leaf(parser, "list", help="list who accounts are to an OpenID provider", lists=True)
    for command in (add, remove):
        command.add_argument("--issuer", metavar="URL", help="the provider, as [oidc] has it (needed)")
        command.add_argument("subject", metavar="SUBJECT", help="who it is to the provider: sub of the tokens")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        identities, by = house.identities, actor()
        match args.verb:
            case "add":
                identities.add(args.name, _issuer(args), args.subject, by)
                print(args.name)
            case "rm":
                identities.remove(_issuer(args), args.subject, by)
                print(args.subject)
            case _:
                rows = [
                    {
                        "Account": one.account,
                        "Issuer": one.issuer,
                        "Subject": one.subject,
                        "Created": moment(one.created),
                    }
                    for one in identities.list()
                ]
                listing.write(sys.stdout, rows, _COLUMNS, args.format)
    return 0


def _issuer(args: Any) -> str:
    from boxwright.remote.issuer import check_issuer

    if not args.issuer:
        raise UsageError("--issuer is missing", hint="it is the issuer of [oidc] in the server's settings")
    return check_issuer(args.issuer)


_COLUMNS = {name.upper(): name for name in ("Account", "Issuer", "Subject", "Created")}
