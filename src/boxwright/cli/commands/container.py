from __future__ import annotations

from typing import Any

from boxwright.cli import human, prune
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    prune.declare(parser, "remove all stopped containers")


def run(args: Any, session: Session) -> int:
    if not prune.confirmed(args, "all stopped containers"):
        return 0
    pruned = session.engine.prune_containers(filters=filters(args.filter))
    prune.show("Deleted Containers", pruned.removed)
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0
