from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.each import each
from boxwright.cli.hub.opening import actor, leaf, moment, opened
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="make an account for a program; it logs in with tokens")
    rm = leaf(parser, "rm", help="remove robots with their tokens and what they were granted")
    rm.add_argument("names", nargs="+", metavar="ACCOUNT+NAME", help="a robot")
    show = leaf(parser, "list", help="list robots", lists=True)
    show.add_argument("owner", nargs="?", metavar="ACCOUNT", help="whose; all when it is left out")
    disable = leaf(parser, "disable", help="lock a robot out")
    enable = leaf(parser, "enable", help="let a robot in again")
    for command in (add, disable, enable):
        command.add_argument("name", metavar="ACCOUNT+NAME", help="the robot: of a user or an organisation")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        directory, by = house.directory, actor()
        match args.verb:
            case "list":
                rows = [
                    {
                        "Name": one.name,
                        "State": "disabled" if one.disabled else "enabled",
                        "Curator": "yes" if one.curator else "no",
                        "Created": moment(one.created),
                    }
                    for one in directory.list("robot", owner=args.owner)
                ]
                columns = {"NAME": "Name", "STATE": "State", "CURATOR": "Curator", "CREATED": "Created"}
                listing.write(sys.stdout, rows, columns, args.format)
                return 0
            case "rm":
                return each(args.names, lambda name: directory.remove(name, "robot", by), show=True)
            case "add":
                directory.add_robot(args.name, by)
            case _:
                directory.set_flags(args.name, by, disabled=args.verb == "disable")
        print(args.name)
    return 0
