from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, listing
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-a", "--all", help="show images that builds made on their way, too")
    parser.flag("--digests", help="show digests")
    parser.repeated("-f", "--filter", metavar="NAME=VALUE", help="dangling, label, before, since, reference, until")
    parser.flag("--no-trunc", help="show IDs in full")
    parser.flag("-q", "--quiet", help="show IDs only")
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    parser.refused("--tree", why="an image here is for one platform", value=False)
    parser.add_argument("pattern", nargs="?", metavar="REPOSITORY[:TAG]", help="only images of this name")


def run(args: Any, session: Session) -> int:
    rows = session.engine.images(args.pattern, filters=filters(args.filter), all=args.all)
    if args.quiet:
        ids = [str(row.record.id) if args.no_trunc else row.record.id.short for row in rows]
        sys.stdout.write("".join(f"{id}\n" for id in dict.fromkeys(ids)))
        return 0
    values = [
        {
            "ID": str(row.record.id) if args.no_trunc else row.record.id.short,
            "Repository": row.repository,
            "Tag": row.tag,
            "Digest": row.digest,
            "CreatedSince": human.ago(row.record.created),
            "CreatedAt": human.timestamp(row.record.created),
            "Size": human.size(row.record.size, 3),
            "VirtualSize": human.size(row.record.size, 3),
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": "N/A",
        }
        for row in rows
    ]
    columns = {"REPOSITORY": "Repository", "TAG": "Tag"}
    if args.digests:
        columns["DIGEST"] = "Digest"
    columns.update({"IMAGE ID": "ID", "CREATED": "CreatedSince", "SIZE": "Size"})
    listing.write(sys.stdout, values, columns, args.format)
    return 0
