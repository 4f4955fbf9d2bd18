from __future__ import annotations

from typing import Any

from boxwright.cli import human, prune
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    command = prune.declare(parser, "remove images that have no name")
    command.flag("-a", "--all", help="remove every image that no container uses, not only those without a name")


def run(args: Any, session: Session) -> int:
    what = "all images without a container" if args.all else "all images without a name"
    if not prune.confirmed(args, what):
        return 0
    pruned = session.engine.prune_images(all=args.all, filters=filters(args.filter))
    prune.show("Deleted Images", pruned.removed)
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0
