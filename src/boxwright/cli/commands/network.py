from __future__ import annotations

import sys
from typing import Any

from boxwright.cli import human, inspection, listing
from boxwright.cli.parsing import Parser, UsageError, filters
from boxwright.cli.session import Session

_NOT_YET = ("create", "rm", "connect", "disconnect")


def configure(parser: Parser) -> None:
    for name in ("ls", "list"):
        ls = parser.command(name, help="list networks" if name == "ls" else "the same as ls")
        ls.flag("-q", "--quiet", help="show IDs only")
        ls.flag("--no-trunc", help="show IDs in full")
        ls.repeated("-f", "--filter", metavar="NAME=VALUE", help="name, id, driver, type, scope, label, dangling")
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
    values = [
        {
            "ID": network.id if args.no_trunc else network.id[:12],
            "Name": network.name,
            "Driver": network.driver,
            "Scope": "local",
            "IPv4": "true",
            "IPv6": "false",
            "Internal": "false",
            "Labels": "",
            "CreatedAt": human.timestamp(network.created),
        }
        for network in engine.networks(filters=filters(args.filter))
    ]
    if args.quiet:
        sys.stdout.write("".join(f"{value['ID']}\n" for value in values))
        return 0
    columns = {"NETWORK ID": "ID", "NAME": "Name", "DRIVER": "Driver", "SCOPE": "Scope"}
    listing.write(sys.stdout, values, columns, args.format)
    return 0
