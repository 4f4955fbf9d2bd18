from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, transfers
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-q", "--quiet", help="print only the image's name")
    parser.flag("-a", "--all-tags", help="push every tag of the repository")
    parser.add_argument(
        "--compression", metavar="gzip|zstd|none[:LEVEL]", help="how layers that were made here are packed (gzip)"
    )
    parser.flag("--force-compression", help="pack those that came packed in another way anew, too")
    parser.flag(
        "--referrers", default=True, help="send what is attached to the image, too (as is done unless it is =false)"
    )
    transfers.declare(parser, "NAME[:TAG]")


def run(args: Any, session: Session) -> int:
    transfers.limit_rate(args, session)
    names = session.engine.tags_of(args.name) if args.all_tags else [args.name]
    for name in names:
        _push(args, session, name)
    return 0


def _push(args: Any, session: Session, name: str) -> None:
    if not args.quiet:
        print(f"pushing {name}", flush=True)
    with transfers.Progress(quiet=args.quiet) as progress:
        pushed = session.engine.push(
            name,
            compression=args.compression,
            force_compression=args.force_compression,
            referrers=args.referrers,
            insecure=args.insecure_registry,
            sink=progress,
        )
    if args.quiet:
        print(pushed.reference)
        return
    sizes = f"{human.spaced_size(pushed.sent)} sent, {human.spaced_size(pushed.there)} were there"
    print(f"pushed  {pushed.reference.familiar()}@{pushed.digest} ({sizes})")
    if not sys.stdout.isatty():
        # What scripts look for in a log of docker's.
        print(f"{pushed.reference.tag}: digest: {pushed.digest} size: {pushed.size}")
