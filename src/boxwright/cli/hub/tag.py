from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, moment, opened_database
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.db.tags import Change


def configure(parser: Parser) -> None:
    history = leaf(parser, "history", help="show where a tag pointed, the last change first", lists=True)
    undo = leaf(parser, "undo", help="put a tag back where it was before its last change; again: one step further")
    undo.add_argument("--to", metavar="CHANGE", type=int, help="put it back to how it was after this change")
    for one in (history, undo):
        one.add_argument("image", metavar="REPOSITORY[:TAG]", help="a repository and a tag of it (latest)")


def run(args: Any, session: Session) -> int:
    repository, tag = _split(args.image)
    with opened_database(args, session) as db:
        from boxwright.hub.db.tags import TagHistory

        store = TagHistory(db, actor())
        if args.verb == "undo":
            done = store.undo(repository, tag, to=args.to)
            print(f"{repository}:{tag} {f'is {done.digest} again' if done.digest else 'is gone again'}")
            return 0
        rows = [_row(one) for one in store.changes(repository, tag)]
    columns = {name.upper(): name for name in ("Change", "When", "What", "Digest", "Before", "Who")}
    listing.write(sys.stdout, rows, columns, args.format)
    return 0


def _row(change: Change) -> dict[str, Any]:
    return {
        "Change": change.id,
        "When": moment(change.at),
        "What": change.action,
        "Digest": change.digest or "",
        "Before": change.previous or "",
        "Who": change.actor,
    }


def _split(image: str) -> tuple[str, str]:
    from boxwright.hub.registry.routes import is_name, is_tag

    repository, colon, tag = image.partition(":")
    if not is_name(repository) or (colon and not is_tag(tag)):
        raise UsageError(f"invalid image {image[:100]!r}", hint="it looks like ada/tools:1.0, without a server")
    return repository, tag if colon else "latest"
