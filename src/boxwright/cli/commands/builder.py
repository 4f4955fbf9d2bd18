from __future__ import annotations

import json
import sys
import time
from typing import Any

from boxwright.cli import human, listing, prune
from boxwright.cli.parsing import Parser, filters, size
from boxwright.cli.session import Session
from boxwright.engine.buildcache import CacheItem, CacheLimits

_FILTERS = "until, unused-for: a span like 24h; id, type: regular or exec.cachemount; inuse"


def configure(parser: Parser) -> None:
    du = parser.command("du", help="list what is in the build cache")
    du.flag("-v", "--verbose", help="show what each step depends on: the document behind its key")
    du.repeated("--filter", metavar="NAME=VALUE", help=_FILTERS)
    du.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    command = prune.declare(parser, "remove the build cache", filters=_FILTERS)
    command.flag("-a", "--all", help="remove all of it (which is what happens anyway)")
    command.add_argument(
        "--keep-storage", "--max-used-space", metavar="SIZE", type=size, help="stop once it takes no more"
    )
    command.add_argument("--reserved-space", metavar="SIZE", type=size, help="keep so much in any case")
    command.add_argument("--min-free-space", metavar="SIZE", type=size, help="remove until so much of the disk is free")


def run(args: Any, session: Session) -> int:
    if args.verb == "du":
        return _du(args, session)
    limits = None
    if args.keep_storage is not None or args.reserved_space is not None or args.min_free_space is not None:
        most = args.keep_storage
        if most is None and args.min_free_space is None:
            most = args.reserved_space
        limits = CacheLimits(most, args.reserved_space or 0, args.min_free_space or 0)
    if not prune.confirmed(args, "build cache beyond what is to be kept" if limits else "all build cache"):
        return 0
    pruned = session.engine.prune_build_cache(filters=filters(args.filter), limits=limits)
    print(f"Total reclaimed space: {human.size(pruned.reclaimed)}")
    return 0


def _du(args: Any, session: Session) -> int:
    items = session.engine.build_cache(filters(args.filter))
    if args.verbose and not args.format:
        for item in items:
            _show(item)
    else:
        columns = {"ID": "ID", "RECLAIMABLE": "Reclaimable", "SIZE": "Size", "LAST ACCESSED": "LastUsedSince"}
        listing.write(sys.stdout, [_row(item) for item in items], columns, args.format)
    if not args.format:
        print(f"Total:\t{human.size(sum(item.size for item in items))}")
    return 0


def _row(item: CacheItem) -> dict[str, Any]:
    return {
        "ID": item.id,
        "Type": item.kind,
        "Reclaimable": str(not item.in_use).lower(),
        "InUse": str(item.in_use).lower(),
        "Size": human.size(item.size),
        "CreatedSince": f"{human.duration(max(0.0, time.time() - item.created))} ago",
        "LastUsedSince": f"{human.duration(max(0.0, time.time() - item.last_used))} ago",
        "UsageCount": "" if item.uses is None else str(item.uses),
        "Description": item.description,
    }


def _show(item: CacheItem) -> None:
    row = _row(item)
    names = {"CreatedSince": "Created", "LastUsedSince": "Last used", "UsageCount": "Usage count"}
    for field in ("ID", "Type", "Reclaimable", "Size", "CreatedSince", "LastUsedSince", "UsageCount"):
        if row[field]:
            print(f"{names.get(field, field) + ':':<14}{row[field]}")
    if item.uses is None:
        print(f"{'Mount:':<14}{item.description}")
    else:
        print("Document:")
        for line in json.dumps(json.loads(item.description), indent=2, ensure_ascii=False).splitlines():
            print(f"  {line}")
    print()
