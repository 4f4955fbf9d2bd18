from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, listing, prune
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    df = parser.command("df", help="show what images, containers, volumes and the build cache take")
    df.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    df.flag("-v", "--verbose", help="show each of them, and not only their sums")
    command = prune.declare(parser, "remove what is not used")
    command.flag("-a", "--all", help="remove every image that no container uses, not only those without a name")
    command.flag("--volumes", help="remove volumes that no container uses, too")


def run(args: Any, session: Session) -> int:
    if args.verb == "df":
        if args.verbose:
            from boxwright.cli import spelled_usage

            spelled_usage.write(sys.stdout, session.engine, args.format)
            return 0
        return _df(args, session)
    parts = ["stopped containers", "images without a container" if args.all else "images without a name"]
    parts += ["the build cache", *(["volumes that no container uses"] if args.volumes else [])]
    if not prune.confirmed(args, ", ".join(parts[:-1]) + " and " + parts[-1]):
        return 0
    pruned = session.engine.prune_all(all=args.all, volumes=args.volumes, filters=filters(args.filter))
    for title, removed in pruned.removed_by_kind:
        prune.show(title, removed)
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0


def _df(args: Any, session: Session) -> int:
    rows = []
    for kind in session.engine.disk_usage():
        share = f" ({100 * kind.reclaimable // kind.size}%)" if kind.size else ""
        rows.append(
            {
                "Type": kind.name,
                "TotalCount": str(kind.total),
                "Active": str(kind.active),
                "Size": human.size(kind.size),
                "Reclaimable": human.size(kind.reclaimable) + share,
            }
        )
    columns = {
        "TYPE": "Type",
        "TOTAL": "TotalCount",
        "ACTIVE": "Active",
        "SIZE": "Size",
        "RECLAIMABLE": "Reclaimable",
    }
    listing.write(sys.stdout, rows, columns, args.format)
    return 0
