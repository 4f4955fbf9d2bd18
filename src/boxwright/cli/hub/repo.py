from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import human, listing
from boxwright.cli.each import each
from boxwright.cli.hub.opening import actor, configure_visibility, is_public, leaf, moment, opened, visibility
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.accounts.repositories import Repositories
    from boxwright.hub.db.audit import Actor


def configure(parser: Parser) -> None:
    show = leaf(parser, "list", help="list repositories", lists=True)
    show.add_argument("namespace", nargs="?", metavar="NAMESPACE", help="of one account; all when it is left out")
    create = leaf(parser, "create", help="make a repository before its first push")
    change = leaf(parser, "set", help="say who may pull from a repository, and what it is about")
    for command in (create, change):
        configure_visibility(command, "--visibility", help="public: everybody may pull")
        command.add_argument("--description", metavar="TEXT", help="what it is about")
        command.add_argument("name", metavar="REPOSITORY", help="its name")
    rm = leaf(parser, "rm", help="remove repositories with everything in them")
    rm.add_argument("names", nargs="+", metavar="REPOSITORY", help="its name")


def run(args: Any, session: Session) -> int:
    if args.verb == "set" and args.visibility is None and args.description is None:
        raise UsageError("nothing to change", hint="say --visibility or --description")
    with opened(args, session) as house:
        repositories, by = house.repositories, actor()
        match args.verb:
            case "list":
                rows = [
                    {
                        "Name": one.name,
                        "Visibility": visibility(one.public),
                        "Created": moment(one.created),
                        "Description": one.description,
                    }
                    for one in repositories.list(args.namespace)
                ]
                columns = {
                    "NAME": "Name",
                    "VISIBILITY": "Visibility",
                    "CREATED": "Created",
                    "DESCRIPTION": "Description",
                }
                listing.write(sys.stdout, rows, columns, args.format)
                return 0
            case "rm":
                return each(args.names, lambda name: _remove(repositories, name, by))
            case "create":
                public = is_public(args.visibility)
                repositories.create(args.name, by, public=public, description=args.description or "")
            case _:
                repositories.set(args.name, by, public=is_public(args.visibility), description=args.description)
        print(args.name)
    return 0


def _remove(repositories: Repositories, name: str, by: Actor) -> None:
    freed = repositories.remove(name, by)
    print(f"{name} ({human.size(freed)} will be reclaimed)", flush=True)
