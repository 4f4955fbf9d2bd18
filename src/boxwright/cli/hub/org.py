from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.each import each
from boxwright.cli.hub.opening import (
    actor,
    configure_visibility,
    is_public,
    leaf,
    moment,
    opened,
    visibility,
)
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="make an organisation")
    add.add_argument("--owner", metavar="USER", help="who may do everything in it (needed)")
    add.add_argument("name", metavar="NAME", help="its name, which its repositories begin with")
    rm = leaf(parser, "rm", help="remove organisations that have no repositories")
    rm.add_argument("names", nargs="+", metavar="NAME", help="an organisation")
    leaf(parser, "list", help="list organisations", lists=True)
    members = leaf(parser, "members", help="list who belongs to an organisation", lists=True)
    members.add_argument("name", metavar="NAME", help="the organisation")
    join = leaf(parser, "join", help="make a user a member, or an owner")
    join.flag("--owner", help="who may do everything with the organisation's repositories")
    leave = leaf(parser, "leave", help="take a user out of an organisation and its teams")
    for command in (join, leave):
        command.add_argument("name", metavar="NAME", help="the organisation")
        command.add_argument("user", metavar="USER", help="the user")
    change = leaf(parser, "set", help="change what holds for an organisation's new repositories")
    configure_visibility(change, "--new-repositories", help="who may pull what is pushed there first")
    change.add_argument("name", metavar="NAME", help="the organisation")


def run(args: Any, session: Session) -> int:
    if args.verb == "add" and not args.owner:
        raise UsageError("an organisation needs an owner", hint="say --owner USER")
    if args.verb == "set" and args.new_repositories is None:
        raise UsageError("nothing to change", hint="say --new-repositories public or private")
    with opened(args, session) as house:
        directory, organisations, by = house.directory, house.organisations, actor()
        match args.verb:
            case "list":
                rows = [
                    {"Name": one.name, "NewRepositories": visibility(one.public), "Created": moment(one.created)}
                    for one in directory.list("organisation")
                ]
                columns = {"NAME": "Name", "NEW REPOSITORIES": "NewRepositories", "CREATED": "Created"}
                listing.write(sys.stdout, rows, columns, args.format)
                return 0
            case "members":
                rows = [
                    {"Name": one.name, "Role": "owner" if one.owner else "member"}
                    for one in organisations.members(args.name)
                ]
                listing.write(sys.stdout, rows, {"NAME": "Name", "ROLE": "Role"}, args.format)
                return 0
            case "rm":
                return each(args.names, lambda name: directory.remove(name, "organisation", by), show=True)
            case "add":
                directory.add_organisation(args.name, args.owner, by)
            case "join":
                organisations.set_member(args.name, args.user, by, owner=args.owner)
            case "leave":
                organisations.remove_member(args.name, args.user, by)
            case _:
                directory.set_flags(args.name, by, public=is_public(args.new_repositories) is True)
        print(args.name)
    return 0
