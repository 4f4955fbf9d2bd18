"""``registry ls``: what repositories a registry has."""

from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def declare(group: Parser) -> None:
    command = group.command(
        "ls",
        help="list the repositories of a registry",
        description="Lists the repositories that a registry shows to you: all, or those whose names begin with PREFIX.",
    )
    command.flag("-q", "--quiet", help="print names only")
    command.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    command.add_argument("--limit", metavar="N", type=int, help="list so many at most")
    command.add_argument("--last", metavar="NAME", default="", help="begin behind this repository")
    command.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    command.add_argument("registry", metavar="REGISTRY[/PREFIX]", help="a host, and with what the names begin")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import listing
    from boxwright.engine.sharing import registry_domain

    domain = registry_domain(args.registry)
    prefix = args.registry.rpartition("://")[2].partition("/")[2]
    names = session.engine.registries.repositories(
        domain, prefix=prefix, last=args.last, limit=args.limit, insecure=args.insecure_registry
    )
    rows = [{"Repository": f"{domain}/{name}", "Registry": domain, "Name": name} for name in names]
    if args.quiet:
        sys.stdout.write("".join(f"{row['Repository']}\n" for row in rows))
        return 0
    listing.write(sys.stdout, rows, {"REPOSITORY": "Repository"}, args.format)
    return 0
