"""What the verbs share that keep rules for repositories and namespaces: immutable, quota, retention."""

from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.errors import NotFoundError


def configure_scope(*parsers: Parser) -> None:
    """Declare what a rule is for."""
    for one in parsers:
        one.add_argument("scope", metavar="SCOPE", help="a repository (ada/tools), a namespace (ada/), or * for all")


class NoRule(NotFoundError):
    """There is nothing to take away from a scope."""

    def __init__(self, what: str, args: Any, group: str) -> None:
        """`group` is the group of commands whose ``list`` shows what there is."""
        super().__init__(f"no {what} for {args.scope}", hint=f"hub {group} list shows them")
