from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, opened_database
from boxwright.cli.hub.rules import NoRule, configure_scope
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="let tags never move again, once they are pushed")
    remove = leaf(parser, "rm", help="let tags move again")
    leaf(parser, "list", help="list the tags that stay where they are", lists=True)
    configure_scope(add, remove)
    for one in (add, remove):
        one.add_argument("tags", metavar="PATTERN", help="which tags, as the shell has it: v*, 1.[0-9]")


def run(args: Any, session: Session) -> int:
    from boxwright.hub.db.scopes import parse_scope, scope_text

    with opened_database(args, session) as db:
        from boxwright.hub.db.tags import ImmutableRule, ImmutableRules

        store = ImmutableRules(db, actor())
        if args.verb == "list":
            rows = [{"Scope": scope_text(one.scope), "Tags": one.tags} for one in store.rules()]
            listing.write(sys.stdout, rows, {"SCOPE": "Scope", "TAGS": "Tags"}, args.format)
            return 0
        if not 0 < len(args.tags) <= 128:
            raise UsageError("a pattern of tags has 1 to 128 characters")
        rule = ImmutableRule(parse_scope(args.scope), args.tags)
        if args.verb == "add":
            store.add(rule)
        elif not store.remove(rule):
            raise NoRule(f"rule {args.tags}", args, "immutable")
    return 0
