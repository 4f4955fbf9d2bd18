from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import inspection, listing
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

_NOT_YET = ("create", "rm", "connect", "disconnect")


def configure(parser: Parser) -> None:
    for name in ("ls", "list"):
        ls = parser.command(name, help="list networks" if name == "ls" else "the same as ls")
        ls.flag("-q", "--quiet", help="show IDs only")
        ls.flag("--no-trunc", help="show IDs in full")
        ls.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    inspect = parser.command("inspect", help="show everything about networks")
    inspect.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")
    inspect.add_argument("names", nargs="+", metavar="NETWORK", help="name or ID of a network")
    prune = parser.command("prune", help="take the bridge away when no container is on it; it is made again on use")
    prune.flag("-f", "--force", help="do not ask (it doesn't ask anyway)")
    for name in _NOT_YET:
        parser.command(name, help="not supported: containers share one bridge").add_argument(
            "words", nargs="...", metavar="WORD", help="whatever it would take"
        )


def run(args: Any, session: Session) -> int:
    if args.verb in _NOT_YET:
        raise UsageError(
            f"network {args.verb} is not supported: containers share one bridge",
            hint="run --network takes bridge, host and none",
        )
    engine = session.engine
    if args.verb == "prune":
        print("the bridge is gone" if engine.prune_network() else "the bridge is in use")
        return 0
    if args.verb == "inspect":
        return inspection.show(session, args.names, args.format, kind="network")
    rows = [
        {"ID": network.id if args.no_trunc else network.id[:12], "Name": network.name, "Driver": network.driver}
        for network in engine.networks()
    ]
    values = [{**row, "Scope": "local"} for row in rows]
    if args.quiet:
        sys.stdout.write("".join(f"{row['ID']}\n" for row in rows))
        return 0
    columns = {"NETWORK ID": "ID", "NAME": "Name", "DRIVER": "Driver", "SCOPE": "Scope"}
    listing.write(sys.stdout, values, columns, args.format)
    return 0
