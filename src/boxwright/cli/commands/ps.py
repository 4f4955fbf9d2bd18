from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from boxwright.cli import human, listing
from boxwright.cli.parsing import Parser, filters
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-a", "--all", help="show stopped containers, too")
    parser.repeated("-f", "--filter", metavar="NAME=VALUE", help="id, name, label, status, ancestor, exited, …")
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    parser.add_argument("-n", "--last", metavar="NUMBER", type=int, help="show the newest, whatever their state")
    parser.flag("-l", "--latest", help="show the newest one")
    parser.flag("--no-trunc", help="show everything in full")
    parser.flag("-q", "--quiet", help="show IDs only")
    parser.flag("-s", "--size", help="show what each container has written")


def run(args: Any, session: Session) -> int:
    # docker measures only what is shown, since it takes a walk through all files.
    sized = args.size or (not args.quiet and ".Size" in (args.format or ""))
    last = 1 if args.latest else args.last
    rows = session.engine.containers(all=args.all, filters=filters(args.filter), last=last, size=sized)
    if args.quiet:
        sys.stdout.write("".join(f"{row.id if args.no_trunc else row.id[:12]}\n" for row in rows))
        return 0
    values = []
    for row in rows:
        command = " ".join(f"'{word}'" if " " in word else word for word in row.command)
        values.append(
            {
                "ID": row.id if args.no_trunc else row.id[:12],
                "Image": row.image,
                "Command": f'"{command if args.no_trunc else human.shortened(command, 20)}"',
                "CreatedAt": human.timestamp(row.created),
                "RunningFor": human.ago(row.created),
                "Status": status(row),
                "State": row.state,
                "Ports": ", ".join(row.ports),
                "Names": row.name,
                "Labels": ",".join(f"{name}={value}" for name, value in sorted(row.labels.items())),
                "Label": partial(_label, row.labels),
                "Mounts": ",".join(mount if args.no_trunc else human.shortened(mount, 15) for mount in row.mounts),
                "Networks": row.network,
                "LocalVolumes": str(row.local_volumes),
                "Size": f"{human.size(row.size_rw, 3)} (virtual {human.size(row.size_root, 3)})" if sized else "0B",
            }
        )
    columns = {
        "CONTAINER ID": "ID",
        "IMAGE": "Image",
        "COMMAND": "Command",
        "CREATED": "RunningFor",
        "STATUS": "Status",
        "PORTS": "Ports",
        "NAMES": "Names",
    }
    if args.size:
        columns["SIZE"] = "Size"
    listing.write(sys.stdout, values, columns, args.format)
    return 0


def _label(labels: Mapping[str, str], name: str) -> str:
    return labels.get(name, "")


def status(row: Any) -> str:
    """Return docker's words: ``Up 3 minutes``, ``Exited (0) 2 hours ago``, ``Created``."""
    if row.state in ("running", "paused"):
        since = human.ago(row.started or "").removesuffix(" ago")
        known = {"starting": " (health: starting)", "none": ""}.get(row.health, f" ({row.health})")
        return f"Up {since}" + (" (Paused)" if row.state == "paused" else known)
    if row.state in ("exited", "restarting"):
        return f"{row.state.capitalize()} ({row.exit_code}) {human.ago(row.finished or '')}"
    return str(row.state).capitalize()
