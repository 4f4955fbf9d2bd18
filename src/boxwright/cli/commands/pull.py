from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-q", "--quiet", help="print only the image's name")
    parser.add_argument("--platform", metavar="OS/ARCH", help="the platform to choose from an image index")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.refused("-a", "--all-tags", why="name the tags", value=False)
    parser.refused("--disable-content-trust", why="there is no content trust to disable", value=False)
    parser.add_argument("name", metavar="NAME[:TAG|@DIGEST]", help="the image")


def run(args: Any, session: Session) -> int:
    from boxwright.cli.transfers import Progress

    if not args.quiet:
        print(f"pulling {args.name}", flush=True)
    with Progress(quiet=args.quiet) as progress:
        pulled = session.engine.pull(args.name, platform=args.platform, insecure=args.insecure_registry, sink=progress)
    if args.quiet:
        print(pulled.reference)
        return 0
    name = pulled.reference.familiar().partition("@")[0]
    print(f"{'pulled' if pulled.status == 'downloaded' else pulled.status}  {name}@{pulled.digest}")
    return 0
