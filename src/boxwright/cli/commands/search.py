from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError, filters
from boxwright.cli.session import Session

_WIDTH = 45


def configure(parser: Parser) -> None:
    parser.description = "Finds images by words: in the registry HOST, or in Docker Hub."
    parser.repeated("-f", "--filter", metavar="NAME=VALUE", help="stars, is-official")
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    parser.add_argument("--limit", metavar="N", type=int, default=25, help="so many at most (25); 100 is what there is")
    parser.flag("--no-trunc", help="show descriptions in full")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("term", metavar="[HOST/]TERM", help="what to look for")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import human, listing

    if not 1 <= args.limit <= 100:
        raise UsageError(f"invalid --limit {args.limit}", hint="it is from 1 to 100")
    stars, official = _wanted(filters(args.filter))
    # docker's form of data has the words, its tables a mark.
    words = ("true", "false") if "json" in (args.format or "") else ("[OK]", "")
    rows = []
    for found in session.engine.registries.search(args.term, limit=args.limit, insecure=args.insecure_registry):
        if found.stars < stars or official not in (None, found.official):
            continue
        description = "".join(char if char.isprintable() else " " for char in found.description)
        rows.append(
            {
                "Name": found.name,
                "Description": description if args.no_trunc else human.shortened(description, _WIDTH),
                "StarCount": str(found.stars),
                "IsOfficial": words[0] if found.official else words[1],
            }
        )
    columns = {"NAME": "Name", "DESCRIPTION": "Description", "STARS": "StarCount", "OFFICIAL": "IsOfficial"}
    listing.write(sys.stdout, rows, columns, args.format)
    return 0


def _wanted(given: dict[str, list[str]]) -> tuple[int, bool | None]:
    """Return the fewest stars, and whether official images, others or both are wanted. Raises UsageError."""
    stars, official = 0, None
    for name, values in given.items():
        value = values[-1]
        if name == "stars" and value.isdigit():
            stars = int(value)
        elif name == "is-official" and value in ("true", "false"):
            official = value == "true"
        else:
            raise UsageError(f"invalid filter {name}={value}", hint="there are stars=N and is-official=true or false")
    return stars, official
