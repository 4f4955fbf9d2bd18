from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import human, listing
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.engine.containers.statistics import StatsRow

_COLUMNS = {
    "CONTAINER ID": "ID",
    "NAME": "Name",
    "CPU %": "CPUPerc",
    "MEM USAGE / LIMIT": "MemUsage",
    "MEM %": "MemPerc",
    "NET I/O": "NetIO",
    "BLOCK I/O": "BlockIO",
    "PIDS": "PIDs",
}
_CLEAR = "\x1b[H\x1b[J"


def configure(parser: Parser) -> None:
    parser.flag("-a", "--all", help="show stopped containers, too")
    parser.flag("--no-stream", help="show it once, and end")
    parser.flag("--no-trunc", help="show IDs in full")
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    parser.add_argument("containers", nargs="*", metavar="CONTAINER", help="name or ID of a container")


def run(args: Any, session: Session) -> int:
    redraws = sys.stdout.isatty() and not args.no_stream
    for rows in session.engine.statistics(args.containers, all=args.all):
        if redraws:
            sys.stdout.write(_CLEAR)
        listing.write(sys.stdout, [_values(row, args.no_trunc) for row in rows], _COLUMNS, args.format)
        sys.stdout.flush()
        if args.no_stream:
            break
    return 0


def _values(row: StatsRow, whole: bool) -> dict[str, str]:
    id = row.id if whole else row.id[:12]
    usage = row.usage
    names = {"ID": id, "Container": id, "Name": row.name}
    if usage is None:
        nothing = ("CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
        return {**names, **dict.fromkeys(nothing, "--"), "MemUsage": "-- / --"}
    return {
        **names,
        "CPUPerc": f"{100 * row.cpu:.2f}%",
        "MemUsage": f"{human.binary_size(usage.memory)} / {human.binary_size(usage.memory_limit)}",
        "MemPerc": f"{100 * usage.memory / usage.memory_limit:.2f}%",
        "NetIO": f"{human.size(usage.received, 3)} / {human.size(usage.sent, 3)}",
        "BlockIO": f"{human.size(usage.read, 3)} / {human.size(usage.written, 3)}",
        "PIDs": str(usage.processes),
    }
