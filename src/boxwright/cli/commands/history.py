from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, listing
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-H", "--human", default=True, help="print sizes and dates for people (default)")
    parser.flag("--no-trunc", help="show everything in full")
    parser.flag("-q", "--quiet", help="show IDs only")
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    parser.refused("--platform", why="an image here is for one platform")
    parser.add_argument("image", metavar="IMAGE", help="name or ID of the image")


def run(args: Any, session: Session) -> int:
    rows = session.engine.history(args.image)
    values = []
    for row in rows:
        id = "<missing>" if row.id is None else str(row.id) if args.no_trunc else row.id.short
        by = row.created_by.replace("\t", " ").replace("\n", " ")
        values.append(
            {
                "ID": id,
                "CreatedSince": human.ago(row.created) if args.human else row.created,
                "CreatedAt": row.created,
                "CreatedBy": by if args.no_trunc else human.shortened(by, 45),
                "Size": human.size(row.size, 3) if args.human else str(row.size),
                "Comment": row.comment,
                "Tags": ",".join(row.tags),
            }
        )
    if args.quiet:
        sys.stdout.write("".join(f"{value['ID']}\n" for value in values))
        return 0
    columns = {
        "IMAGE": "ID",
        **({"CREATED": "CreatedSince"} if args.human else {"CREATED AT": "CreatedAt"}),
        "CREATED BY": "CreatedBy",
        "SIZE": "Size",
        "COMMENT": "Comment",
    }
    listing.write(sys.stdout, values, columns, args.format)
    return 0
