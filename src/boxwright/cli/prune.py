"""What the prune commands share: options, the question before, the report after."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from boxwright.cli.parsing import Parser


def declare(group: Parser, summary: str, *, filters: str = "until, label") -> Parser:
    """Add ``prune`` to a group's commands, with the options that every prune has; `filters` names what it can."""
    parser = group.command("prune", help=summary, description=summary)
    parser.flag("-f", "--force", help="do not ask")
    parser.repeated("--filter", metavar="NAME=VALUE", help=filters)
    return parser


def confirmed(args: Any, what: str) -> bool:
    """Ask whether to go on, unless ``--force`` was given. Without a terminal the answer is no."""
    if args.force:
        return True
    sys.stdout.write(f"WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def show(title: str, removed: Sequence[str]) -> None:
    if removed:
        print(f"{title}:", *removed, "", sep="\n")
