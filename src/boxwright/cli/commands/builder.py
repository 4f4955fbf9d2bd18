from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, prune, table
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.command("du", help="show what the build cache takes")
    command = prune.declare(parser, "remove the build cache", filters="until, unused-for: a span like 24h")
    command.flag("-a", "--all", help="remove all of it (which is what happens anyway)")


def run(args: Any, session: Session) -> int:
    if args.verb == "du":
        usage = session.engine.disk_usage()
        rows = [[kind.name, str(kind.total), human.size(kind.size), human.size(kind.reclaimable)] for kind in usage]
        table.write(sys.stdout, ["TYPE", "TOTAL", "SIZE", "RECLAIMABLE"], [r for r in rows if r[0] == "Build Cache"])
        return 0
    if not prune.confirmed(args, "all build cache"):
        return 0
    pruned = session.engine.prune_build_cache(filters=filters(args.filter))
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0
