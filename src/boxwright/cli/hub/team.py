from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, opened
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="make a team")
    rm = leaf(parser, "rm", help="remove a team and what it was granted")
    show = leaf(parser, "list", help="list the teams of an organisation", lists=True)
    join = leaf(parser, "join", help="put members of the organisation into a team")
    leave = leaf(parser, "leave", help="take users out of a team")
    for command in (add, rm, show, join, leave):
        command.add_argument("organisation", metavar="ORGANISATION", help="whose team it is")
    for command in (add, rm, join, leave):
        command.add_argument("team", metavar="TEAM", help="the team")
    for command in (join, leave):
        command.add_argument("users", nargs="+", metavar="USER", help="a member of the organisation")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        organisations, by = house.organisations, actor()
        match args.verb:
            case "list":
                rows = [
                    {"Name": one.name, "Members": ", ".join(one.members)}
                    for one in organisations.teams(args.organisation)
                ]
                listing.write(sys.stdout, rows, {"NAME": "Name", "MEMBERS": "Members"}, args.format)
                return 0
            case "add":
                organisations.add_team(args.organisation, args.team, by)
            case "rm":
                organisations.remove_team(args.organisation, args.team, by)
            case _:
                for user in args.users:
                    inside = args.verb == "join"
                    organisations.set_team_member(args.organisation, args.team, user, by, inside=inside)
        print(f"{args.organisation}/{args.team}")
    return 0
