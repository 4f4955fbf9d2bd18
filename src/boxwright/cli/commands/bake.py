from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.bake.definition import Definition
    from boxwright.bake.selection import Selection


def configure(parser: Parser) -> None:
    parser.repeated("-f", "--file", metavar="FILE", help="a bake or compose file, or - for standard input")
    parser.repeated("--set", metavar="TARGET.KEY=VALUE", help="say something else of targets: *.platform=linux/amd64")
    parser.repeated("--var", metavar="NAME=VALUE", help="set a variable of the files")
    parser.flag("--print", help="show what would be built, as JSON")
    parser.add_argument(
        "--list", metavar="WHAT[,format=json]", help="list targets or variables: type=targets,format=json"
    )
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="targets, groups or patterns; none: default")


def run(args: Any, session: Session) -> int:
    import os

    from boxwright.cli import baking
    from boxwright.engine.baking.reading import Bake, choose, define

    if args.print and args.list:
        raise UsageError("--print and --list do not go together")
    wanted = Bake(
        targets=tuple(args.targets),
        files=tuple(args.file),
        overrides=tuple(args.set),
        variables=baking.variables(args.var),
        stdin=sys.stdin.buffer,
    )
    definition: Definition = define(wanted, os.environ)
    if args.list:
        print(baking.listed(args.list, definition))
        return 0
    selection: Selection = choose(wanted, definition, os.environ)
    print(baking.as_json(selection.to_json()))
    return 0
