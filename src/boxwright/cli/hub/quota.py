from __future__ import annotations

import re
import sys
from typing import Any

from boxwright.cli import human, listing
from boxwright.cli.hub.opening import actor, leaf, opened_database
from boxwright.cli.hub.rules import NoRule, configure_scope
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

_SIZE = re.compile(r"(\d{1,9})(?:\.(\d))? ?([kmgtp]?)b?", re.ASCII | re.IGNORECASE)


def configure(parser: Parser) -> None:
    change = leaf(parser, "set", help="give a repository or a namespace so many bytes")
    remove = leaf(parser, "rm", help="take a limit away")
    leaf(parser, "list", help="list the limits and how much is used", lists=True)
    configure_scope(change, remove)
    change.add_argument("size", metavar="SIZE", help="the limit: 500MB, 20GB")


def run(args: Any, session: Session) -> int:
    from boxwright.hub.db.scopes import parse_scope, scope_text

    with opened_database(args, session) as db:
        from boxwright.hub.db.quotas import Quotas

        store = Quotas(db, actor())
        match args.verb:
            case "set":
                store.set(parse_scope(args.scope), _bytes(args.size))
            case "rm":
                if not store.remove(parse_scope(args.scope)):
                    raise NoRule("quota", args, "quota")
            case _:
                rows = [
                    {
                        "Scope": scope_text(one.scope),
                        "Used": human.size(one.used),
                        "Limit": human.size(one.limit),
                        "Bytes": one.used,
                        "LimitBytes": one.limit,
                    }
                    for one in store.usages()
                ]
                listing.write(sys.stdout, rows, {"SCOPE": "Scope", "USED": "Used", "LIMIT": "Limit"}, args.format)
    return 0


def _bytes(text: str) -> int:
    """Return a size with a decimal unit, as the list shows it."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"invalid size {text[:50]!r}", hint="a size looks like 500MB or 1.5GB")
    whole, tenths, unit = match.groups()
    factor: int = 1000 ** " kmgtp".index(unit.lower() or " ")
    return (int(whole) * 10 + int(tenths or 0)) * factor // 10
