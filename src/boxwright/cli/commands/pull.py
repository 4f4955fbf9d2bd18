from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import transfers
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-q", "--quiet", help="print only the image's name")
    parser.flag("-a", "--all-tags", help="pull every tag of the repository")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the platform to choose from an image index")
    parser.flag("--all-platforms", help="pull the images of an index for every platform; the tag is all of them")
    parser.flag("--referrers", help="attach what refers to the image, too: lists of packages, provenance, signatures")
    transfers.declare(parser, "NAME[:TAG|@DIGEST]")


def run(args: Any, session: Session) -> int:
    if args.platform and args.all_platforms:
        raise UsageError("--platform and --all-platforms contradict each other", hint="leave one out")
    transfers.limit_rate(args, session)
    names = [args.name]
    if args.all_tags:
        names = session.engine.remote_tags_of(args.name, insecure=args.insecure_registry)
    for name in names:
        _pull(args, session, name)
    return 0


def _pull(args: Any, session: Session, name: str) -> None:
    if not args.quiet:
        print(f"pulling {name}", flush=True)
    with transfers.Progress(quiet=args.quiet) as progress:
        pulled = session.engine.pull(
            name,
            platform=args.platform,
            all_platforms=args.all_platforms,
            referrers=args.referrers,
            insecure=args.insecure_registry,
            sink=progress,
        )
    if args.quiet:
        print(pulled.reference)
        return
    shown = pulled.reference.familiar().partition("@")[0]
    fresh = pulled.status == "downloaded"
    print(f"{'pulled' if fresh else pulled.status}  {shown}@{pulled.digest}")
    if not sys.stdout.isatty():
        # What scripts look for in a log of docker's.
        print(f"Digest: {pulled.digest}")
        what = "Downloaded newer image" if fresh else "Image is up to date"
        ref = pulled.reference
        print(f"Status: {what} for {(ref._replace(tag=None) if ref.digest else ref).familiar()}")
