"""``registry tags``: what tags a repository has."""

from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def declare(group: Parser) -> None:
    command = group.command("tags", help="list the tags of a repository in a registry")
    command.flag("-q", "--quiet", help="print tags only")
    command.flag("--digests", help="show what each tag names; it is asked for one by one")
    command.flag("--no-trunc", help="show digests in full")
    command.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    command.add_argument("--match", metavar="PATTERN", help="only tags like this: * and ? stand for any characters")
    command.add_argument(
        "--sort",
        choices=("name", "version"),
        help="sort by name, or by version: 1.9 before 1.10 (the registry's order)",
    )
    command.flag("-r", "--reverse", help="the last one first")
    command.add_argument("--limit", metavar="N", type=int, help="list so many at most")
    command.add_argument("--last", metavar="TAG", default="", help="begin behind this tag")
    command.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    command.add_argument("repository", metavar="REPOSITORY", help="a name without a tag")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import human, listing
    from boxwright.oci.reference import Reference

    # A template may want what only asking tells.
    asked = args.digests or (args.format not in (None, "", "table") and _wants_digests(args.format))
    found = session.engine.registries.tags(
        args.repository,
        match=args.match,
        last=args.last,
        limit=args.limit,
        order=args.sort,
        reverse=args.reverse,
        digests=asked and not args.quiet,
        insecure=args.insecure_registry,
    )
    if args.quiet:
        sys.stdout.write("".join(f"{row.tag}\n" for row in found))
        return 0
    repository = Reference.parse(args.repository).familiar_repository
    rows = []
    for tag, there in found:
        values = {"Repository": repository, "Tag": tag}
        if asked:
            digest = "" if there is None else str(there.digest) if args.no_trunc or args.format else there.digest.short
            values.update(
                Digest=digest,
                MediaType=there.media_type if there else "",
                ManifestSize=human.size(there.size) if there else "",
            )
        rows.append(values)
    columns = {"TAG": "Tag"}
    if args.digests:
        columns.update({"DIGEST": "Digest", "TYPE": "MediaType"})
    listing.write(sys.stdout, rows, columns, args.format)
    return 0


def _wants_digests(form: str) -> bool:
    return any(field in form for field in (".Digest", ".MediaType", ".ManifestSize"))
