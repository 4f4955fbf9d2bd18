from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from boxwright.cli import human, inspection, listing, prune
from boxwright.cli.each import each
from boxwright.cli.parsing import Parser, filters, key_values
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    create = parser.command("create", help="make a volume")
    create.repeated("-l", "--label", metavar="NAME=VALUE", help="set a label")
    create.add_argument("-d", "--driver", choices=("local",), default="local", help="local: a folder of this machine")
    create.refused("-o", "--opt", why="a local volume is a folder, and has no options yet")
    create.add_argument("--name", dest="named", metavar="VOLUME", help="its name, as docker had it said before")
    create.add_argument("name", nargs="?", metavar="VOLUME", help="its name; one is made up when it's left out")
    for name in ("ls", "list"):
        ls = parser.command(name, help="list volumes" if name == "ls" else "the same as ls")
        ls.flag("-q", "--quiet", help="show names only")
        ls.repeated("-f", "--filter", metavar="NAME=VALUE", help="name, label, dangling")
        ls.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    inspect = parser.command("inspect", help="show everything about volumes")
    inspect.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")
    inspect.add_argument("names", nargs="+", metavar="VOLUME", help="name of a volume")
    for name in ("rm", "remove"):
        rm = parser.command(name, help="remove volumes" if name == "rm" else "the same as rm")
        rm.flag("-f", "--force", help="do not mind volumes that aren't there")
        rm.add_argument("names", nargs="+", metavar="VOLUME", help="name of a volume")
    command = prune.declare(parser, "remove volumes that no container uses", filters="label, all")
    command.flag("-a", "--all", help="those with a name, too")


def run(args: Any, session: Session) -> int:
    engine = session.engine
    if args.verb == "create":
        print(engine.create_volume(args.name or args.named, labels=key_values(args.label)))
        return 0
    if args.verb in ("ls", "list"):
        rows = engine.volumes(filters=filters(args.filter))
        if args.quiet:
            sys.stdout.write("".join(f"{row['Name']}\n" for row in rows))
            return 0
        values = [_row(row) for row in rows]
        listing.write(sys.stdout, values, {"DRIVER": "Driver", "VOLUME NAME": "Name"}, args.format)
        return 0
    if args.verb == "inspect":
        return inspection.show(session, args.names, args.format, kind="volume")
    if args.verb in ("rm", "remove"):
        return each(args.names, lambda name: engine.remove_volume(name, force=args.force), show=True)
    what = "all volumes that no container uses" if args.all else "all volumes without a name that no container uses"
    if not prune.confirmed(args, what):
        return 0
    pruned = engine.prune_volumes(all=args.all, filters=filters(args.filter))
    prune.show("Deleted Volumes", pruned.removed)
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0


def _row(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume as docker's templates see it: what takes long to find out is not said."""
    labels = volume["Labels"] or {}
    return {
        **{name: volume[name] for name in ("Name", "Driver", "Scope", "Mountpoint")},
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(labels.items())),
        "Label": lambda name: labels.get(name, ""),
        **dict.fromkeys(("Availability", "Group", "Links", "Size", "Status"), "N/A"),
    }
