from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import human, listing
from boxwright.cli.hub.opening import actor, leaf, opened_database, span
from boxwright.cli.hub.rules import NoRule, configure_scope
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.db.retention import Retention


def configure(parser: Parser) -> None:
    change = leaf(parser, "set", help="say which tags to keep; those that match and are not kept go")
    change.add_argument("--keep-last", metavar="N", type=int, help="keep the N tags that were pushed last")
    change.add_argument("--keep-pushed", metavar="DURATION", help="keep tags that were pushed in the last 90d, say")
    change.add_argument("--keep-pulled", metavar="DURATION", help="keep tags that were pulled in the last 30d, say")
    change.add_argument("--untagged", metavar="DURATION", help="remove manifests that nothing has named for so long")
    remove = leaf(parser, "rm", help="keep everything again")
    leaf(parser, "list", help="list the rules", lists=True)
    execute = leaf(parser, "run", help="apply the rules now; a server does it by itself every hour", lists=True)
    execute.flag("--dry-run", help="only show what would go")
    configure_scope(change, remove)
    for one in (change, remove):
        one.add_argument("tags", nargs="?", metavar="PATTERN", help="which tags, as the shell has it: pr-* (all)")


def run(args: Any, session: Session) -> int:
    with opened_database(args, session) as db:
        from boxwright.hub.db.retention import Retention

        store = Retention(db, actor())
        match args.verb:
            case "list":
                return _list(args, store)
            case "run":
                return _prune(args, store)
            case _:
                return _change(args, store)


def _change(args: Any, store: Retention) -> int:
    from boxwright.hub.db.retention import RetentionRule
    from boxwright.hub.db.scopes import parse_scope

    scope, tags = parse_scope(args.scope), args.tags or "*"
    if args.verb == "rm":
        if not store.remove(scope, tags):
            raise NoRule(f"rule {tags}", args, "retention")
        return 0
    given = {
        name: None if text is None else span(text, option)
        for name, option, text in (
            ("pushed", "--keep-pushed", args.keep_pushed),
            ("pulled", "--keep-pulled", args.keep_pulled),
            ("untagged", "--untagged", args.untagged),
        )
    }
    store.set(RetentionRule(scope, tags, args.keep_last, **given))
    return 0


def _list(args: Any, store: Retention) -> int:
    from boxwright.hub.db.scopes import scope_text

    rows = [
        {
            "Scope": scope_text(one.scope),
            "Tags": one.tags,
            "Last": "" if one.last is None else one.last,
            "Pushed": _span(one.pushed),
            "Pulled": _span(one.pulled),
            "Untagged": _span(one.untagged),
        }
        for one in store.rules()
    ]
    columns = {name.upper(): name for name in ("Scope", "Tags", "Last", "Pushed", "Pulled", "Untagged")}
    listing.write(sys.stdout, rows, columns, args.format)
    return 0


def _prune(args: Any, store: Retention) -> int:
    found = list(store.prune(dry_run=args.dry_run))
    rows = [{"Repository": one.repository, "Tag": one.tag, "Digest": one.digest, "Freed": one.freed} for one in found]
    columns = {"REPOSITORY": "Repository", "TAG": "Tag", "DIGEST": "Digest"}
    listing.write(sys.stdout, rows, columns, args.format)
    if args.format is None:
        tags = sum(1 for one in found if one.tag)
        what = f"{tags} tags and {len(found) - tags} manifests"
        freed = human.size(sum(one.freed for one in found))
        print(f"{what} would go" if args.dry_run else f"{what} went, {freed} will be reclaimed")
    return 0


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 86400:g}d" if seconds >= 86400 else f"{seconds / 3600:g}h"
